"""`gengap doctor`: what is installed here, and whether it trains, repeats, saves and loads as it should.

Nothing but the standard library is imported before it is looked at: whatever is broken, the others are told of.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gengap
from gengap.errors import reason
from gengap.files.limits import usable_cores

if TYPE_CHECKING:
    from gengap.data.dataset import Dataset
    from gengap.plan import Plan

SCHEMA = 1  # of the JSON document: raised if a key changes its meaning
PACKAGES = ("keras", "jax", "numpy", "scikit-learn", "skrub", "pyarrow")
TRAIN, VALIDATION, BATCH, EPOCHS = 300, 100, 50, 4  # of the self-check: seconds, most of them compiling
TOLERANCE = 1e-4  # between the trainers, as in tests/laws
GIB = 2**30

REINSTALL = "Install gengap into a fresh environment (in a checkout: with --constraint constraints.txt)"
REPORT = "Don't trust what is trained here, and report it with what `gengap doctor --json` prints"
UNREPEATABLE = f"Unset XLA_FLAGS and JAX_* variables. If it is still so: {REPORT}"
OTHER_FOLDER = "Set GENGAP_CACHE to a folder with room that may be written to"


@dataclass(frozen=True)
class Cache:
    """The folder of fetched files, its size and the disk's room in bytes, and whether it holds HIGGS."""

    folder: str
    size: int
    free: int
    higgs: bool


@dataclass(frozen=True)
class SystemInfo:
    """What is installed, and on what machine. What can't be found out is None, or says why in its place."""

    versions: dict[str, str]
    platform: str
    backend: str
    devices: list[str]
    cores: int
    memory: int | None
    cache: Cache | None


@dataclass(frozen=True)
class CheckReport:
    """What one check found: if it failed, what was `said`, and what `mend` may help."""

    check: str
    ok: bool
    said: str = ""
    mend: str = ""


class CheckFailedError(Exception):
    """A check came to its end and found something wrong."""


def facts() -> SystemInfo:
    """Looks round, and raises nothing."""
    versions = {"gengap": gengap.__version__, "python": platform.python_version()}
    backend, devices = _asked(_backend)
    return SystemInfo(
        versions=versions | {name: _version(name) for name in PACKAGES},
        platform=platform.platform(),
        backend=backend if backend is not None else f"none: {devices}",
        devices=devices if backend is not None else [],
        cores=usable_cores(),
        memory=_asked(lambda: (os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None))[0],
        cache=_asked(lambda: (_cache(), None))[0],
    )


def checks() -> Iterator[CheckReport]:
    """Tries what gengap stands on, one by one; a check that fails does not end the others."""
    for name, (check, mend) in CHECKS.items():
        try:
            check()
            yield CheckReport(name, True)
        except CheckFailedError as fault:
            yield CheckReport(name, False, str(fault), mend)
        except Exception as fault:  # whatever an installation that is broken may raise
            broken = OTHER_FOLDER if check is _check_cache and isinstance(fault, OSError) else REINSTALL
            yield CheckReport(name, False, reason(fault), broken)


def document(found: SystemInfo, checked: Sequence[CheckReport]) -> str:
    """Both as one JSON document."""
    whole = {"schema": SCHEMA, "ok": all(each.ok for each in checked), "facts": asdict(found)}
    return json.dumps(whole | {"checks": [asdict(each) for each in checked]}, indent=2, ensure_ascii=False) + "\n"


def facts_text(found: SystemInfo) -> str:
    """The facts as lines."""
    cache, memory = found.cache, found.memory
    shown = found.versions | {
        "platform": found.platform,
        "backend": found.backend,
        "devices": ", ".join(found.devices) or "none",
        "cores": str(found.cores),
        "memory": "unknown" if memory is None else f"{memory / GIB:.1f} GiB",
        "cache": f"{cache.folder} ({_size(cache.size)}; {_size(cache.free)} free)"
        if cache
        else "can't be looked at",
        "higgs": "cached" if cache and cache.higgs else "not cached",
    }
    return "\n".join(f"{name:<13} {value}" for name, value in shown.items())


def checked_text(checked: CheckReport) -> str:
    """One check's line, and for one that failed what to do."""
    if checked.ok:
        return f"ok      {checked.check}"
    return f"failed  {checked.check}: {checked.said}\n        > {checked.mend}"


def _asked(question: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
    """Its answer, or (None, what went wrong)."""
    try:
        return question()
    except Exception as fault:  # facts are told of any machine, however broken
        return None, reason(fault)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _backend() -> tuple[str, list[str]]:
    import jax

    from gengap.train import keras_backend

    return keras_backend(), [f"{device} ({device.device_kind})" for device in jax.devices()]


def _cache() -> Cache:
    from gengap.data.sources import cache

    folder = cache.cache_folder()
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Cache(str(folder), size, shutil.disk_usage(there).free, cache.kept_higgs() is not None)


def _size(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size >= GIB / 10 else f"{size / 2**20:.1f} MiB"


def _plan() -> Plan:
    from gengap.presets import load_plan

    return load_plan("quick").only("sizes/Tiny").capped(EPOCHS)


def _check_cache() -> None:
    from gengap.data.sources import cache

    cache.cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=cache.cache_folder()) as file:
        file.write(b"gengap")
        file.seek(0)
        if file.read() != b"gengap":
            raise CheckFailedError(f"{cache.cache_folder()} gives back something else than was written")


def _check_study() -> None:
    import numpy as np

    from gengap.study import study

    (one,), (other,) = (study("collider", _plan(), train=TRAIN, validation=VALIDATION).histories for _ in range(2))
    for key, series in one.series.items():
        if not np.array_equal(series.values, other[key].values, equal_nan=True):
            raise CheckFailedError(f"{'/'.join(key)} of the same trial differs from one time to the next")


def _check_trainers() -> None:
    import numpy as np

    from gengap.data.stored_rows import sample_in_memory
    from gengap.train import keras_loop as keras
    from gengap.train import trainer
    from gengap.train.types import TrainConfig

    data, job = _data(), TrainConfig(epochs=EPOCHS, batch=BATCH)
    train = sample_in_memory(data.train)
    ours, theirs = (fit(_model(data), train, data.validation, job).history for fit in (trainer().fit, keras.fit))
    for key, series in ours.series.items():
        row = 1.01 / VALIDATION if "accuracy" in key[1] else 0  # an output near 0 may fall on the other side
        if not np.allclose(series.values, theirs[key].values, rtol=TOLERANCE, atol=row):
            raise CheckFailedError(
                f"{'/'.join(key)} is {series.values[-1]:.6g}, in Keras {theirs[key].values[-1]:.6g}"
            )


def _check_model() -> None:
    import numpy as np

    from gengap.models.saved_model import export_model, load_saved, predict_outputs

    data = _data()
    model, x = export_model(_model(data), data.mean, data.scale), data.validation.x
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        if not np.allclose(predict_outputs(load_saved(path), x), predict_outputs(model, x), rtol=1e-6, atol=1e-6):
            raise CheckFailedError("the model that was loaded predicts something else")


def _data() -> Dataset:
    from gengap.data.dataset import load

    return load("collider", train=TRAIN, validation=VALIDATION, preparation=_plan().preparation)


def _model(data: Dataset) -> Any:
    plan = _plan()
    return plan.trials[0].build(len(data.columns), TRAIN // BATCH, plan.recipe, seed=0)


CHECKS: dict[str, tuple[Callable[[], None], str]] = {
    "the cache folder can be written to and read": (_check_cache, OTHER_FOLDER),
    "a study trains twice to the same histories, bit for bit": (_check_study, UNREPEATABLE),
    "the trainer gives the histories of Keras' own fit": (_check_trainers, REPORT),
    "a saved model loads in safe mode and predicts the same": (_check_model, REPORT),
}
