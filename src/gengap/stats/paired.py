"""Paired statistics of models on the same rows, as plain arrays.

The same rows are hard for both models, and this luck cancels in the differences from row to row. So all functions
work on these differences. They compare these trained models on new rows of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit  # the normal and Student distributions and their quantiles
from scipy.stats import binomtest

from gengap.errors import UsageError

LEVEL = 0.9  # the probability that intervals cover
REACH = float(ndtri((1 + LEVEL) / 2))  # in standard errors, of a normal one
SIMULATED = 4_000  # studies that a correction for several comparisons is found from
LEAST_SKEWNESS = 1e-9  # a smaller one changes nothing
HALVINGS = 20  # random halvings; their luck then moves a corrected loss by a tenth of its standard error
CHUNK = 64  # candidates whose losses are converted to double precision at once


@overload
def linearise(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray: ...
@overload
def linearise(values: None, weights: np.ndarray | None) -> None: ...
def linearise(values: np.ndarray | None, weights: np.ndarray | None) -> np.ndarray | None:
    """Return values (..., rows) whose plain mean is the weighted mean, and whose spread is its sampling error.

    A weighted mean m is a ratio of two sums. Survey statistics estimate its variance from the Taylor linearisation
    m + w (value - m), with weights w of mean 1 (Särndal, Swensson & Wretman 1992, Model Assisted Survey Sampling,
    section 5.6). Kish's effective sample size follows from it. It is linear in the values, so rows stay paired and
    every statistic of paired differences of means stays valid. Without weights, the values are returned.

    >>> linearise(np.array([1.0, 2.0, 6.0]), np.array([2.0, 2.0, 0.0])).tolist()
    [0.75, 2.25, 1.5]
    """
    if values is None or weights is None:
        return values
    means = np.average(values, axis=-1, weights=weights)[..., None]
    with np.errstate(invalid="ignore"):  # a model that diverged has no finite mean
        return means + weights / weights.mean(dtype=np.float64) * (values - means)


def paired_t(differences: np.ndarray) -> float:
    """Return the two-sided p-value of a paired t-test that the mean of `differences` (rows,) is 0; 1 if all are 0.

    It is the larger p-value of Student's t and of Hall's transformation, which removes the skewness (1992, Journal
    of the Royal Statistical Society B 54(1)). If one run is bold and the other cautious, a few rows differ hugely.
    At a level of 1%, Student's t then errs in 4.1% of samples of 50 rows (1.9% of 200), Hall's in 0.5% (0.7%).
    Hall's alone errs too often if only a few rows differ at all. The bootstrap is no alternative: 2,000 draws can't
    give p-values below 0.0005, which a correction for many comparisons needs.
    """
    rows, mean, deviation = len(differences), float(differences.mean()), float(differences.std(ddof=1))
    if deviation == 0:
        return _two_sided(np.inf if mean else 0.0, rows, ndtr)
    ratio = mean / deviation
    skewness = float((((differences - mean) / deviation) ** 3).mean())
    straight = ratio + skewness * ratio**2 / 3 + skewness**2 * ratio**3 / 27 + skewness / (6 * rows)
    return _two_sided(min(abs(ratio), abs(straight)) * rows**0.5, rows, lambda z: stdtr(rows - 1, z))


def paired_interval(differences: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of the mean of `differences` (rows,) that `paired_t` does not exclude.

    It excludes 0 if the p-value is below 1 - level: both Student's and Hall's interval are inside. Hall's
    transformation is a cubic, so its interval is known (Hall 1992, section 3).
    """
    rows, mean, deviation = len(differences), float(differences.mean()), float(differences.std(ddof=1))
    if deviation == 0:
        return mean, mean
    reach = float(stdtrit(rows - 1, (1 + level) / 2)) / rows**0.5
    skewness = float((((differences - mean) / deviation) ** 3).mean())
    ratios = np.array([-reach, reach])
    halls = ratios
    if abs(skewness) > LEAST_SKEWNESS:
        halls = 3 / skewness * (np.cbrt(1 + skewness * (ratios - skewness / (6 * rows))) - 1)
    low, high = min(-reach, *halls), max(reach, *halls)
    return mean - deviation * float(high), mean - deviation * float(low)


def mcnemar(a: np.ndarray, b: np.ndarray) -> float:
    """Return the exact two-sided p-value of McNemar's test (1947, Psychometrika 12) of equal accuracy.

    `a` and `b` (rows,) mark the rows that each model gets right. Only rows where exactly one model is right count.
    If the models are equally good, each of these rows is a fair coin toss. Without such rows, p is 1.
    """
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def mcnemar_interval(a: np.ndarray, b: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of the difference in accuracy, a - b, that `mcnemar` does not exclude.

    It is the exact interval (Clopper & Pearson 1934, Biometrika 26) of the share that only `a` gets right among
    rows that exactly one gets right.
    """
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    if not (either := only_a + only_b):
        return 0.0, 0.0
    share = binomtest(only_a, either).proportion_ci(level)
    low, high = (either / len(a) * (2 * float(each) - 1) for each in (share.low, share.high))
    return low, high


@dataclass(frozen=True, eq=False)
class AucComponents:
    """DeLong's structural components of an area under the ROC curve (AUC).

    Attributes:
        positives: For each positive row, the share of negative rows that it is ranked above; ties count half.
        negatives: For each negative row, the share of positive rows that it is ranked below. The mean of either is
            the area.
    """

    positives: np.ndarray
    negatives: np.ndarray

    @property
    def area(self) -> float:
        """The area."""
        return float(self.positives.mean())


def auc_components(scores: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> AucComponents:
    """Return the components of the mean AUC over seeds.

    The mean of areas is a mean over pairs of rows too, and its components are the means of the seeds' components.
    So DeLong's theory holds for it as for one model. Averaging scores would judge an ensemble instead. Takes n log
    n time (as Sun & Xu 2014, IEEE Signal Processing Letters 21(11)).

    Args:
        scores: Scores of shape (seeds, rows).
        y: Labels of 0 and 1 of shape (rows,).
        weights: Weight of each row. A pair of rows counts by the product of their weights.
    """
    positive = y == 1
    of_positives, of_negatives = (None if weights is None else weights[of] for of in (positive, ~positive))
    above = [_below(each[positive], each[~positive], of_negatives) for each in scores]
    below = [1 - _below(each[~positive], each[positive], of_positives) for each in scores]
    return AucComponents(
        linearise(np.mean(above, axis=0), of_positives), linearise(np.mean(below, axis=0), of_negatives)
    )


def auc_values(components: AucComponents, y: np.ndarray) -> np.ndarray:
    """Return a value for each row (rows,), whose mean is the area and whose spread is DeLong's.

    So rows of one group can be taken as one draw (Obuchowski 1997, Biometrics 53(2)).

    >>> y = np.array([0, 1, 0, 1])
    >>> auc_values(auc_components(np.array([[0.1, 0.4, 0.5, 0.9]]), y), y).tolist()
    [1.25, 0.25, 0.25, 1.25]
    """
    values = np.empty(len(y))
    for of, part in ((y == 1, components.positives), (y != 1, components.negatives)):
        values[of] = components.area + len(y) / len(part) * (part - components.area)
    return values


def _below(scores: np.ndarray, others: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the share (by weight) of the `others` that score below each of `scores`; ties count half."""
    order = np.argsort(others)
    first, last = (np.searchsorted(others[order], scores, side) for side in ("left", "right"))
    sums = np.arange(len(others) + 1) if weights is None else np.cumsum([0.0, *weights[order]])
    return (sums[first] + sums[last]) / (2 * sums[-1])


def delong(a: AucComponents, b: AucComponents, level: float = LEVEL) -> tuple[float, tuple[float, float], float]:
    """Return the difference a - b of two AUCs on the same rows, its interval and its two-sided p-value.

    DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44(3): the difference is normal. Its variance is that of the
    components' differences over the positive rows plus that over the negative rows. Needs two rows of each.
    """
    positives, negatives = a.positives - b.positives, a.negatives - b.negatives
    difference = a.area - b.area
    error = float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in (positives, negatives))))
    reach = float(ndtri((1 + level) / 2)) * error
    ratio = difference / error if error > 0 else np.inf if difference else 0.0
    p_value = _two_sided(ratio, len(positives) + len(negatives), ndtr)
    return difference, (difference - reach, difference + reach), p_value


def correction(values: np.ndarray, *, chosen: bool) -> float:
    """Return the factor on p-values for several comparisons with one reference, as Dunnett's test has it.

    Dunnett (1955), Journal of the American Statistical Association 50, takes the largest ratio of all differences
    to their errors. Here its distribution is simulated for means with the covariance that the rows show. So
    comparisons of similar runs count as fewer. The factor is the number of independent comparisons that would be
    as likely to show a false difference, at the level of 1 - LEVEL.

    Args:
        values: Values of the runs, (runs, rows). The first run is the reference.
        chosen: Whether the reference is the run with the lowest mean, and not one named beforehand. Then it is
            chosen anew in every simulated study, because the luck of the choice makes others look worse.
    """
    runs, rows = values.shape
    if runs <= 2:
        return 1.0
    covariance = np.cov(values) / rows
    scales, directions = np.linalg.eigh(covariance)
    random = np.random.default_rng(0)
    means = random.standard_normal((SIMULATED, runs)) * np.sqrt(np.maximum(scales, 0)) @ directions.T
    means /= np.sqrt(random.chisquare(rows - 1, size=(SIMULATED, 1)) / (rows - 1))
    variances = np.diag(covariance)
    errors = np.sqrt(np.maximum(variances[:, None] + variances - 2 * covariance, 0))
    reference = means.argmin(axis=1) if chosen else np.zeros(SIMULATED, np.int64)
    apart = np.abs(means - means[np.arange(SIMULATED), reference][:, None])
    error = errors[reference]
    ratios = np.divide(apart, error, out=np.zeros_like(apart), where=error > 1e-12 * np.sqrt(variances.max()))
    largest = float(np.quantile(ratios.max(axis=1), LEVEL))
    return max((1 - LEVEL) / (2 * float(stdtr(rows - 1, -largest))), 1.0)


def seed_variance(losses: np.ndarray) -> float:
    """Return the variance of a run's mean of `losses` (seeds, rows) that is due to seeds; 0 for one seed.

    The seeds' means differ also because each seed suits other rows. The spread over rows includes that part
    already, so it is subtracted (two-way analysis of variance, as for readers and cases: Gallas 2006, Academic
    Radiology 13).
    """
    seeds, rows = losses.shape
    if seeds < 2:
        return 0.0
    of_seeds = losses.mean(axis=1)
    left = losses - of_seeds[:, None] - losses.mean(axis=0) + losses.mean()
    interaction = float((left**2).sum()) / ((seeds - 1) * (rows - 1))
    return max(float(of_seeds.var(ddof=1)) - interaction / rows, 0.0) / seeds


@dataclass(frozen=True, eq=False)
class CrossFitEstimate:
    """The candidate with the lowest mean loss, and its expected loss (or other score) on new rows.

    Attributes:
        best: Index of the candidate.
        naive: Its mean on the rows that chose it.
        corrected: Its expected mean on new rows, without the luck of the choice.
        error: Standard error of `corrected`.
        shares: How often each candidate was chosen on half of the rows, of shape (candidates,).
    """

    best: int
    naive: float
    corrected: float
    error: float
    shares: np.ndarray

    @property
    def optimism(self) -> float:
        """How far the naive mean is too low."""
        return self.corrected - self.naive

    @property
    def interval(self) -> tuple[float, float]:
        """Interval that covers the mean on new rows with the probability LEVEL."""
        reach = REACH * self.error
        return self.corrected - reach, self.corrected + reach


def cross_fit(
    losses: np.ndarray | Sequence[np.ndarray],
    scores: np.ndarray | Sequence[np.ndarray] | None = None,
    *,
    halvings: int = HALVINGS,
    seed: int = 0,
) -> CrossFitEstimate:
    """Return the best candidate's expected loss on new rows, corrected for its choice on these rows.

    One half of the rows chooses the candidate and the other half scores it, and the reverse. The result is the mean
    over random halvings. This is two-fold cross-fitting (Chernozhukov et al. 2018, The Econometrics Journal 21) of
    a choice among stored losses; Tsamardinos, Greasidou & Borboudakis (2018, Machine Learning 107) resample rows
    instead. Half of the rows choose a little worse than all do, so the remaining bias is on the safe side.

    The error is that of one halving: 0.99 to 1.34 times the true one in simulations, and up to 1.5 times for
    accuracies of runs that disagree. The error of losses averaged over halvings would be 0.78 to 0.99 times the
    true one, because it lacks the spread of the choice.

    Args:
        losses: Losses of shape (candidates, rows). Candidates are a run's epochs, several runs, or pairs of both.
            Those with a loss that isn't finite are never chosen.
        scores: Scores of the same shape. If given, the expected score of the candidate that the losses choose is
            returned: a choice by loss has some luck in accuracy too.
        halvings: Number of random halvings.
        seed: Seed of the halvings.

    Raises:
        UsageError: If no candidate is finite.
    """
    lines = list(losses)  # views: many epochs of many runs are never copied at once
    expected = lines if scores is None else list(scores)
    rows = len(lines[0])
    random = np.random.default_rng(seed)
    halves = np.stack([random.permutation(rows) < rows // 2 for _ in range(halvings)])
    halves = np.concatenate([halves, ~halves])
    whole, by_half = _sums(lines, halves)
    if not np.isfinite(whole).any():
        raise UsageError("no candidate has finite losses on all rows; leave out what diverged")
    picks = (by_half / halves.sum(axis=1)[:, None]).argmin(axis=1)
    scored = np.empty((halvings, rows))
    for index, (pick, half) in enumerate(zip(picks, halves, strict=True)):
        scored[index % halvings, ~half] = expected[pick][~half]
    best = int(whole.argmin())
    return CrossFitEstimate(
        best=best,
        naive=float(expected[best].mean(dtype=np.float64)),
        corrected=float(scored.mean()),
        error=float(np.sqrt(scored.var(axis=1, ddof=1).mean() / rows)),
        shares=np.bincount(picks, minlength=len(lines)) / len(picks),
    )


def _two_sided(ratio: float, rows: int, below: Callable[[float], float]) -> float:
    """Return the p-value of a difference's ratio to its standard error; `below` is the null distribution function.

    If a and b are equally good, they could be swapped in each row: 2**rows outcomes, two of them the most extreme.
    No paired test can have a smaller p-value. This matters if the differences of a few rows have no spread.
    """
    return max(2 * float(below(-abs(ratio))), 2.0 ** (1 - rows))


def _sums(lines: Sequence[np.ndarray], halves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each candidate's sum of losses: over all rows (candidates,), over each half (halves, candidates)."""
    of_all, of_halves = [], []
    for start in range(0, len(lines), CHUNK):
        chunk = np.stack(lines[start : start + CHUNK]).astype(np.float64)
        diverged = ~np.isfinite(chunk).all(axis=1)
        chunk[diverged] = 0.0  # 0 times infinity would spoil the product
        sums = halves.astype(np.float64) @ chunk.T
        sums[:, diverged] = np.inf
        of_halves.append(sums)
        of_all.append(np.where(diverged, np.inf, chunk.sum(axis=1)))
    return np.concatenate(of_all), np.concatenate(of_halves, axis=1)
