"""`gengap.fit`, and the choice between the compiled trainer and Keras' own loop."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.data.rows import Rows, list_arrays, to_rows
from gengap.data.stored_rows import StoredRows
from gengap.errors import GengapWarning, UsageError, check_count, reason
from gengap.history import History
from gengap.models import backend
from gengap.options.spec import Precision
from gengap.train import keras_backend
from gengap.train.keras_names import explain_keras_names
from gengap.train.precision import resolve_precision
from gengap.train.stopping import NEVER, Stopping
from gengap.train.targets import check_targets
from gengap.train.types import TrainConfig, TrainResult, build_variables, output_shape

if TYPE_CHECKING:
    import keras

OWN_STEPS = ("train_step", "test_step", "make_train_function", "make_test_function", "fit", "evaluate")


@explain_keras_names
def fit(
    model: keras.Model,
    train: Any,
    validation: Any,
    *,
    epochs: int,
    batch_size: int | None = None,
    stopping: Stopping | None = None,
    callbacks: Iterable[Any] = (),
    seed: int = 0,
    run: str = "model",
    precision: Precision = "float32",
) -> History:
    """Train a compiled Keras model and return its history.

    On the JAX backend many epochs run as one compiled program. On other backends, and for a model or callback that
    such a program can't hold, Keras' own loop trains, with the same history. A GengapWarning gives the reason.

    Args:
        model: A compiled Keras model.
        train: The training rows `(x, y)` or `(x, y, sample_weight)`: x (n, ...), y (n,) or (n, outputs). Each may
            be an array, tensor, DataFrame or Series, or a list, tuple or dict of these for several inputs or
            outputs. Or a finite `tf.data.Dataset`, PyTorch DataLoader, Grain loader or dataset,
            `keras.utils.PyDataset` or iterable of batches. It is read once into memory, at most 4 GB.
        validation: The validation rows, in the same forms.
        epochs: Number of epochs, at most with `stopping`.
        batch_size: Rows per step. Default: that of the loader, otherwise 32.
        stopping: When to stop early, with the best weights restored. Default: all epochs, with the last weights.
        callbacks: Keras callbacks, called for every epoch in order. Those that only read logs (`CSVLogger`, or any
            with an attribute `logs_only` that is True) are called after many epochs at once. For others the
            program runs one epoch at a time.
        seed: Seed of the row order.
        run: Name of the run in the history.
        precision: "bfloat16" rounds the operands of large Dense layers' products, which some CPUs multiply faster.
            "auto" does so on such CPUs only.

    Returns:
        Every logged value by split and metric. Metrics that aren't one number are left out.

    Raises:
        UsageError: The model isn't compiled or can't take the rows, or an argument is wrong.

    Warns:
        GengapWarning: Keras' own loop trains, or the loss is no longer finite.

    >>> import numpy as np
    >>> from gengap import fit, models
    >>> model = models.tiny(features=2)
    >>> model.compile(optimizer="adam", loss="mse")
    >>> x = np.ones((8, 2), "float32")
    >>> history = fit(model, (x, x[:, 0]), (x, x[:, 0]), epochs=3)
    >>> history["validation", "loss"].values.shape
    (3,)
    """
    if not isinstance(model, backend.keras.Model):
        raise UsageError(f"model is {model!r}; expected a compiled keras.Model")
    if not model.compiled:
        raise UsageError("the model isn't compiled; call model.compile(optimizer=..., loss=...) first")
    floats = backend.keras.config.floatx()
    rows, size = to_rows("train", train, floats)
    held_out, _ = to_rows("validation", validation, floats)
    batch = (size or 32) if batch_size is None else batch_size
    if isinstance(callbacks, Iterator):
        callbacks = tuple(callbacks)  # it can be read only once
    _check_options(epochs, batch, stopping, callbacks)
    _check(model, rows, held_out)
    rule = stopping or Stopping(patience=NEVER, monitor="loss", restore_best=False)
    options: dict[str, Any] = {"seed": seed, "run": run, "callbacks": tuple(callbacks)}
    options["precision"] = resolve_precision(precision)
    config = TrainConfig(epochs=epochs, batch=batch, stopping=rule, **options)
    result, why_slower = train_model(model, rows, held_out, config)
    if why_slower is not None:
        message = f"gengap.fit trains by Keras' own loop, with the same history but slower: {why_slower}"
        warnings.warn(message, GengapWarning, stacklevel=3)
    if result.stopped == "diverged":
        why = _why_not_finite({"train": rows, "validation": held_out})
        message = f"{run}: training ended in epoch {result.history.epochs}: the loss is no longer finite. {why}"
        warnings.warn(message, GengapWarning, stacklevel=3)
    return result.history


def _check_options(epochs: int, batch: int, stopping: Stopping | None, callbacks: Iterable[Any]) -> None:
    """Raise UsageError for a wrong option of `fit`, and name it."""
    for name, value in (("epochs", epochs), ("batch_size", batch)):
        check_count(name, value)
    if not isinstance(stopping, Stopping | None):
        raise UsageError(f"stopping is {stopping!r}; expected a gengap.train.stopping.Stopping")
    listed = callbacks if isinstance(callbacks, Iterable) else (None,)
    if not all(hasattr(each, "on_epoch_end") for each in listed):
        raise UsageError(f"callbacks is {callbacks!r}; expected a list of Keras callbacks")


def _why_not_finite(splits: Mapping[str, Rows]) -> str:
    """Return what may be the reason: the first row with a value that is not finite, or else the learning rate."""
    parts = (
        (split, name, array)
        for split, rows in splits.items()
        for name, values in (("x", rows.x), ("y", rows.y), ("sample_weight", rows.weights))
        for array in list_arrays(values)
    )
    for split, name, array in parts:
        if np.issubdtype(array.dtype, np.inexact) and not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0, 0])
            return f"{split}: {name} holds a value that is not finite, in row {row} (counted from 0)"
    return "Try a lower learning rate"


def _check(model: keras.Model, train: Rows, validation: Rows) -> None:
    """Check before training that the model can take the rows. Raises UsageError if not."""
    shapes = [[array.shape[1:] for array in list_arrays(rows.x)] for rows in (train, validation)]
    if shapes[0] != shapes[1]:
        raise UsageError(f"a row of train has the shape {shapes[0]}, one of validation {shapes[1]}; expected equal")
    try:
        build_variables(model, train.shaped_like(output_shape(model, train)))
    except Exception as error:
        x, y = ([array.shape for array in list_arrays(value)] for value in (train.x, train.y))
        raise UsageError(
            f"the model can't be trained on x of the shapes {x} and y of {y}: {reason(error)} (Keras' own "
            "model.fit on one batch shows where)"
        ) from error
    check_targets(model, "train", train)
    check_targets(model, "validation", validation)


def train_model(
    model: keras.Model, train: Rows, validation: Rows, config: TrainConfig
) -> tuple[TrainResult, str | None]:
    """Train a compiled model with the compiled trainer, or if that is not possible with Keras' own loop.

    Returns:
        The result, and why Keras' own loop trained, or None if it did not.

    Raises:
        UsageError: If rows on disk would need Keras' own loop, which holds all rows in memory.
    """
    from gengap.train import keras_loop as plain

    why_slower = _why_slower(model, config)
    if why_slower is None:
        from gengap.train.jax import out_of_core as streamed
        from gengap.train.jax import trainer as compiled
        from gengap.train.jax.compilation import UntraceableError

        try:
            if isinstance(train, StoredRows):
                return streamed.fit(model, train, validation, config), None
            return compiled.fit(model, train, validation, config), None
        except UntraceableError as fault:
            why_slower = f"the model can't be traced ({fault})"
    if isinstance(train, StoredRows):
        raise UsageError(
            f"{config.run} can't be trained on rows kept on disk: {why_slower}. Give --memory (memory=...) "
            "enough GiB for all rows, or use fewer of them with --rows"
        )
    return plain.fit(model, train, validation, config), why_slower


def train_seeds(
    models: Sequence[keras.Model], train: Rows, validation: Rows, configs: Sequence[TrainConfig]
) -> list[TrainResult] | None:
    """Train models of one structure as one program. Returns None, and trains none, if that is not possible."""
    if isinstance(train, StoredRows) or any(map(_why_slower, models, configs)):
        return None
    from gengap.train.jax import trainer as compiled
    from gengap.train.jax.compilation import UntraceableError

    try:
        return compiled.fit_seeds(models, train, validation, configs)
    except UntraceableError:
        return None


def _why_slower(model: keras.Model, config: TrainConfig) -> str | None:
    """Return why a chunk of epochs can't be one program, or None if it can."""
    if keras_backend() != "jax":
        return f"Keras runs on {keras_backend()}; set KERAS_BACKEND=jax before Keras is imported for the fast one"
    from gengap.train.jax.loop import needs_batch_hooks

    if model.run_eagerly:
        return "the model was compiled with run_eagerly=True"
    for name in OWN_STEPS:
        if getattr(type(model), name) is not getattr(backend.keras.Model, name):
            return f"{type(model).__name__} has a {name} of its own"
    hooked = [type(callback).__name__ for callback in config.callbacks if needs_batch_hooks(callback)]
    return f"{' and '.join(hooked)} is called within epochs" if hooked else None
