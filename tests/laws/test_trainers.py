"""Laws of training, tried on every trainer and every model of the plan, plus every treatment."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import jax
import msgspec
import numpy as np
import pytest
import trainer_table as table
from light import optimised

from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.train.checkpoint import PartialResult
from gengap.train.local import with_auc
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import TrainConfig, TrainResult, clean_sample

SMALL = ["Tiny", "SGD with averaged weights", "everything"]
never = Stopping(patience=NEVER, restore_best=False)


def train(
    trainer: str, name: str, rows: tuple[Rows, Rows], job: TrainConfig, seed: int = 0
) -> tuple[keras.Model, TrainResult]:
    model = table.make(name, seed)
    return model, table.TRAINERS[trainer](model, *rows, job)


def assert_same_curves(a: TrainResult, b: TrainResult, tolerance: float) -> None:
    assert set(a.history.series) == set(b.history.series)
    for key, series in a.history.series.items():
        row = 1.01 / 80 if "accuracy" in key[1] else 0  # a logit near 0 may fall on the other side
        np.testing.assert_allclose(series.values, b.history[key].values, rtol=tolerance, atol=row, err_msg=str(key))


BATCH = 55  # six batches of the rows: a last one that is smaller would double what there is to compile
RAGGED = ("Tiny", "dropout", "batch norm, noise and mixup", "everything")  # tried with a smaller last one too
EQUAL = [name for name in table.MODELS if name not in ("Small", "Medium")]  # between Tiny and Large
DRAWING = ("dropout", "batch norm, noise and mixup")  # to be tried with Keras' own generator too


@pytest.mark.parametrize(
    ("name", "randomness"), [*((name, "hashed") for name in EQUAL), *((name, "keras") for name in DRAWING)]
)
def test_equals_keras_from_equal_weights_on_equal_batches(
    name: str, randomness: str, rows: tuple[Rows, Rows]
) -> None:
    batch = 50 if name in RAGGED else BATCH
    job = TrainConfig(epochs=20, batch=batch, stopping=never, seed=3, randomness=randomness)
    with optimised() if name == "Large" else nullcontext():
        compiled_model, compiled = train("compiled", name, rows, job)
        keras_model, oracle = train("keras", name, rows, job)
    assert_same_curves(compiled, oracle, 1e-4)
    for ours, theirs in zip(compiled_model.get_weights(), keras_model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)
    assert compiled.best_epoch == oracle.best_epoch
    np.testing.assert_array_equal(compiled.output_epochs, oracle.output_epochs)
    np.testing.assert_allclose(compiled.outputs, oracle.outputs, rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize("trainer", table.TRAINERS)
@pytest.mark.parametrize("name", ["Tiny", "batch norm, noise and mixup"])
def test_same_seed_same_history_bit_for_bit(trainer: str, name: str, rows: tuple[Rows, Rows]) -> None:
    job = TrainConfig(epochs=5, batch=BATCH, seed=1)
    one, other = (train(trainer, name, rows, job, seed=1)[1] for _ in range(2))
    for key, series in one.history.series.items():
        np.testing.assert_array_equal(series.values, other.history[key].values)
    changed = train(trainer, name, rows, replace(job, seed=2), seed=2)[1]
    loss = ("train", "loss")
    assert not np.array_equal(one.history[loss].values, changed.history[loss].values)


RULES = {
    "patience": Stopping(patience=3),
    "no patience": Stopping(patience=0),
    "min_delta": Stopping(patience=2, min_delta=0.01),
    "baseline out of reach": Stopping(patience=4, baseline=0.01),
    "baseline in reach": Stopping(patience=3, baseline=0.68),
    "late start": Stopping(patience=2, start_from_epoch=7),
    "start after the end": Stopping(patience=2, start_from_epoch=99),
    "maximise": Stopping(patience=3, monitor="accuracy", mode="max"),
    "watch the loss, keep the last weights": Stopping(patience=3, monitor="loss", restore_best=False),
}


@pytest.mark.parametrize("rule", RULES)
def test_stops_and_restores_as_keras_early_stopping(rule: str, rows: tuple[Rows, Rows]) -> None:
    job = TrainConfig(epochs=40, batch=BATCH, stopping=RULES[rule], seed=5)
    ours_model, ours = train("compiled", "Medium", rows, job)
    theirs_model, theirs = train("keras", "Medium", rows, job)
    assert ours.history.epochs == theirs.history.epochs
    assert (ours.stopped, ours.best_epoch) == (theirs.stopped, theirs.best_epoch)
    for a, b in zip(ours_model.get_weights(), theirs_model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("trainer", table.TRAINERS)
def test_a_diverged_run_is_reported(trainer: str, rows: tuple[Rows, Rows]) -> None:
    model = table.make("Small")
    model.compile(
        optimizer=keras.optimizers.SGD(1e30),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryCrossentropy(from_logits=True, name="binary_crossentropy")],
    )
    fitted = table.TRAINERS[trainer](model, *rows, TrainConfig(epochs=10, batch=BATCH))
    assert fitted.stopped == "diverged"
    assert fitted.history.epochs < 10
    assert not np.isfinite(fitted.history["train", "loss"].values[-1])


@pytest.mark.parametrize("name", SMALL)
def test_second_trial_of_a_shape_compiles_nothing(name: str, rows: tuple[Rows, Rows]) -> None:
    # Models that were tried above have their program. Tiny's must be compiled: no other test has this batch size.
    job = TrainConfig(epochs=4, batch=45 if name == "Tiny" else 50 if name in RAGGED else BATCH)
    start = _compilations()
    train("compiled", name, rows, job)
    before = _compilations()
    if name == "Tiny":
        assert before > start
    _, fitted = train("compiled", name, rows, replace(job, seed=9, stopping=Stopping(patience=7)), seed=9)
    assert fitted.history.epochs == 4
    assert _compilations() == before


def _named_like_its_activation(activation: str) -> keras.Model:
    first = keras.initializers.GlorotUniform(seed=1)
    last = keras.initializers.GlorotUniform(seed=2)
    layers = [
        keras.Input((28,)),
        keras.layers.Dense(8, activation=activation, name=activation, kernel_initializer=first),
        keras.layers.Dense(1, kernel_initializer=last),
    ]
    return table.compile_model(keras.Sequential(layers))


@keras.saving.register_keras_serializable("gengap-tests")
class Times(keras.layers.Layer):
    """A layer whose configuration hides what it does."""

    def __init__(self, factor: float = 1.0, **options: object) -> None:
        super().__init__(**options)
        self.factor = factor

    def call(self, x: object) -> object:
        return x * self.factor  # pyright: ignore[reportOperatorIssue]


def _hiding(factor: float) -> keras.Model:
    last = keras.initializers.GlorotUniform(seed=2)
    layers = [keras.Input((28,)), Times(factor), keras.layers.Dense(1, kernel_initializer=last)]
    return table.compile_model(keras.Sequential(layers))


def _decaying(left_out: list[str]) -> keras.Model:
    model = table.make("Tiny")
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_names=left_out)
    model.compile(optimizer=optimizer, loss=model.loss, metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    "models",
    [
        lambda: [_named_like_its_activation(a) for a in ("relu", "tanh")],
        lambda: [_hiding(factor) for factor in (1.0, 3.0)],
        lambda: [_decaying(names) for names in (["bias"], ["kernel"])],
    ],
    ids=["activations", "hidden factors", "decayed weights"],
)
def test_models_that_differ_never_share_a_program(models: Any, rows: tuple[Rows, Rows]) -> None:
    job = TrainConfig(epochs=3, batch=BATCH, stopping=msgspec.structs.replace(never, monitor="loss"))
    for ours, oracle in zip(models(), models(), strict=True):
        a, b = table.TRAINERS["compiled"](ours, *rows, job), table.TRAINERS["keras"](oracle, *rows, job)
        assert_same_curves(a, b, 1e-4)


class Subclassed(keras.Model):
    """A model that is only built when it first sees rows."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = keras.layers.Dense(
            8, activation="elu", kernel_initializer=keras.initializers.GlorotUniform(1)
        )
        self.out = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(2))

    def call(self, x: object) -> object:
        return self.out(self.hidden(x))


@pytest.mark.parametrize(
    "make",
    [Subclassed, lambda: keras.Sequential([keras.layers.Dense(1, kernel_initializer=keras.initializers.Zeros())])],
    ids=["subclassed", "without Input"],
)
def test_models_not_yet_built_train_too(make: Any, rows: tuple[Rows, Rows]) -> None:
    job = TrainConfig(epochs=3, batch=BATCH, stopping=never)
    a = table.TRAINERS["compiled"](table.compile_model(make()), *rows, job)
    b = table.TRAINERS["keras"](table.compile_model(make()), *rows, job)
    assert_same_curves(a, b, 1e-4)


def test_the_clean_sample_of_a_sorted_table_holds_both_classes(rows: tuple[Rows, Rows]) -> None:
    order = np.argsort(rows[0].y, kind="stable")
    sample = clean_sample(Rows(rows[0].x[order], rows[0].y[order]), 80)
    assert len(sample) == 80
    assert abs(sample.y.mean() - rows[0].y.mean()) < 0.15


def test_auc_is_that_of_the_kept_outputs(rows: tuple[Rows, Rows]) -> None:
    from sklearn.metrics import roc_auc_score

    model, fitted = train("compiled", "Tiny", rows, TrainConfig(epochs=30, batch=BATCH))
    series = with_auc(fitted, rows[1]).history["validation", "auc"]
    assert series.epochs[-1] == 29 and fitted.best_epoch in series.epochs
    best = model.predict(rows[1].x, verbose=0).ravel()
    assert fitted.best_epoch is not None
    assert series.at(fitted.best_epoch) == pytest.approx(roc_auc_score(rows[1].y, best), abs=1e-6)
    assert ("validation", "auc") not in with_auc(fitted, Rows(rows[1].x, np.zeros(80))).history


@pytest.mark.parametrize("epochs", [1, 2, 3, 130, 257])
def test_epochs_that_are_no_multiple_of_the_chunk_are_exact(epochs: int, rows: tuple[Rows, Rows]) -> None:
    long = train("compiled", "Tiny", rows, TrainConfig(epochs=300, batch=BATCH, stopping=never))[1]
    model, fitted = train("compiled", "Tiny", rows, TrainConfig(epochs=epochs, batch=BATCH, stopping=never))
    assert fitted.history.epochs == epochs
    for key, series in fitted.history.series.items():
        np.testing.assert_array_equal(series.values, long.history[key].values[:epochs])
    validation = rows[1].shaped_like((None, 1))
    loss = model.evaluate(validation.x, validation.y, verbose=0)[0]
    assert loss == pytest.approx(fitted.history["validation", "loss"].values[-1], rel=1e-5)


@pytest.mark.parametrize("trainer", table.TRAINERS)
def test_an_interrupt_ends_the_trial_and_keeps_what_is_done(trainer: str, rows: tuple[Rows, Rows]) -> None:
    pressed = threading.Event()
    job = TrainConfig(epochs=10_000, batch=BATCH, on_progress=lambda _: pressed.set(), interrupt=pressed)
    _, fitted = train(trainer, "Tiny", rows, job)
    assert fitted.stopped == "interrupted"
    assert 1 <= fitted.history.epochs < 10_000


def test_threads_do_not_change_a_history(rows: tuple[Rows, Rows]) -> None:
    job = TrainConfig(epochs=30, batch=BATCH)
    alone = train("compiled", "Medium", rows, job)[1]
    found: list[TrainResult] = []
    threads = [
        threading.Thread(target=lambda: found.append(train("compiled", "Medium", rows, job)[1])) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for fitted in found:
        for key, series in alone.history.series.items():
            np.testing.assert_array_equal(series.values, fitted.history[key].values)


_seen: list[str] = []


def _count(event: str, duration_secs: float, **kwargs: str | int) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        _seen.append(event)


jax.monitoring.register_event_duration_secs_listener(_count)


def _compilations() -> int:
    return len(_seen)


def test_a_certain_verdict_ends_a_trial_at_the_same_check_on_every_trainer(rows: tuple[Rows, Rows]) -> None:
    ended, asked = {}, {}
    for trainer in table.TRAINERS:
        seen: list[PartialResult] = []

        def certain(known: PartialResult, seen: list[PartialResult] = seen) -> bool:
            seen.append(known)
            return known.history.epochs >= 21

        job = TrainConfig(epochs=60, batch=BATCH, stopping=Stopping(patience=50), seed=2, is_settled=certain)
        ended[trainer] = train(trainer, "Tiny", rows, job)[1]
        asked[trainer] = seen
        assert (
            [known.history.epochs for known in seen]
            == [e for e in job.checks if e <= 21]
            == [16, 17, 18, 19, 20, 21]
        )
        assert all(known.output_epochs[-1] == known.history.epochs - 1 for known in seen)
    assert {fitted.stopped for fitted in ended.values()} == {"verdict"}
    assert {fitted.history.epochs for fitted in ended.values()} == {21}
    assert_same_curves(ended["compiled"], ended["keras"], 1e-4)
    np.testing.assert_allclose(asked["compiled"][0].outputs, asked["keras"][0].outputs, rtol=1e-2, atol=2e-3)
