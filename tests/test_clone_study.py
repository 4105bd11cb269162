"""`gengap.study(rows, model=...)` with a Keras model that is cloned, on rows of any shape."""

from __future__ import annotations

import random as python_random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import gengap
from gengap import Plan, Trial
from gengap.cli import app
from gengap.data.arrays import load_given_rows
from gengap.data.rows import Rows
from gengap.errors import PlanError, SourceError, UsageError
from gengap.models import Augment, Dropout, Freeze, LabelSmoothing, backend
from gengap.models.backend import keras
from gengap.models.cloned_models import ClonedModels
from gengap.models.keras_internals import without_weights
from gengap.models.model_source import ModelSource, find_model
from gengap.models.row_losses import RowValues, guess_loss
from gengap.models.user_model import ModelFunction
from gengap.options.study_options import DataSpec
from gengap.plan import Growth, Recipe
from gengap.presets import load_clones_plan
from gengap.stats.permutation import better_than_constant
from gengap.study.progress import SilentDisplay
from gengap.tasks import OwnLoss
from gengap.train.own_baselines import LEAST_SHARE, fit_own_baselines
from gengap.train.types import Progress

L = keras.layers
random = np.random.default_rng(0)
X = random.normal(size=(120, 4, 4, 1)).astype("float32")
Y = (X.sum(axis=(1, 2, 3)) > 0).astype("int64") + (X[:, 0].sum(axis=(1, 2)) > 2)
TRAIN, VALIDATION = (X[:80], Y[:80]), (X[80:], Y[80:])
RECIPE = Recipe(batch=40, max_epochs=3)
PLAN = Plan(
    name="little",
    trials=(
        Trial(run="sizes/1x", aliases=("regularizers/none",)),
        Trial(run="regularizers/dropout", treatments=(Dropout(0.3),)),
        Trial(run="regularizers/freeze", treatments=(Freeze(1),)),
    ),
    recipe=RECIPE,
)
ONE = Plan(name="one", trials=(Trial(run="sizes/0.5x", width=0.5),), recipe=RECIPE)
MODULE = """
import keras

def cnn():
    layers = keras.layers
    first = [keras.Input((4, 4, 1)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten()]
    return keras.Sequential([*first, layers.Dense(3, "softmax")])
"""


def cnn() -> keras.Model:
    first = [keras.Input((4, 4, 1)), L.Conv2D(4, 3, activation="relu"), L.Flatten()]
    return keras.Sequential([*first, L.Dense(3, "softmax")])


def perceptron(outputs: int = 3, **compiled: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Flatten(), L.Dense(4, "relu"), L.Dense(outputs)])
    if compiled:
        model.compile(**compiled)
    return model


class Watching(SilentDisplay):
    def progress(self, progress: Progress) -> None:
        raise AssertionError("trained again")


def test_a_study_of_a_model_that_is_cloned(tmp_path: Path) -> None:
    options: dict[str, Any] = {"validation": VALIDATION, "model": cnn, "out": tmp_path}
    found = gengap.study(TRAIN, PLAN, **options)
    assert [trial.run for trial in found.trials] == ["sizes/1x", "regularizers/dropout"]
    summary = found.summary
    assert (summary.task, summary.rows) == ("own-loss", {"train": 80, "validation": 40, "test": 0})
    assert [each.run for each in summary.baselines] == ["baselines/constant", "baselines/linear"]
    assert summary.recommendation and [each.kind for each in summary.regularizers][-1] == "treatment"
    assert all(trial.verdict and 0 <= (trial.score("validation") or -1) <= 1 for trial in found.trials)
    assert summary.provenance and ", validation=validation" in summary.provenance.call
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "loss without penalties" in page
    costly = summary.costly_rows
    assert costly and costly.rows and costly.run in page and f"base64,{costly.rows[0].picture}" in page
    outputs = keras.saving.load_model(tmp_path / "models" / f"{costly.run}.keras").predict(VALIDATION[0], verbose=0)
    for row in costly.rows:
        assert (row.target, row.answer) == (str(VALIDATION[1][row.row]), str(outputs[row.row].argmax()))
        assert row.loss == pytest.approx(-np.log(outputs[row.row, VALIDATION[1][row.row]]), rel=1e-4)
    again = gengap.study(TRAIN, PLAN, **options, display=Watching())
    assert again.trials == found.trials
    model = keras.saving.load_model(tmp_path / "models" / "regularizers" / "dropout.keras")
    logged = found.trials[1].metrics["validation"]["row_loss"]
    assert model.evaluate(*VALIDATION, verbose=0) == pytest.approx(logged, rel=1e-5)
    assert not any(isinstance(layer, L.Dropout) for layer in model.layers)


def test_the_command_line_clones_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "cnn_models", raising=False)
    Path("cnn_models.py").write_text(MODULE)
    np.savez("images.npz", x=X[:80], y=Y[:80], x_validation=X[80:], y_validation=Y[80:])
    Path("plan.toml").write_text(ONE.to_toml())
    result = CliRunner().invoke(app, ["study", "images.npz", "--plan", "plan.toml", "--model", "cnn_models:cnn"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert "80 training and 40 validation rows" in result.output
    assert "clones of cnn_models:cnn, loss SparseCategoricalCrossentropy" in result.output
    assert (tmp_path / "runs" / "images-plan-cnn_models.cnn" / "study.json").is_file()


class Batches(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        part = slice(20 * index, 20 * index + 20)
        return {"first": X[part, 0, :, 0], "second": X[part, 1, :2, 0]}, Y[part] > 0


def two_inputs() -> keras.Model:
    first, second = keras.Input((4,), name="first"), keras.Input((2,), name="second")
    x = L.Concatenate()([L.Dense(4, "relu")(first), L.Dense(4, "relu")(second)])
    return keras.Model({"first": first, "second": second}, L.Dense(1)(x))


def tagger() -> keras.Model:
    return keras.Sequential([keras.Input((5,), dtype="int32"), L.Embedding(9, 4), L.Dense(2, "softmax")])


TOKENS = random.integers(9, size=(80, 5))
FORMS: dict[str, tuple[Any, Any, Any, int]] = {
    "a loader of several inputs": (Batches(), Batches(), two_inputs, 21),
    "a label for each token": ((TOKENS, TOKENS % 2), None, tagger, 24),
    "weights": ((X, X.sum(axis=(1, 2, 3)), np.ones(120)), 40, lambda: perceptron(1, loss="mae"), 37),
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_any_form(form: str) -> None:
    source, validation, model, parameters = FORMS[form]
    found = gengap.study(source, ONE, validation=validation, model=model, max_epochs=2)
    (trial,) = found.trials
    assert trial.parameters == parameters
    history = found.histories[0]
    assert np.isfinite(history["validation", "row_loss"].values).all()
    assert found.plan.recipe.batch == (20 if form.startswith("a loader") else 40)


def test_row_losses_are_those_of_keras() -> None:
    outputs = random.uniform(0.1, 0.9, size=(6, 3)).astype("float32")
    outputs /= outputs.sum(axis=1, keepdims=True)
    labels = random.integers(3, size=6)
    hot = np.eye(3, dtype="float32")[labels]
    cases: list[tuple[Any, Any, str]] = [
        ("sparse_categorical_crossentropy", labels, "sparse"),
        (keras.losses.CategoricalCrossentropy(), hot, "one-hot"),
        ("binary_crossentropy", hot, "two"),
        (keras.losses.Huber(), hot, ""),
        (lambda y, z: keras.ops.mean(keras.ops.abs(y - z), axis=-1), hot, ""),
    ]
    for loss, y, kind in cases:
        values = RowValues(loss)
        found = keras.ops.convert_to_numpy(values(outputs, y))
        function = keras.losses.get(loss)
        expected = [float(keras.ops.mean(function(y[i : i + 1], outputs[i : i + 1]))) for i in range(6)]
        np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5)
        assert values.kind == kind
        if kind in ("sparse", "one-hot"):
            np.testing.assert_array_equal(found[:, 1], outputs.argmax(axis=1) != labels)


def test_labels_without_an_output_are_refused() -> None:
    with pytest.raises(UsageError, match="train: y holds the label 5, but the model has outputs for 3 classes"):
        gengap.study((X[:80], np.where(np.arange(80) == 70, 5, Y[:80])), PLAN, validation=VALIDATION, model=cnn)
    with pytest.raises(UsageError, match="validation: y holds the label -1, but the model has outputs for 3"):
        gengap.study(TRAIN, PLAN, validation=(X[80:], Y[80:] - 1), model=cnn)


def test_the_loss_is_guessed_from_targets_far_behind_the_first_rows() -> None:
    counts = np.array([0, 1] * 20 + [7])
    study = gengap.study(
        (np.arange(41.0)[:, None], counts),
        Plan(name="one", trials=(Trial(run="sizes/1x"),), recipe=Recipe(batch=4, max_epochs=1)),
        validation=(np.arange(8.0)[:, None], counts[:8]),
        model=lambda: keras.Sequential([keras.Input((1,)), L.Dense(1)]),
    )
    assert "accuracy" not in study.trials[0].metrics["validation"]


@pytest.mark.parametrize(
    ("activation", "outputs", "y", "name"),
    [
        ("softmax", 3, Y, "SparseCategoricalCrossentropy"),
        (None, 3, np.eye(3)[Y], "CategoricalCrossentropy"),
        ("sigmoid", 1, Y > 0, "BinaryCrossentropy"),
        (None, 1, X.sum(axis=(1, 2, 3)), "MeanSquaredError"),
        ("sigmoid", 3, np.ones((120, 3)), "BinaryCrossentropy"),
    ],
)
def test_a_model_that_is_not_compiled_gets_the_loss_of_its_targets(
    activation: str | None, outputs: int, y: np.ndarray, name: str
) -> None:
    with without_weights():
        model = keras.Sequential([keras.Input((2,)), L.Dense(outputs, activation)])
    loss = guess_loss(model, y)
    assert type(loss).__name__ == name
    assert loss.get_config().get("from_logits") == (None if name == "MeanSquaredError" else activation is None)


def test_what_a_model_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kept_models.py").write_text(MODULE + "\nkept = cnn()\ndef build(size, features, outputs):\n    pass\n")
    kinds = [find_model(f"kept_models:{name}") for name in ("cnn", "kept", "build")]
    assert [type(kind) for kind in kinds] == [ModelSource, ModelSource, ModelFunction]
    assert isinstance(find_model(perceptron()), ModelSource)
    for each in (keras.Sequential, "keras:Model", type("Mine", (keras.Model,), {"__init__": lambda self: None})):
        with pytest.raises(UsageError, match="it is a class; give an instance, or a function that returns"):
            find_model(each)
    with pytest.raises(UsageError, match=r"it returned NoneType; expected a keras\.Model"):
        ClonedModels(ModelSource("f", lambda: None), Rows(X, Y))
    with pytest.raises(UsageError, match="validation rows are for a model that is cloned"):
        gengap.study("collider", validation=VALIDATION)


def test_clones_start_from_the_weights_of_a_model_and_keep_its_compilation() -> None:
    model = perceptron(optimizer=keras.optimizers.SGD(0.3), loss=keras.losses.MeanAbsoluteError())
    models = ClonedModels(ModelSource("m", None, model), Rows(X, np.eye(3, dtype="float32")[Y]))
    for seed, treatments in ((0, ()), (1, (Dropout(0.2), Augment()))):
        built = models.build_trial(Trial(run="a", treatments=treatments), 0.1, seed)
        for ours, theirs in zip(built.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert built.optimizer is not model.optimizer and type(built.optimizer).__name__ == "SGD"
        assert float(built.optimizer.learning_rate) == pytest.approx(0.3)
    wide = Trial(run="a", width=2)
    one, same = (models.build_trial(wide, 0.1, 5).get_weights() for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, same, strict=True))
    assert models.known_trial(wide).parameters == 17 * 8 + 9 * 3
    assert (
        not models.applies((LabelSmoothing(0.1),)) and "no label_smoothing" in models.reasons["label smoothing 0.1"]
    )
    assert not models.learnt and not models.applies((Freeze(1),))


def test_one_thread_at_a_time_draws_what_clones_begin_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras draws seeds from Python's own generator, which all threads share."""
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Flatten(), L.Dense(4), L.Dropout(0.1), L.Dense(3)])
    locked, draw = list[bool](), python_random.randint

    def noted(low: int, high: int) -> int:
        locked.append(backend.BUILD_LOCK.locked())
        return draw(low, high)

    monkeypatch.setattr(python_random, "randint", noted)
    gengap.study(TRAIN, PLAN, validation=VALIDATION, model=model, out=tmp_path)
    assert locked and all(locked)


FAULTS: list[tuple[Any, Any, str]] = [
    (lambda: perceptron(loss=lambda y, z: keras.ops.mean(z)), TRAIN, "gives one number for a batch"),
    (lambda: keras.Sequential([keras.Input((3,)), L.Dense(1)]), TRAIN, r"takes rows of the shape \(3,\)"),
    (lambda: perceptron(loss="categorical_crossentropy"), TRAIN, "its loss CategoricalCrossentropy can't take"),
]


@pytest.mark.parametrize(("model", "rows", "said"), FAULTS)
def test_a_model_that_does_not_fit_the_rows_says_why(model: Any, rows: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        gengap.study(rows, ONE, validation=VALIDATION, model=model)


def test_rows_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=X)
    spec = DataSpec()
    with pytest.raises(SourceError, match=r"holds a; expected x and y, and for validation rows x_validation"):
        load_given_rows(tmp_path / "other.npz", None, spec)
    with pytest.raises(SourceError, match="can't be read"):
        load_given_rows(tmp_path / "missing.npz", None, spec)
    with pytest.raises(UsageError, match="a model that is cloned takes arrays"):
        load_given_rows(tmp_path / "table.csv", None, spec)
    with pytest.raises(UsageError, match="target: for tables only"):
        load_given_rows(TRAIN, None, DataSpec(target="a"))
    with pytest.raises(UsageError, match=r"x has rows of the shapes .* expected equal shapes"):
        load_given_rows(TRAIN, (X[:, :2], Y), spec)
    rows = load_given_rows((X, Y), None, DataSpec(train=60, validation=30))
    assert (len(rows.train), len(rows.validation), rows.table.split.code) == (60, 30, "table-split-stratified")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", ["the rows", "validation"])
def test_features_that_are_not_finite_are_named_before_anything_is_trained(part: str, value: float) -> None:
    x = X[:80].copy()
    x[[7, 9], 1, 2] = value
    train, validation = ((x, Y[:80]), VALIDATION) if part == "the rows" else (TRAIN, (x, Y[:80]))
    with pytest.raises(UsageError, match=rf"{part}: x has 2 NaN or infinite values, the first in row 7 "):
        load_given_rows(train, validation, DataSpec(), None)
    if part == "the rows":  # also if they are split
        with pytest.raises(UsageError, match="the rows: x has 2 NaN or infinite values, the first in row 7 "):
            load_given_rows(train, None, DataSpec(), None)


def test_weights_that_are_not_finite_are_named() -> None:
    weights = np.ones(80, "float32")
    weights[3] = np.nan
    with pytest.raises(UsageError, match="sample_weight has 1 NaN or infinite value, the first in row 3 "):
        load_given_rows((*TRAIN, weights), VALIDATION, DataSpec(), None)


def test_plans_for_clones() -> None:
    quick, full = load_clones_plan("quick"), load_clones_plan("full")
    assert [trial.width for trial in quick.trials[:4]] == [0.25, 0.5, 1, 2]
    assert full.growth and [trial.run for trial in full.growth.size_trials()][:2] == ["sizes/0.125x", "sizes/0.25x"]
    assert Plan.from_toml(full.to_toml()) == full
    fewer = full.with_applicable(lambda treatments: isinstance(treatments[0], Dropout), depth=False)
    assert fewer.growth and not fewer.trials and {type(each[0]) for each in fewer.growth.regularizers} == {Dropout}
    with pytest.raises(PlanError, match="units are for gengap's networks"):
        load_clones_plan("tutorial")
    with pytest.raises(ValueError, match="growth has sizes and widths"):
        Growth(sizes=((4,),), widths=(1,))


def test_the_constant_answer_is_the_best_of_one_for_all_rows() -> None:
    cases: list[tuple[Any, np.ndarray, float]] = [
        (keras.losses.MeanAbsoluteError(), np.array([0.0, 0, 0, 9]), 2.25),
        (keras.losses.BinaryCrossentropy(from_logits=True), np.array([0, 1, 0, 1]), np.log(2)),
        (keras.losses.SparseCategoricalCrossentropy(), np.array([0, 1, 2, 0]), 1.0397),
    ]
    for loss, y, expected in cases:
        rows = Rows(np.arange(4.0, dtype="float32")[:, None], y)
        constant, *_ = fit_own_baselines(rows, rows, RowValues(loss), set())
        assert constant.outputs(rows.x)[:, 0].mean() == pytest.approx(expected, rel=1e-3)


def test_a_class_that_only_validates_costs_the_constant_answer_most() -> None:
    x = np.arange(4.0, dtype="float32")[:, None]
    train, validation = Rows(x, np.array([0, 1, 1, 0])), Rows(x, np.array([0, 1, 2, 0]))
    for from_logits in (False, True):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
        constant, *_ = fit_own_baselines(train, validation, RowValues(loss), set())
        expected = [np.log(2), np.log(2), -np.log(LEAST_SHARE), np.log(2)]
        np.testing.assert_allclose(constant.outputs(x)[:, 0], expected, rtol=1e-3)


def test_nothing_is_learnt_if_no_run_beats_the_constant_answer() -> None:
    constant = random.uniform(1, 2, size=200)
    better = {"a": constant - 0.5 + random.normal(size=200) * 0.1}
    same = {name: constant + random.normal(size=200) * 0.1 for name in "abc"}
    assert better_than_constant(better, constant).learnt and not better_than_constant(same, constant).learnt
    assert better_than_constant(better, None).learnt
    assert OwnLoss(has_classes=True).correct(np.zeros((2, 3, 2)), Y) is not None
