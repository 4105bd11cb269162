"""`Monitor`: in Keras' fit on JAX, in any other loop, and in another process on other backends."""

from __future__ import annotations

import importlib.util
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import gengap.diagnose as diagnose
from gengap.callbacks import Monitor
from gengap.callbacks.monitor import RowLossHistory, model_losses
from gengap.errors import UsageError
from gengap.models.backend import keras
from gengap.train.types import OUTPUT_EPOCHS, OUTPUT_ROWS

EXAMPLE = Path(__file__).parents[1] / "examples" / "monitor_keras.py"
Table = tuple[np.ndarray, np.ndarray]


def table(rows: int, seed: int, features: int = 12) -> Table:
    """Rows of a noisy linear rule."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, features)).astype(np.float32)
    return x, (x[:, 0] - x[:, 1] + random.normal(size=rows) > 0).astype(np.float32)


def overfitting(rate: float = 0.01) -> Any:
    """A model that learns 60 rows by heart."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(64, "relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(rate), keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def fit(monitor: Monitor, epochs: int, validation: Table | None = None, model: Any = None, **more: Any) -> Any:
    train = table(60, 1)
    model = model or overfitting()
    model.fit(
        train[0],
        train[1][:, None],
        epochs=epochs,
        validation_data=validation,
        callbacks=[monitor],
        verbose=0,
        **more,
    )
    return model


def column(data: Table) -> Table:
    return data[0], data[1][:, None]


@pytest.fixture(scope="module")
def validation() -> Table:
    return column(table(300, 2))


def test_monitor_is_all_that_keras_asks_of_a_callback() -> None:
    missing = [n for n in dir(keras.callbacks.Callback()) if not n.startswith("_") and not hasattr(Monitor(), n)]
    assert missing == []
    with pytest.raises(AttributeError, match="'Monitor' object has no attribute 'verdicts'"):
        Monitor().verdicts  # noqa: B018


def test_overfitting_stops_fit_once_it_is_certain_and_finds_the_same_best_epoch(validation: Table) -> None:
    whole, stopped = Monitor(validation), Monitor(validation, stop=True)
    fit(whole, 40, validation)
    fit(stopped, 40, validation)
    assert (whole.verdict.verdict, stopped.verdict.verdict) == ("overfit", "overfit")
    assert stopped.certain and not whole.certain
    assert 16 <= stopped.history.epochs < whole.history.epochs == 40
    assert stopped.verdict.best_epoch == whole.verdict.best_epoch
    assert "sampling-error" in whole.verdict.codes


def test_rows_agree_with_the_logged_validation_loss(validation: Table) -> None:
    monitor = Monitor(validation, batch_size=77)
    fit(monitor, 40, validation)
    rows, logged = monitor.rows, monitor.history["validation", "loss"]
    assert rows is not None and rows.losses.dtype == np.float32
    assert {0, monitor.verdict.best_epoch, 39} <= set(rows.epochs.tolist())
    assert 20 < len(rows.epochs) < 40
    np.testing.assert_allclose(rows.losses.mean(axis=1), [logged.at(e) for e in rows.epochs.tolist()], rtol=1e-4)


def test_training_is_the_same_with_and_without_a_monitor(validation: Table) -> None:
    watched = fit(Monitor(validation), 5, validation)
    alone, (x, y) = overfitting(), column(table(60, 1))
    alone.fit(x, y, epochs=5, validation_data=validation, verbose=0)
    for a, b in zip(watched.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_validation_data_the_rows_give_the_curve(validation: Table) -> None:
    logged, own = Monitor(validation), Monitor(validation)
    fit(logged, 12, validation)
    fit(own, 12)
    if keras.backend.backend() == "torch":
        pytest.skip("evaluating shifts the order of the training rows there, with a monitor or without")
    a, b = logged.history["validation", "loss"], own.history["validation", "loss"]
    np.testing.assert_array_equal(a.epochs, b.epochs)
    np.testing.assert_allclose(a.values, b.values, rtol=1e-4)


def test_without_rows_the_curves_are_judged(validation: Table) -> None:
    monitor = Monitor()
    fit(monitor, 30, validation, validation_freq=2)
    assert monitor.history["validation", "loss"].epochs.tolist() == list(range(1, 30, 2))
    assert "sampling-error" not in monitor.verdict.codes
    assert monitor.verdict.metric == "val_loss"


def test_a_fit_that_goes_on_is_one_run_and_one_from_the_start_another(validation: Table) -> None:
    monitor, model = Monitor(validation), overfitting()
    fit(monitor, 4, validation, model)
    fit(monitor, 6, validation, model, initial_epoch=4)
    assert monitor.history["train", "loss"].epochs.tolist() == [0, 1, 2, 3, 4, 5]
    fit(monitor, 2, validation, model)
    assert monitor.history["train", "loss"].epochs.tolist() == [0, 1]


def test_no_validation_at_all_is_said() -> None:
    monitor = Monitor(stop=True)
    fit(monitor, 17)
    with pytest.raises(UsageError, match="there is no validation curve"):
        monitor.verdict  # noqa: B018


def mean_fourth_power(y: Any, outputs: Any) -> Any:
    return keras.ops.mean((y - outputs) ** 4, axis=-1)


BINARY, ONE_HOT, CLASSES, NUMBERS = "binary", "one-hot", "classes", "numbers"


@pytest.mark.parametrize(
    ("loss", "task"),
    [
        ("binary_crossentropy", BINARY),
        ("BinaryCrossentropy", BINARY),
        (keras.losses.BinaryCrossentropy(label_smoothing=0.1), BINARY),
        (keras.losses.BinaryFocalCrossentropy(reduction="mean"), BINARY),
        ({"out": "binary_crossentropy"}, BINARY),
        ("sparse_categorical_crossentropy", CLASSES),
        (keras.losses.SparseCategoricalCrossentropy(), CLASSES),
        ("categorical_crossentropy", ONE_HOT),
        (keras.losses.CategoricalCrossentropy(), ONE_HOT),
        ("mse", NUMBERS),
        (["mae"], NUMBERS),
        (keras.losses.huber, NUMBERS),
        (mean_fourth_power, NUMBERS),
    ],
)
@pytest.mark.parametrize("flat", [True, False])
def test_row_losses_are_those_of_evaluate(loss: Any, task: str, flat: bool) -> None:
    x, binary = table(150, 3)
    activation, units = {BINARY: ("sigmoid", 1), NUMBERS: (None, 1)}.get(task, ("softmax", 3))
    y = {BINARY: binary, NUMBERS: x[:, 2], CLASSES: np.argmax(x[:, :3], axis=1)}.get(task)
    y = np.eye(3)[np.argmax(x[:, :3], axis=1)] if y is None else y if flat else y[:, None]
    inputs = keras.Input((12,))
    model = keras.Model(inputs, keras.layers.Dense(units, activation, name="out")(inputs))
    model.compile("sgd", loss)
    losses = model_losses(model, x, y, 64)
    assert losses.shape == (150,) and np.ptp(losses) > 0
    batches = model.evaluate(x, y, batch_size=150, verbose=0)
    np.testing.assert_allclose(losses.mean(), batches, rtol=1e-5)


def test_row_losses_average_what_a_sample_holds_beside_its_rows() -> None:
    x = np.random.default_rng(0).normal(size=(2100, 5, 3)).astype(np.float32)
    model = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    losses = model_losses(model, x, x[..., 0], 256)
    assert losses.shape == (2100,)
    np.testing.assert_allclose(losses, ((model.predict(x, verbose=0)[..., 0] - x[..., 0]) ** 2).mean(1), rtol=1e-4)


def test_several_inputs_are_taken() -> None:
    x, y = table(80, 4)
    a, b = keras.Input((12,), name="a"), keras.Input((12,), name="b")
    model = keras.Model({"a": a, "b": b}, keras.layers.Dense(1)(keras.layers.Add()([a, b])))
    model.compile("sgd", "mse")
    both = {"a": x, "b": x}
    monitor = Monitor((both, y))
    model.fit(both, y, epochs=3, validation_data=(both, y), callbacks=[monitor], verbose=0)
    rows = monitor.rows
    assert rows is not None and rows.losses.shape == (3, 80)


def two_outputs() -> Any:
    inputs = keras.Input((12,))
    return keras.Model(inputs, [keras.layers.Dense(1)(inputs), keras.layers.Dense(1)(inputs)])


def one_output() -> Any:
    return keras.Sequential([keras.Input((12,)), keras.layers.Dense(1)])


@pytest.mark.parametrize(
    ("build", "loss", "message"),
    [
        (two_outputs, ["mse", "mae"], "the model has 2 outputs or losses; rows are judged by one"),
        (two_outputs, "mse", "the model has 2 outputs or losses; rows are judged by one"),
        (one_output, None, "compiled without a loss, so its rows have none"),
        (one_output, "crossentropy", "loss is 'crossentropy', which has no value for each row"),
        (one_output, lambda y, p: keras.ops.mean((y - p) ** 2), r"gives the shape \(\) for 40 rows, not one each"),
    ],
)
def test_losses_without_rows_are_refused(build: Callable[[], Any], loss: Any, message: str) -> None:
    model = build()
    model.compile("sgd", loss)
    monitor = Monitor(table(40, 5))
    monitor.set_model(model)
    monitor.set_params({"epochs": 2})
    with pytest.raises(UsageError, match=message + ".*Leave out validation="):
        monitor.on_train_begin()
        monitor.on_epoch_end(0, {"loss": 1.0, "val_loss": 1.0})
    assert monitor.history.epochs == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation": np.ones((3, 2))}, r"validation is a ndarray; expected a pair \(x, y\) of arrays"),
        (
            {"validation": (np.ones((3, 2)), np.ones(4))},
            "x has 3 rows and y 4; expected equally many, at least two",
        ),
        ({"validation": ([np.ones(3), np.ones(2)], np.ones(3))}, "x has 3, 2 rows and y 3"),
        (
            {"validation": (np.ones((1, 2)), np.ones(1))},
            "x has 1 rows and y 1; expected equally many, at least two",
        ),
        ({"validation": (np.ones((3, 2)), 1.0)}, "x has 3 rows and y 0"),
        ({"validation": (np.ones((3, 2)), np.ones(3)), "metric": "auc"}, "rows of the loss, but metric is 'auc'"),
        ({"min_effect": 2.0}, "min_effect is 2; expected a share of the loss"),
        ({"batch_size": 0}, "batch_size is 0; expected a whole number of at least 1"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Monitor(**settings)


def curves(epochs: int) -> Table:
    random, at = np.random.default_rng(0), np.arange(epochs)
    noise = 0.004 * random.normal(size=epochs)
    return 0.9 * 0.95**at, 0.5 + 0.4 * 0.8**at + 0.004 * at + noise


@pytest.mark.parametrize("epochs", [3, 12, 40])
def test_a_plain_loop_gives_the_verdict_of_the_same_curves(epochs: int) -> None:
    train, validation = curves(epochs)
    monitor = Monitor(run="dict")
    for epoch in range(epochs):
        monitor.log(epoch, train=train[epoch], validation={"val_loss": validation[epoch]})
    expected = diagnose.diagnose({"loss": train.tolist(), "val_loss": validation.tolist()})
    assert monitor.verdict == msgspec.structs.replace(expected, read=None)  # no log was read


def test_a_plain_loop_of_scores_is_judged_by_the_metric_named() -> None:
    monitor = Monitor(metric="accuracy")
    train, validation = curves(40)
    for epoch in range(40):
        monitor.log(
            epoch,
            train={"loss": train[epoch], "accuracy": 1 - train[epoch] / 2},
            validation={"loss": validation[epoch], "accuracy": 0.7 - 0.2 * 0.8**epoch},
            rows=np.arange(5.0),
        )
    assert monitor.verdict.metric == "val_accuracy"
    assert monitor.verdict.verdict != "overfit"
    assert "sampling-error" not in monitor.verdict.codes


def test_a_plain_loop_stops_when_it_is_certain_and_its_rows_can_be_the_curve() -> None:
    random, (train, validation) = np.random.default_rng(0), curves(200)
    of_row = 0.1 * random.normal(size=400)
    monitor = Monitor(stop=True)
    for epoch in range(200):
        monitor.log(epoch, train=train[epoch], rows=validation[epoch] + of_row)
        if monitor.certain:
            break
    assert 16 <= monitor.history.epochs < 200
    assert monitor.verdict.verdict == "overfit"
    assert monitor.history["validation", "loss"].at(3) == pytest.approx(validation[3] + of_row.mean(), rel=1e-5)
    assert "sampling-error" in monitor.verdict.codes


def test_the_verdict_is_of_all_that_is_logged() -> None:
    train, validation = curves(40)
    monitor = Monitor()
    for epoch in range(8):
        monitor.log(epoch, train=train[epoch], validation=validation[epoch])
    early = monitor.verdict
    assert monitor.verdict is early
    for epoch in range(8, 40):
        monitor.log(epoch, train=train[epoch], validation=validation[epoch])
    assert (early.verdict == "overfit", monitor.verdict.verdict) == (False, "overfit")


@pytest.mark.parametrize(
    ("epoch", "values", "message"),
    [
        (3, {"train": 1.0}, "epoch 3 comes after epoch 3; epochs must rise. For a new run make a new Monitor"),
        (1, {"train": 1.0}, "epoch 1 comes after epoch 3"),
        (-1, {"train": 1.0}, "epoch is -1; expected 0 or more"),
        (4.5, {"train": 1.0}, "epoch is 4.5; expected a whole number"),
        (4, {}, "epoch 4 brings nothing; expected train=, validation= or rows="),
        (4, {"train": "0.5"}, "epoch 4: train loss is '0.5'; expected a number"),
        (
            4,
            {"train": 0.5, "validation": {"auc": [1, 2]}},
            r"epoch 4: validation auc is \[1, 2\]; expected a number",
        ),
        (4, {"validation": {"loss": None}}, "epoch 4: validation loss is None; expected a number"),
        (4, {"rows": np.ones(4)}, "epoch 4: rows holds 4 losses, before there were 3; expected those of the same"),
        (4, {"rows": 1.0}, r"epoch 4: rows has the shape \(\); expected each validation row's loss"),
        (4, {"rows": ["a", "b", "c"]}, "epoch 4: rows can't be made an array of numbers"),
    ],
)
def test_a_wrong_log_is_refused_and_nothing_of_it_kept(epoch: Any, values: dict[str, Any], message: str) -> None:
    monitor = Monitor()
    monitor.log(3, train=1.0, validation=1.0, rows=np.ones(3))
    with pytest.raises(UsageError, match=message):
        monitor.log(epoch, **values)
    assert [len(s) for s in monitor.history.series.values()] == [1, 1]


def test_the_rows_kept_are_bounded_and_spread_over_the_epochs() -> None:
    kept, passes, best = RowLossHistory(), 0, 700
    for epoch in range(10_000):
        level = 1.0 if epoch == 0 else 0.5 if epoch == best else 2.0
        if kept.wants(epoch + 1, level) or epoch == 9_999:
            passes += 1
            kept.keep(epoch + 1, epoch, np.full(10, epoch, np.float32), level)
    rows = kept.losses()
    assert rows is not None
    assert passes < 120 and len(rows.epochs) <= OUTPUT_EPOCHS + 2
    np.testing.assert_array_equal(rows.losses[:, 0], rows.epochs)
    assert {0, best, 9_999} <= set(rows.epochs.tolist())
    late = rows.epochs[rows.epochs >= 50]
    assert (late[1:] / late[:-1]).max() < 1.25


def test_rows_above_the_limit_are_thinned_evenly() -> None:
    monitor = Monitor()
    for epoch in range(3):
        monitor.log(epoch, rows=np.arange(3 * OUTPUT_ROWS, dtype=np.float64)[:, None] * [0.0, 2.0])
    rows = monitor.rows
    assert rows is not None and rows.losses.shape == (3, OUTPUT_ROWS)
    assert rows.losses[0, [0, -1]].tolist() == [0.0, 3.0 * OUTPUT_ROWS - 1]
    given = Monitor((np.zeros((3 * OUTPUT_ROWS, 1)), np.arange(3 * OUTPUT_ROWS)))
    assert given._validation is not None and len(given._validation[0]) == len(given._validation[1]) == OUTPUT_ROWS


def run_apart(code: str, **environment: str) -> str:
    """What another process prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_plain_loop_does_not_import_keras() -> None:
    code = (
        "import sys\nfrom gengap.callbacks import Monitor\nmonitor = Monitor(stop=True)\n"
        "for epoch in range(20): monitor.log(epoch, train=0.9**epoch, rows=[0.5 + 0.9**epoch, 1.0])\n"
        "print(monitor.verdict.verdict, 'keras' in sys.modules, 'jax' in sys.modules)"
    )
    assert run_apart(code).endswith(" False False")


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_other_backends_give_the_same_answers(backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    shown = run_apart(f"import runpy\nrunpy.run_path({str(EXAMPLE)!r}, run_name='__main__')", KERAS_BACKEND=backend)
    assert f"on {backend}:" in shown and "overfit" in shown


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    shown = capsys.readouterr().out
    assert f"on {keras.backend.backend()}:" in shown and shown.count("overfit") >= 2
