"""Runs a check: rows and folds, the walk along the path, reference models, the learning curve, and the verdict."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np

from gengap.check.complexity import check_complexity
from gengap.check.estimator_verdict import Facts, judge
from gengap.check.estimators import choosing_class, name_of, resolve
from gengap.check.gains import LossUnits, gain
from gengap.check.inputs import FOLDS, read_inputs
from gengap.check.leaks import find_leaks
from gengap.check.losses import BY_SCORING, choose_loss
from gengap.check.more_rows import RowsCurve, measure_rows
from gengap.check.references import ReferenceName, fit_reference
from gengap.check.result import CheckResult
from gengap.check.setting_losses import Evaluation, Evaluator, few_threads, kept_pool
from gengap.check.walk import Walk
from gengap.diagnose.verdict import make_thresholds
from gengap.errors import UsageError, shown

KINDS: tuple[ReferenceName, ...] = ("linear", "trees")
HOPE = (0.4, 0.95)  # probabilities of being better between which further folds are fitted
MOST_JOBS = 1_000
ENOUGH_ROWS = 200  # validation rows without a large loss that show more than luck


def run_check(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    scoring: str | Callable[..., float] | None,
    complexity: Any,
    min_effect: float,
    n_jobs: int | None,
    seed: Any,
    progress: Callable[[int, str], None] | None,
    **rows: Any,
) -> CheckResult:
    """Check an estimator: see `gengap.check`."""
    started = clock.perf_counter()
    make_thresholds(min_effect)
    check_complexity(complexity)
    seed = _whole_seed(seed)
    _check_jobs(n_jobs)
    whole, metadata = estimator, {name: rows.get(name) for name in ("sample_weight", "groups")}
    estimator = resolve(estimator, X, y, metadata)
    if rows.get("cv") is None and not (scoring is None or scoring in BY_SCORING):
        rows["cv"] = FOLDS  # a scorer needs the validation rows of a larger fold
    inputs = read_inputs(estimator, X, y, seed=seed, **rows)
    loss = choose_loss(estimator, inputs, scoring)
    evaluator = Evaluator(estimator, inputs, loss, n_jobs, seed, progress)
    units = LossUnits.of(inputs, loss.by_row)
    walk = Walk(evaluator, units, min_effect, complexity)
    references: dict[ReferenceName, Evaluation] = {}
    curve: RowsCurve | None = None
    interrupted = False
    with few_threads(inputs), kept_pool(n_jobs) as evaluator.pool:
        walk.start()  # without it there is nothing to keep
        try:
            for constant in fit_reference(evaluator, "constant"):
                references["constant"] = constant
                walk.learns = abs(gain(walk.base.losses, constant.losses, units).mean) > min_effect
            walk.run()
            _check_named(walk)
            _compare_kinds(walk, references)
            curve = measure_rows(evaluator, walk.base, units)
        except KeyboardInterrupt:
            interrupted = True
    evaluator.pool = None
    evaluator.earlier.clear()
    constant = units.mean(references["constant"].losses) if "constant" in references else None
    leaks = tuple(find_leaks(inputs, units.mean(walk.base.losses), constant))
    chosen_by = choosing_class(whole, estimator)
    facts = Facts(name_of(estimator), walk, units, min_effect, references, curve, leaks, interrupted, chosen_by)
    return CheckResult(judge(facts), facts, clock.perf_counter() - started)


def _whole_seed(seed: Any) -> int:
    """Return `random_state` as a whole number, which is drawn if it is None or a generator.

    Raises UsageError unless it is one that scikit-learn takes.
    """
    from sklearn.utils import check_random_state

    try:
        random = check_random_state(seed)
    except ValueError:
        raise UsageError(f"random_state is {shown(seed)}; expected a whole number of 0 to {2**32 - 1:,}") from None
    return int(seed) if isinstance(seed, Integral) else int(random.randint(2**31))


def _check_jobs(jobs: object) -> None:
    """Raise UsageError for a number of jobs that joblib or the machine can't take."""
    if jobs is not None and not (isinstance(jobs, Integral) and jobs != 0 and int(jobs) <= MOST_JOBS):
        raise UsageError(
            f"n_jobs is {shown(jobs)}; expected a whole number of 1 to {MOST_JOBS:,}, or -1 for all cores"
        )


def _check_named(walk: Walk) -> None:
    """Raise UsageError if the user named settings, and none of them can be fitted."""
    if walk.complexity is not None and not walk.found and walk.evaluator.refused is not None:
        raise UsageError(f"complexity: no other setting can be fitted: {walk.evaluator.refused}")


def _compare_kinds(walk: Walk, references: dict[ReferenceName, Evaluation]) -> None:
    """Add other kinds of models; the first folds show whether one is better than all settings."""
    own = walk.best().losses

    def give_up(each: Evaluation) -> bool:
        better = gain(each.losses, own, walk.units).above(walk.min_effect)
        enough = int((~np.isnan(each.losses)).sum()) >= ENOUGH_ROWS
        return better <= HOPE[0] or (better >= HOPE[1] and enough)

    for name in KINDS:
        for found in fit_reference(walk.evaluator, name, give_up):
            references[name] = found
