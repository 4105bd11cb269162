"""Checkpoints of a trial: a killed one resumes and ends as if it had not been killed, bit for bit.

A `Checkpoint` holds all that later epochs depend on, and the result of the epochs done. `CheckpointFile` is where a
trial saves its latest one: a .npz without pickle, written to a temporary file and renamed. A fingerprint holds what
decides a trial's result, so that a folder can tell what has changed.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gengap.files.limits import open_npz
from gengap.files.writing import atomic_write
from gengap.history import History, Series

CHECKPOINT_SECONDS = 20.0  # between two checkpoints of a trial
TRAINING = 8  # raise it with every change that makes the same trial train differently
UNKNOWN = "another plan, other data or another version of the trainer"  # for a fingerprint in another format


@dataclass(frozen=True, eq=False)
class PartialResult:
    """A trial so far: its history, and validation `outputs` (m, rows, ...) at `output_epochs` (m,), from 0."""

    history: History
    output_epochs: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trial between two chunks.

    Attributes:
        arrays: The trainer's own, in its order: weights, optimizer, seeds, the best weights, the rule's state.
        best_epoch: The best epoch, from 0; None if there is none yet.
    """

    arrays: Sequence[np.ndarray]
    result: PartialResult
    best_epoch: int | None
    seconds: float


class CheckpointFile:
    """The file of a trial's latest checkpoint; one with another `fingerprint` is ignored."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path, self.fingerprint = path, fingerprint
        self._written = time.monotonic()
        self._closed = False

    def close(self) -> None:
        """Write nothing more, because another study may use the folder now."""
        self._closed = True

    def offer(self, checkpoint: Callable[[], Checkpoint], *, now: bool = False) -> None:
        """Save the checkpoint if the last is old, or `now`. A full disk is a warning, and ends no trial."""
        if self._closed or (not now and time.monotonic() - self._written < CHECKPOINT_SECONDS):
            return
        try:
            with atomic_write(self.path, ".npz") as part:  # NumPy insists on the ending
                np.savez(part, allow_pickle=False, **_to_arrays(checkpoint(), self.fingerprint))
        except OSError as fault:
            why = fault.__cause__ or fault
            warnings.warn(
                f"can't save checkpoints ({getattr(why, 'strerror', None) or why}); trials go on, but if the study "
                "is killed they start again from an earlier epoch. Make room in the study's folder",
                RuntimeWarning,
                stacklevel=2,
            )
        self._written = time.monotonic()

    def latest(self, run: str, seed: int) -> Checkpoint | None:
        """Return the saved checkpoint, or None if there is none that can be read."""
        try:
            with open_npz(self.path, str(self.path)) as saved:
                if str(saved["fingerprint"]) != self.fingerprint:
                    return None
                return _from_arrays(saved, run, seed)
        except Exception:  # a damaged file may raise anything, and must cost no more than its epochs
            return None

    def discard(self) -> None:
        """Remove the file, once the trial is finished."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def _to_arrays(checkpoint: Checkpoint, fingerprint: str) -> dict[str, np.ndarray]:
    result, series = checkpoint.result, checkpoint.result.history.series
    return {
        "fingerprint": np.array(fingerprint),
        "best_epoch": np.array(-1 if checkpoint.best_epoch is None else checkpoint.best_epoch),
        "seconds": np.array(checkpoint.seconds),
        "columns": np.array(list(series)),
        "logs": np.stack([each.values for each in series.values()]) if series else np.empty((0, 0)),
        "output_epochs": result.output_epochs,
        "outputs": result.outputs,
        **{f"array{i}": array for i, array in enumerate(checkpoint.arrays)},
    }


def _from_arrays(saved: np.lib.npyio.NpzFile, run: str, seed: int) -> Checkpoint:
    columns, logs = [(str(split), str(metric)) for split, metric in saved["columns"]], saved["logs"]
    epochs, best = np.arange(logs.shape[1], dtype=np.int64), int(saved["best_epoch"])
    history = History(run, seed, {key: Series(epochs, values) for key, values in zip(columns, logs, strict=True)})
    count = sum(name.startswith("array") for name in saved.files)
    return Checkpoint(
        [saved[f"array{i}"] for i in range(count)],
        PartialResult(history, saved["output_epochs"], saved["outputs"]),
        best if best >= 0 else None,
        float(saved["seconds"]),
    )


def fingerprint(parts: Mapping[str, object]) -> str:
    """Return the parts as JSON. `rows` is a digest, the others are as in a plan. Defaults are left out.

    >>> fingerprint({"units": (16,), "rows": "0f"})
    '{"rows":"0f","trainer":8,"units":[16]}'
    """
    return msgspec.json.encode({"trainer": TRAINING, **parts}, order="deterministic").decode()


def only_rows(fingerprint: str, rows: str | None = None) -> str:
    """Return the part of a fingerprint that says which rows were used, or that part for other `rows`.

    >>> only_rows('{"rows":"0f","units":[16]}'), only_rows('{"rows":"0f"}', "1f"), only_rows("0123456789abcdef")
    ('{"rows":"0f"}', '{"rows":"1f"}', '{}')
    """
    try:
        parts = msgspec.json.decode(fingerprint, type=dict[str, Any])
    except msgspec.DecodeError:
        parts = {}
    return msgspec.json.encode({"rows": rows or parts["rows"]} if "rows" in parts else {}).decode()


def difference(then: str, now: str, by: str | None = None, targets: tuple[str, str] = ("", "")) -> str:
    """Describe what differs between a trial `then` (`by` a version of gengap) and `now`.

    `targets` are the names of the target then and now, "" for an unknown one. Another target comes first, and
    explains other rows and columns.

    >>> old, new = ({"recipe": {"batch": 50}, "rows": rows} for rows in ("0f", "1f"))
    >>> difference(fingerprint(old), fingerprint(new))
    'other rows or columns'
    >>> difference(fingerprint(old), fingerprint(new), targets=("comment", "churn"))
    'target comment (now churn)'
    >>> difference(fingerprint(old | {"units": [4]}), fingerprint({"recipe": {"patience": 5}, "rows": "0f"}))
    'batch 50 (now the default), units 4 (now none), patience the default (now 5)'
    >>> difference("0123456789abcdef", fingerprint(new))
    'another plan, other data or another version of the trainer'
    """
    try:
        before, after = (dict(_flat_items(msgspec.json.decode(each, type=dict[str, Any]))) for each in (then, now))
    except msgspec.DecodeError:
        return UNKNOWN
    names = [name for name in before | after if before.get(name) != after.get(name)]
    other_target = all(targets) and targets[0] != targets[1]
    target = [f"target {targets[0]} (now {targets[1]})"] * other_target
    names = [name for name in names if not (other_target and name == "rows")]
    return ", ".join([*target, *(_change_text(name, before.get(name), after.get(name), by) for name in names)])


def _flat_items(parts: Mapping[str, Any], inside: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in parts.items():
        if isinstance(value, dict):
            yield from _flat_items(value, f"{inside}{name}.")
        else:
            yield f"{inside}{name}", value


def _change_text(name: str, then: Any, now: Any, by: str | None) -> str:
    if name == "rows":
        return "other rows or columns"
    if name == "model":
        return "another model"
    short, nothing = name.removeprefix("recipe."), "the default" if name.startswith("recipe.") else "none"
    nothing = "float32" if name == "precision" else nothing
    before, after = (nothing if v is None else _value_text(v) for v in (then, now))
    maker = f" of gengap {by}" if name == "trainer" and by else ""
    return f"{short} {before}{maker} (now {after})"


def _value_text(value: Any) -> str:
    return ", ".join(map(_value_text, value)) or "none" if isinstance(value, list) else str(value)
