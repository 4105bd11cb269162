"""What size, regularisers and training rows change, found by comparing trials on the same validation rows.

Sizes are tried from small to large, until larger ones bring nothing. A run's own curves show whether more epochs
would help, not that it is too small or regularised too much: other runs show that.

A model that is clearly worse than one of the tied models is not called tied itself. The tie with the best model is
corrected for all comparisons with it. Regularisers are compared with one model without them, and baselines with the
best network. These are fewer comparisons, so they may show a difference that the tie does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np

from gengap.analysis.results import Interval, TrialResults
from gengap.diagnose.findings import too_little_capacity, too_much_regularisation
from gengap.diagnose.verdict import Finding, Thresholds
from gengap.models.treatments import AnyTreatment
from gengap.plan import REGULARIZERS, ROWS
from gengap.stats.comparison import LEVEL, Comparison, Rank, choose_within_one_error, compare
from gengap.stats.learning_curve import LearningCurve, LearningCurveForecast, extrapolate
from gengap.text.catalog import Message

BEYOND = 1  # sizes to try after the first that brought nothing
FEWEST_SIZES = 4  # to try in any case: fewer points are no curve
LAST = "last epoch"  # the other side of the comparison of early stopping
TIMES = (2.0, 4.0, 10.0)  # forecasts are for these multiples of the training rows

EffectKind = Literal["treatment", "early-stopping", "smaller-model"]
Pair = tuple[str, str]  # the better run, the worse run


class SizeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Losses of one size at its best epochs, as (low, middle, high), with the mean over seeds in the middle.

    Attributes:
        train: Training loss; the interval is the range over seeds.
        validation: Validation loss; the interval (90%) is for new rows.
    """

    run: str
    parameters: int
    train: Interval
    validation: Interval


class SizeAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """Which size is enough.

    Attributes:
        results: The sizes, from small to large.
        smallest: The smallest run within one standard error of the best.
        still_improving: Whether the largest size is better than every smaller one by more than one standard error.
    """

    results: tuple[SizeResult, ...]
    smallest: str
    best: str
    still_improving: bool
    finding: Message


class RegularizerEffect(msgspec.Struct, frozen=True, kw_only=True):
    """Effect of a treatment: a model compared with one without it, on the same validation rows.

    Attributes:
        against: Run that it is compared with.
        kind: "treatment"; "early-stopping": the best epoch of `against` compared with its last epoch; or
            "smaller-model": a smaller model without treatments.
        treatment: Names of the treatments.
        loss: Validation loss, `run` minus `against`: negative is better.
        gap: Validation loss minus training loss at the best epoch.
        gap_without: The same of `against`.
        seconds: Training time of `run`.
        cost: Training time as a multiple of that of `against`.
    """

    run: str
    against: str
    kind: EffectKind
    treatment: str = ""
    treatments: tuple[AnyTreatment, ...] = ()
    loss: Comparison
    gap: float
    gap_without: float
    seconds: float
    cost: float


def should_try_larger(results: TrialResults, tried: Sequence[str]) -> bool:
    """Return whether to try the next size.

    Yes while fewer than FEWEST_SIZES were tried, and until the last BEYOND + 1 sizes brought nothing: the
    one-standard-error rule chooses a smaller one. A size that diverged brought nothing. `tried` are the runs of the
    sizes so far, from small to large.
    """

    def improves(runs: Sequence[str]) -> bool:
        finite = [run for run in runs if run in results.runs]
        if len(finite) < 2 or finite[-1] != runs[-1]:
            return False
        return choose_within_one_error({run: results.losses(run) for run in finite}, finite).run == runs[-1]

    few = len(tried) < FEWEST_SIZES
    return few or any(improves(tried[:count]) for count in range(len(tried) - BEYOND, len(tried) + 1))


def analyse_sizes(results: TrialResults, features: int) -> SizeAnalysis | None:
    """Return which size is enough; None for fewer than two sizes."""
    order = results.sizes(features)
    if len(order) < 2:
        return None
    sizes = {run: _size_result(results, run, features) for run in order}
    choice = choose_within_one_error({run: results.losses(run) for run in order}, order)
    still_improving = choice.run == order[-1]
    values: dict[str, object] = {"run": choice.run, "parameters": sizes[choice.run].parameters}
    if still_improving:
        code = "conclusion-size-growing"
    elif choice.run == choice.best:
        code = "conclusion-size-best"
        values |= {"smaller": choice.run != order[0]}
    else:
        code = "conclusion-size-smallest"
        values |= {"best": choice.best, "best_parameters": sizes[choice.best].parameters}
        values |= {"difference": choice.difference, "error": choice.error}
    return SizeAnalysis(
        results=tuple(sizes.values()),
        smallest=choice.run,
        best=choice.best,
        still_improving=still_improving,
        finding=Message(code, values),
    )


def _size_result(results: TrialResults, run: str, features: int) -> SizeResult:
    train = results.train_loss(run)
    return SizeResult(
        run=run,
        parameters=results.parameters(run, features),
        train=(float(train.min()), float(train.mean()), float(train.max())),
        validation=results.mean_interval(results.losses(run).mean(axis=0)),
    )


def analyse_regularizers(results: TrialResults) -> tuple[RegularizerEffect, ...]:
    """Compare treated runs, and smaller models, with the untreated run of the size that most treated runs have."""
    treated_sizes = [results.trials[run].size for run in results.of_group(REGULARIZERS)]
    counts = {size: treated_sizes.count(size) for size in results.untreated if size in treated_sizes}
    if not counts:
        return ()
    size = max(counts, key=lambda each: counts[each])
    base = results.untreated[size]
    treated = [run for run in results.full_runs if run != base and results.trials[run].size == size]
    smaller = [
        run
        for run in results.full_runs
        if not results.trials[run].treatments and results.parameters(run, 1) < results.parameters(base, 1)
    ]
    losses = {run: results.losses(run) for run in (base, *treated, *smaller)}
    found = {each.a: each for each in compare(losses, against=base, loss=results.task.loss)}
    effects = (_effect(results, run, base, found[run]) for run in (*treated, *smaller))
    return (*_early_stopping(results, base), *effects)


def _effect(results: TrialResults, run: str, base: str, loss: Comparison) -> RegularizerEffect:
    treatments, seconds = results.trials[run].treatments, results.seconds(run)
    return RegularizerEffect(
        run=run,
        against=base,
        kind="treatment" if treatments else "smaller-model",
        treatment=" + ".join(map(str, treatments)),
        treatments=treatments,
        loss=loss,
        gap=results.gap(run),
        gap_without=results.gap(base),
        seconds=seconds,
        cost=seconds / max(results.seconds(base), 1e-9),
    )


def _early_stopping(results: TrialResults, base: str) -> tuple[RegularizerEffect, ...]:
    """Return the effect of early stopping: the untreated model at its best epoch against its last."""
    seeds = results.seeds(base)
    last = np.stack([results.epoch_losses(base, seed)[-1] for seed in seeds])
    if not np.isfinite(last).all():
        return ()
    (loss,) = compare({base: results.losses(base), LAST: last}, against=LAST, loss=results.task.loss)
    train = [results.trained[base, seed].history[results.clean_loss_key].values[-1] for seed in seeds]
    effect = RegularizerEffect(
        run=base,
        against=base,
        kind="early-stopping",
        loss=msgspec.structs.replace(loss, b=base),
        gap=results.gap(base),
        gap_without=float(last.mean() - np.mean(train)),
        seconds=results.seconds(base),
        cost=1.0,
    )
    return (effect,)


def analyse_training_rows(
    results: TrialResults, train_rows: int, expected: float | None = None
) -> LearningCurveForecast | None:
    """Return the learning curve of the best run and forecasts for more rows; None if no run had fewer rows.

    The loss of a row is taken at the epoch that other rows choose, so that the choice makes no size look better.
    The curve is scaled to end at the `expected` loss of the recommended model on new rows, so that forecasts and
    the expected loss have one base: only the shape is measured on the validation rows.
    """
    parts = results.of_group(ROWS)
    if not results.ranked or not parts:
        return None
    rows = {run: round(results.trials[run].share * train_rows) for run in (*parts, results.ranked[0])}
    order = sorted(rows, key=lambda run: rows[run])
    losses = [results.cross_fit_losses(run) for run in order]
    present = float(losses[-1].mean())
    if expected is not None and expected > 0 and 0 < present < np.inf:
        losses = [each * (expected / present) for each in losses]
    return extrapolate(LearningCurve(np.array([rows[run] for run in order]), losses), TIMES)


def cross_trial_findings(results: TrialResults, features: int) -> dict[str, Finding]:
    """Return findings by run: other runs show that it is too small, or regularised too much."""
    found: dict[str, Finding] = {}
    order = results.sizes(features)
    for i, run in enumerate(order):
        if (lower := _much_lower(results, run, order[i + 1 :])) is not None:
            found[run] = too_little_capacity(*lower)
    treated = [run for run in results.full_runs if results.trials[run].treatments]
    for run in treated:
        plain = results.untreated.get(results.trials[run].size)
        if plain and (lower := _much_lower(results, run, [plain])) is not None:
            found[run] = too_much_regularisation(*lower)
    return found


def _much_lower(results: TrialResults, run: str, others: Sequence[str]) -> tuple[str, Interval] | None:
    """Return the best other run, and by how many percent its loss is lower, if that matters and is not chance.

    The correction is for all other runs, because the best was chosen among them.
    """
    if not others:
        return None
    losses = {each: results.losses(each) for each in (run, *others)}
    best = min(compare(losses, against=run), key=lambda each: each.difference)
    mean = float(np.mean(losses[run]))
    if best.adjusted >= 0.1 or -best.difference < Thresholds().min_effect * mean:
        return None
    return best.a, (-100 * best.interval[1] / mean, -100 * best.difference / mean, -100 * best.interval[0] / mean)


def clear_differences(
    effects: Iterable[RegularizerEffect], baselines: Iterable[Comparison], networks: Sequence[str]
) -> Iterator[Pair]:
    """Yield the pairs of runs that a comparison shows to differ.

    Args:
        effects: Effects of regularisers.
        baselines: Each baseline compared with the best network.
        networks: All networks: a baseline that is better than the best one is better than each.
    """
    for effect in effects:
        if effect.kind != "early-stopping" and effect.loss.adjusted < 1 - LEVEL:
            run, base = effect.run, effect.against
            yield (run, base) if effect.loss.difference < 0 else (base, run)
    for found in baselines:
        if found.adjusted < 1 - LEVEL:
            yield from ((found.a, each) for each in networks) if found.difference < 0 else ((found.b, found.a),)


def separate(ranks: Sequence[Rank], clear: Iterable[Pair]) -> tuple[Rank, ...]:
    """Return the ranks with runs that are clearly worse than a tied one in a group of their own, behind the tie."""
    tied = {rank.run for rank in ranks if rank.group == 1}
    worse = {run for better, run in clear if better in tied and run in tied} - {rank.run for rank in ranks[:1]}
    if not worse:
        return tuple(ranks)
    return tuple(
        msgspec.structs.replace(rank, group=rank.group + (rank.group > 1 or rank.run in worse)) for rank in ranks
    )


def with_doubt(sizes: SizeAnalysis | None, ranks: Iterable[Rank]) -> SizeAnalysis | None:
    """Return the analysis of sizes, which says if the largest is not clearly better than all smaller ones."""
    if sizes is None or not sizes.still_improving:
        return sizes
    tied = {rank.run for rank in ranks if rank.group == 1}
    *smaller, largest = (size.run for size in sizes.results)
    near = tuple(run for run in smaller if run in tied)
    if largest not in tied or not near:
        return sizes
    values = {**sizes.finding.parameters, "near": near}
    return msgspec.structs.replace(sizes, finding=Message("conclusion-size-growing-unsure", values))
