"""How many of a model's weights a penalty brought to nothing."""

from __future__ import annotations

import numpy as np

from gengap.models.backend import keras


def share_below(model: keras.Model, threshold: float = 1e-3) -> float:
    """The share, from 0 to 1, of the weights in all kernels whose absolute value is below `threshold`.

    Biases, normalisation and embeddings' frequencies don't count. NaN for a model without kernels.
    """
    kernels = [keras.ops.convert_to_numpy(v).ravel() for v in model.weights if v.name == "kernel"]
    return float(np.mean(np.abs(np.concatenate(kernels)) < threshold)) if kernels else float("nan")
