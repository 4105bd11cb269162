"""The user's own function that builds models, and its models: checked, compiled for the task and identified."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import random
import re
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gengap.errors import UsageError, reason
from gengap.models import backend
from gengap.models.keras_internals import all_layers
from gengap.models.saved_model import export_model
from gengap.options.named_objects import error_text, import_named
from gengap.tasks import AnyTask

if TYPE_CHECKING:
    import keras

    Rate = keras.optimizers.schedules.LearningRateSchedule | float

EXPECTED = "expected build(size, features, outputs), which returns a keras.Model"
LIBRARIES = ("keras", "builtins", "gengap")  # packages whose classes do what their configurations say
CHECK_ROWS = 8
LONGEST_REASON = 200  # characters of Keras' own message, which may be pages
REGISTER = (
    "give each class of yours a get_config, and @keras.saving.register_keras_serializable() above it; "
    "instead of a Lambda write a layer"
)
LINEAR = "expected log-odds: leave the last activation out, and give the loss from_logits=True"


@dataclass(frozen=True)
class ModelFunction:
    """A function of the user's. `name` is its module:function; it is `importable` if that name leads to it."""

    name: str
    function: Callable[..., Any]
    importable: bool = True

    @classmethod
    def of(cls, model: str | Callable[..., Any]) -> ModelFunction:
        """Return the function, or import it from "module:function". Raises UsageError if there is none."""
        function = import_named(model, "model") if isinstance(model, str) else model
        name = model if isinstance(model, str) else cls.name_of(function)
        if not callable(function) or (hasattr(function, "count_params") and not isinstance(function, type)):
            raise UsageError(f"model {name}: it is {_kind_text(function)}; {EXPECTED}, for each size anew")
        try:
            inspect.signature(function).bind((), 1, 1)
        except TypeError:
            raise UsageError(f"model {name}: it takes {inspect.signature(function)}; {EXPECTED}") from None
        except ValueError:  # a function written in C has no signature
            pass
        return cls(name, function, isinstance(model, str) or cls.is_importable(function))

    @staticmethod
    def name_of(function: Any) -> str:
        """Return the name of a function, module:function."""
        qualified = getattr(function, "__qualname__", type(function).__name__)
        return f"{getattr(function, '__module__', '')}:{qualified}"

    @classmethod
    def is_importable(cls, function: Any) -> bool:
        """Tell whether the name of a function leads to it."""
        module, _, qualified = cls.name_of(function).partition(":")
        return module != "__main__" and getattr(sys.modules.get(module), qualified, None) is function

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the function by its name if it has one: another machine imports it, or raises the same errors."""
        arguments = (self.name, self.function, self.importable)
        return (ModelFunction.of, (self.name,)) if self.importable else (ModelFunction, arguments)

    def __call__(self, size: tuple[int, ...], features: int, outputs: int, seed: int) -> keras.Model:
        """Build the model of a size. The same `seed` gives the same first weights. Raises UsageError."""
        from gengap.models.backend import keras

        try:
            with backend.BUILD_LOCK, seeded(seed):
                model = self.function(size, features, outputs)
                if isinstance(model, keras.Model) and not model.built:  # its weights must be of this seed too
                    model(np.zeros((1, features), np.float32))
        except Exception as fault:
            arguments = f"size={size}, features={features}, outputs={outputs}"
            raise UsageError(f"model {self.name}: for {arguments} it raised {error_text(fault)}") from fault
        if not isinstance(model, keras.Model):
            raise UsageError(f"model {self.name}: it returned {_kind_text(model)}; {EXPECTED}")
        return model


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw Keras' first weights by the seed, and leave Python's and NumPy's own generators as they were."""
    before, arrays = random.getstate(), np.random.get_state()
    backend.keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(arrays)


def _kind_text(value: object) -> str:
    return "nothing" if value is None else f"of type {type(value).__name__}"


class AnyTrial(Protocol):
    """What models need of `gengap.plan.Trial`."""

    @property
    def units(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def width(self) -> float: ...  # noqa: D102
    @property
    def depth(self) -> float: ...  # noqa: D102
    @property
    def treatments(self) -> tuple[Any, ...]: ...  # noqa: D102


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
    row_values: Any = None  # the outputs themselves are recorded
    baselines: tuple[Any, ...] = ()
    clones = False

    def __post_init__(self) -> None:
        self._known: dict[tuple[int, ...], ModelInfo] = {}
        self._looking = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments alone: another machine builds models itself."""
        arguments = (self.builder, self.features, self.task, self.saved, self.left_out, self.weighted)
        return UserModels, arguments

    @property
    def name(self) -> str:
        """The name of the function that builds the models."""
        return self.builder.name

    def build_trial(self, trial: AnyTrial, rate: Rate, seed: int) -> keras.Model:
        """Compile a trial's model. A compiled one keeps its optimizer and loss. Metrics are always the task's.

        Raises UsageError, which names the builder, for a model that can't learn the task.
        """
        return self._compiled(self._checked(trial.units, seed), rate)

    def known_trial(self, trial: AnyTrial) -> ModelInfo:
        """Build a trial's model, and save it once if necessary, to learn its properties."""
        size = trial.units
        with self._looking:
            if size not in self._known:
                model = self._checked(size, 0)
                digest = model_digest(model)  # with what it was compiled with by the user, if at all
                if self.saved:
                    self._check_saving(self._compiled(model, 0.001))
                self._known[size] = ModelInfo(model.count_params(), digest)
            return self._known[size]

    def _compiled(self, model: keras.Model, rate: Rate) -> keras.Model:
        from gengap.models.mlp import compile_for, task_loss, task_metrics

        if not model.compiled:
            compile_for(self.task, model, rate=rate, weighted=self.weighted)
            return model
        unchanged = {"run_eagerly": model.run_eagerly, "jit_compile": model.jit_compile}
        metrics = {"weighted_metrics" if self.weighted else "metrics": task_metrics(self.task)}
        loss = task_loss(self.task) if model.loss is None else model.loss
        model.compile(optimizer=model.optimizer, loss=loss, **metrics, **unchanged)
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
                model.compute_loss(x=rows, y=backend.keras.ops.convert_to_tensor(y), y_pred=outputs)
            except Exception as fault:
                problem = f"its loss can't take targets of shape {y.shape} ({reason(fault)})"
                raise UsageError(f"model {name}: {problem}; leave the loss out to have the task's") from fault
        return model

    def _check_saving(self, model: keras.Model) -> None:
        """Check before training that the model can be saved and loaded. Raises UsageError if not."""
        rows = np.random.default_rng(1).normal(size=(CHECK_ROWS, self.features)).astype(np.float32)
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "model.keras"
            try:
                export_model(model, np.zeros(self.features), np.ones(self.features)).save(path)
                again = backend.keras.saving.load_model(path, compile=False, safe_mode=True)
                outputs = (backend.keras.ops.convert_to_numpy(each(rows)) for each in (model, again))
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
    if ends in ("sigmoid", "softmax") or isinstance(last, backend.keras.layers.Softmax):
        return f"it ends with {ends or 'softmax'}"
    if not model.compiled or model.loss is None:
        return ""
    loss = backend.keras.losses.get(model.loss) if isinstance(model.loss, str) else model.loss
    plain = "crossentropy" in getattr(loss, "__name__", "") and not _of_the_user(loss)
    if plain or (isinstance(loss, backend.keras.losses.Loss) and loss.get_config().get("from_logits") is False):
        return "its loss takes probabilities"
    return ""


def model_digest(model: keras.Model) -> str:
    """Return a digest of a model's configuration, without the counters in names, and of the user's own code."""
    try:
        config: Any = backend.keras.saving.serialize_keras_object(model)
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
