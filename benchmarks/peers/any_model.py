"""Two models as users give them to `gengap.study(rows, model=...)`, with rows: a CNN for digits, a GRU for texts.

The model is a clone with the treatment, as a study trains it. Both peers train the same one.
"""

from __future__ import annotations

import numpy as np

from gengap.data.rows import Rows
from gengap.models import Augment, WordDropout, treated
from gengap.models.backend import keras

BATCH = 32  # that of the plans for clones
WORDS, LENGTH, TEXTS = 1_000, 50, 2_000
L = keras.layers


def digits() -> tuple[Rows, Rows, keras.Model]:
    """Return scikit-learn's digits (8 x 8 pixels) and a small CNN whose images are shifted anew in every batch."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = images.reshape(-1, 8, 8, 1).astype("float32") / 16
    hidden = [L.Conv2D(8, 3, activation="relu"), L.MaxPooling2D(), L.Flatten(), L.Dense(32, "relu")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *hidden, L.Dense(10, "softmax")])
    return *_halves(x, labels, 1_437), treated(model, [Augment()]).model


def gru() -> tuple[Rows, Rows, keras.Model]:
    """Return texts of 50 words, of which a few tell the class, and a GRU with word dropout."""
    random = np.random.default_rng(0)
    y = random.integers(2, size=TEXTS)
    x = random.integers(21, WORDS, size=(TEXTS, LENGTH))
    told = random.random(size=x.shape) < 0.1
    x[told] = (1 + random.integers(10, size=x.shape) + 10 * y[:, None])[told]
    hidden = [L.Embedding(WORDS, 16), L.GRU(32)]
    model = keras.Sequential([keras.Input((LENGTH,), dtype="int32"), *hidden, L.Dense(2, "softmax")])
    return *_halves(x.astype("int32"), y, 1_600), treated(model, [WordDropout(0.2)]).model


def _halves(x: np.ndarray, y: np.ndarray, train: int) -> tuple[Rows, Rows]:
    return Rows(x[:train], y[:train]), Rows(x[train:], y[train:])


def compiled(name: str) -> tuple[Rows, Rows, keras.Model]:
    """Return training rows, validation rows and the compiled model of that name.

    Keras' `fit` runs a model that holds its augmentation layers step by step, over a hundred times slower: the
    layers say that they can't be compiled, because they also run inside tf.data. On JAX they can, so both may.
    """
    train, validation, model = {"digits": digits, "gru": gru}[name]()
    for layer in model.layers:
        layer.supports_jit = True
    optimizer, loss = keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"])  # pyright: ignore[reportArgumentType]
    return train, validation, model
