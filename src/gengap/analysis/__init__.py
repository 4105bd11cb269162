"""Conclusions from the finished trials of a study: one typed value that every renderer shows.

results -> effects of size, regularisers and training rows -> comparisons and ranks -> recommend
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gengap.analysis.effects import (
    RegularizerEffect,
    SizeAnalysis,
    analyse_regularizers,
    analyse_sizes,
    analyse_training_rows,
    clear_differences,
    separate,
    with_doubt,
)
from gengap.analysis.evaluation import compare_all_metrics
from gengap.analysis.growth import Finalist, analyse_finalists
from gengap.analysis.mixture import with_mixture
from gengap.analysis.recommend import (
    Recommendation,
    choose_model,
    expect,
    recommend,
    recommend_without_statements,
)
from gengap.analysis.results import TrialResults
from gengap.analysis.sampling import UnitSummary, analyse_units
from gengap.diagnose.verdict import Verdict
from gengap.stats.comparison import Comparison, Rank, compare, ranks
from gengap.stats.learning_curve import LearningCurveForecast


class BaselineResult(msgspec.Struct, frozen=True, kw_only=True):
    """Validation loss of a baseline or a mixture, and its accuracy or, for numbers, R², RMSE and MAE."""

    run: str
    loss: float
    accuracy: float | None = None
    r2: float | None = None
    rmse: float | None = None
    mae: float | None = None


class Conclusions(msgspec.Struct, frozen=True, kw_only=True):
    """Conclusions of a study.

    Attributes:
        baselines: Losses of models without epochs.
        mixtures: Losses of weighted means of several models.
        sizes: Which size is enough.
        regularizers: Effect of each regulariser.
        more_rows: Forecast of the loss with more training rows.
        ranks: All runs by loss, in groups that are statistically tied. A run that another comparison shows to be
            worse than a run of the first group is not in it.
        comparisons: Every run on all training rows, baselines included, compared with the best.
        baseline_comparisons: Each baseline compared with the best network, by loss.
        cross_validation: Losses of the cross-validated runs, the lowest first.
        recommendation: The model to use, and why.
        units: Groups or blocks of time of the validation rows, and how many independent rows they count as.
    """

    baselines: tuple[BaselineResult, ...] = ()
    mixtures: tuple[BaselineResult, ...] = ()
    sizes: SizeAnalysis | None = None
    regularizers: tuple[RegularizerEffect, ...] = ()
    more_rows: LearningCurveForecast | None = None
    ranks: tuple[Rank, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    baseline_comparisons: tuple[Comparison, ...] = ()
    cross_validation: tuple[Finalist, ...] = ()
    recommendation: Recommendation | None = None
    units: UnitSummary | None = None


def conclude(
    results: TrialResults, features: int, counts: Mapping[str, int], verdicts: Mapping[str, Verdict]
) -> Conclusions:
    """Return all conclusions that the results allow."""
    results = with_mixture(results)
    names = [*results.full_runs, *results.baselines, *results.mixtures]
    losses = {run: results.losses(run) for run in names}
    if results.refused:
        return Conclusions(
            baselines=tuple(_scored(results, run) for run in results.baselines),
            recommendation=recommend_without_statements(results),
            units=analyse_units(results),
        )
    sizes, effects = analyse_sizes(results, features), analyse_regularizers(results)
    chosen = choose_model(results, features)
    expected = expect(results, chosen.run, chosen.seed, counts["test"]) if chosen is not None else None
    more_rows = analyse_training_rows(results, counts["train"], expected and expected.loss[1])
    recommendation = None
    if chosen is not None and expected is not None:
        recommendation = recommend(results, chosen, expected, sizes, effects, verdicts, more_rows)
    outputs = {run: results.outputs(run) for run in names}
    baselines = _compare_baselines(results)
    ranked = ranks(losses) if len(names) > 1 else ()
    ranked = separate(ranked, clear_differences(effects, baselines, results.full_runs))
    return Conclusions(
        baselines=tuple(_scored(results, run) for run in results.baselines),
        mixtures=tuple(_scored(results, run) for run in results.mixtures),
        sizes=with_doubt(sizes, ranked),
        regularizers=effects,
        more_rows=more_rows,
        ranks=ranked,
        comparisons=compare_all_metrics(losses, outputs, results.y, results.task, results.weights, results.units),
        baseline_comparisons=baselines,
        cross_validation=analyse_finalists(results),
        recommendation=recommendation,
        units=analyse_units(results),
    )


def _compare_baselines(results: TrialResults) -> tuple[Comparison, ...]:
    """Compare each baseline with the best network; other networks change nothing unless they are better."""
    runs = [*results.ranked[:1], *results.baselines]
    if len(runs) < 2 or not results.ranked:
        return ()
    losses = {run: results.losses(run) for run in runs}
    return compare(losses, against=runs[0], loss=results.task.loss)


def _scored(results: TrialResults, run: str) -> BaselineResult:
    """Return the scores of a baseline or a mixture on the validation rows."""
    scores = results.task.scores(results.outputs(run)[0], results.y, results.weights)
    loss = scores[results.task.loss]
    named = {name: scores.get(name) for name in ("accuracy", "r2", "rmse", "mae")}
    return BaselineResult(run=run, loss=loss, **named)
