"""`gengap.fit`: train any compiled Keras model on arrays, fast, and get its History."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.data.rows import Rows
from gengap.errors import UsageError
from gengap.history import History

if TYPE_CHECKING:
    import keras

    from gengap.train.stopping import Stopping


def fit(
    model: keras.Model,
    train: tuple[Any, Any],
    validation: tuple[Any, Any],
    *,
    epochs: int,
    batch_size: int = 32,
    stopping: Stopping | None = None,
    seed: int = 0,
    run: str = "model",
) -> History:
    """Trains a compiled Keras `model` on `train` = (x, y), watching `validation` = (x, y), and returns its History.

    Arrays as the model takes them: x (n, ...), y (n,) or (n, outputs). On the JAX backend whole chunks of epochs
    are one compiled program; on others it is Keras' own loop. `stopping` (a `gengap.train.stopping.Stopping`)
    ends early and puts back the best weights; without it all `epochs` are run and the last weights stay.
    `seed` orders the rows. Raises UsageError if the model isn't compiled or the rows don't fit together.

    >>> import numpy as np
    >>> from gengap import fit, models
    >>> model = models.tiny(features=2)
    >>> model.compile(optimizer="adam", loss="mse")
    >>> x = np.ones((8, 2), "float32")
    >>> history = fit(model, (x, x[:, 0]), (x, x[:, 0]), epochs=3)
    >>> history["validation", "loss"].values.shape
    (3,)
    """
    from gengap.train import trainer
    from gengap.train.fitted import Job
    from gengap.train.stopping import NEVER, Stopping

    if not getattr(model, "compiled", False):
        raise UsageError("the model isn't compiled; call model.compile(optimizer=..., loss=...) first")
    if epochs < 1 or batch_size < 1:
        raise UsageError(f"epochs is {epochs} and batch_size {batch_size}; expected whole numbers of at least 1")
    rows = [_rows(name, *pair) for name, pair in (("train", train), ("validation", validation))]
    rule = stopping or Stopping(patience=NEVER, monitor="loss", restore_best=False)
    job = Job(epochs=epochs, batch=batch_size, stopping=rule, seed=seed, run=run)
    try:
        return trainer().fit(model, *rows, job).history
    except ValueError as error:
        raise UsageError(str(error)) from error


def _rows(name: str, x: Any, y: Any) -> Rows:
    try:
        return Rows(np.asarray(x), np.asarray(y))
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None
