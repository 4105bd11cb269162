"""A whole study whose truth is known, and whose trials all turn: each is best well before its last epoch.

A trial that is best at its last epoch can't show whether anything was taken at the best one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gengap
from gengap.models import BatchNorm
from gengap.models.backend import keras
from gengap.models.predictor import load_predictor
from gengap.plan import Plan, Recipe, Trial
from gengap.study import Study
from gengap.study.scheduler import Scheduler
from gengap.train.recipe import Constant
from gengap.train.stopping import Stopping

LOSS = "binary_crossentropy"
NOISE = 0.8
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(550, 20)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] + NOISE * RANDOM.logistic(size=len(X)) > 0).astype(np.float64)
PLAN = Plan(
    name="turning",
    trials=(
        Trial(run="sizes/Wide", units=(32,)),
        Trial(run="regularizers/normed", units=(32,), treatments=(BatchNorm(),)),
    ),
    recipe=Recipe(batch=50, max_epochs=60, schedule=Constant(0.003), stopping=Stopping(patience=20)),
)


@pytest.fixture(scope="module")
def turning(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Without saved baselines, so that a network is recommended, and no mean of several models."""
    rows: dict[str, Any] = {"train": 300, "validation": 150, "test": 100}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scheduler, "savable_baselines", ())
        found = gengap.study((X, Y), PLAN, **rows, seeds=3, out=tmp_path_factory.mktemp("turning") / "here")
    for trial in found.trials:
        assert trial.best_epoch is not None and 1 < trial.best_epoch < trial.epochs - 5, "the trial doesn't turn"
    return found


def truth(x: np.ndarray) -> np.ndarray:
    """The probability of class 1, of which nobody can know more."""
    return 1 / (1 + np.exp(-(x[:, 0] + x[:, 1]) / NOISE))


def test_metrics_are_those_of_the_best_epoch_and_not_of_the_last(turning: Study) -> None:
    for trial, history in zip(turning.trials, turning.histories, strict=True):
        validation, train = history["validation", LOSS].values, history["train", f"clean_{LOSS}"].values
        assert trial.best_epoch is not None and trial.best_epoch == validation.argmin() + 1
        assert trial.metrics["validation"][LOSS] == validation.min() < validation[-1]
        assert trial.metrics["train"][LOSS] == train[trial.best_epoch - 1] > train[-1]
        assert trial.gap == validation.min() - train[trial.best_epoch - 1] > 0


def test_models_are_kept_with_all_that_made_the_best_epoch(turning: Study) -> None:
    """Weights as well as moving statistics: predicted anew, the validation rows have the best epoch's loss."""
    assert turning.folder
    raw = gengap.load((X, Y), train=300, validation=150, test=100, preparation="raw").validation
    for trial, history in zip(turning.trials, turning.histories, strict=True):
        model = keras.saving.load_model(_model_file(turning.folder, trial.run, trial.seed))
        p = 1 / (1 + np.exp(-model.predict(raw.x, verbose=0)[:, 0].astype(np.float64)))
        loss = -np.mean(np.log(np.where(raw.y == 1, p, 1 - p)))
        assert loss == pytest.approx(history["validation", LOSS].values.min(), rel=1e-4)


def test_the_kept_model_is_the_best_seed_of_its_run(turning: Study) -> None:
    kept = turning.summary.recommendation
    assert kept and turning.folder
    by_seed = {t.seed: t.metrics["validation"][LOSS] for t in turning.trials if t.run == kept.run}
    assert kept.seed == min(by_seed, key=lambda seed: by_seed[seed])
    assert kept.seed != 0, "the first seed is the best: another must be, to tell"
    seeds = [_model_file(turning.folder, t.run, t.seed) for t in turning.trials if t.run == kept.run]
    x = turning.dataset.validation.x * turning.dataset.scale + turning.dataset.mean
    mean = turning.dataset.task.mix([load_predictor(each).outputs(x) for each in seeds], [1.0] * len(seeds))
    np.testing.assert_allclose(load_predictor(turning.folder / "models" / "best").outputs(x), mean, atol=1e-6)
    assert kept.expected.selection_loss == pytest.approx(by_seed[kept.seed], rel=1e-5)


def test_nothing_knows_the_validation_rows_better_than_the_truth_does(turning: Study) -> None:
    """With twenty features, a baseline fitted on the rows that judge it would beat the truth by far."""
    rows = turning.dataset.validation
    p = truth(rows.x * turning.dataset.scale + turning.dataset.mean)
    least = -np.mean(np.log(np.where(rows.y == 1, p, 1 - p)))
    baselines = {each.run: each.loss for each in turning.summary.baselines}
    assert set(baselines) == {"baselines/linear", "baselines/trees"}
    assert min(baselines.values()) > least
    assert baselines["baselines/linear"] < 0.68, "and the linear one has learnt"


def _model_file(folder: Path, run: str, seed: int) -> Path:
    return folder / "models" / f"{run}{f'.seed{seed}' if seed else ''}.keras"
