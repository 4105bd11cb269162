"""Private attributes of Keras stay in one module, and Keras' version is bounded."""

from __future__ import annotations

import gc
import re
import tomllib
import weakref
from pathlib import Path

import gengap
from gengap import models
from gengap.models.backend import keras
from gengap.models.keras_internals import without_weights
from gengap.models.mlp import compile_binary

SOURCES = Path(gengap.__file__).parent
ALLOWED = "keras_internals.py"
KERAS_CLASSES = {"layers.py"}  # which defines subclasses of Keras' classes
OF_OTHERS = r"(?<!\bself)(?<!\bcls)\._([a-z]\w*)|[\"']_([a-z]\w*)[\"']"
OF_ANY = r"\._([a-z]\w*)|[\"']_([a-z]\w*)[\"']"


def keras_private_names() -> set[str]:
    """The names that Keras' objects keep to themselves."""
    model = models.tiny(features=2, treatments=[models.Dropout(0.5), models.BatchNorm()])
    compile_binary(model)
    model(keras.ops.zeros((1, 2)))
    parts = [model, model.optimizer, *model.layers, keras.random.SeedGenerator(0), keras.callbacks.Callback()]
    parts += [keras.Variable(0.0), model.loss, keras.callbacks.Callback.on_epoch_end]
    return {name[1:] for part in parts for name in dir(part) if re.match(r"_[a-z]", name)}


def uses(path: Path, names: set[str]) -> list[str]:
    """The private names of Keras that a module uses, with their lines."""
    pattern = OF_ANY if path.name in KERAS_CLASSES else OF_OTHERS
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    found = [(number, match[1] or match[2]) for number, line in lines for match in re.finditer(pattern, line)]
    return [f"{path.name}:{number} _{name}" for number, name in found if name in names]


def test_private_attributes_of_keras_are_used_in_one_module() -> None:
    names = keras_private_names()
    assert {"flatten_layers", "losses_override", "is_default", "seed_generators", "symbolic_build"} <= names
    found = [use for path in SOURCES.rglob("*.py") if path.name != ALLOWED for use in uses(path, names)]
    assert found == []
    assert len(uses(SOURCES / "models" / ALLOWED, names)) >= 10


def test_models_built_without_weights_are_forgotten_and_never_drawn() -> None:
    drawn: list[object] = []

    def first(shape: object, dtype: object = None) -> object:
        drawn.append(shape)
        return keras.ops.zeros(shape, dtype)

    def build() -> weakref.ref[keras.Model]:
        return weakref.ref(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_initializer=first)]))

    with without_weights():
        gone = build()
    with keras.StatelessScope():  # as in training
        pass
    gc.collect()
    assert drawn == [] and gone() is None
    with keras.StatelessScope():
        build()
        with without_weights():
            build()
    assert drawn == [(3, 2)]  # what was to be drawn is drawn


def test_keras_is_bounded_by_what_the_tests_run_with() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    (bounds,) = re.findall(r"keras>=(\d+)\.(\d+),<(\d+)\.(\d+)", " ".join(project["dependencies"]))
    low, high = (tuple(map(int, pair)) for pair in (bounds[:2], bounds[2:]))
    installed = tuple(map(int, keras.__version__.split(".")[:2]))
    assert low <= installed < high == (installed[0], installed[1] + 1)
