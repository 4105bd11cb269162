"""The loss of each row, by whatever loss a user's model has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gengap.errors import UsageError, reason
from gengap.models.backend import keras
from gengap.models.keras_internals import maker_of
from gengap.models.own_compile import as_loss

SPARSE = ("SparseCategoricalCrossentropy",)
ONE_HOT = ("CategoricalCrossentropy", "CategoricalFocalCrossentropy")
TWO = ("BinaryCrossentropy", "BinaryFocalCrossentropy")


@dataclass(frozen=True)
class RowValues:
    """A loss as a function of outputs and targets with values for each row.

    They are the loss, the share of wrong labels, and the predicted class or number if the model has one for a row.

    Its text is equal for equal losses, because compiled programs are kept by it.
    """

    loss: Any

    def __str__(self) -> str:
        whole = self._whole
        return f"{type(whole).__name__} {whole.get_config() if isinstance(whole, keras.losses.Loss) else id(whole)}"

    @property
    def _whole(self) -> Any:
        return as_loss(self.loss)

    @property
    def name(self) -> str:
        """The loss's name in Python."""
        return getattr(self._whole, "__name__", type(self._whole).__name__)

    @property
    def kind(self) -> str:
        """How labels are compared with outputs: "sparse", "one-hot", "two", or "" without classes."""
        kinds = {"sparse": SPARSE, "one-hot": ONE_HOT, "two": TWO}
        return next((kind for kind, names in kinds.items() if self.name in names), "")

    @property
    def from_logits(self) -> bool:
        """Whether the loss takes log-odds."""
        whole = self._whole
        return isinstance(whole, keras.losses.Loss) and bool(whole.get_config().get("from_logits"))

    def __call__(self, outputs: Any, y: Any) -> Any:
        """Return the values of each row, (rows, 2), or (rows, 3) if it has one answer."""
        losses = self.losses(outputs, y)
        wrong = self.wrong(outputs, y) if self.kind else keras.ops.zeros_like(losses)
        return keras.ops.stack([losses, wrong, *self._answers(outputs)], axis=-1)

    def _answers(self, outputs: Any) -> list[Any]:
        """Return the predicted class or number of each row (rows,); nothing if a row has several."""
        outputs = keras.ops.convert_to_tensor(outputs)
        if len(outputs.shape) != 2:
            return []
        if self.kind in ("sparse", "one-hot"):
            return [keras.ops.cast(keras.ops.argmax(outputs, axis=-1), "float32")]
        if outputs.shape[1] != 1:
            return []
        answers = outputs[:, 0] > (0.0 if self.from_logits else 0.5) if self.kind else outputs[:, 0]
        return [keras.ops.cast(answers, "float32")]

    def losses(self, outputs: Any, y: Any) -> Any:
        """Return the mean loss of each row (rows,); a row may have several, as a sequence has."""
        whole = self._whole
        if isinstance(whole, keras.losses.Loss):
            whole = type(whole).from_config({**whole.get_config(), "reduction": "none"})
        return self._by_row(whole(keras.ops.convert_to_tensor(y), keras.ops.convert_to_tensor(outputs)))

    def wrong(self, outputs: Any, y: Any) -> Any:
        """Return the share of wrong labels of each row (rows,)."""
        y, outputs = keras.ops.convert_to_tensor(y), keras.ops.convert_to_tensor(outputs)
        if self.kind == "two":
            threshold = 0.0 if self.from_logits else 0.5
            right = (outputs > threshold) == (keras.ops.reshape(y, keras.ops.shape(outputs)) > 0.5)
        elif self.kind == "one-hot":
            right = keras.ops.argmax(outputs, axis=-1) == keras.ops.argmax(y, axis=-1)
        else:
            labels = keras.ops.squeeze(y, -1) if len(y.shape) == len(outputs.shape) else y
            right = keras.ops.argmax(outputs, axis=-1) == keras.ops.cast(labels, "int32")
        return 1 - self._by_row(keras.ops.cast(right, "float32"))

    @staticmethod
    def _by_row(values: Any) -> Any:
        axes = tuple(range(1, len(values.shape)))
        return keras.ops.mean(values, axis=axes) if axes else values

    def check(self, model: keras.Model, x: Any, y: Any) -> None:
        """Raise UsageError if the loss can't tell the loss of each of a few rows."""
        try:
            outputs = model(x)
            found = np.asarray(keras.ops.convert_to_numpy(self.losses(outputs, y)))
            if found.shape == (rows := (len(keras.tree.flatten(x)[0]),)):
                self(outputs, y)
        except Exception as fault:  # a loss may be any function
            shapes = [np.shape(part) for part in keras.tree.flatten(y)]
            raise UsageError(
                f"model {model.name}: its loss {self.name} can't take targets of {shapes} ({reason(fault)})"
            ) from fault
        if found.shape != rows:
            raise UsageError(
                f"model {model.name}: its loss {self.name} gives one number for a batch; expected one for each "
                "row. Leave out the mean over the first axis"
            )


@keras.saving.register_keras_serializable("gengap")
class RowLossMetric(keras.metrics.Mean):
    """The mean of the rows' losses, without penalties and without smoothing."""

    def __init__(self, loss: Any, name: str = "row_loss", **options: Any) -> None:
        super().__init__(name=name, **options)
        self._values = RowValues(loss)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # pyright: ignore
        """Add a batch."""
        super().update_state(self._values.losses(y_pred, y_true), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return what tells this metric from others."""
        loss = as_loss(self._values.loss)
        config = keras.saving.serialize_keras_object(loss) if isinstance(loss, keras.losses.Loss) else repr(loss)
        return {**super().get_config(), "loss": config}


@keras.saving.register_keras_serializable("gengap")
class RowAccuracy(keras.metrics.Mean):
    """The share of right labels."""

    def __init__(self, loss: Any, name: str = "accuracy", **options: Any) -> None:
        super().__init__(name=name, **options)
        self._values = RowValues(loss)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # pyright: ignore
        """Add a batch."""
        super().update_state(1 - self._values.wrong(y_pred, y_true), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return what tells this metric from others."""
        return {**super().get_config(), "loss": str(self._values)}


def guess_loss(model: keras.Model, y: np.ndarray, number: int = 0) -> keras.losses.Loss:
    """Return the loss of an output of a model that was not compiled, by its last activation and the targets.

    Integer labels of more than one output are classes, as are one-hot targets; a single output with labels 0 and 1
    has two classes; other targets are numbers with the mean squared error.
    """
    outputs, y = model.outputs[number], np.asarray(y)
    last = maker_of(outputs) if len(model.outputs) > 1 else model.layers[-1] if model.layers else None
    ends = getattr(getattr(last, "activation", None), "__name__", "")
    logits = ends not in ("softmax", "sigmoid") and type(last).__name__ != "Softmax"
    whole = np.issubdtype(y.dtype, np.integer) or y.dtype == bool
    many = (outputs.shape[-1] or 1) > 1
    one_hot = many and y.shape[1:] == tuple(outputs.shape[1:]) and set(np.unique(y[:1000])) <= {0, 1}
    if one_hot and ends != "sigmoid" and (y[:1000].sum(axis=-1) == 1).all():
        return keras.losses.CategoricalCrossentropy(from_logits=logits)
    if one_hot or (not many and set(np.unique(y[:1000])) <= {0, 1}):
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    if many and whole:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    return keras.losses.MeanSquaredError()
