"""Models of a study that clones one model of the user's in all sizes and with all treatments."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gengap.data.rows import Rows, map_arrays
from gengap.errors import UsageError
from gengap.models import backend
from gengap.models.backend import keras
from gengap.models.blocks import Graph
from gengap.models.clone import check_clonable, clone, scaled
from gengap.models.depth import repetitions
from gengap.models.keras_internals import without_weights
from gengap.models.model_source import ModelSource
from gengap.models.own_compile import treated_loss, treated_optimizer, why_not_compiled
from gengap.models.row_losses import RowAccuracy, RowLossMetric
from gengap.models.total_loss import TotalValues, compile_total, values_of, with_targets
from gengap.models.treated_clone import treat_layers
from gengap.models.user_model import AnyTrial, ModelInfo, UserModels, model_digest, seeded
from gengap.models.widths import WidthPlan

if TYPE_CHECKING:
    from gengap.models.treatment_base import Treatment
    from gengap.models.user_model import Rate

CHECK_ROWS = 4


@dataclass(eq=False)
class ClonedModels:
    """Clones of a user's model for rows.

    Attributes:
        source: The model.
        sample: A few training rows, which show the shapes of inputs and targets.
        weighted: Whether metrics are weighted as the loss is.
        unscaled: Why a layer keeps its size, by its name.
        acted: On which layers each treatment of the plan acts.
        reasons: Why a treatment is left out.
        baselines: Baselines for these rows, fitted before the study.
        words: The word of each token, by the number of the input that held texts.
        first: The user's model, built for the rows.
    """

    source: ModelSource
    sample: Rows
    weighted: bool = False
    unscaled: dict[str, str] = field(default_factory=dict)
    acted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    baselines: tuple[Any, ...] = ()
    words: dict[int, tuple[str, ...]] = field(default_factory=dict)
    clones = True

    def __post_init__(self) -> None:
        self._known: dict[Any, ModelInfo] = {}
        self._looking = threading.Lock()
        self.first = model = self.base_of(0)
        self.guessed = not model.compiled or model.loss is None
        self.sample = with_targets(model, "train", self.sample)
        self.row_values = values_of(model, self.sample.y)
        sample = self.sample.shaped_like(model.outputs[0].shape)
        self.row_values.check(model, sample.x, sample.y)
        self.learnt = _has_learnt(model) if self.source.make is None else _is_partly_frozen(model)
        self.unscaled = WidthPlan.of(model).unscaled
        inputs = Graph(model).inputs
        self.tokens = {each.number for each in inputs if each.tokens}
        self.images = {each.number for each in inputs if each.image}
        self.repeats = bool(repetitions(model))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments alone: another machine builds models itself."""
        return ClonedModels, (self.source, self.sample, self.weighted, self.unscaled, self.acted, self.reasons)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.source.name

    @property
    def left_out(self) -> tuple[str, ...]:
        """The treatments that are left out."""
        return tuple(self.reasons)

    def applies(self, treatments: Sequence[Treatment]) -> bool:
        """Tell whether all treatments apply to the model; note on which layers they act, or why they don't."""
        model = self.first
        with backend.BUILD_LOCK, without_weights():
            _, acted, reasons = treat_layers(model, treatments, seed=0, learnt=self.learnt)
        optimizer = model.optimizer if model.compiled else keras.optimizers.Adam()
        for each in treatments:
            if why := why_not_compiled(each, optimizer, self.row_values.loss):
                reasons[str(each)] = why
        self.acted |= {name: layers for name, layers in acted.items() if name not in reasons}
        self.reasons |= reasons
        return not reasons

    def known_trial(self, trial: AnyTrial) -> ModelInfo:
        """Return how many parameters a trial's model has, and a digest of it."""
        key = (trial.width, trial.depth, trial.treatments)
        with self._looking:
            if key not in self._known:
                base = self.first
                with backend.BUILD_LOCK, without_weights():
                    model = self._clone(base, trial, 0)
                digest = model_digest(base) + ("" if self.source.make else _weights_digest(base))
                self._known[key] = ModelInfo(model.count_params(), digest)
            return self._known[key]

    def build_trial(self, trial: AnyTrial, rate: Rate, seed: int) -> keras.Model:
        """Compile a trial's clone. It keeps the optimizer and loss that the model was compiled with.

        Clones of width and depth 1 start from the weights of the model, with every treatment. A model that a
        function makes has those of the seed.
        """
        with backend.BUILD_LOCK:
            base = self.base_of(seed)
            with seeded(seed):
                model = self._clone(base, trial, seed, weights=True)
        if base.compiled and base.optimizer is not None:
            optimizer = treated_optimizer(base.optimizer, trial.treatments)
        else:
            optimizer = treated_optimizer(keras.optimizers.Adam(rate), trial.treatments)
        loss, options = self.row_values.loss, {"run_eagerly": base.run_eagerly} if base.compiled else {}
        if isinstance(self.row_values, TotalValues):
            return compile_total(model, optimizer, self.row_values, weighted=self.weighted, **options)
        metrics: list[Any] = [RowLossMetric(loss), *([RowAccuracy(loss)] if self.row_values.kind else [])]
        model.compile(
            optimizer=optimizer,
            loss=treated_loss(loss, trial.treatments),
            **{"weighted_metrics" if self.weighted else "metrics": metrics},
            **options,
        )
        return model

    def base_of(self, seed: int) -> Any:
        """Return the user's model, built for the rows."""
        model = self.source.model(seed)
        check_clonable(model, self.name)
        if not model.built or not getattr(model, "inputs", None):
            if not isinstance(self.sample.x, (list, tuple, dict)):
                with seeded(seed):
                    model.build((None, *self.sample.x.shape[1:]))
            else:
                raise UsageError(f"model {self.name}: it has no inputs yet; begin it with keras.Input layers")
        _check_input(self.name, model, self.sample)
        return model

    def _clone(self, base: Any, trial: AnyTrial, seed: int, *, weights: bool = False) -> keras.Model:
        sized = base if trial.width == trial.depth == 1 else scaled(base, trial.width, trial.depth)
        if not trial.treatments:
            copied = clone(base) if sized is base else None
            if copied is not None and weights:
                copied.take_weights()
            return sized if copied is None else copied.model
        copied, _, _ = treat_layers(sized, trial.treatments, seed=seed, learnt=self.learnt)
        if weights:
            copied.take_weights()
        return copied.model


TrialModels = ClonedModels | UserModels  # the models of a study that are the user's


def _has_learnt(model: Any) -> bool:
    steps = int(model.optimizer.iterations) if model.compiled and model.optimizer is not None else 0
    return steps > 0 or _is_partly_frozen(model)


def _is_partly_frozen(model: Any) -> bool:
    """Tell whether the user froze a layer: then it was trained before."""
    return any(not layer.trainable for layer in model.layers if layer.weights)


def _weights_digest(model: Any) -> str:
    import hashlib

    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()[:16]


def _check_input(name: str, model: Any, sample: Rows) -> None:
    """Raise UsageError if the rows are not what the model takes."""
    rows = map_arrays(lambda array: array[:CHECK_ROWS], sample.x)
    expected = ", ".join(str(tuple(tensor.shape[1:])) for tensor in model.inputs)
    try:
        model.compute_output_spec(map_arrays(lambda array: backend.symbolic_rows(array, None), rows))
    except Exception as fault:
        found = map_arrays(lambda array: tuple(array.shape[1:]), rows)
        raise UsageError(
            f"model {name}: it takes rows of the shape {expected}, and the rows have {found}; expected equal"
        ) from fault
