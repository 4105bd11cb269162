"""`gengap study --model`: models of the user's own, in the sizes of the plan."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import gengap
from gengap import Plan, Trial
from gengap.cli import app
from gengap.errors import GengapWarning, PlanError, StudyFolderError, UsageError
from gengap.models.backend import keras
from gengap.models.user_model import ModelFunction, UserModels, model_digest
from gengap.options.study_options import RunSpec
from gengap.plan import Growth, Recipe
from gengap.report.console import user_model_text
from gengap.study.progress import SilentDisplay
from gengap.study.provenance import study_provenance
from gengap.tasks import BINARY, Multiclass, Regression
from gengap.train.types import Progress

Build = Callable[[tuple[int, ...], int, int], Any]
ROWS: dict[str, Any] = {"train": 200, "validation": 60}
PLAN = Plan(
    name="little",
    trials=(
        Trial(run="sizes/4", units=(4,), aliases=("regularizers/none",)),
        Trial(run="regularizers/l2", units=(4,), treatments=(gengap.models.L2(0.01),)),
    ),
    recipe=Recipe(batch=100, max_epochs=3),
)
FOUR = PLAN.trials[0]
MODULE = """
import keras

def build(size, features, outputs):
    start = keras.Input((features,))
    x = start
    for units in size:
        x = keras.layers.Concatenate()([start, keras.layers.Dense(units, "relu")(x)])
    return keras.Model(start, keras.layers.Dense(outputs)(x))

def failing(size, features, outputs):
    if size:
        return 1 / 0  # line 13
    return None

def nothing(size, features, outputs):
    pass

constant = 3
"""


@keras.saving.register_keras_serializable("gengap-tests")
class Doubled(keras.layers.Layer):
    """A layer of the user's, without variables."""

    def call(self, x: Any) -> Any:
        return 2 * x


class Unregistered(Doubled):
    """One that can't be loaded again."""


@keras.saving.register_keras_serializable("gengap-tests")
class Subclassed(keras.Model):
    """A model whose parts only its code connects."""

    def __init__(self, size: tuple[int, ...], features: int, outputs: int, **options: Any) -> None:
        super().__init__(**options)
        self.given = {"size": size, "features": features, "outputs": outputs}
        self.hidden = [keras.layers.Dense(units, "relu") for units in size]
        self.last = keras.layers.Dense(outputs)

    def call(self, x: Any) -> Any:
        for layer in self.hidden:
            x = layer(x)
        return self.last(x)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self.given


class Lazy(keras.layers.Layer):
    """Draws its weight when it first sees rows."""

    def build(self, shape: Any) -> None:
        self.weight = self.add_weight(shape=(shape[-1],), initializer="normal")

    def call(self, x: Any) -> Any:
        return x * self.weight


class OwnStep(keras.Sequential):
    """A model with a way of its own to train."""

    def train_step(self, *given: Any) -> Any:
        return super().train_step(*given)  # pyright: ignore[reportAttributeAccessIssue]


def sequential(*last: keras.Layer, compiled: dict[str, Any] | None = None, kind: Any = keras.Sequential) -> Build:
    """A builder of networks that end with `last`."""

    def build(size: tuple[int, ...], features: int, outputs: int) -> keras.Model:
        hidden = [keras.layers.Dense(units, "relu") for units in size]
        model = kind([keras.Input((features,)), *hidden, keras.layers.Dense(outputs), *last])
        if compiled is not None:
            model.compile(**compiled)
        return model

    return build


def half_squared(y: Any, outputs: Any) -> Any:
    return 0.5 * keras.ops.mean(keras.ops.square(y - outputs), axis=-1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of the user's in it, which is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "their_models", raising=False)
    Path("their_models.py").write_text(MODULE)
    return tmp_path


def test_a_study_of_the_users_models_from_the_command_line(here: Path) -> None:
    Path("plan.toml").write_text(PLAN.to_toml())
    call = ["study", "collider", "--plan", "plan.toml", "--model", "their_models:build", "--test", "30"]
    result = CliRunner().invoke(app, [*call, "--train", "200", "--validation", "60"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert "models built by their_models:build; left out, since" in result.output
    folder = here / "runs" / "collider-plan-their_models.build"
    found = gengap.study("collider", PLAN, **ROWS, test=30, model="their_models:build", out=folder)
    (trial,) = found.trials
    assert (trial.run, trial.aliases, trial.parameters) == ("sizes/4", (), 28 * 4 + 4 + 32 + 1)
    assert found.summary.test and found.summary.provenance
    assert "model='their_models:build'" in found.summary.provenance.call
    assert "--model their_models:build" in " ".join(found.summary.provenance.command)
    assert str(here) not in sys.path


def test_a_saved_model_predicts_what_was_logged(tmp_path: Path) -> None:
    found = gengap.study("collider", PLAN, **ROWS, model=Subclassed, out=tmp_path)
    raw = gengap.load("collider", **ROWS, preparation="raw").validation
    model = keras.saving.load_model(tmp_path / "models" / f"{found.trials[0].run}.keras")
    logged = found.trials[0].metrics["validation"]["binary_crossentropy"]
    result = model.evaluate(raw.x, raw.y[:, None], verbose=0, return_dict=True)
    assert result["binary_crossentropy"] == pytest.approx(logged, rel=1e-4)


def test_a_changed_model_is_noticed_and_an_equal_one_goes_on(tmp_path: Path) -> None:
    class Watching(SilentDisplay):
        def progress(self, progress: Progress) -> None:
            raise AssertionError("trained again")

    first = gengap.study("collider", PLAN, **ROWS, model=sequential(Doubled()), out=tmp_path)
    again = gengap.study(
        "collider", PLAN, **ROWS, model=sequential(Doubled(name="other")), out=tmp_path, display=Watching()
    )
    assert again.trials == first.trials
    for other in (sequential(), None):
        with pytest.raises(StudyFolderError, match="trained with another model; name another folder"):
            gengap.study("collider", PLAN, **ROWS, model=other, out=tmp_path)


@pytest.mark.parametrize(
    ("target", "outputs"), [(lambda v: np.digitize(v, (-0.5, 0.5)), 3), (lambda v: 1_000 + 50 * v, 1)]
)
def test_several_classes_and_numbers(target: Any, outputs: int, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(260, 3)).astype(np.float32)
    own = sequential(Doubled(), compiled={"optimizer": "sgd", "loss": half_squared})
    found = gengap.study((x, target(x[:, 0])), PLAN, validation=60, model=own, out=tmp_path)
    assert found.trials[0].parameters == 16 + 5 * outputs
    table = (x[:7], target(x[:7, 0]))
    assert gengap.predict(tmp_path / "models" / "best", table, tmp_path / "p.parquet") == 7
    answers = pq.read_table(tmp_path / "p.parquet")
    assert answers.num_columns == outputs + (outputs > 1)  # and the predicted class
    if outputs == 1:
        assert 500 < np.mean(answers["prediction"]) < 1_500
    logged = found.histories[0]
    if outputs == 1:  # its own loss, beside the task's metrics
        half = logged["validation", "mean_squared_error"].values / 2
        np.testing.assert_allclose(logged["validation", "loss"].values, half, rtol=1e-5)
    np.testing.assert_allclose(logged["train", "learning_rate"].values, 0.01)


def test_the_same_seed_gives_the_same_first_weights_and_leaves_other_numbers_alone() -> None:
    random.seed(5)
    expected = random.random()
    random.seed(5)
    for build in (
        sequential(),
        sequential(kind=lambda layers: keras.Sequential([*layers[1:], Lazy()])),
        Subclassed,
    ):
        own = UserModels(ModelFunction.of(build), 3, BINARY)
        one, same, other = (
            np.concatenate([w.ravel() for w in own.build_trial(FOUR, 0.001, seed).get_weights()])
            for seed in (1, 1, 2)
        )
        assert (one == same).all()
        assert (one != other).any()
    assert random.random() == expected


def test_models_are_told_apart_by_what_they_are_and_not_by_names() -> None:
    def digest(build: Build, size: tuple[int, ...] = (4, 4)) -> str:
        return model_digest(build(size, 3, 1))

    assert digest(sequential()) == digest(sequential())
    assert digest(Subclassed) == digest(Subclassed)
    adam, sgd = ({"optimizer": name, "loss": half_squared} for name in ("adam", "sgd"))
    kinds = [sequential(), sequential(Doubled()), sequential(compiled=adam), sequential(compiled=sgd), Subclassed]
    assert len({digest(kind) for kind in kinds} | {digest(Subclassed, (4,))}) == 6


def test_a_model_with_its_own_training_step_is_trained_by_keras() -> None:
    with pytest.warns(GengapWarning, match=r"sizes/4 was trained by Keras' own loop.* train_step of its own"):
        found = gengap.study("collider", PLAN, **ROWS, model=sequential(kind=OwnStep))
    assert found.trials[0].epochs == 3


def test_what_cannot_be_saved_is_said_first_and_trained_without_a_folder(tmp_path: Path) -> None:
    own = sequential(Unregistered())
    with pytest.raises(
        UsageError, match=r"can't be saved .*Unregistered.* A study keeps its models: give each class"
    ):
        gengap.study("collider", PLAN, **ROWS, model=own, out=tmp_path)
    assert not (tmp_path / "trials").exists()
    assert gengap.study("collider", PLAN, **ROWS, model=own).trials


@pytest.mark.parametrize(
    ("name", "said"),
    {
        "their_models": "expected module:function",
        "their_models:": "expected module:function",
        "missing_models:build": "there is no module 'missing_models', neither in .* nor in Python's path",
        "their_models:biuld": "their_models has no 'biuld'; it has build, failing, nothing",
        "their_models:constant": "it is of type int; expected build",
        "broken_models:build": r"importing broken_models raised ImportError: .*broken_models.py, line 2\)",
        "unread_models:build": r"raised SyntaxError: .*unread_models.py, line 1\)",
        "leaving_models:build": r"importing leaving_models raised SystemExit",
    }.items(),
)
def test_a_function_that_is_not_there_is_named(name: str, said: str, here: Path) -> None:
    (here / "broken_models.py").write_text("import sys\nfrom sys import nothing\n")
    (here / "unread_models.py").write_text("def build(:\n")
    (here / "leaving_models.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(UsageError, match=said) as fault:
        ModelFunction.of(name)
    assert name in str(fault.value)
    assert str(here) not in sys.path


def test_a_misspelt_name_imports_no_part_of_a_lazy_package(here: Path) -> None:
    (here / "lazy_models.py").write_text(
        "def build(): pass\n"
        "def __dir__(): return ['build', 'heavy']\n"
        "def __getattr__(name):\n    if name == 'heavy': raise ImportError('it is not installed')\n"
        "    raise AttributeError(name)\n"
    )
    with pytest.raises(UsageError, match=r"lazy_models has no 'biuld'; it has build\. Did you mean .build."):
        ModelFunction.of("lazy_models:biuld")


LOGITS = "expected log-odds: leave the last activation out"
FAULTS: list[tuple[Any, str]] = [
    (
        "their_models:failing",
        r"for size=\(4,\), features=3, outputs=1 it raised ZeroDivisionError: .*models.py, line 13",
    ),
    ("their_models:nothing", "it returned nothing; expected build"),
    (lambda size: size, r"it takes \(size\); expected build\(size, features, outputs\)"),
    (
        lambda size, features, outputs: sequential()(size, features, 2),
        r"outputs of shape \(8, 2\); expected 1 for each",
    ),
    (lambda size, features, outputs: sequential()(size, 5, outputs), "it can't take rows of 3 features"),
    (sequential(keras.layers.Activation("sigmoid")), f"it ends with sigmoid; {LOGITS}"),
    (sequential(compiled={"loss": "binary_crossentropy"}), f"its loss takes probabilities; {LOGITS}"),
    (sequential(compiled={"loss": keras.losses.BinaryCrossentropy()}), f"its loss takes probabilities; {LOGITS}"),
    (sequential(compiled={"loss": lambda y, z: 1 / 0}), r"its loss can't take targets of shape \(8, 1\)"),
    (sequential()((4,), 3, 1), "it is of type Sequential; expected build"),
]


@pytest.mark.parametrize(("build", "said"), FAULTS)
def test_a_builder_that_does_not_suit_is_told_why(build: Any, said: str, here: Path) -> None:
    with pytest.raises(UsageError, match=said):
        UserModels(ModelFunction.of(build), 3, BINARY).known_trial(FOUR)


def test_what_suits_is_taken() -> None:
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    for compiled in (None, {"loss": logits}, {"optimizer": "sgd"}, {"loss": logits, "metrics": ["accuracy"]}):
        model = UserModels(ModelFunction.of(sequential(compiled=compiled)), 3, BINARY).build_trial(FOUR, 0.1, 0)
        assert model.compiled and model.loss is not None
    for task in (Multiclass(("a", "b", "c")), Regression()):
        assert (
            UserModels(ModelFunction.of(sequential()), 3, task).known_trial(FOUR).parameters
            == 16 + 5 * task.outputs
        )
    bounded = sequential(keras.layers.Activation("sigmoid"))  # numbers may be bounded
    assert UserModels(ModelFunction.of(bounded), 3, Regression()).known_trial(FOUR)


def test_a_plan_is_left_with_what_suits() -> None:
    assert PLAN.runs_with_treatments == ("regularizers/l2",)
    full = gengap.load_plan("full").without_treatments()
    assert full.trials == () and full.growth and full.growth.sizes and not full.growth.regularizers
    treated = Plan(name="a", trials=PLAN.trials[1:], growth=Growth(shares=(0.5,)))
    with pytest.raises(PlanError, match="has no trial without treatments"):
        treated.without_treatments()
    many = UserModels(ModelFunction.of(sequential()), 3, BINARY, left_out=tuple("abcdefgh"))
    assert user_model_text(many).endswith("a, b, c, d, e, f and 2 more")


def test_a_function_without_a_name_is_made_again_only_from_python() -> None:
    found = study_provenance("collider", "quick", run=RunSpec(model=sequential()))
    assert found.command == ()
    assert found.call == "gengap.study('collider', 'quick', model=build)"
    assert not ModelFunction.of(sequential()).importable
    assert ModelFunction.of(Subclassed).importable
