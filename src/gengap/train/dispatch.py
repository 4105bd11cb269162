"""Which trainer a model can have: the compiled one, or else Keras' own loop, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gengap.data.rows import Rows
from gengap.data.stored_rows import StoredRows
from gengap.errors import UsageError
from gengap.train import keras_backend
from gengap.train.types import TrainConfig, TrainResult

if TYPE_CHECKING:
    import keras

OWN_STEPS = ("train_step", "test_step", "make_train_function", "make_test_function", "fit", "evaluate")


def fit(model: keras.Model, train: Rows, validation: Rows, job: TrainConfig) -> tuple[TrainResult, str | None]:
    """Trains a compiled `model` by the compiled trainer; by Keras' own loop if need be, and then why.

    Stored rows are streamed. Raises UsageError where those would need Keras' own loop, which holds all rows.
    """
    from gengap.train import keras_loop as plain

    reason = _why_plain(model, job)
    if reason is None:
        from gengap.train.jax import out_of_core as streamed
        from gengap.train.jax import trainer as compiled
        from gengap.train.jax.program import UntraceableError

        try:
            if isinstance(train, StoredRows):
                return streamed.fit(model, train, validation, job), None
            return compiled.fit(model, train, validation, job), None
        except UntraceableError as fault:
            reason = f"the model can't be traced ({fault})"
    if isinstance(train, StoredRows):
        raise UsageError(
            f"{job.run} can't be trained on rows kept on disk: {reason}. Give --memory (memory=...) enough GiB for "
            "all rows, or use fewer of them with --rows"
        )
    return plain.fit(model, train, validation, job), reason


def fit_seeds(
    models: Sequence[keras.Model], train: Rows, validation: Rows, jobs: Sequence[TrainConfig]
) -> list[TrainResult] | None:
    """Trains models of one structure as one program; None if they can't be one, and none is trained."""
    if isinstance(train, StoredRows) or any(map(_why_plain, models, jobs)):
        return None
    from gengap.train.jax import vectorised_seeds as together
    from gengap.train.jax.program import UntraceableError

    try:
        return together.fit(models, train, validation, jobs)
    except UntraceableError:
        return None


def _why_plain(model: keras.Model, job: TrainConfig) -> str | None:
    """Why a chunk of epochs can't be one program, or None."""
    from gengap.models.backend import keras
    from gengap.train.callback_runner import needs_batch_hooks

    if keras_backend() != "jax":
        return f"Keras runs on {keras_backend()}; set KERAS_BACKEND=jax before Keras is imported for the fast one"
    if model.run_eagerly:
        return "the model was compiled with run_eagerly=True"
    for name in OWN_STEPS:
        if getattr(type(model), name) is not getattr(keras.Model, name):
            return f"{type(model).__name__} has a {name} of its own"
    wanting = [type(callback).__name__ for callback in job.callbacks if needs_batch_hooks(callback)]
    return f"{' and '.join(wanting)} is called within epochs" if wanting else None
