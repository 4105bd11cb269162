"""The study's answers as one typed value: computed once, and what every renderer and study.json show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gengap.analysis import BaselineResult
from gengap.analysis.evaluation import Evaluation
from gengap.analysis.finalists import Finalist
from gengap.analysis.recommend import Recommendation
from gengap.analysis.regularizers import RegularizerEffect
from gengap.analysis.sizes import SizeAnalysis
from gengap.data.table_summary import TableSummary
from gengap.diagnose.verdict import Finding, Verdict
from gengap.history import History
from gengap.options.choices import TaskName
from gengap.stats.comparison import Comparison, Rank
from gengap.stats.learning_curve import LearningCurveForecast
from gengap.tasks import LOSSES, SCORES
from gengap.text.catalog import ENGLISH, Message, catalog
from gengap.train.stopping import StopReason

SCHEMA = 2
PLAN_FILE = "plan.toml"  # of the study folder, which stands for a plan that was no name or file
CLEAN = "clean_"


class TrialSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One finished trial. `metrics[split][metric]` are those of `best_epoch`.

    Training metrics are taken in inference mode on the fixed sample of training rows, so that they compare
    with validation like with like. `began` is when training started, in seconds since 1970. `sparsity` is the share
    of the kernels' weights below 0.001.
    """

    run: str
    also: tuple[str, ...] = ()
    seed: int
    parameters: int
    epochs: int
    best_epoch: int | None
    metrics: dict[str, dict[str, float]]
    stopped: StopReason
    seconds: float
    began: float
    verdict: Verdict | None = None
    sparsity: float | None = None

    def with_finding(self, found: Finding) -> TrialSummary:
        """Return the trial with one more finding, which other trials show; unchanged if it diverged."""
        if self.verdict is None or self.best_epoch is None:
            return self
        findings = (*self.verdict.findings, found)
        return msgspec.structs.replace(self, verdict=msgspec.structs.replace(self.verdict, findings=findings))

    def with_test(self, metrics: dict[str, float]) -> TrialSummary:
        """The same with its metrics on the test rows, which only the kept trial has."""
        return msgspec.structs.replace(self, metrics=self.metrics | {"test": metrics})

    def loss(self, split: str) -> float | None:
        """The task's loss on these rows at the best epoch."""
        return first_of(self.metrics.get(split, {}), LOSSES)

    def score(self, split: str) -> float | None:
        """Accuracy, or R² of numbers, on these rows at the best epoch."""
        return first_of(self.metrics.get(split, {}), SCORES)

    @property
    def gap(self) -> float | None:
        """Validation minus training loss at the best epoch."""
        train, validation = self.loss("train"), self.loss("validation")
        return None if train is None or validation is None else validation - train


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """How a study was made: `versions` by package, the CPU's `cores`, and how to make it again.

    `command` holds the shell's words (none for rows that were in memory), `call` is the same from Python. A plan
    that was no name or file is the folder's plan.toml in them.
    """

    versions: dict[str, str]
    cores: int
    command: tuple[str, ...] = ()
    call: str = ""


class StudySummary(msgspec.Struct, frozen=True, kw_only=True):
    """What study.json holds, in its order. `interrupted` says that some trials of the plan are missing.

    `columns` are the features' names, `classes` the target's (none of numbers), `seeds` those that every trial was
    trained with. `table` says what was made of the table's columns and how its rows were split.
    """

    schema: int = SCHEMA
    source: str
    task: TaskName = "binary"
    rows: dict[str, int]
    plan: str
    seconds: float
    trials: tuple[TrialSummary, ...]
    preparation: str = "raw"
    skipped_rows: int = 0
    interrupted: bool = False
    baselines: tuple[BaselineResult, ...] = ()
    sizes: SizeAnalysis | None = None
    regularizers: tuple[RegularizerEffect, ...] = ()
    more_rows: LearningCurveForecast | None = None
    ranks: tuple[Rank, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    cross_validation: tuple[Finalist, ...] = ()
    recommendation: Recommendation | None = None
    test: Evaluation | None = None
    columns: tuple[str, ...] = ()
    target: str = ""
    seeds: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    made: Provenance | None = None
    table: TableSummary | None = None

    @property
    def loss_name(self) -> str:
        """What the task's loss is called."""
        return "mean squared error" if self.task == "regression" else "cross-entropy"

    @property
    def score_name(self) -> str:
        """What is read beside the loss."""
        return "R²" if self.task == "regression" else "accuracy"

    def to_json(self) -> bytes:
        """Return study.json, indented and without NaN. Every message has its English text."""
        document = _with_texts(msgspec.to_builtins(self))
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _with_texts(value: Any) -> Any:
    """Return the same JSON value with an English `text` in every message."""
    if isinstance(value, dict):
        if value.keys() == {"code", "parameters"}:
            return value | {"text": catalog(ENGLISH).render(Message(**value))}
        return {name: _with_texts(each) for name, each in value.items()}
    return [_with_texts(each) for each in value] if isinstance(value, (list, tuple)) else value


def metrics_at(history: History, epoch: int | None, shown: Iterable[str]) -> dict[str, dict[str, float]]:
    """The metrics `shown` as logged at `epoch`, by split: for training the clean ones. Only finite values."""
    if epoch is None:
        return {}
    found: dict[str, dict[str, float]] = {"train": {}, "validation": {}}
    for metric in shown:
        for split, name in (("train", CLEAN + metric), ("validation", metric)):
            if (split, name) in history:
                value = _at(history, (split, name), epoch)
                if value is not None:
                    found[split][metric] = value
    return found


def first_of(metrics: Mapping[str, float], names: Iterable[str]) -> float | None:
    """The value of the first of these metrics that is there."""
    return next((metrics[name] for name in names if name in metrics), None)


def _at(history: History, key: tuple[str, str], epoch: int) -> float | None:
    try:
        value = history[key].at(epoch)
    except KeyError:
        return None
    return value if math.isfinite(value) else None
