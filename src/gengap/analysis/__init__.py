"""What a study concludes from its trials: one typed value, computed once, that every renderer shows.

outcomes -> sizes, regularizers, more_rows -> comparisons and ranks -> recommend
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gengap.analysis.evaluation import compared
from gengap.analysis.finalists import Finalist, judge_finalists
from gengap.analysis.recommend import Recommendation, recommend
from gengap.analysis.regularizers import RegularizerEffect, judge_regularizers
from gengap.analysis.results import TrialResults
from gengap.analysis.sizes import SizeAnalysis, judge_sizes
from gengap.analysis.training_rows import judge_training_rows, next_step
from gengap.diagnose.verdict import Verdict
from gengap.stats.comparison import Comparison, Rank, ranks
from gengap.stats.learning_curve import LearningCurveForecast


class BaselineResult(msgspec.Struct, frozen=True, kw_only=True):
    """A baseline's loss on the validation rows, and its accuracy or, of numbers, R²."""

    run: str
    loss: float
    accuracy: float | None = None
    r2: float | None = None


class Conclusions(msgspec.Struct, frozen=True, kw_only=True):
    """A study's answers. `comparisons` are of every run on all training rows with the best, baselines included."""

    baselines: tuple[BaselineResult, ...] = ()
    sizes: SizeAnalysis | None = None
    regularizers: tuple[RegularizerEffect, ...] = ()
    more_rows: LearningCurveForecast | None = None
    ranks: tuple[Rank, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    cross_validation: tuple[Finalist, ...] = ()
    recommendation: Recommendation | None = None


def conclude(
    outcomes: TrialResults, features: int, counts: Mapping[str, int], verdicts: Mapping[str, Verdict]
) -> Conclusions:
    """All answers that the outcomes allow; `counts` are the rows of each split."""
    names = [*outcomes.whole, *outcomes.baselines]
    losses = {run: outcomes.losses(run) for run in names}
    sizes, effects = judge_sizes(outcomes, features), judge_regularizers(outcomes)
    more_rows = judge_training_rows(outcomes, counts["train"])
    steps = next_step(more_rows)
    return Conclusions(
        baselines=tuple(_baseline(outcomes, run) for run in outcomes.baselines),
        sizes=sizes,
        regularizers=effects,
        more_rows=more_rows,
        ranks=ranks(losses) if len(names) > 1 else (),
        comparisons=compared(
            losses, {run: outcomes.outputs(run) for run in names}, outcomes.y, outcomes.task, outcomes.weights
        ),
        cross_validation=judge_finalists(outcomes),
        recommendation=recommend(outcomes, features, counts["test"], sizes, effects, verdicts, steps),
    )


def _baseline(outcomes: TrialResults, run: str) -> BaselineResult:
    found = outcomes.task.scores(outcomes.outputs(run)[0], outcomes.y, outcomes.weights)
    loss = found[outcomes.task.loss]
    return BaselineResult(run=run, loss=loss, accuracy=found.get("accuracy"), r2=found.get("r2"))
