"""The epoch that a trial ends with: the best one with all its state, or the one that diverged. On every trainer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trainer_table as table

from gengap.data.rows import Rows
from gengap.models import BatchNorm
from gengap.plan import Recipe, Trial
from gengap.train.recipe import Constant
from gengap.train.stopping import Stopping
from gengap.train.types import TrainConfig

LOSS = "binary_crossentropy"
NORMED = Trial(run="a/normed", units=(16,), treatments=(BatchNorm(),))
RECIPE = Recipe(max_epochs=40, schedule=Constant(0.01))


@pytest.mark.parametrize("trainer", table.TRAINERS)
def test_the_best_epoch_is_put_back_with_its_moving_statistics(trainer: str, rows: tuple[Rows, Rows]) -> None:
    model = NORMED.build(28, 6, RECIPE, 0)
    fitted = table.TRAINERS[trainer](model, *rows, TrainConfig(epochs=40, batch=55, stopping=Stopping(patience=12)))
    validation = fitted.history["validation", LOSS].values
    assert fitted.stopped == "patience" and validation[-1] > 1.05 * validation.min(), "it turns"
    assert fitted.best_epoch == validation.argmin()
    again = model.evaluate(rows[1].x, rows[1].y[:, None], verbose=0, return_dict=True)
    assert again[LOSS] == pytest.approx(validation.min(), rel=1e-5)


@pytest.mark.parametrize("trainer", table.TRAINERS)
@pytest.mark.parametrize("split", ["train", "validation"])
def test_rows_of_either_split_end_a_trial_that_they_make_diverge(
    trainer: str, split: str, rows: tuple[Rows, Rows]
) -> None:
    """One row so large that the model can't answer it: while it trains, or only where it validates."""
    at = ("train", "validation").index(split)
    x = rows[at].x.copy()
    x[7] = np.nan
    given = (replace(rows[0], x=x), rows[1]) if split == "train" else (rows[0], replace(rows[1], x=x))
    fitted = table.TRAINERS[trainer](table.make("Tiny"), *given, TrainConfig(epochs=9, batch=55))
    assert (fitted.stopped, fitted.history.epochs) == ("diverged", 1)
    assert np.isfinite(fitted.history["train", "loss"].values).all() == (split == "validation")
