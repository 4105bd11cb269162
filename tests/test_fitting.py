"""`gengap.fit`: what it takes, Keras' callbacks, and when it trains by Keras' own loop."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gengap
from gengap.callbacks import Monitor
from gengap.data import rows as given
from gengap.data.rows import to_rows
from gengap.errors import GengapWarning, UsageError
from gengap.models.backend import keras, symbolic_rows
from gengap.train.keras_names import IN_GENGAP
from gengap.train.stopping import Stopping

random = np.random.default_rng(0)
X = random.normal(size=(60, 4)).astype("float32")
Y = (X[:, :1] + 0.5 * random.normal(size=(60, 1)) > 0).astype("float32")
W = random.integers(1, 4, size=60).astype("float32")
TRAIN, VALIDATION = (X[:40], Y[:40]), (X[40:], Y[40:])


def build(**options: Any) -> keras.Model:
    start = [keras.initializers.GlorotUniform(seed) for seed in (1, 2)]
    hidden = keras.layers.Dense(8, "relu", kernel_initializer=start[0])
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(1, kernel_initializer=start[1])])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.Adam(0.01), loss, metrics=[keras.metrics.BinaryAccuracy(name="accuracy")], **options
    )
    return model


class Batches(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(10 * index, 10 * index + 10)
        return X[part], Y[part]


def generated() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    yield from (Batches()[i] for i in range(4))


def of_grain(kind: str) -> Any:
    grain = pytest.importorskip("grain.python" if kind == "loader" else "grain")
    pairs = grain.MapDataset.source([(X[i], Y[i]) for i in range(40)]) if kind != "loader" else None
    if pairs is None:
        source = [(X[i], Y[i]) for i in range(40)]
        sampler = grain.SequentialSampler(num_records=40, shard_options=grain.NoSharding())
        return grain.DataLoader(data_source=source, sampler=sampler, operations=[grain.Batch(10)])
    return pairs.batch(10) if kind == "map" else pairs.to_iter_dataset().batch(10)


def of_torch() -> Any:
    torch = pytest.importorskip("torch")
    pairs = torch.utils.data.TensorDataset(torch.tensor(X[:40]), torch.tensor(Y[:40]))
    return torch.utils.data.DataLoader(pairs, batch_size=10)


def of_tensorflow() -> Any:
    tensorflow = pytest.importorskip("tensorflow")
    return tensorflow.data.Dataset.from_tensor_slices(TRAIN).batch(10)


GIVEN: dict[str, Callable[[], Any]] = {
    "PyDataset": lambda: Batches(workers=1),
    "generator": generated,
    "list of batches": lambda: list(generated()),
    "grain loader": lambda: of_grain("loader"),
    "grain map": lambda: of_grain("map"),
    "grain iter": lambda: of_grain("iter"),
    "torch": of_torch,
    "tf.data": of_tensorflow,
}


@pytest.mark.parametrize("kind", GIVEN)
def test_batches_of_any_kind_are_read_once_and_say_their_size(kind: str) -> None:
    rows, size = to_rows("train", GIVEN[kind]())
    np.testing.assert_array_equal(rows.x, TRAIN[0])
    np.testing.assert_array_equal(rows.y, TRAIN[1])
    assert size == 10


def test_a_loader_trains_as_its_rows_do() -> None:
    arrays = gengap.fit(build(), TRAIN, VALIDATION, epochs=2, batch_size=10)
    loader = gengap.fit(build(), Batches(), VALIDATION, epochs=2)
    pd.testing.assert_series_equal(values(arrays), values(loader))


def values(history: gengap.History) -> pd.Series:
    return pd.Series(
        {(*key, e): v for key, s in history.series.items() for e, v in zip(s.epochs, s.values, strict=True)}
    )


def test_tensors_of_torch_are_taken_from_their_device_and_graph() -> None:
    class Tensor:
        """As torch's, which NumPy can't read before these calls."""

        __module__ = "torch"

        def __init__(self, values: np.ndarray, calls: tuple[str, ...] = ()) -> None:
            self.values, self.calls, self.shape = values, calls, values.shape

        def detach(self) -> Tensor:
            return Tensor(self.values, (*self.calls, "detach"))

        def cpu(self) -> Tensor:
            return Tensor(self.values, (*self.calls, "cpu"))

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
            assert self.calls == ("detach", "cpu")
            return self.values

    rows, _ = to_rows("train", [[Tensor(X), Tensor(Y)]])  # a loader's batch is a list
    np.testing.assert_array_equal(rows.x, X)
    np.testing.assert_array_equal(rows.y, Y)


def test_frames_series_and_weights_become_arrays() -> None:
    frame = pd.DataFrame(X.astype(float), columns=list("abcd"))
    for table, labels in ((frame, pd.Series(Y[:, 0])), (pl.DataFrame(X, list("abcd")), pl.Series(Y[:, 0]))):
        rows, size = to_rows("train", (table, labels, W))
        assert rows.x.dtype == np.float32 and size is None
        np.testing.assert_allclose(rows.x, X)
        np.testing.assert_array_equal(rows.y, Y[:, 0])
        np.testing.assert_array_equal(rows.weights, W)
    lists, _ = to_rows("train", ([[1, 2], [3, 4]], [0, 1]))
    assert lists.x.shape == (2, 2)
    several, _ = to_rows("train", ({"a": frame["a"], "b": frame[["b", "c"]]}, Y))
    assert {name: part.shape for name, part in several.x.items()} == {"a": (60,), "b": (60, 2)}


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.float32])
def test_symbolic_rows_have_the_type_that_the_backend_gives_such_an_array(kind: Any) -> None:
    array = np.zeros((4, 2), kind)
    symbolic, tensor = symbolic_rows(array), keras.ops.convert_to_tensor(array)
    assert (symbolic.shape, symbolic.dtype) == ((1, 2), keras.backend.standardize_dtype(tensor.dtype))


def endless() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    while True:
        yield X, Y


def test_what_can_not_be_rows_is_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "MAX_BYTES", 5_000)
    town = pd.DataFrame({"a": [1.0, 2.0], "town": ["here", "there"]})
    for wrong, message in [
        ((town, [0, 1]), r"train: x, column 'town' holds .*; expected numbers: encode it first"),
        ((X, np.array(["a", "b"] * 30)), r"train: y holds .*; expected numbers"),
        ((X, Y[:50]), r"train: all arrays must have equally many rows \(x: 60, y: 50\)"),
        ((X, Y, W[:3]), r"train: all arrays must have equally many rows \(x: 60, y: 60, weights: 3\)"),
        (X, r"train is a ndarray; expected \(x, y\)"),
        (town, r"train is a DataFrame; expected \(x, y\)"),
        (7, r"train is a int; expected \(x, y\)"),
        ((X,), r"train, batch 0 is a ndarray; expected \(x, y\)"),
        ([(X[0], Y[0, 0])] * 2, "y is one number; expected a batch of rows: make batches first"),
        ([], "train has no batches"),
        ([(X, Y), (X[:, :2], Y)], "train, batch 1: its rows have the shapes"),
        ([({"a": X, "b": W}, Y), ({"a": X, "c": W}, Y)], "train, batch 1: its rows have the shapes"),
        ([(X, Y), (X, Y, W)], "train, batch 1: its rows have the shapes"),
        (endless(), "train has more than .* GB of batches"),
    ]:
        with pytest.raises(UsageError, match=message):
            to_rows("train", wrong)
    grain = pytest.importorskip("grain")
    with pytest.raises(UsageError, match="train has no end"):
        to_rows("train", grain.MapDataset.range(3).repeat())


def test_a_model_that_can_not_take_the_rows_says_their_shapes() -> None:
    with pytest.raises(UsageError, match=r"x of the shapes \[\(40, 3\)\] and y of \[\(40, 1\)\]: .*expected shape"):
        gengap.fit(build(), (X[:40, :3], Y[:40]), (X[40:, :3], Y[40:]), epochs=1)
    with pytest.raises(UsageError, match=r"a row of train has the shape \[\(4,\)\], one of validation \[\(3,\)\]"):
        gengap.fit(build(), TRAIN, (X[40:, :3], Y[40:]), epochs=1)
    with pytest.raises(UsageError, match="isn't compiled"):
        gengap.fit(keras.Sequential([keras.layers.Dense(1)]), TRAIN, VALIDATION, epochs=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": "5"}, "epochs is '5'; expected a whole number of at least 1"),
        ({"epochs": 0}, "epochs is 0; expected"),
        ({"batch_size": 0}, "batch_size is 0; expected"),
        ({"batch_size": 2.5}, r"batch_size is 2\.5; expected"),
        ({"stopping": 3}, r"stopping is 3; expected a gengap\.train\.stopping\.Stopping"),
        ({"callbacks": 3}, "callbacks is 3; expected a list of Keras callbacks"),
        ({"callbacks": ["x"]}, r"callbacks is \['x'\]; expected a list of Keras callbacks"),
        ({"callbacks": keras.callbacks.TerminateOnNaN()}, "callbacks is .*TerminateOnNaN.*; expected a list"),
        ({"model": "tiny"}, r"model is 'tiny'; expected a compiled keras\.Model"),
    ],
)
def test_a_wrong_argument_is_named(options: dict[str, Any], said: str) -> None:
    arguments: dict[str, Any] = {"model": build(), "train": TRAIN, "validation": VALIDATION, "epochs": 1}
    with pytest.raises(UsageError, match=said):
        gengap.fit(**(arguments | options))


def test_every_argument_of_keras_own_fit_has_an_answer() -> None:
    theirs = set(inspect.signature(keras.Model.fit).parameters) - {"self"}
    assert theirs - set(inspect.signature(gengap.fit).parameters) == set(IN_GENGAP)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"x": X, "y": Y, "epochs": 3}, r"arguments 'x', 'y'\. x=, y=: give train=\(x, y\)\.$"),
        ({"validation_data": VALIDATION}, r"argument 'validation_data'\. .*: give validation=\(x, y\)\.$"),
        (
            {"verbose": 0, "epoch": 3},
            r"verbose=: leave it out, nothing is printed\. epoch=: Did you mean 'epochs'\?$",
        ),
        ({"nonsense": 3}, r"gengap\.fit\(\) got unexpected keyword argument 'nonsense'\.$"),
    ],
)
def test_an_argument_of_another_name_gets_the_right_one(options: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        gengap.fit(build(), **options)


def test_callbacks_may_come_from_a_generator() -> None:
    epochs: list[int] = []
    called = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    gengap.fit(build(), TRAIN, VALIDATION, epochs=2, callbacks=(each for each in [called]))
    assert epochs == [0, 1]


SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=9)


@pytest.mark.parametrize(
    ("outputs", "loss", "y", "said"),
    [
        (2, "mse", Y[:40, 0], r"train: y has the shape \(40,\), expected \(40, 2\) like the model's output"),
        (
            3,
            SPARSE,
            np.arange(40) % 4,
            "y holds the label 3, but the model has outputs for 3 classes. Use labels 0 to 2",
        ),
        (3, "sparse_categorical_crossentropy", np.arange(40) % 3 - 1, "y holds the label -1, but the model has"),
        (3, SPARSE, Y[:40, 0] / 2, r"y holds the label 0.5, but the model has outputs for 3 classes"),
        (1, "binary_crossentropy", 7 * Y[:40], "values from 0 to 7, but BinaryCrossentropy expects 0 to 1"),
        (1, keras.losses.BinaryCrossentropy(), np.full(40, np.nan), "values from nan to nan, but Bin"),
    ],
)
def test_targets_that_the_loss_does_not_take_are_refused_before_training(
    outputs: int, loss: Any, y: np.ndarray, said: str
) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(outputs)])
    model.compile("sgd", loss)
    with pytest.raises(UsageError, match=said):
        gengap.fit(model, (X[:40], y), (X[:40], y), epochs=1)
    assert int(model.optimizer.iterations.numpy()) == 0


def test_a_weight_that_is_not_finite_is_named() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    weights = np.where(np.arange(40) == 5, np.nan, 1.0)
    with pytest.warns(GengapWarning, match="train: sample_weight holds a value that is not finite, in row 5"):
        gengap.fit(model, (X[:40], Y[:40, 0], weights), (X[:40], Y[:40, 0]), epochs=5)


@pytest.mark.parametrize("split", ["train", "validation", "neither"])
def test_a_loss_that_is_no_longer_finite_is_warned_of_with_the_row(split: str) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e30 if split == "neither" else 0.01), "mse")
    x = {"train": X[:40].copy(), "validation": X[:40].copy()}
    if split in x:
        x[split][7, 2] = np.inf
    said = f"{split}: x holds a value that is not finite, in row 7" if split in x else "Try a lower learning rate"
    with pytest.warns(
        GengapWarning, match=rf"^model: training ended in epoch \d+: the loss is no longer finite\. {said}"
    ):
        gengap.fit(model, (x["train"], Y[:40, 0]), (x["validation"], Y[:40, 0]), epochs=50)


def test_targets_that_the_loss_takes_are_trained_on() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", SPARSE)
    y = np.array([0, 1, 2, 9] * 10)  # 9 is ignored
    assert gengap.fit(model, (X[:40], y), (X[:40], y), epochs=1).epochs == 1
    wrong = np.array([0, 1, 2, -1] * 10)
    rows = (X[:40], wrong, (wrong >= 0).astype("float32"))  # the wrong label has no weight
    assert gengap.fit(model, rows, rows, epochs=1).epochs == 1


def test_batches_without_an_end_are_refused_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "UNSIZED_BYTES", 1 << 16)

    def endless() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            yield X, Y

    with pytest.raises(UsageError, match=r"train gave .* it may have no end\. If it has one, give a list"):
        gengap.fit(build(), endless(), VALIDATION, epochs=1)
    assert len(to_rows("train", [(X, Y)] * 100)[0]) == 6_000  # a list has an end
    assert len(to_rows("train", UnknownCardinality(100))[0]) == 6_000  # tf.data can't say that it has one


class UnknownCardinality:
    """Batches as a `tf.data.Dataset` gives them that was made from a generator: TensorFlow counts -2."""

    def __init__(self, batches: int | None = None) -> None:
        self.batches = batches

    def cardinality(self) -> int:
        return -2

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return itertools.islice(endless(), self.batches)


@pytest.mark.parametrize("batches", [endless, UnknownCardinality])
def test_small_batches_without_an_end_are_refused_early(
    monkeypatch: pytest.MonkeyPatch, batches: Callable[[], Any]
) -> None:
    monkeypatch.setattr(given, "UNSIZED_BATCHES", 50)
    with pytest.raises(UsageError, match=r"validation gave 51 batches, .* it may have no end\. If it has one"):
        gengap.fit(build(), (X, Y), batches(), epochs=1)
    with pytest.raises(UsageError, match=r"the rows gave 51 batches"):
        gengap.study(batches(), model=build())
    counted = (batch for batch in [(X, Y)] * 50)
    assert len(to_rows("train", counted)[0]) == 3_000


class StudySnapshot(keras.callbacks.Callback):
    """Writes down every call, its logs and the weights that it finds."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int | None, dict[str, float]]] = []
        self.weights: list[float] = []

    def _saw(self, what: str, epoch: int | None, logs: dict[str, float] | None) -> None:
        self.calls.append((what, epoch, dict(logs or {})))
        self.weights.append(float(sum(np.abs(w).sum() for w in self.model.get_weights())))

    def on_train_begin(self, logs: Any = None) -> None:
        self._saw("train begins", None, logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._saw("begins", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._saw("ends", epoch, logs)

    def on_train_end(self, logs: Any = None) -> None:
        self._saw("train ends", None, logs)


def stops_at(epoch: int) -> keras.callbacks.Callback:
    callback = keras.callbacks.LambdaCallback()

    def end(now: int, logs: Any) -> None:
        callback.model.stop_training = now == epoch

    callback.on_epoch_end = end  # pyright: ignore[reportAttributeAccessIssue]
    return callback


CALLBACKS: dict[str, Callable[[Path], list[keras.callbacks.Callback]]] = {
    "none but one that sees": lambda folder: [],
    "learning rates": lambda folder: [keras.callbacks.LearningRateScheduler(lambda e, rate: 0.05 / (1 + e))],
    "plateaus": lambda folder: [keras.callbacks.ReduceLROnPlateau(factor=0.1, patience=1, min_delta=0.1)],
    "early stopping": lambda folder: [
        keras.callbacks.EarlyStopping(patience=2, min_delta=0.05, restore_best_weights=True)
    ],
    "stops": lambda folder: [stops_at(3)],
    "checkpoints": lambda folder: [
        keras.callbacks.ModelCheckpoint(folder / "{epoch}.weights.h5", save_weights_only=True)
    ],
    "backup": lambda folder: [keras.callbacks.BackupAndRestore(folder / "backup")],
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_see_and_do_what_they_do_in_keras_own_fit(name: str, tmp_path: Path) -> None:
    """One batch an epoch, so that Keras' own order of rows does not matter."""
    ours, theirs = build(), build()
    seen = {"ours": StudySnapshot(), "theirs": StudySnapshot()}
    folders = {who: tmp_path / who for who in seen}
    for folder in folders.values():
        folder.mkdir()
    history = gengap.fit(
        *(ours, TRAIN, VALIDATION),
        **{"epochs": 8, "batch_size": 40, "callbacks": [*CALLBACKS[name](folders["ours"]), seen["ours"]]},
    )
    callbacks = [*CALLBACKS[name](folders["theirs"]), seen["theirs"]]
    options = {"validation_data": VALIDATION, "epochs": 8, "batch_size": 40, "verbose": 0}
    logged = theirs.fit(*TRAIN, **options, callbacks=callbacks).history
    assert [call[:2] for call in seen["ours"].calls] == [call[:2] for call in seen["theirs"].calls]
    for one, other in zip(seen["ours"].calls, seen["theirs"].calls, strict=True):
        assert one[2] == pytest.approx(other[2], rel=1e-4)
        assert list(one[2]) == list(other[2])
    np.testing.assert_allclose(seen["ours"].weights, seen["theirs"].weights, rtol=1e-4)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(history["validation", "loss"].values, logged["val_loss"], rtol=1e-4)
    files = {who: sorted(path.name for path in folder.rglob("*")) for who, folder in folders.items()}
    assert files["ours"] == files["theirs"]


def test_a_backup_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    class Broken(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 3:
                raise RuntimeError("power cut")

    def backup() -> keras.callbacks.Callback:
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    model = build()
    whole = gengap.fit(model, TRAIN, VALIDATION, epochs=6, batch_size=16)
    with pytest.raises(RuntimeError, match="power cut"):
        gengap.fit(build(), TRAIN, VALIDATION, epochs=6, batch_size=16, callbacks=[backup(), Broken()])
    again = build()
    history = gengap.fit(again, TRAIN, VALIDATION, epochs=6, batch_size=16, callbacks=[backup()])
    assert history["train", "loss"].epochs.tolist() == [3, 4, 5]
    for key, series in history.series.items():
        np.testing.assert_allclose(series.values, whole[key].values[3:], rtol=1e-5)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_backup_of_the_last_epoch_leaves_nothing_to_train(tmp_path: Path) -> None:
    callbacks = [keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)]
    gengap.fit(build(), TRAIN, VALIDATION, epochs=2, callbacks=callbacks)
    assert gengap.fit(build(), TRAIN, VALIDATION, epochs=2, callbacks=callbacks).epochs == 0


def test_callbacks_that_look_at_logs_hear_of_every_epoch_of_a_chunk(tmp_path: Path) -> None:
    class Keeps(keras.callbacks.Callback):
        logs_only = True

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            epochs.append(epoch)

    epochs: list[int] = []
    monitor = Monitor()
    callbacks = [
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.TerminateOnNaN(),
        Keeps(),
        monitor,
    ]
    history = gengap.fit(build(), TRAIN, VALIDATION, epochs=30, batch_size=16, callbacks=callbacks)
    table = pd.read_csv(tmp_path / "log.csv")
    assert list(table.columns) == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]
    np.testing.assert_allclose(table["val_loss"], history["validation", "loss"].values, rtol=1e-6)
    assert epochs == list(range(30)) == monitor.history["train", "loss"].epochs.tolist()


def test_the_rule_and_callbacks_together(tmp_path: Path) -> None:
    rule = Stopping(patience=2, monitor="loss", min_delta=0.05)
    seen = StudySnapshot()
    model = build()
    history = gengap.fit(model, TRAIN, VALIDATION, epochs=50, stopping=rule, callbacks=[seen])
    alone = gengap.fit(build(), TRAIN, VALIDATION, epochs=50, stopping=rule)
    assert history.epochs == alone.epochs == len([c for c in seen.calls if c[0] == "ends"]) < 50
    pd.testing.assert_series_equal(values(history), values(alone), rtol=1e-5)


class OwnStep(keras.Sequential):
    def train_step(self, *given: Any, **options: Any) -> Any:
        return super().train_step(*given, **options)


class EveryBatch(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.batches = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches += 1


def test_what_no_program_can_hold_is_trained_by_keras_own_loop_and_said() -> None:
    fast = values(gengap.fit(build(), TRAIN, VALIDATION, epochs=3, batch_size=16))
    counts = EveryBatch()
    own = OwnStep(build().layers)
    own.compile(keras.optimizers.Adam(0.01), build().loss, metrics=[keras.metrics.BinaryAccuracy(name="accuracy")])
    for model, options, reason in [
        (build(), {"callbacks": [counts]}, "EveryBatch is called within epochs"),
        (own, {}, "OwnStep has a train_step of its own"),
        (build(run_eagerly=True), {}, "compiled with run_eagerly=True"),
    ]:
        with pytest.warns(GengapWarning, match=f"Keras' own loop, with the same history but slower: .*{reason}"):
            slow = gengap.fit(model, TRAIN, VALIDATION, epochs=3, batch_size=16, **options)
        pd.testing.assert_series_equal(values(slow).sort_index(), fast.sort_index(), rtol=1e-4)
    assert counts.batches == 9


def test_a_model_that_can_not_be_traced_is_trained_by_keras_own_loop_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(*given: Any) -> Any:
        raise TypeError("scan body function carry input and carry output must have equal types\nand more")

    monkeypatch.setattr("gengap.train.jax.program.ChunkProgram._step", wrong)
    with pytest.warns(GengapWarning, match=r"the model can't be traced \(TypeError: scan body .* equal types\)"):
        history = gengap.fit(build(), TRAIN, VALIDATION, epochs=2, batch_size=23)  # a shape no other test compiled
    assert history.epochs == 2


OTHER = """
import json, warnings
import numpy as np
import keras, gengap
x = np.linspace(-1, 1, 80).reshape(20, 4).astype("float32")
y = (x[:, :1] > 0).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, kernel_initializer="zeros")])
model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    history = gengap.fit(model, (x, y), (x, y), epochs=20, batch_size=8)
found = {"/".join(key): series.values.tolist() for key, series in history.series.items()}
said = [str(w.message) for w in caught if w.category.__name__ == "GengapWarning"]
print(json.dumps([found, said, gengap.diagnose(history).verdict]))
"""


def on_backend(name: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", OTHER], env={**os.environ, "KERAS_BACKEND": name}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_other_backends_give_the_same_history_and_verdict_and_say_so(backend: str) -> None:
    pytest.importorskip(backend)
    fast, nothing, verdict = on_backend("jax")
    slow, said, same = on_backend(backend)
    assert (nothing, same) == ([], verdict)
    assert len(said) == 1 and f"Keras runs on {backend}; set KERAS_BACKEND=jax" in said[0]
    assert set(slow) == set(fast)
    for key, series in fast.items():
        np.testing.assert_allclose(slow[key], series, rtol=1e-4, err_msg=key)
