"""Layers may have any names: those that gengap adds to a user's model get others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from models.test_clones import CASES

from gengap.models.backend import keras
from gengap.models.mlp import compile_for
from gengap.models.saved_model import export_model, predict_outputs
from gengap.models.treated_clone import treated
from gengap.tasks import BINARY, AnyTask, Regression

L = keras.layers


def own_thread(function: Callable[[], Any]) -> Any:
    """Run a function in a new thread, in which Keras counts the names that it gives from the start."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def renamed(model: keras.Model, names: list[str]) -> keras.Model:
    """Return the model with other names for its first layers."""
    left = iter(names)
    return keras.models.clone_model(
        model,
        clone_function=lambda each: type(each).from_config({**each.get_config(), "name": next(left, each.name)}),
    )


@pytest.mark.parametrize("name", CASES)
def test_new_layers_have_names_of_their_own(name: str) -> None:
    build, treatments, *_ = CASES[name]
    model = own_thread(build)
    found = own_thread(lambda: treated(model, treatments).model)
    added = sorted({each.name for each in found.layers} - {each.name for each in model.layers})
    model = renamed(model, added)
    names = [each.name for each in own_thread(lambda: treated(model, treatments).model).layers]
    assert len(set(names)) == len(names) == len(found.layers)
    assert {each.name for each in model.layers} <= set(names)


@pytest.mark.parametrize("task", [BINARY, Regression(2.0, 30.0)], ids=["binary", "regression"])
@pytest.mark.parametrize("names", list(permutations(("centre", "spread", "units"))))
def test_a_saved_model_predicts_the_same_whatever_its_layers_are_called(
    names: tuple[str, ...], task: AnyTask
) -> None:
    start = keras.Input((4,))
    layers = [L.Dense(3, name=names[0]), L.Dense(2, name=names[1]), L.Dense(1, name=names[2])]
    functional = keras.Model(start, L.Dense(1, name=names[1])(L.Dense(3, name=names[2])(start)), name=names[0])
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    for model in (keras.Sequential([start, *layers]), functional):
        compile_for(task, model)
        whole = export_model(model, np.full(4, 5.0), np.full(4, 2.0), task)
        np.testing.assert_allclose(predict_outputs(whole, 2 * x + 5, task), np.asarray(model(x)), atol=1e-5)
