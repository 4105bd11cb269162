"""A trial under way, kept so that a killed one goes on and ends as if nobody had killed it, bit for bit.

A `Checkpoint` is all that the epochs to come depend on, and all that the epochs done have left. `CheckpointFile` is
where one trial keeps its latest: a .npz without pickle, written beside its place and renamed.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gengap.files.atomic import atomic_write
from gengap.files.limits import check_archive
from gengap.history import History, Series
from gengap.train.types import PartialResult

CHECKPOINT_SECONDS = 20.0  # the most that a kill takes from a trial, but for the epochs at hand


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """`arrays` are the trainer's own, in its order: weights, optimizer, seeds, the best weights, the rule's memory.

    `known` is what the record holds, `seconds` how long the trial was trained.
    """

    arrays: Sequence[np.ndarray]
    known: PartialResult
    best_epoch: int | None
    seconds: float


class CheckpointFile:
    """Keeps one trial's latest checkpoint at `path`, written now and then; only this `fingerprint`'s count."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path, self.fingerprint = path, fingerprint
        self._written = time.monotonic()

    def offer(self, made: Callable[[], Checkpoint], *, now: bool = False) -> None:
        """Keeps what is `made`, if it is due or `now`. A fault is warned of, once a study, and ends no trial."""
        if not now and time.monotonic() - self._written < CHECKPOINT_SECONDS:
            return
        try:
            with atomic_write(self.path, ".npz") as part:  # NumPy insists on the ending
                np.savez(part, allow_pickle=False, **_to_arrays(made(), self.fingerprint))
        except OSError as fault:
            why = fault.__cause__ or fault
            warnings.warn(
                f"trials under way can't be kept ({getattr(why, 'strerror', None) or why}); they go on, but a "
                "killed study would train them from an earlier epoch. Make room in the study's folder",
                RuntimeWarning,
                stacklevel=2,
            )
        self._written = time.monotonic()

    def latest(self, run: str, seed: int) -> Checkpoint | None:
        """The checkpoint that is here, or None: one that can't be read is as if it were not there."""
        try:
            check_archive(self.path, str(self.path))
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                if str(saved["fingerprint"]) != self.fingerprint:
                    return None
                return _from_arrays(saved, run, seed)
        except Exception:  # there is no telling what a broken file raises, and it must lose no more than itself
            return None

    def discard(self) -> None:
        """Removes it, once the trial is finished."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def _to_arrays(checkpoint: Checkpoint, fingerprint: str) -> dict[str, np.ndarray]:
    known, series = checkpoint.known, checkpoint.known.history.series
    return {
        "fingerprint": np.array(fingerprint),
        "best_epoch": np.array(-1 if checkpoint.best_epoch is None else checkpoint.best_epoch),
        "seconds": np.array(checkpoint.seconds),
        "columns": np.array(list(series)),
        "logs": np.stack([each.values for each in series.values()]) if series else np.empty((0, 0)),
        "output_epochs": known.output_epochs,
        "outputs": known.outputs,
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
