"""Averages of weights: every trainer evaluates and keeps them, and goes on from the weights themselves."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trainer_table as table

from gengap import GengapClassifier, models
from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.models.keras_internals import weight_averages
from gengap.plan import Recipe, Trial
from gengap.train.checkpoint import CheckpointFile
from gengap.train.recipe import Constant
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import Progress, TrainConfig

LOSS = "binary_crossentropy"
MOMENTUM = 0.8
PLAIN = Trial(run="a/plain", units=(16,), treatments=(models.Dropout(0.2),))
AVERAGED = Trial(run="a/averaged", units=(16,), treatments=(*PLAIN.treatments, models.WeightAverage(MOMENTUM)))
RECIPE = Recipe(max_epochs=40, schedule=Constant(0.01))
LAST = Stopping(patience=NEVER, restore_best=False)
JOB = TrainConfig(epochs=6, batch=55, seed=3, stopping=LAST, averaged=True)


def build(trial: Trial) -> keras.Model:
    return trial.build(28, 6, RECIPE, 0)


@pytest.mark.parametrize("trainer", table.TRAINERS)
def test_the_last_weights_are_the_moving_average_of_all_steps(trainer: str, rows: tuple[Rows, Rows]) -> None:
    job = replace(JOB, batch=len(rows[0]))  # one step an epoch
    steps = []
    for epochs in range(1, 5):
        model = build(PLAIN)
        table.TRAINERS[trainer](model, *rows, replace(job, epochs=epochs, averaged=False))
        steps.append([np.array(weight) for weight in model.trainable_variables])
    expected = steps[0]
    for step in steps[1:]:
        expected = [MOMENTUM * a + (1 - MOMENTUM) * b for a, b in zip(expected, step, strict=True)]
    model = build(AVERAGED)
    table.TRAINERS[trainer](model, *rows, replace(job, epochs=4))
    for found, average in zip(model.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(found, average, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("trainer", table.TRAINERS)
def test_the_best_averages_are_put_back_and_had_the_logged_loss(trainer: str, rows: tuple[Rows, Rows]) -> None:
    model, rule = build(AVERAGED), Stopping(patience=8)
    fitted = table.TRAINERS[trainer](model, *rows, replace(JOB, epochs=60, stopping=rule))
    validation = fitted.history["validation", LOSS].values
    assert fitted.stopped == "patience" and fitted.best_epoch == validation.argmin()
    again = model.evaluate(rows[1].x, rows[1].y[:, None], verbose=0, return_dict=True)
    assert again[LOSS] == pytest.approx(validation.min(), rel=1e-5)


def test_the_compiled_trainer_equals_keras(rows: tuple[Rows, Rows]) -> None:
    ours, theirs = (each(build(AVERAGED), *rows, JOB) for each in table.TRAINERS.values())
    plain = table.TRAINERS["compiled"](build(PLAIN), *rows, replace(JOB, averaged=False))
    for key, series in ours.history.series.items():
        row = 1.01 / 80 if "accuracy" in key[1] else 0  # a logit near 0 may fall on the other side
        np.testing.assert_allclose(series.values, theirs.history[key].values, rtol=1e-4, atol=row, err_msg=str(key))
    trained, validated = ("train", "loss"), ("validation", "loss")
    np.testing.assert_allclose(ours.history[trained].values, plain.history[trained].values, rtol=1e-6)
    assert not np.allclose(ours.history[validated].values, plain.history[validated].values, rtol=1e-3)


def test_resumed_equals_uninterrupted(rows: tuple[Rows, Rows], tmp_path: Path) -> None:
    whole_model, train = build(AVERAGED), table.TRAINERS["compiled"]
    whole = train(whole_model, *rows, JOB)
    stop = threading.Event()

    def interrupt(progress: Progress) -> None:
        stop.set()

    job = replace(JOB, checkpoints=CheckpointFile(tmp_path / "a.npz", "x"), interrupt=stop, on_progress=interrupt)
    assert train(build(AVERAGED), *rows, job).stopped == "interrupted"
    model = build(AVERAGED)
    resumed = train(model, *rows, replace(job, interrupt=None))
    for key, series in whole.history.series.items():
        np.testing.assert_array_equal(series.values, resumed.history[key].values)
    for ours, theirs in zip(model.get_weights(), whole_model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_estimator_keeps_the_average_too(rows: tuple[Rows, Rows]) -> None:
    x, y = rows[0].x, rows[0].y
    treated, plain = (
        GengapClassifier((8,), treatments=treatments, max_epochs=6, random_state=0).fit(x, y)
        for treatments in ((models.WeightAverage(0.99),), ())
    )
    key = ("validation", "loss")
    assert not np.allclose(treated.history_[key].values, plain.history_[key].values, rtol=1e-3)
    averages = weight_averages(treated.model_.optimizer)
    assert treated.best_epoch_ == treated.n_iter_  # so the weights are those of the last step
    for weight, average in zip(treated.model_.trainable_variables, averages, strict=True):
        np.testing.assert_allclose(weight, average, rtol=1e-5, atol=1e-7)
