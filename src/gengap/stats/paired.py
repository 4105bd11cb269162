"""Models on the same rows: plain paired statistics of arrays. Nothing here knows what a run or a study is.

The same rows are hard for both models, and that luck of the draw cancels in the differences from row to row. So all
of it works on those differences, and what it says is about these trained models on new rows like these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit  # the normal and Student distributions and their quantiles
from scipy.stats import binomtest

from gengap.errors import UsageError
from gengap.stats.weighted import linearise

LEVEL = 0.9  # the probability that intervals cover
REACH = float(ndtri((1 + LEVEL) / 2))  # in standard errors, of a normal one
DRAWS = 2_000  # of the bootstrap
BLOCK = 1 << 20  # counts held at a time by the bootstrap: 8 MB
HALVINGS = 20  # of the rows: their luck then moves a corrected loss by a tenth of its standard error
CHUNK = 64  # candidates whose losses are held as double precision at a time


def bootstrap_means(values: np.ndarray, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """The means (draws, k) of `values` (k, rows) over rows drawn again with replacement (Efron 1979).

    All k share each draw's rows, so that they stay paired. How often each row is drawn is multinomial; counting
    uniform indices gives the same counts as `Generator.multinomial`, ten times as fast.
    """
    random = np.random.default_rng(seed)
    rows, found = values.shape[1], []
    step = max(BLOCK // rows, 1)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        drawn = random.integers(rows, size=(size, rows)) + rows * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows)
        found.append(times.astype(np.float64) @ values.T / rows)
    return np.concatenate(found)


def bootstrap_interval(means: np.ndarray, rows: int) -> tuple[float, float]:
    """The expanded percentile interval from one statistic's bootstrap `means` (draws,) over so many rows.

    The plain percentile interval is too narrow by sqrt((rows - 1) / rows) and by the normal quantile in place of
    Student's; asking for wider percentiles mends both (Hesterberg 2015, "What teachers should know about the
    bootstrap", The American Statistician 69(4)). Above some hundred rows it makes no difference. It covers at its
    level from 200 rows on; of 50 rows whose differences have a skewness of 2.9, in 0.88 of samples.
    """
    quantile = np.sqrt(rows / (rows - 1)) * stdtrit(rows - 1, (1 + LEVEL) / 2)
    low, high = np.quantile(means, [ndtr(-quantile), ndtr(quantile)])
    return float(low), float(high)


def paired_t(differences: np.ndarray) -> float:
    """The two-sided p-value of a paired t-test that the mean of `differences` (rows,) is 0; 1 if all are 0.

    The less sure of Student's t and Hall's transformation of it, which takes out the skewness (1992, Journal of the
    Royal Statistical Society B 54(1)). Where one run is bold and the other cautious, few rows differ hugely: at a
    level of 1%, Student's t then errs in 4.1% of samples of 50 rows (1.9% of 200), the other in 0.5% (0.7%).
    Hall's alone errs too often where few rows differ at all. Not the bootstrap: 2,000 draws can't tell a p-value
    below 0.0005, where a correction for many comparisons needs it.
    """
    rows, mean, deviation = len(differences), float(differences.mean()), float(differences.std(ddof=1))
    if deviation == 0:
        return _two_sided(np.inf if mean else 0.0, rows, ndtr)
    ratio = mean / deviation
    skewness = float((((differences - mean) / deviation) ** 3).mean())
    straight = ratio + skewness * ratio**2 / 3 + skewness**2 * ratio**3 / 27 + skewness / (6 * rows)
    return _two_sided(min(abs(ratio), abs(straight)) * rows**0.5, rows, lambda z: stdtr(rows - 1, z))


def mcnemar(a: np.ndarray, b: np.ndarray) -> float:
    """The exact two-sided p-value of McNemar's test (1947, Psychometrika 12) that a and b are as often right.

    `a` and `b` (rows,) say which rows each model gets right. Only rows on which just one is right speak: each is a
    fair coin's throw if the models are equally good. Without any, p is 1.
    """
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


@dataclass(frozen=True, eq=False)
class AucComponents:
    """An area under the ROC curve (AUC), taken apart by row: DeLong's structural components.

    `positives` and `negatives` hold, for each row of that label, the share of the rows of the other label against
    which it is ranked rightly, ties counting half. The mean of either is the area.
    """

    positives: np.ndarray
    negatives: np.ndarray

    @property
    def area(self) -> float:
        """The area itself."""
        return float(self.positives.mean())


def auc_components(scores: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> AucComponents:
    """The parts of the mean over seeds of each seed's AUC, from `scores` (seeds, rows) and labels `y` (rows,).

    The mean of areas is again a mean over pairs of rows, whose components are the means of the seeds' components;
    so DeLong's theory holds for it as for one model. Averaging scores instead would judge an ensemble, which is not
    what is kept. With `weights` (rows,) a pair counts by the product of its rows' weights, and the components are
    `linearise`. In n log n (as Sun & Xu 2014, IEEE Signal Processing Letters 21(11)).
    """
    positive = y == 1
    of_positives, of_negatives = (None if weights is None else weights[of] for of in (positive, ~positive))
    above = [_below(each[positive], each[~positive], of_negatives) for each in scores]
    below = [1 - _below(each[~positive], each[positive], of_positives) for each in scores]
    return AucComponents(
        linearise(np.mean(above, axis=0), of_positives), linearise(np.mean(below, axis=0), of_negatives)
    )


def _below(scores: np.ndarray, others: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The share of the `others` (by weight) that score below each of `scores`, ties counting half."""
    order = np.argsort(others)
    first, last = (np.searchsorted(others[order], scores, side) for side in ("left", "right"))
    sums = np.arange(len(others) + 1) if weights is None else np.cumsum([0.0, *weights[order]])
    return (sums[first] + sums[last]) / (2 * sums[-1])


def delong(a: AucComponents, b: AucComponents) -> tuple[float, tuple[float, float], float]:
    """The difference a - b of two AUCs on the same rows, its interval, and the two-sided p-value that it is 0.

    DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44(3): the difference is normal, and its variance is that of
    the components' differences over the positive rows plus that over the negative ones. Needs two rows of each.
    """
    positives, negatives = a.positives - b.positives, a.negatives - b.negatives
    difference = a.area - b.area
    error = float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in (positives, negatives))))
    reach = REACH * error
    ratio = difference / error if error > 0 else np.inf if difference else 0.0
    p_value = _two_sided(ratio, len(positives) + len(negatives), ndtr)
    return difference, (difference - reach, difference + reach), p_value


def holm(p_values: Sequence[float] | np.ndarray, family: int | None = None) -> np.ndarray:
    """The p-values (k,) adjusted for being several: the chance of any false alarm among them stays below the level.

    Holm (1979), Scandinavian Journal of Statistics 6(2): the i-th smallest of `family` many is multiplied by
    family + 1 - i, and none ends below a smaller one. `family` (default: k) is more than k where these k were
    picked after seeing all; whatever the others are, nothing ends below what correcting all of them would give.
    Raises UsageError for a family of fewer than k, and for what is no probability.
    """
    values = np.asarray(p_values, dtype=np.float64)
    family = len(values) if family is None else family
    if family < len(values):
        raise UsageError(f"{len(values)} p-values are in a family of {family}; expected a family of them all")
    if not ((values >= 0) & (values <= 1)).all():
        raise UsageError(f"the p-values to adjust are {values.tolist()}; expected numbers from 0 to 1")
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * (family - np.arange(len(values))))
    return np.minimum(adjusted, 1.0)


def seed_variance(losses: np.ndarray) -> float:
    """How much of the variance of a run's mean of `losses` (seeds, rows) is the seeds' own; 0 for one seed.

    The seeds' means also differ because each seed suits other rows; that part is in the spread over rows already
    and comes off here (two-way analysis of variance, as for readers and cases: Gallas 2006, Academic Radiology 13).
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
    """The candidate with the lowest mean loss, and what its loss, or other score, will be on new rows.

    `best` is its index, `naive` its mean on the rows it was picked on. `corrected` is free of the pick's luck, with
    its standard `error`. `shares` (candidates,) says how often the pick on half the rows fell on each.
    """

    best: int
    naive: float
    corrected: float
    error: float
    shares: np.ndarray

    @property
    def optimism(self) -> float:
        """By how much the naive mean is too low."""
        return self.corrected - self.naive

    @property
    def interval(self) -> tuple[float, float]:
        """Where the mean on new rows is, with the probability LEVEL: normal, as a mean over rows."""
        reach = REACH * self.error
        return self.corrected - reach, self.corrected + reach


def cross_fitted(
    losses: np.ndarray | Sequence[np.ndarray],
    scores: np.ndarray | Sequence[np.ndarray] | None = None,
    *,
    halvings: int = HALVINGS,
    seed: int = 0,
) -> CrossFitEstimate:
    """The best candidate's expected loss on new rows, corrected for having been picked as the best on these.

    `losses` (candidates, rows): candidates are a run's epochs, several runs, or pairs of both. One half of the rows
    picks the candidate, which the other half scores, and the reverse; averaged over `halvings` random halvings.
    With `scores` (candidates, rows) these are what is expected, of the candidate that the losses pick: who picks by
    the loss has luck in the accuracy too, if less.
    That is two-fold cross-fitting (Chernozhukov et al. 2018, The Econometrics Journal 21) of a pick among stored
    losses, where Tsamardinos, Greasidou & Borboudakis (2018, Machine Learning 107) draw rows with replacement. Half
    the rows pick a little worse than all do, so what bias is left is to the safe side. The error is that of one
    halving: 0.99 to 1.34 times the true one in simulations, where that of losses averaged over halvings is 0.78 to
    0.99 times it, for want of the pick's own spread; of accuracies up to 1.5 times, where runs disagree. Candidates
    with a loss that isn't finite are never picked.
    Raises UsageError.
    """
    lines = list(losses)  # views, so that many epochs of many runs are never copied at once
    expected = lines if scores is None else list(scores)
    rows = _rows_of(lines)
    if (got := list(map(np.shape, expected))) != [(rows,)] * len(lines):
        raise UsageError(f"the scores have the shapes {sorted(set(got))}, {len(got)} in all; expected one a loss")
    if halvings < 1:
        raise UsageError(f"halvings is {halvings}; expected at least 1")
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
    """The p-value of a difference's ratio to its standard error, with the null distribution function `below`.

    Were a and b equally good, each row could as well have them swapped: 2**rows outcomes, two of which are the most
    extreme. No paired test is surer than that; it matters where differences of few rows have no spread.
    """
    return max(2 * float(below(-abs(ratio))), 2.0 ** (1 - rows))


def _sums(lines: Sequence[np.ndarray], halves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each candidate's sum of losses over all rows (candidates,) and over each half (halves, candidates)."""
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


def _rows_of(lines: Sequence[np.ndarray]) -> int:
    shapes = {np.shape(line) for line in lines}
    shape = next(iter(shapes), ())
    if len(shapes) != 1 or len(shape) != 1 or shape[0] < 4:
        raise UsageError(
            f"the candidates' losses have the shapes {sorted(shapes)}; expected at least one candidate, each with "
            "one loss a row, of at least four rows"
        )
    return shape[0]
