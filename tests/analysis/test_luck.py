"""A model that was picked looks better on those rows than it is: by how much, on losses whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analysis.losses_made import exponential, fitted, made
from analysis.outcomes_made import HARDNESS, ROWS, Y, outcomes

from gengap.analysis import Conclusions, conclude
from gengap.analysis.results import OutOfFoldLosses, TrialResults
from gengap.data.rows import Rows
from gengap.plan import Trial
from gengap.study.cross_validation import out_of_fold
from gengap.tasks import BINARY


def concluded(found: TrialResults) -> Conclusions:
    return conclude(found, 28, {"train": 1_000, "validation": ROWS, "test": 0}, {})


@pytest.fixture(scope="module")
def thirty() -> tuple[TrialResults, Conclusions]:
    """Models that are equal but for what each makes of these rows."""
    found = outcomes([(Trial(run=f"sizes/{n}", units=(n,)), (0.5,)) for n in range(1, 31)], seeds=1)
    lucky = np.random.default_rng(31)
    for each in found.trained.values():
        each.outputs[0, :, 0] = 2 * Y - 1 + 2 * HARDNESS + 1.5 * lucky.normal(size=ROWS)
    return found, concluded(found)


def test_the_expected_loss_is_free_of_the_luck_of_the_pick(thirty: tuple[TrialResults, Conclusions]) -> None:
    found, kept = thirty[0], thirty[1].recommendation
    assert kept is not None
    truth = np.mean([found.losses(run) for run in found.trials])
    picked = found.losses(kept.run).mean()
    low, middle, high = kept.expected.bounded_loss
    assert kept.expected.selection_loss == pytest.approx(picked) and picked < 0.96 * truth, "the pick was lucky"
    assert abs(middle - truth) < 0.5 * (truth - picked)
    assert low < truth < high


def test_the_expected_loss_is_as_unsure_as_the_pick_was() -> None:
    """The model kept has nearly the same loss on all rows; half of them would have picked one of the bold ones."""
    random = np.random.default_rng(0)
    cautious = exponential(random, 0.02, 1, ROWS) + 0.38
    bold = {f"sizes/bold{at}": exponential(random, 0.4, 1, ROWS) for at in range(10)}
    bold = {run: [each * cautious.mean() * 1.002 / each.mean()] for run, each in bold.items()}
    alone = concluded(made({"sizes/cautious": [cautious]})).recommendation
    among = concluded(made({"sizes/cautious": [cautious], **bold})).recommendation
    assert alone is not None and among is not None and alone.run == among.run == "sizes/cautious"
    own = 2 * 1.645 * cautious.std() / np.sqrt(ROWS)
    assert np.ptp(alone.expected.bounded_loss) == pytest.approx(own, rel=0.01)
    assert np.ptp(among.expected.bounded_loss) > 5 * own


def test_the_seed_that_is_kept_is_the_best_of_its_run() -> None:
    random = np.random.default_rng(0)
    levels = (0.5, 0.4, 0.45)
    kept = concluded(made({"sizes/one": [exponential(random, level, 1, ROWS) for level in levels]})).recommendation
    assert kept is not None and kept.seed == 1


def test_finalists_are_pooled_at_epochs_that_other_rows_picked() -> None:
    """Forty epochs that are equal but for chance: the best of them on these rows is no better than the others."""
    random = np.random.default_rng(1)
    found = made({run: [exponential(random, 0.5, 40, ROWS)] for run in ("sizes/a", "sizes/b")})
    folds = {run: OutOfFoldLosses(np.full(4, 0.5), np.zeros(4)) for run in found.trials}
    for each in concluded(replace(found, out_of_fold=folds)).cross_validation:
        lines = found.epoch_losses(each.run, 0)
        luck = lines.mean() - lines.mean(axis=1).min()
        assert luck > 0.02, "one epoch was lucky"
        assert abs(each.loss[1] - 0.5) < 0.5 * luck


def test_folds_are_scored_at_epochs_that_other_rows_picked() -> None:
    random = np.random.default_rng(2)
    trial, rows = fitted("sizes/a", 0, exponential(random, 0.6, 40, ROWS)), Rows(np.zeros((ROWS, 1)), Y)
    losses, wrong, *_ = out_of_fold(trial, rows, BINARY)
    of_epochs = BINARY.row_losses(trial.outputs, Y)
    luck = of_epochs.mean() - of_epochs.mean(axis=1).min()
    assert luck > 0.02 and abs(losses.mean() - of_epochs.mean()) < 0.5 * luck
    assert wrong.mean() == pytest.approx((of_epochs > np.log(2)).mean(), abs=0.03)


def test_the_gap_is_how_far_validation_is_above_training() -> None:
    random = np.random.default_rng(0)
    found = made({"sizes/a": [exponential(random, 0.5, 3, ROWS)]}, train=0.3)
    best = found.epoch_losses("sizes/a", 0).mean(axis=1).min()
    assert found.gap("sizes/a") == pytest.approx(best - 0.3) and best > 0.4
