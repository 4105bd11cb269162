"""Runs the check on cases, and scores its verdicts and those of simple rules against the truth."""

from __future__ import annotations

import importlib
import json
import time
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sklearn.model_selection import cross_val_score, cross_validate

import gengap
from benchmarks.checking.cases import Case
from benchmarks.checking.truth import Population, Truth, measure

NAIVE_GAP = 0.1  # train score minus test score, from which the simple rule says overfit
FITS = ("good", "near-overfit")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured on one case."""

    name: str
    role: str
    seed: int
    process: str
    family: str
    rows: int
    noise: bool
    default_forest: bool
    truth: Truth
    verdict: str
    probabilities: dict[str, float]
    naive: str
    skore: str | None = None
    advised: str | None
    gain_percent: tuple[float, float, float] | None
    true_gain_percent: float | None
    fold_gain_percent: float | None = None
    seconds: float
    plain_seconds: float
    fits: int

    @property
    def answer(self) -> str:
        """The verdict as the truth names it."""
        return "fine" if self.verdict in FITS else self.verdict

    @property
    def right(self) -> bool:
        """Whether the verdict is the truth."""
        return self.answer == self.truth.verdict

    def covers(self, true_percent: float | None) -> bool | None:
        """Return whether the interval of the advised gain holds the population's; None without advice."""
        if self.gain_percent is None or true_percent is None:
            return None
        return self.gain_percent[0] <= true_percent <= self.gain_percent[2]

    @property
    def cost(self) -> float:
        """How many times one plain cross-validation the check took."""
        return self.seconds / self.plain_seconds


def run(case: Case, truth: Truth) -> Outcome:
    """Check one case, and time a plain cross-validation beside it."""
    X, y = case.draw(case.rows, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        started = time.process_time()  # all in one process: the machine's other work doesn't count
        cross_val_score(case.estimator, X, y, cv=5)
        middle = time.process_time()
        result = gengap.check(case.estimator, X, y)
        ended = time.process_time()
        naive = cross_validate(case.estimator, X, y, cv=5, return_train_score=True)
    gap = float(np.mean(naive["train_score"]) - np.mean(naive["test_score"]))
    verdict = result.verdict
    side = {"overfit": "simpler", "underfit": "flexible"}.get(verdict.verdict)
    advised = result.facts.walk.result(side) if side is not None else None
    true_gain = fold_gain = None
    if advised is not None:
        changes, rows = advised.best.setting.changes, result.facts.walk.evaluator.inputs.train_rows
        true_gain = 100 * (1 - Population(case).measure(changes)[0][-1] / truth.loss)
        of_fold = Population(case, rows)
        fold_gain = 100 * (1 - of_fold.measure(changes)[0][-1] / of_fold.measure({})[0][-1])
    return Outcome(
        name=case.name,
        role=case.process.role,
        seed=case.seed,
        process=case.process.name,
        family=case.family.name,
        rows=case.rows,
        noise=case.process.noise,
        default_forest=case.default_forest,
        truth=truth,
        verdict=verdict.verdict,
        probabilities=verdict.probabilities,
        naive="overfit" if gap > NAIVE_GAP else "fine",
        skore=skore_answer(case.estimator, X, y),
        advised=None if advised is None else str(dict(advised.best.setting.changes)),
        gain_percent=None if advised is None else advised.gain.percent,
        true_gain_percent=true_gain,
        fold_gain_percent=fold_gain,
        seconds=ended - middle,
        plain_seconds=middle - started,
        fits=result.facts.walk.evaluator.fits,
    )


def skore_answer(estimator: Any, X: np.ndarray, y: np.ndarray) -> str | None:
    """Return what skore's checks SKD001 and SKD002 say of five folds; None if skore is not installed or fails."""
    try:
        skore = importlib.import_module("skore")
        over = importlib.import_module("skore._checks.skd001_overfitting").CheckOverfitting()
        under = importlib.import_module("skore._checks.skd002_underfitting").CheckUnderfitting()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            skore.configuration.show_progress = False
            report = skore.CrossValidationReport(estimator, X, y, splitter=5)
            issues = [each.check_function(report) is not None for each in (over, under)]
    except Exception:  # all checks in one call fail on some estimators, so these two are called alone
        return None
    return "overfit" if issues[0] else "underfit" if issues[1] else "fine"


class Truths:
    """The truths of cases, kept in a JSON file between runs."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        kept = json.loads(path.read_text()) if path is not None and path.exists() else {}
        self.kept = {name: msgspec.convert(each, Truth) for name, each in kept.items()}

    def of(self, case: Case) -> Truth:
        """Return the truth of a case, measured or kept."""
        key = f"{case.name}/{case.seed}/{case.default_forest}"
        if key not in self.kept:
            self.kept[key] = measure(case)
            if self.path is not None:
                self.path.write_bytes(msgspec.json.encode(self.kept))
        return self.kept[key]


def without_signal(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the outcomes of pure noise, and of estimators that can't beat a constant at any setting."""
    return [each for each in outcomes if each.noise or not each.truth.learns]


def counted(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the outcomes that have a clear truth and a signal."""
    return [e for e in outcomes if e.truth.verdict is not None and not e.noise and e.truth.learns]


def shares(outcomes: Sequence[Outcome]) -> dict[str, tuple[int, int]]:
    """Return how many of each truth are right, and of how many."""
    found = {}
    for truth in ("overfit", "underfit", "fine"):
        mine = [each for each in outcomes if each.truth.verdict == truth]
        found[truth] = (sum(each.right for each in mine), len(mine))
    return found
