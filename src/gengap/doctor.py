"""`gengap doctor`: what is installed, and whether training, repeating, saving and loading work.

Only the standard library is imported at first, so that one broken package doesn't hide the state of the others.
"""

from __future__ import annotations

import contextlib
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
from gengap.files.user_cache import cache_folder

if TYPE_CHECKING:
    from gengap.data.dataset import Dataset
    from gengap.plan import Plan

SCHEMA = 2  # of the JSON document: raised if a key changes its meaning
PACKAGES = ("keras", "jax", "numpy", "scikit-learn", "skrub", "pyarrow")
TRAIN, VALIDATION, BATCH, EPOCHS = 300, 100, 50, 4  # of the self-check: seconds, most of them compiling
TOLERANCE = 1e-4  # between the trainers, as in tests/laws
GIB = 2**30

REINSTALL = "Install gengap into a fresh environment (in a checkout: with --constraint constraints.txt)"
REPORT = "Don't trust what is trained here, and report it with what `gengap doctor --json` prints"
UNREPEATABLE = f"Unset XLA_FLAGS and JAX_* variables. If that does not help: {REPORT}"
OTHER_FOLDER = "Set GENGAP_CACHE to a folder with free space and permission to write"


@dataclass(frozen=True)
class Cache:
    """The cache folder, its size and the free disk space in bytes, and whether it holds HIGGS."""

    folder: str
    size: int
    free: int
    higgs: bool


@dataclass(frozen=True)
class SystemInfo:
    """What is installed, on which machine. What is unknown is None, or says why."""

    versions: dict[str, str]
    platform: str
    backend: str
    devices: list[str]
    cores: int
    memory: int | None
    cache: Cache | None


@dataclass(frozen=True)
class CheckReport:
    """Result of one check."""

    check: str
    ok: bool
    problem: str = ""
    hint: str = ""


class CheckFailedError(Exception):
    """A check found something wrong."""


def facts() -> SystemInfo:
    """Collect what is installed. Raises nothing."""
    versions = {"gengap": gengap.__version__, "python": platform.python_version()}
    backend, devices, memory, cache = "", [], None, None
    try:
        backend, devices = _backend()
    except Exception as fault:  # facts must be shown for any machine, however broken
        backend = f"none: {reason(fault)}"
    with contextlib.suppress(Exception):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(Exception):
        cache = _cache()
    versions |= {name: _version(name) for name in PACKAGES}
    return SystemInfo(versions, platform.platform(), backend, devices, usable_cores(), memory, cache)


def checks() -> Iterator[CheckReport]:
    """Yield the result of each check. A failed check does not end the others."""
    for name, (check, hint) in CHECKS.items():
        try:
            check()
            yield CheckReport(name, True)
        except CheckFailedError as fault:
            yield CheckReport(name, False, str(fault), hint)
        except Exception as fault:  # a broken installation may raise anything
            broken = OTHER_FOLDER if check is _check_cache and isinstance(fault, OSError) else REINSTALL
            yield CheckReport(name, False, reason(fault), broken)


def document(found: SystemInfo, checked: Sequence[CheckReport]) -> str:
    """Return both as one JSON document."""
    whole = {"schema": SCHEMA, "ok": all(each.ok for each in checked), "facts": asdict(found)}
    return json.dumps(whole | {"checks": [asdict(each) for each in checked]}, indent=2, ensure_ascii=False) + "\n"


def facts_text(found: SystemInfo) -> str:
    """Return the facts as lines."""
    cache, memory = found.cache, found.memory
    shown = found.versions | {
        "platform": found.platform,
        "backend": found.backend,
        "devices": ", ".join(found.devices) or "none",
        "cores": str(found.cores),
        "memory": "unknown" if memory is None else f"{memory / GIB:.1f} GiB",
        "cache": f"{cache.folder} ({_size(cache.size)}; {_size(cache.free)} free)" if cache else "can't be read",
        "higgs": "cached" if cache and cache.higgs else "not cached",
    }
    return "\n".join(f"{name:<13} {value}" for name, value in shown.items())


def checked_text(checked: CheckReport) -> str:
    """Return the line of a check, and for a failed one what to do."""
    if checked.ok:
        return f"ok      {checked.check}"
    return f"failed  {checked.check}: {checked.problem}\n        > {checked.hint}"


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
    from gengap.data.sources import remote

    folder = cache_folder()
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Cache(str(folder), size, shutil.disk_usage(there).free, remote.kept_higgs() is not None)


def _size(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size >= GIB / 10 else f"{size / 2**20:.1f} MiB"


def _plan() -> Plan:
    from gengap.presets import load_plan

    return load_plan("quick").only("sizes/Tiny").with_max_epochs(EPOCHS)


def _check_cache() -> None:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"gengap")
        file.seek(0)
        if file.read() != b"gengap":
            raise CheckFailedError(f"{folder} returns other bytes than were written")


def _check_study() -> None:
    import numpy as np

    from gengap.study import study

    (one,), (other,) = (study("collider", _plan(), train=TRAIN, validation=VALIDATION).histories for _ in range(2))
    for key, series in one.series.items():
        if not np.array_equal(series.values, other[key].values, equal_nan=True):
            raise CheckFailedError(f"{'/'.join(key)} differs between two runs of the same trial")


def _check_trainers() -> None:
    import numpy as np

    from gengap.train import keras_loop as keras
    from gengap.train.fitting import train_model
    from gengap.train.types import TrainConfig

    data, job = _data(), TrainConfig(epochs=EPOCHS, batch=BATCH)
    train = data.train.sample()
    ours = train_model(_model(data), train, data.validation, job)[0].history
    theirs = keras.fit(_model(data), train, data.validation, job).history
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
