"""All sentences that verdicts, forecasts and conclusions are told in, made by the code itself of made outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import msgspec
import numpy as np
from analysis.outcomes_made import ROWS, Y, cross_validated, logits, outcomes, rungs
from diagnose.test_extrapolate import curve_of, exactly, power

from gengap.analysis import Conclusions, conclude
from gengap.analysis.evaluation import evaluate_on_test_rows
from gengap.analysis.results import TrialResults
from gengap.analysis.summary import StudySummary
from gengap.analysis.training_rows import next_step
from gengap.data.rows import Rows
from gengap.diagnose import diagnose
from gengap.diagnose.verdict import VerdictName
from gengap.models.treatments import L2
from gengap.plan import Trial
from gengap.report.console_conclusions import conclusion_sentences
from gengap.stats.learning_curve import LearningCurve, LearningCurveForecast, extrapolate
from gengap.tasks import BINARY, Regression

COUNTS = {"train": 1_000, "validation": ROWS, "test": 0}


def everything() -> list[str]:
    """Each sentence once."""
    carried_on = forecasts()
    told = [*get_args(VerdictName)]
    told += [text for found in studies(carried_on[0]) for text in concluded(found)]
    return list(dict.fromkeys(told))


def forecasts() -> list[LearningCurveForecast]:
    """One of each kind of answer."""
    rising, flat = [0.7, 0.65, 0.6, 0.56, 0.6, 0.64], np.full(6, 0.69)
    steep = curve_of([1.0, 0.9, 0.97, 0.85, 0.6, 0.5], seeds=2, seed_error=0.15, seed=1)
    spoilt = [power(0.4, 2, 0.5) for _ in range(3)]
    for means, value in zip(spoilt, (np.nan, -0.5, 1e300), strict=True):
        means[2] = value
    sizes = np.array([825, 1436, 2500])
    curves = [curve_of(power(0.4, 2, 0.5)), exactly(power(0.4, 2, 0.5)), exactly(flat), curve_of(rising)]
    few = LearningCurve(sizes, [np.full(3, mean) for mean in (0.7, 0.6, 0.5)])
    found = [extrapolate(curve, (2, 2.5, 10)) for curve in (*curves, *map(exactly, spoilt), few)]
    return [*found, extrapolate(steep, (3, 4, 5, 100))]


def studies(more_rows: LearningCurveForecast) -> list[Conclusions]:
    """Between them they have every sentence that a study concludes with."""
    l2 = Trial(run="regularizers/l2", units=(16,), treatments=(L2(0.01),))
    going_on = diagnose({"val_accuracy": 0.3 + 0.008 * np.arange(60)})
    gaining, one = outcomes(rungs(0.2, 0.4, 0.6, 0.9)), outcomes(rungs(0.2, 0.6, 0.3, 0.3))
    three = outcomes([*rungs(0.2, 0.6, 0.601, 0.3), (l2, (0.1, 0.603, 0.3))])
    five = outcomes(
        [*rungs(0.2, 0.6, 0.6, 0.6, 0.6), (l2, (0.1, 0.6, 0.3))], baselines={"baselines/x": logits(0.1)}
    )
    with_trees = outcomes(rungs(0.6, 0.6), baselines={"baselines/trees": logits(1.0)})
    alike = [outcomes(rungs(0.6, 0.6), baselines={"baselines/trees": logits(0.6, seed)}) for seed in (5, 6)]
    bold = outcomes(rungs(0.3, 0.3))
    for each in bold.fitted.values():
        each.outputs[:] *= 50
    shuffled = TrialResults(gaining.trials, gaining.fitted, np.random.default_rng(3).permutation(Y), {})
    finals = [cross_validated(three, {"sizes/8": 0.6, "sizes/16": skill}) for skill in (0.5, 0.608)]
    numbers = outcomes(rungs(0.2, 0.4), task=Regression())
    nothing = TrialResults(numbers.trials, numbers.fitted, shuffled.y, {}, numbers.task)
    made = (one, three, five, with_trees, *alike, bold, shuffled, *finals, numbers, nothing)
    found = [conclude(each, 28, COUNTS, {}) for each in made]
    first = conclude(gaining, 28, COUNTS, dict.fromkeys(gaining.trials, going_on))
    step = next_step(more_rows)
    assert step is not None and first.recommendation is not None
    steps = (step, msgspec.structs.replace(step, gain_percent=None))
    kept = msgspec.structs.replace(first.recommendation, next_steps=steps)
    return [*found, first, msgspec.structs.replace(first, recommendation=kept, more_rows=more_rows)]


def concluded(found: Conclusions) -> Iterator[str]:
    """What a study says in the terminal, line by line, and in study.json."""
    rows = Rows(np.zeros((ROWS, 2), np.float32), Y)
    numbers = found.recommendation is not None and found.recommendation.expected.r2 is not None
    task, ours, theirs = Regression() if numbers else BINARY, logits(1.0)[:, None], logits(0.2)[:, None]
    test = evaluate_on_test_rows(rows, task, "sizes/8", 1, ours, "baselines/trees", theirs)
    facts = msgspec.structs.asdict(found)
    summary = StudySummary(source="made", rows=COUNTS, plan="made", seconds=1.0, trials=(), **facts)
    rendered = ("Size:", "Rows:", "Recommended:", "  >")  # these are rendered from the catalogue
    for held_out in (test, msgspec.structs.replace(test, comparisons=())):
        interrupted = not held_out.comparisons
        lines = conclusion_sentences(msgspec.structs.replace(summary, test=held_out, interrupted=interrupted))
        yield from (line for line in lines if not line.startswith(rendered))
    yield from ("early stopping", "smaller model")
