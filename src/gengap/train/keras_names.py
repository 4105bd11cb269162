"""Arguments of Keras' `Model.fit` that `gengap.fit` calls by another name, or does without."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

from gengap.errors import did_you_mean

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

IN_GENGAP = {
    "x": "give train=(x, y)",
    "y": "give train=(x, y)",
    "sample_weight": "give train=(x, y, sample_weight)",
    "class_weight": "give train=(x, y, sample_weight), with the weight of each row's class",
    "validation_data": "give validation=(x, y)",
    "validation_split": "split the rows first, such as with scikit-learn's train_test_split",
    "verbose": "leave it out, nothing is printed",
    "shuffle": "leave it out, rows are shuffled in each epoch",
    "validation_batch_size": "leave it out",
    "validation_freq": "leave it out, each epoch is validated",
    "initial_epoch": "leave it out, epochs count from 1",
    "steps_per_epoch": "leave it out, each epoch takes all rows once",
    "validation_steps": "leave it out, each validation takes all rows",
}


def explain_keras_names(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a function answer arguments of Keras' `Model.fit` with what to give in their place."""
    known = inspect.signature(function).parameters

    @wraps(function)
    def explained(*args: Arguments.args, **options: Arguments.kwargs) -> Result:
        if unknown := [name for name in options if name not in known]:
            raise TypeError(f"gengap.{function.__name__}() got {_unexpected(unknown, known)}")
        return function(*args, **options)

    return explained


def _unexpected(unknown: list[str], known: Iterable[str]) -> str:
    """Return that these arguments are unknown, and what to give in place of each."""
    names: dict[str, list[str]] = {}
    for name in unknown:
        names.setdefault(IN_GENGAP.get(name) or did_you_mean(name, known).strip(), []).append(f"{name}=")
    said = [f"{', '.join(each)}: {advice}" for advice, each in names.items() if advice]
    plural, listed = "s" * (len(unknown) > 1), ", ".join(map(repr, unknown))
    return f"unexpected keyword argument{plural} {listed}." + "".join(
        f" {each}" if each.endswith("?") else f" {each}." for each in said
    )
