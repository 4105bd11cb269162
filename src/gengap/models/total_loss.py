"""Models with several outputs: a row's loss is the sum that `compile` trains, of all outputs with their weights.

Importing this module registers `TotalModel` with Keras as "gengap>TotalModel".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gengap.data.rows import Rows
from gengap.data.stored_rows import StoredRows
from gengap.errors import UsageError
from gengap.models.backend import keras
from gengap.models.keras_internals import loss_weights_of
from gengap.models.layers import registered
from gengap.models.row_losses import RowAccuracy, RowLossMetric, RowValues, guess_loss

ROW_LOSS, ACCURACY = "row_loss_{}", "accuracy_{}"  # the metrics of the outputs, by their numbers


@dataclass(frozen=True)
class TotalValues(RowValues):
    """The values of rows of a model with several outputs: their total loss and the mean share of wrong labels.

    `loss` holds the loss of each output in order.
    """

    weights: tuple[float, ...]

    def __str__(self) -> str:
        return " + ".join(f"{weight:g} {part}" for weight, part in zip(self.weights, self.parts, strict=True))

    @property
    def parts(self) -> tuple[RowValues, ...]:
        """The values of each output."""
        return tuple(map(RowValues, self.loss))

    @property
    def name(self) -> str:
        """The names of the losses in Python."""
        return " + ".join(part.name for part in self.parts)

    @property
    def kind(self) -> str:
        """Tell whether all outputs have classes: "several" or ""."""
        return "several" if all(part.kind for part in self.parts) else ""

    @property
    def from_logits(self) -> bool:
        """Tell nothing: each part says it for itself."""
        return False

    def losses(self, outputs: Any, y: Any) -> Any:
        """Return the total loss of each row (rows,)."""
        pairs = zip(self.parts, keras.tree.flatten(outputs), keras.tree.flatten(y), strict=True)
        losses = [keras.ops.cast(part.losses(*pair), "float32") for part, *pair in pairs]
        return sum(weight * loss for weight, loss in zip(self.weights, losses, strict=True))

    def wrong(self, outputs: Any, y: Any) -> Any:
        """Return the mean share of wrong labels of each row (rows,)."""
        pairs = zip(self.parts, keras.tree.flatten(outputs), keras.tree.flatten(y), strict=True)
        return sum(part.wrong(*pair) for part, *pair in pairs) / len(self.parts)

    def _answers(self, outputs: Any) -> list[Any]:
        return []


@registered
class TotalModel(keras.Model):
    """A functional model with several outputs that also logs the total loss of rows, and their mean accuracy."""

    row_weights: tuple[float, ...] = ()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the metrics of all outputs, and "row_loss" and "accuracy"."""
        found = super().get_metrics_result()
        numbered = [self._numbered(found, kind) for kind in (ROW_LOSS, ACCURACY)]
        if all(value is not None for value in numbered[0]):
            found["row_loss"] = sum(w * value for w, value in zip(self.row_weights, numbered[0], strict=True))
        if self.row_weights and all(value is not None for value in numbered[1]):
            found["accuracy"] = sum(numbered[1]) / len(numbered[1])
        return found

    def _numbered(self, found: Mapping[str, Any], kind: str) -> list[Any]:
        """Return a metric of each output; Keras puts the output's name before it."""
        ends = [kind.format(number) for number in range(len(self.row_weights))]
        return [next((v for name, v in found.items() if name.endswith(end)), None) for end in ends]


def values_of(model: Any, y: Any) -> RowValues:
    """Return the values of rows by the loss that a model was compiled with, else by one that suits its targets."""
    compiled = bool(model.compiled) and model.loss is not None
    if len(model.outputs) == 1:
        return RowValues(model.loss if compiled else guess_loss(model, y))
    targets = keras.tree.flatten(y)
    guessed = [guess_loss(model, each, number) for number, each in enumerate(targets)] if not compiled else None
    losses = _by_output(model, model.loss) if guessed is None else guessed
    weights = _by_output(model, loss_weights_of(model) or 1.0) if compiled else [1.0] * len(losses)
    if None in losses:
        raise UsageError(
            f"model {model.name}: its output {model.output_names[losses.index(None)]} has no loss. Compile it with "
            "one, or leave this output out"
        )
    return TotalValues(losses, tuple(float(1 if each is None else each) for each in weights))


def _by_output(model: Any, given: Any) -> list[Any]:
    """Return what was given to `compile` for each output, in order: one for all, a list, or a dict of names."""
    if isinstance(given, Mapping):
        return [given.get(name) for name in _names(model)]
    return list(given) if isinstance(given, (list, tuple)) else [given] * len(model.outputs)


def _names(model: Any) -> list[str]:
    return sorted(model.output) if isinstance(model.output, Mapping) else list(model.output_names)


def with_targets(model: Any, name: str, rows: Rows) -> Rows:
    """Return rows whose targets have the structure of the outputs of a model that has several.

    Targets are a list in the order of the outputs, or a dict of their names. Raises UsageError, which calls the
    rows `name`, if they are neither, or if weights are not one for each row.
    """
    if len(model.outputs) == 1:
        return rows
    stored = rows if isinstance(rows, StoredRows) else None
    y, weights = (rows.y, rows.weights) if stored is None else stored.places[1:]
    names = _names(model)
    found: Any = [y.get(each) for each in names] if isinstance(y, Mapping) else y
    if not isinstance(found, Sequence) or len(found) != len(names) or any(not hasattr(e, "shape") for e in found):
        raise UsageError(
            f"{name}: the model has the outputs {', '.join(names)}; expected y as a list of {len(names)} arrays in "
            "this order, or as a dict of these names"
        )
    if isinstance(weights, (list, dict)) or type(weights) is tuple:
        raise UsageError(f"{name}: sample_weight holds several arrays; expected one weight for each row")
    pairs = zip(found, model.outputs, strict=True)
    if stored is not None:
        shaped = [each.shaped_like(output.shape) for each, output in pairs]
        return stored.with_targets(keras.tree.pack_sequence_as(model.output, shaped))
    shaped = [Rows(rows.x, each).shaped_like(output.shape).y for each, output in pairs]
    return replace(rows, y=keras.tree.pack_sequence_as(model.output, shaped))


def compile_total(
    model: Any, optimizer: Any, values: TotalValues, *, weighted: bool, **options: Any
) -> keras.Model:
    """Return a model with several outputs, compiled with its losses and with the total loss of rows as a metric."""
    total: Any = TotalModel(model.input, model.output, name=model.name)
    total.row_weights = values.weights
    metrics: list[list[keras.metrics.Metric]] = []
    for number, part in enumerate(values.parts):
        accuracy = [RowAccuracy(part.loss, ACCURACY.format(number))] if values.kind else []
        metrics.append([RowLossMetric(part.loss, ROW_LOSS.format(number)), *accuracy])

    def packed(each: Sequence[Any]) -> Any:
        return dict(zip(_names(model), each, strict=True)) if isinstance(model.output, Mapping) else list(each)

    total.compile(
        optimizer=optimizer,
        loss=packed(values.loss),
        loss_weights=packed(values.weights),
        **{"weighted_metrics" if weighted else "metrics": packed(metrics)},
        **options,
    )
    return total
