"""Laws of training for weighted rows, several inputs and outputs, and losses that layers add."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import trainer_table as table

from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import TrainConfig, clean_sample

JOB = TrainConfig(epochs=6, batch=32, stopping=Stopping(patience=NEVER, monitor="loss", restore_best=False), seed=3)


def drawn(rows: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 5)).astype("float32")
    return {
        "x": x,
        "z": random.normal(size=(rows, 3)).astype("float32"),
        "y": (x[:, 0] > 0).astype("float32"),
        "classes": random.integers(3, size=rows),
        "w": random.integers(0, 4, size=rows).astype("float32"),
    }


def dense(units: int, seed: int, activation: str | None = None, **options: Any) -> keras.layers.Layer:
    start = keras.initializers.GlorotUniform(seed)
    return keras.layers.Dense(units, activation, kernel_initializer=start, **options)


def one_output() -> keras.Model:
    model = keras.Sequential([keras.Input((5,)), dense(8, 1, "relu", kernel_regularizer="l2"), dense(1, 2)])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=[keras.metrics.BinaryAccuracy(threshold=0)], weighted_metrics=["mse"])
    return model


def two_of_both(named: bool) -> keras.Model:
    x, z = keras.Input((5,), name="x"), keras.Input((3,), name="z")
    hidden = keras.layers.Concatenate()([dense(8, 1, "relu")(x), dense(4, 2, "tanh")(z)])
    a, b = dense(1, 3, name="a")(hidden), dense(3, 4, name="b")(hidden)
    losses = [
        keras.losses.BinaryCrossentropy(from_logits=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    ]
    metrics: list[Any] = [["mae"], ["accuracy"]]
    if named:
        model = keras.Model({"x": x, "z": z}, {"a": a, "b": b})
        model.compile("adam", dict(zip("ab", losses, strict=True)), dict(zip("ab", (1, 2), strict=True)))
        return model
    model = keras.Model([x, z], [a, b])
    model.compile("adam", losses, [1.0, 0.5], metrics)
    return model


class Pulls(keras.layers.Layer):
    """Adds a loss of its inputs, as activity penalties do."""

    def call(self, inputs: Any) -> Any:
        self.add_loss(0.1 * keras.ops.mean(keras.ops.square(inputs)))
        return inputs


def adding_losses() -> keras.Model:
    model = keras.Sequential(
        [keras.Input((5,)), dense(8, 1, "relu", kernel_regularizer="l2"), Pulls(), dense(1, 2)]
    )
    model.compile("adam", "mse")
    return model


class OwnLoss(keras.Model):
    """A model with a loss and a metric of its own, as Keras' guides write one."""

    def __init__(self) -> None:
        super().__init__()
        self.out, self.seen = dense(1, 2), keras.metrics.Mean(name="seen")

    def call(self, inputs: Any) -> Any:
        return self.out(inputs)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        loss = keras.ops.mean(keras.ops.abs(y_pred - y)) + 0.01 * keras.ops.mean(x)
        self.seen.update_state(loss)
        return loss


def own_loss() -> keras.Model:
    model = OwnLoss()
    model.compile("sgd")
    return model


Picked = Callable[[dict[str, np.ndarray]], Rows]
CASES: dict[str, tuple[Callable[[], keras.Model], Picked]] = {
    "weights": (one_output, lambda d: Rows(d["x"], d["y"], d["w"])),
    "lists": (lambda: two_of_both(False), lambda d: Rows([d["x"], d["z"]], [d["y"][:, None], d["classes"]])),
    "weighted dicts": (
        lambda: two_of_both(True),
        lambda d: Rows(
            {"x": d["x"], "z": d["z"]}, {"a": d["y"][:, None], "b": d["classes"]}, {"a": d["w"], "b": d["w"][::-1]}
        ),
    ),
    "added losses": (adding_losses, lambda d: Rows(d["x"], d["y"])),
    "a loss of its own": (own_loss, lambda d: Rows(d["x"], d["y"])),
}


@pytest.mark.parametrize("case", CASES)
def test_equals_keras(case: str) -> None:
    make, pick = CASES[case]
    rows = pick(drawn(110, 0)), pick(drawn(40, 1))
    models = {name: make() for name in table.TRAINERS}
    fitted = {name: fit(models[name], *rows, JOB) for name, fit in table.TRAINERS.items()}
    ours, theirs = fitted["compiled"], fitted["keras"]
    assert set(ours.history.series) == set(theirs.history.series)
    for key, series in ours.history.series.items():
        np.testing.assert_allclose(series.values, theirs.history[key].values, rtol=1e-4, err_msg=str(key))
    np.testing.assert_allclose(ours.outputs, theirs.outputs, rtol=1e-3, atol=1e-4)
    for a, b in zip(models["compiled"].get_weights(), models["keras"].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_weighted_rows_are_those_of_keras_own_fit() -> None:
    """One batch an epoch, so that the order does not matter: `fit` as anyone calls it."""
    rows, validation = (Rows(d["x"], d["y"], d["w"]) for d in (drawn(30, 0), drawn(40, 1)))
    ours, theirs = one_output(), one_output()
    fitted = table.TRAINERS["compiled"](ours, rows, validation, JOB)
    column = rows.shaped_like((None, 1)), validation.shaped_like((None, 1))
    logged = theirs.fit(
        *(column[0].x, column[0].y),
        **{"sample_weight": column[0].weights, "validation_data": column[1].batch()},
        **{"epochs": 6, "batch_size": 40, "verbose": 0},
    ).history
    for name, values in logged.items():
        key = ("validation", name[4:]) if name.startswith("val_") else ("train", name)
        np.testing.assert_allclose(fitted.history[key].values, values, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("trainer", table.TRAINERS)
def test_emphasis_is_for_the_loss_that_training_minimises_alone(trainer: str) -> None:
    made, seen = drawn(110, 0), drawn(40, 1)
    validation, found = Rows(seen["x"], seen["y"]), {}
    for name, rows in (
        ("emphasis", Rows(made["x"], made["y"], None, made["w"])),
        ("weights", Rows(made["x"], made["y"], made["w"])),
    ):
        model = one_output()
        found[name] = table.TRAINERS[trainer](model, rows, validation, JOB), model.get_weights()
    for a, b in zip(found["emphasis"][1], found["weights"][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    ours, theirs = (fitted.history for fitted, _ in (found["emphasis"], found["weights"]))
    np.testing.assert_allclose(ours["train", "loss"].values, theirs["train", "loss"].values, rtol=1e-5)
    clean = clean_sample(Rows(made["x"], made["y"]), 40)
    model = one_output()
    model.set_weights(found["emphasis"][1])
    loss = model.evaluate(clean.x, clean.y[:, None], batch_size=40, verbose=0, return_dict=True)["loss"]
    penalties = float(keras.ops.convert_to_numpy(sum(model.losses)))
    assert ours["train", "clean_loss"].values[-1] == pytest.approx(loss - penalties, rel=1e-4)
