"""What a target asks of a network: its outputs, loss and metrics, and the verdict on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from gengap.data.rows import Rows
from gengap.models.treatments import Ensemble, LabelSmoothing, Mixup, Treatment

if TYPE_CHECKING:
    from gengap.diagnose.rows import RowLosses
    from gengap.diagnose.verdict import Verdict
    from gengap.train.fitted import Fitted


class Task(NamedTuple):
    """What a target asks of a network: `outputs`, and the metric that is watched and judged."""

    outputs: int
    metric: str
    refused: tuple[type[Treatment], ...]


BINARY = Task(1, "binary_crossentropy", ())
REGRESSION = Task(1, "mean_squared_error", (Ensemble, LabelSmoothing))


def several(classes: int) -> Task:
    """To tell three classes or more apart."""
    return Task(classes, "sparse_categorical_crossentropy", (Ensemble, LabelSmoothing, Mixup))


def objective(task: Task, smoothing: float) -> tuple[Any, list[Any]]:
    """The loss, with labels smoothed so far, and the metrics of a task."""
    from gengap.models.backend import keras

    if task == REGRESSION:
        return "mean_squared_error", [keras.metrics.MeanSquaredError(name=task.metric)]
    if task == BINARY:
        return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing), [
            keras.metrics.BinaryCrossentropy(from_logits=True, name=task.metric),
            keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy"),
        ]
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True), [
        keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name=task.metric),
        keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
    ]


def judged(fitted: Fitted, validation: Rows, task: Task) -> Verdict:
    """The verdict on a trained network, from its curves and its validation rows."""
    from gengap.diagnose.trials import curves_of
    from gengap.diagnose.verdict import judge

    verdict = judge(curves_of(fitted.history, task.metric), _row_losses(fitted, validation, task))
    return msgspec.structs.replace(verdict, run=fitted.history.run)


def _row_losses(fitted: Fitted, validation: Rows, task: Task) -> RowLosses | None:
    """Each validation row's weighted loss at the epochs whose outputs were kept; None of a single row."""
    from gengap.diagnose.rows import RowLosses
    from gengap.diagnose.trials import cross_entropies
    from gengap.train.fitted import kept_rows

    kept = kept_rows(len(validation))
    if len(kept) < 2:
        return None
    y, outputs = validation.y[kept], fitted.outputs.astype(np.float64)
    if task == BINARY:
        losses = cross_entropies(outputs[..., 0], y)
    elif task == REGRESSION:
        losses = np.square(outputs[..., 0] - y)
    else:
        picked = np.take_along_axis(outputs, y[None, :, None].astype(int), axis=-1)[..., 0]
        losses = np.logaddexp.reduce(outputs, axis=-1) - picked
    weights = 1.0 if validation.weights is None else validation.weights[kept] / validation.weights[kept].mean()
    return RowLosses(fitted.output_epochs, losses * weights)
