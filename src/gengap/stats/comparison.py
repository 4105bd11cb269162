"""Compare trained models on the same validation rows, with corrections for luck in rows, seeds and choice.

- `compare`: each run against one reference run: difference, interval, p-value, for up to three metrics;
- `ranks`: the runs by mean loss, in statistically tied groups;
- `choose_within_one_error`: the smallest run within one standard error of the best.

`compare` and `ranks` describe these trained models on new rows. If each run's epoch was chosen on the same rows,
its mean loss is a little too low, more so the more epochs there were. Test rows have no such bias. Only accuracy
and AUC need a binary task; everything else works with any row losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
import numpy as np

from gengap.data.units import Units
from gengap.errors import UsageError
from gengap.stats.paired import (
    LEVEL,
    auc_components,
    auc_values,
    correction,
    delong,
    mcnemar,
    mcnemar_interval,
    paired_interval,
    paired_t,
    seed_variance,
)
from gengap.stats.unit_values import by_unit

ArraysByRun = Mapping[str, np.ndarray]  # run -> (seeds, rows)
# A level -> the difference of two runs, its interval at this level, and its p-value.
PairedTest = Callable[[float], tuple[float, tuple[float, float], float]]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Run `a` against run `b` on the same rows.

    Attributes:
        a: Name of a run.
        b: Name of the reference run.
        difference: a minus b, in the metric's units.
        interval: Interval of the difference, widened by the same correction as the p-value: it excludes 0 where
            `adjusted` is below 1 - LEVEL.
        p_value: Two-sided p-value of no difference.
        adjusted: The p-value, corrected for all comparisons of the metric with `b`.
    """

    a: str
    b: str
    metric: str
    difference: float
    interval: tuple[float, float]
    p_value: float
    adjusted: float


class Rank(msgspec.Struct, frozen=True, kw_only=True):
    """A run's mean loss with its standard error, and its group, 1 for the best: see `ranks`."""

    run: str
    loss: float
    error: float
    group: int


class OneStandardErrorChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The run that the one-standard-error rule chooses.

    `difference` is its mean loss minus that of the `best` run, `error` the standard error of this difference.
    """

    run: str
    best: str
    difference: float
    error: float


def compare(
    losses: ArraysByRun,
    logits: ArraysByRun | None = None,
    y: np.ndarray | None = None,
    *,
    right: ArraysByRun | None = None,
    against: str | None = None,
    loss: str = "binary_crossentropy",
    weights: np.ndarray | None = None,
    units: Units | None = None,
) -> tuple[Comparison, ...]:
    """Compare each run with one reference run, by loss, accuracy and AUC.

    Every metric is a mean over seeds, row by row, so rows stay paired. Loss: paired t-test. Accuracy (a logit above
    0 means class 1): McNemar's exact test for runs with one seed each. With more seeds, a row is right in a share
    of them, and the paired t-test compares these shares. AUC: DeLong's test of the mean over seeds; left out unless
    there are two rows of each label. With `units`, each metric has one value for each unit, and all of them get the
    paired t-test.

    `adjusted` and `interval` are corrected for the comparisons of one metric with the reference, and for nothing
    else (`correction`). A reference that was not named beforehand was chosen as the best on these rows, so the
    others look worse than they are; the correction includes that. The interval excludes 0 if `adjusted` is below
    1 - LEVEL. Accuracy and AUC have the correction of the loss.

    Args:
        losses: Row losses by run, of shape (seeds, rows). Runs may differ in seeds, but not in rows. Losses of
            weighted rows or of groups must be passed through `by_unit`.
        logits: Logits by run, (seeds, rows), for accuracy and AUC.
        y: Labels of 0 and 1 of shape (rows,), with `logits`.
        right: Whether each row is classified right, by run, for accuracy without logits.
        against: The reference run (default: the run with the lowest mean loss).
        loss: Name of the losses' metric.
        weights: Weight of each row, for accuracy and AUC from logits.
        units: Groups or blocks of time of the rows, for accuracy and AUC from logits.

    Raises:
        UsageError: For a single row, or if a loss is not finite.
    """
    losses = _exact(losses)
    reference = against if against is not None else _best(losses)
    others = [run for run in losses if run != reference]
    by_metric, areas = {loss: losses} | ({"accuracy": right} if right is not None else {}), {}
    if logits is not None and y is not None:
        by_metric["accuracy"] = {
            run: by_unit((each > 0) == (y == 1), weights, units) for run, each in logits.items()
        }
        weighted_labels = y if weights is None else y[weights > 0]
        if min((weighted_labels == 1).sum(), (weighted_labels == 0).sum()) >= 2:
            areas = {run: auc_components(each.astype(np.float64), y, weights) for run, each in logits.items()}
        if areas and units is not None:
            values = {run: auc_values(each, y)[None] for run, each in areas.items()}
            by_metric["auc"], areas = {run: by_unit(each, None, units) for run, each in values.items()}, {}
    if not others:
        return ()
    means = {run: each.mean(axis=0) for run, each in losses.items()}
    tests: dict[str, dict[str, PairedTest]] = {
        metric: {run: _paired_test(values[run], values[reference]) for run in others}
        for metric, values in by_metric.items()
    }
    if areas:
        tests["auc"] = {run: partial(delong, areas[run], areas[reference]) for run in others}
    factors = {
        metric: _step_down({run: test(LEVEL)[2] for run, test in found.items()}, means, reference, against is None)
        for metric, found in tests.items()
    }
    return tuple(
        _corrected(tests[metric][run], run, reference, metric, *factors[metric][run])
        for run in others
        for metric in tests
    )


def _paired_test(a: np.ndarray, b: np.ndarray) -> PairedTest:
    """Return the test of the values (seeds, rows) of two runs, whose mean is the metric."""
    row = a.mean(axis=0) - b.mean(axis=0)
    if a.dtype == bool and len(a) == len(b) == 1:
        return lambda level: (float(row.mean()), mcnemar_interval(a[0], b[0], level), mcnemar(a[0], b[0]))
    return lambda level: (float(row.mean()), paired_interval(row, level), paired_t(row))


def _corrected(test: PairedTest, a: str, b: str, metric: str, factor: float, final: float) -> Comparison:
    """Return the comparison. `factor` is Holm's of the p-value, `final` that of 1 - LEVEL in the interval."""
    difference, (low, high), p_value = test(1 - (1 - LEVEL) / final)
    adjusted = min(1.0, factor * p_value)
    if adjusted >= 1 - LEVEL:  # a few rows may have no spread, but they are no proof
        low, high = min(low, 0.0), max(high, 0.0)
    return Comparison(
        a=a,
        b=b,
        metric=metric,
        difference=difference,
        interval=(low, high),
        p_value=p_value,
        adjusted=adjusted,
    )


def _step_down(
    p_values: Mapping[str, float], means: ArraysByRun, reference: str, chosen: bool
) -> dict[str, tuple[float, float]]:
    """Return by run the factor on its p-value, and the factor of the last step, which is that of all intervals.

    Runs that clearly differ are left out of the next step (Dunnett & Tamhane 1991, Statistics in Medicine 10). So
    runs that are far behind change nothing for those near the reference.
    """
    factors: dict[str, float] = {}
    left, factor = list(p_values), float("inf")
    while left:
        factor = min(factor, correction(np.stack([means[run] for run in (reference, *left)]), chosen=chosen))
        apart = [run for run in left if factor * p_values[run] < 1 - LEVEL]
        factors |= dict.fromkeys(apart or left, factor)
        left = [run for run in left if run not in apart] if apart else []
    return {run: (factors[run], factor) for run in p_values}


def ranks(losses: ArraysByRun) -> tuple[Rank, ...]:
    """Return the runs by mean loss, the lowest first, in statistically tied groups.

    Group 1 is the best run and all that are not clearly worse. Group 2 is the best of the rest and all of them that
    are not clearly worse than that one; and so on. Clearly worse: the p-value of the paired t-test, corrected for
    the comparisons with that run and for its choice, is below 1 - LEVEL. Others in a group may still differ, and a
    noisy run may be in an earlier group than a steady run with a lower mean loss. The row losses by run have the
    shape (seeds, rows). Raises UsageError for a single row, or if a loss is not finite.
    """
    means = {run: each.mean(axis=0) for run, each in _exact(losses).items()}
    order = left = sorted(means, key=lambda run: float(means[run].mean()))
    groups: dict[str, int] = {}
    while left:
        first, *rest = left
        group = max(groups.values(), default=0) + 1
        p_values = {run: paired_t(means[run] - means[first]) for run in rest}
        factors = _step_down(p_values, means, first, chosen=True)
        left = [run for run in rest if factors[run][0] * p_values[run] < 1 - LEVEL]
        groups |= {run: group for run in (first, *rest) if run not in left}
    errors = {run: float(each.std(ddof=1) / np.sqrt(len(each))) for run, each in means.items()}
    return tuple(
        Rank(run=run, loss=float(means[run].mean()), error=errors[run], group=groups[run]) for run in order
    )


def choose_within_one_error(losses: ArraysByRun, order: Sequence[str]) -> OneStandardErrorChoice:
    """Return the first run in `order` whose mean loss is within one standard error of the best.

    Breiman, Friedman, Olshen & Stone (1984), Classification and Regression Trees, section 3.4.3; Hastie, Tibshirani
    & Friedman (2009), section 7.10. They use the standard error of the best model's own mean, which is mostly how
    much rows differ in difficulty. Here all runs have the same rows, so the right error is that of the paired
    difference. It is smaller, so it gives up a better run less often. It includes the spread over rows, and over
    seeds for runs with several seeds. The error of runs with one seed is too small by the spread over seeds. The
    row losses by run have the shape (seeds, rows); `order` has the same runs, the smallest model first. Raises
    UsageError for a single row, or if a loss is not finite.
    """
    losses = _exact(losses)
    means = {run: each.mean(axis=0) for run, each in losses.items()}
    best = _best(losses)
    for run in order:
        apart = means[run] - means[best]
        variance = apart.var(ddof=1) / len(apart)
        if run != best:  # each run has its own spread over seeds, because they start from other weights
            variance += seed_variance(losses[run]) + seed_variance(losses[best])
        if apart.mean() <= np.sqrt(variance):
            return OneStandardErrorChoice(
                run=run, best=best, difference=float(apart.mean()), error=float(np.sqrt(variance))
            )
    raise AssertionError("the best run is within one error of itself")


def _best(losses: ArraysByRun) -> str:
    return min(losses, key=lambda run: float(losses[run].mean()))


def _exact(losses: ArraysByRun) -> dict[str, np.ndarray]:
    """Return the losses in double precision. Raises UsageError for a single row, or if some are not finite."""
    for run, each in losses.items():
        if each.shape[1] < 2:
            raise UsageError(
                f"losses of {run!r} have the shape {each.shape}; expected (seeds, rows) with the same rows for "
                "every run, at least two"
            )
        if not np.isfinite(each).all():
            raise UsageError(f"losses of {run!r} aren't all finite; leave out a run that diverged")
    return {run: each.astype(np.float64) for run, each in losses.items()}
