"""The summary of a study: one typed value, computed once, that every renderer and study.json show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from gengap.analysis import Conclusions
from gengap.analysis.costly_rows import CostlyRows
from gengap.analysis.evaluation import HoldoutEvaluation
from gengap.data.table_summary import TableSummary
from gengap.diagnose.verdict import Finding, Verdict
from gengap.history import History
from gengap.options.spec import ProductPrecision, TaskName
from gengap.tasks import LOSSES, SCORES
from gengap.text.catalog import ENGLISH, Message, catalog
from gengap.train.stopping import StopReason

SCHEMA = 2
PLAN_FILE = "plan.toml"  # in the study folder
FIRST = (  # keys of study.json
    *("schema", "source", "task", "rows", "plan", "seconds"),
    *("trials", "preparation", "skipped_rows", "interrupted"),
)
CLEAN = "clean_"
NAMED_RUNS = 4  # runs without time that are named
CONTRADICTED = ("advice-keep-model", "advice-try-larger-model")  # by a finding that another model is better


class TrialSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One finished trial.

    Attributes:
        aliases: Further names under which it is shown.
        best_epoch: Best epoch, counted from 1; None if it diverged before.
        metrics: Metrics of the best epoch by split and name. Training metrics are measured without regularisers on
            a fixed sample of training rows, so that they compare with validation. For numbers, "rmse" and "mae" are
            in the target's units.
        began: When training started, in seconds since 1970.
        sparsity: Share of the kernels' weights below 0.001.
        precision: Of the operands of large products in training.
    """

    run: str
    aliases: tuple[str, ...] = ()
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
    precision: ProductPrecision = "float32"

    def with_finding(self, found: Finding) -> TrialSummary:
        """Return the trial with the finding that another model is better; unchanged if it diverged."""
        if self.verdict is None or self.best_epoch is None:
            return self
        advice = [each for each in self.verdict.advice if each.code not in CONTRADICTED]
        verdict = msgspec.structs.replace(
            self.verdict,
            findings=(*self.verdict.findings, found),
            advice=(*advice, Message("advice-use-other-model", {"run": found.parameters["run"]})),
        )
        return msgspec.structs.replace(self, verdict=verdict)

    def with_test(self, metrics: dict[str, float]) -> TrialSummary:
        """Return the trial with metrics on the test rows, which only the recommended trial has."""
        return msgspec.structs.replace(self, metrics=self.metrics | {"test": metrics})

    def loss(self, split: str) -> float | None:
        """Return the task's loss on a split at the best epoch."""
        return first_of(self.metrics.get(split, {}), LOSSES)

    def score(self, split: str) -> float | None:
        """Return accuracy, or R² for numbers, on a split at the best epoch."""
        return first_of(self.metrics.get(split, {}), SCORES)

    @property
    def gap(self) -> float | None:
        """Validation minus training loss at the best epoch."""
        train, validation = self.loss("train"), self.loss("validation")
        return None if train is None or validation is None else validation - train


class RunningTrial(msgspec.Struct, frozen=True, kw_only=True):
    """A trial that is being trained: its epochs so far, the most it may have, and its seconds so far."""

    run: str
    seed: int
    epochs: int
    most_epochs: int
    seconds: float

    @property
    def seconds_left(self) -> float:
        """The seconds that all other epochs would take. The trial may stop earlier."""
        return self.seconds * (self.most_epochs - self.epochs) / max(self.epochs, 1)


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """How to reproduce a study.

    Attributes:
        command: Words of the shell command; none for rows in memory. A plan without a name or file is the study
            folder's plan.toml.
    """

    versions: dict[str, str]
    cores: int
    command: tuple[str, ...] = ()
    call: str = ""


class BudgetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a study of limited minutes did without.

    Attributes:
        rows: Training rows used, and all; None if all were used.
        fewer_seeds: Runs that were trained, but not with every seed.
        shortened: Runs that ended at the deadline, so perhaps too early.
        not_cross_validated: Finalists that were not cross-validated, the best first.
    """

    minutes: float
    rows: tuple[int, int] | None = None
    left_out: tuple[str, ...] = ()
    fewer_seeds: tuple[str, ...] = ()
    shortened: tuple[str, ...] = ()
    not_cross_validated: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Message, ...]:
        """What is missing, and that the same command goes on; nothing if nothing is missing."""
        found: list[Message] = []
        if self.rows is not None:
            found.append(Message("budget-rows", {"used": self.rows[0], "rows": self.rows[1]}))
        for name in ("left_out", "fewer_seeds", "shortened", "not_cross_validated"):
            if runs := getattr(self, name):
                shown = {"names": runs[:NAMED_RUNS], "more": max(len(runs) - NAMED_RUNS, 0)}
                found.append(Message(f"budget-{name.replace('_', '-')}", {"count": len(runs), **shown}))
        again = len(found) > (self.rows is not None)
        summary = Message("budget-minutes", {"minutes": self.minutes, "again": again})
        return (summary, *found) if found else ()


class StudySummary(Conclusions, frozen=True, kw_only=True):
    """The content of study.json: facts of a study, and its conclusions.

    Attributes:
        task: "binary", "multiclass" or "regression".
        rows: Number of rows of each split.
        interrupted: Whether trials of the plan are missing.
        test: The recommended model on the test rows.
        classes: Names of the classes; none for numbers.
        table: How columns became features and how rows were split.
        budget: What was left out for lack of time, if the minutes were limited.
        leaks: Findings that hint at a leak of the target.
        costly_rows: The validation rows with the highest losses, of a model that was cloned.
    """

    schema: int = SCHEMA
    source: str
    task: TaskName | Literal["own-loss"] = "binary"
    rows: dict[str, int]
    plan: str
    seconds: float
    trials: tuple[TrialSummary, ...]
    preparation: str = "raw"
    skipped_rows: int = 0
    interrupted: bool = False
    test: HoldoutEvaluation | None = None
    columns: tuple[str, ...] = ()
    target: str = ""
    seeds: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    provenance: Provenance | None = None
    table: TableSummary | None = None
    budget: BudgetSummary | None = None
    leaks: tuple[Finding, ...] = ()
    costly_rows: CostlyRows | None = None

    @property
    def rounded(self) -> tuple[str, ...]:
        """The runs whose large products had bfloat16 operands."""
        return tuple(dict.fromkeys(trial.run for trial in self.trials if trial.precision == "bfloat16"))

    @property
    def findings(self) -> tuple[Message, ...]:
        """What the study concludes, in the order of the report."""
        forecasts = self.more_rows.forecasts if self.more_rows else ()
        recommended = self.recommendation
        return (
            *((self.units.finding,) if self.units else ()),
            *((self.sizes.finding,) if self.sizes else ()),
            *(each.finding for each in forecasts),
            *((recommended.why, *(step.finding for step in recommended.next_steps)) if recommended else ()),
        )

    def to_json(self) -> bytes:
        """Return study.json, indented and without NaN. Findings and messages have their English text."""
        document = _with_texts(msgspec.to_builtins(self))
        document = {name: document[name] for name in FIRST} | document
        document["findings"] = [_with_texts(msgspec.to_builtins(each)) for each in self.findings]
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _with_texts(value: Any) -> Any:
    """Return the same JSON value with an English `text` in every message and finding."""
    if isinstance(value, dict):
        if value.keys() >= {"code", "parameters"}:
            id = f"finding-{value['code']}" if "severity" in value else value["code"]
            return value | {"text": catalog(ENGLISH).render(Message(id, value["parameters"]))}
        return {name: _with_texts(each) for name, each in value.items()}
    return [_with_texts(each) for each in value] if isinstance(value, (list, tuple)) else value


def metrics_at(history: History, epoch: int | None, shown: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return the logged metrics of an epoch (from 0) by split; training metrics are without regularisers."""
    if epoch is None:
        return {}
    found: dict[str, dict[str, float]] = {"train": {}, "validation": {}}
    for metric in shown:
        for split, name in (("train", CLEAN + metric), ("validation", metric)):
            series = history.series.get((split, name))
            if series is not None and epoch in series.epochs and math.isfinite(value := series.at(epoch)):
                found[split][metric] = value
    return found


def first_of(metrics: Mapping[str, float], names: Iterable[str]) -> float | None:
    """Return the value of the first of these metrics that exists."""
    return next((metrics[name] for name in names if name in metrics), None)
