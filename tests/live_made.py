"""What a study under way tells and writes, made by hand."""

from __future__ import annotations

import os
import platform
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gengap.analysis.summary import SCHEMA, TrialSummary
from gengap.files.writing import study_lock
from gengap.history import History, Series, write_histories
from gengap.plan import Plan, Recipe, Trial
from gengap.study.folder import FINGERPRINT, SUMMARY, TRIAL_SCHEMA, StudyFolder
from gengap.study.progress import LIVE, STATUS, StudyStatus
from gengap.train.types import Progress

ROWS: dict[str, Any] = {"train": 300, "validation": 100}
PLAN = Plan(
    name="little",
    trials=(Trial(run="sizes/Tiny", units=(16,)), Trial(run="sizes/Two", units=(8, 8))),
    recipe=Recipe(batch=100, max_epochs=3),
)


def told(run: str = "sizes/Tiny", seed: int = 0, epochs: int = 2) -> Progress:
    history = History(run, seed, {("validation", "loss"): Series(np.arange(epochs), np.ones(epochs))})
    return Progress(run, seed, epochs, 10, 0.5, 0.6, 0.6, 1, 1.0, lambda: history)


def finished(run: str = "sizes/Tiny", seed: int = 0) -> TrialSummary:
    known: dict[str, Any] = {"parameters": 481, "epochs": 2, "best_epoch": 2, "metrics": {}}
    return TrialSummary(run=run, seed=seed, stopped="patience", seconds=1.0, began=0.0, **known)


def status(**changed: Any) -> StudyStatus:
    known: dict[str, Any] = {"pid": os.getpid(), "host": platform.node(), "started": 0.0, "source": "here"}
    known |= {"rows": {}, "columns": (), "target": "label", "plan": "", "plan_name": "little", "seeds": 1}
    return StudyStatus(**known | {"preparation": "raw", "planned": 2} | changed)


_running: dict[Path, ExitStack] = {}


def write_status(folder: Path, runs: bool = True, **changed: Any) -> None:
    """The status of a study that `runs`, for as long as this process does, or that was killed."""
    (folder / LIVE).mkdir(parents=True, exist_ok=True)
    (folder / STATUS).write_bytes(msgspec.json.encode(status(**changed)))
    if runs and folder not in _running:
        _running[folder] = ExitStack()
        _running[folder].enter_context(study_lock(folder))
    elif not runs and folder in _running:
        _running.pop(folder).close()


def write_curves(
    folder: Path,
    run: str = "sizes/Two",
    epochs: int = 3,
    name: str = "any",
    seed: int = 0,
    metadata: dict[str, str] | None = None,
) -> None:
    (folder / LIVE).mkdir(parents=True, exist_ok=True)
    series = {("validation", "binary_crossentropy"): Series(np.arange(epochs), np.linspace(1, 0.5, epochs))}
    write_histories([History(run, seed, series)], folder / LIVE / f"{name}.seed{seed}.parquet", metadata)


def write_finished(folder: Path, run: str, seed: int = 0, epochs: int = 3) -> tuple[str, int]:
    """A finished trial as the study folder keeps it; gives its run and seed, for a status."""
    series = {("validation", "binary_crossentropy"): Series(np.arange(epochs), np.linspace(1, 0.5, epochs))}
    summary = msgspec.structs.replace(finished(run, seed), epochs=epochs, best_epoch=epochs)
    kept = {SUMMARY: msgspec.json.encode(summary).decode(), FINGERPRINT: "", TRIAL_SCHEMA: str(SCHEMA)}
    written = StudyFolder(folder)
    with written.writing(written.trial_file(run, seed)) as part:
        write_histories([History(run, seed, series)], part, kept)
    return run, seed
