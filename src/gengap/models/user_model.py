"""The models that a user's own function builds: checked, compiled for the task, counted and identified."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import re
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gengap.errors import UsageError, reason
from gengap.models.backend import keras
from gengap.models.keras_internals import all_layers
from gengap.models.mlp import compile_for, task_loss, task_metrics
from gengap.models.model_function import ModelFunction
from gengap.models.saved_model import export_model
from gengap.tasks import AnyTask

LIBRARIES = ("keras", "builtins", "gengap")  # packages whose classes do what their configurations say
CHECK_ROWS = 8
LONGEST_REASON = 200  # characters of Keras' own message, which may be pages
REGISTER = (
    "give each class of yours a get_config, and @keras.saving.register_keras_serializable() above it; "
    "instead of a Lambda write a layer"
)
LINEAR = "expected log-odds: leave the last activation out, and give the loss from_logits=True"
Rate = keras.optimizers.schedules.LearningRateSchedule | float


@dataclass(frozen=True)
class ModelInfo:
    """The model of one size: how many `parameters` it has, and a `digest` of its configuration and code."""

    parameters: int
    digest: str


@dataclass(eq=False)
class UserModels:
    """The models of `builder` for rows of `features` columns and a `task`.

    If they will be `saved`, that is tried before training. `left_out` are the plan's trials that don't apply to
    them. `weighted` as for `compile_for`.
    """

    builder: ModelFunction
    features: int
    task: AnyTask
    saved: bool = False
    left_out: tuple[str, ...] = ()
    weighted: bool = False

    def __post_init__(self) -> None:
        self._known: dict[tuple[int, ...], ModelInfo] = {}
        self._looking = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments alone: another machine builds models itself."""
        given = (self.builder, self.features, self.task, self.saved, self.left_out, self.weighted)
        return UserModels, given

    def build(self, size: tuple[int, ...], rate: Rate, seed: int) -> keras.Model:
        """Compile a model. A compiled one keeps its optimizer and loss. Metrics are always the task's.

        Raises UsageError, which names the builder, for a model that can't learn the task.
        """
        return self._compiled(self._checked(size, seed), rate)

    def known(self, size: tuple[int, ...]) -> ModelInfo:
        """Build a model of this size, and save it once if necessary, to learn its properties."""
        with self._looking:
            if size not in self._known:
                model = self._checked(size, 0)
                digest = model_digest(model)  # with what it was compiled with by the user, if at all
                if self.saved:
                    self._check_saving(self._compiled(model, 0.001))
                self._known[size] = ModelInfo(model.count_params(), digest)
            return self._known[size]

    def _compiled(self, model: keras.Model, rate: Rate) -> keras.Model:
        if not model.compiled:
            compile_for(self.task, model, rate=rate, weighted=self.weighted)
            return model
        own = {"run_eagerly": model.run_eagerly, "jit_compile": model.jit_compile}
        metrics = {"weighted_metrics" if self.weighted else "metrics": task_metrics(self.task)}
        loss = task_loss(self.task) if model.loss is None else model.loss
        model.compile(optimizer=model.optimizer, loss=loss, **metrics, **own)
        return model

    def _checked(self, size: tuple[int, ...], seed: int) -> keras.Model:
        model = self.builder(size, self.features, self.task.outputs, seed)
        rows = np.random.default_rng(0).normal(size=(CHECK_ROWS, self.features)).astype(np.float32)
        expected, name = (CHECK_ROWS, self.task.outputs), self.builder.name
        try:
            outputs = model(rows)
        except Exception as fault:
            raise UsageError(
                f"model {name}: it can't take rows of {self.features} features ({reason(fault)})"
            ) from fault
        shape = tuple(getattr(outputs, "shape", ()))
        if shape != expected:
            of = f"{self.task.outputs} for each row, of shape {expected}"
            raise UsageError(f"model {name}: {CHECK_ROWS} rows give outputs of shape {shape}; expected {of}")
        if self.task.by_class and (what := _probabilities(model)):
            raise UsageError(f"model {name}: {what}; {LINEAR}")
        if model.compiled and model.loss is not None:
            y = np.eye(max(2, self.task.outputs), dtype=np.float32)[np.arange(CHECK_ROWS) % 2, : self.task.outputs]
            try:
                model.compute_loss(x=rows, y=keras.ops.convert_to_tensor(y), y_pred=outputs)
            except Exception as fault:
                told = f"its loss can't take targets of shape {y.shape} ({reason(fault)})"
                raise UsageError(f"model {name}: {told}; leave the loss out to have the task's") from fault
        return model

    def _check_saving(self, model: keras.Model) -> None:
        """Check before training that the model can be saved and loaded. Raises UsageError if not."""
        rows = np.random.default_rng(1).normal(size=(CHECK_ROWS, self.features)).astype(np.float32)
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "model.keras"
            try:
                export_model(model, np.zeros(self.features), np.ones(self.features)).save(path)
                again = keras.saving.load_model(path, compile=False, safe_mode=True)
                outputs = (keras.ops.convert_to_numpy(each(rows)) for each in (model, again))
                why = "" if np.allclose(*outputs, atol=1e-4) else "its outputs change"
            except Exception as fault:  # of layers that may do anything
                missing = re.search(r"Could not locate \w+ '[^']*'", str(fault))  # Keras says it far down
                why = missing[0] if missing else " ".join(str(fault).split())[:LONGEST_REASON]
        if why:
            raise UsageError(
                f"model {self.builder.name}: it can't be saved and loaded again ({why}). A study keeps its models: "
                f"{REGISTER}"
            )


def _probabilities(model: keras.Model) -> str:
    """Return why the outputs are not log-odds, or an empty text if nothing shows that."""
    last = model.layers[-1] if model.layers and not _of_the_user(type(model)) else None
    ends = getattr(getattr(last, "activation", None), "__name__", "")
    if ends in ("sigmoid", "softmax") or isinstance(last, keras.layers.Softmax):
        return f"it ends with {ends or 'softmax'}"
    if not model.compiled or model.loss is None:
        return ""
    loss = keras.losses.get(model.loss) if isinstance(model.loss, str) else model.loss
    plain = "crossentropy" in getattr(loss, "__name__", "") and not _of_the_user(loss)
    if plain or (isinstance(loss, keras.losses.Loss) and loss.get_config().get("from_logits") is False):
        return "its loss takes probabilities"
    return ""


def model_digest(model: keras.Model) -> str:
    """Return a digest of a model's configuration, without the counters in names, and of the user's own code."""
    try:
        config: Any = keras.saving.serialize_keras_object(model)
    except Exception:  # whatever a get_config raises, or that there is none
        config = [[weight.name, list(weight.shape)] for weight in model.weights]
    names = {name: f"#{i}" for i, name in enumerate(dict.fromkeys(_names(config)))}
    parts = json.dumps(_renamed(config, names), default=repr), *sorted(set(_sources(model)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _names(config: Any) -> Iterator[str]:
    """Return the names of layers and tensors in order. Keras numbers them for the whole process."""
    if isinstance(config, dict):
        if isinstance(name := config.get("name"), str):
            yield name
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for each in config:
            yield from _names(each)


def _renamed(config: Any, names: dict[str, str]) -> Any:
    if isinstance(config, dict):
        return {key: _renamed(value, names) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [_renamed(value, names) for value in config]
    return names.get(config, config) if isinstance(config, str) else config


def _sources(model: keras.Model) -> Iterator[str]:
    """Return the user's own code without comments. The model's configuration may not contain it."""
    parts = [*all_layers(model), model.optimizer if model.compiled else None]
    loss = getattr(model, "loss", None)
    for each in {*map(type, parts), loss if inspect.isfunction(loss) else type(loss)}:
        if _of_the_user(each):
            with suppress(OSError, TypeError, SyntaxError):  # what was typed into a shell has no source
                yield ast.dump(ast.parse(textwrap.dedent(inspect.getsource(each))))


def _of_the_user(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).split(".")[0] not in LIBRARIES
