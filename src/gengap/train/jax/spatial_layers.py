"""Layers over axes of space that XLA's CPU compiler computes slowly, made fast while a training step is traced."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gengap.models.backend import keras
from gengap.models.keras_internals import all_layers, calls_replaced
from gengap.train.jax.convolution import convolution, grouped_convolution, transposed_convolution
from gengap.train.jax.windows import WindowSettings, depthwise_convolution, max_pool

L = keras.layers
CONVOLUTIONS = (L.Conv1D, L.Conv2D, L.Conv3D)
TRANSPOSED = (L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose)
DEPTHWISE = (L.DepthwiseConv1D, L.DepthwiseConv2D)
SEPARABLE = (L.SeparableConv1D, L.SeparableConv2D)
POOLS = (L.MaxPooling1D, L.MaxPooling2D, L.MaxPooling3D)
MOST_GROUPS = 32
MOST_PLACES = 64  # of a window whose places are computed one by one; more take long to compile


def fast_spatial_layers(model: keras.Model) -> AbstractContextManager[None]:
    """Let a model's convolutions and max pools be computed fast on a CPU, while the context is open.

    Use it while a training step is traced. What is saved of the model does not change.
    """
    layers: list[Any] = all_layers(model) if jax.default_backend() == "cpu" else []
    return calls_replaced({layer: call for layer in layers if (call := _fast_call(layer)) is not None})


def _fast_call(layer: Any) -> Callable[[Any], Any] | None:
    """Return a function that computes what the layer's `call` does; None if Keras' own stays."""
    if getattr(layer, "data_format", None) != "channels_last":
        return None
    if type(layer) in POOLS:
        return _pool_call(layer) if math.prod(layer.pool_size) <= MOST_PLACES else None
    convolve = _convolution(layer)
    return None if convolve is None else _convolution_call(layer, convolve)


def _convolution(layer: Any) -> Callable[..., Any] | None:
    """Return the convolution that a layer computes; None if Keras' own stays."""
    kind = type(layer)
    if kind in CONVOLUTIONS and layer.groups <= MOST_GROUPS:
        return convolution if layer.groups == 1 else partial(grouped_convolution, groups=layer.groups)
    if kind in TRANSPOSED and layer.output_padding is None:
        return transposed_convolution
    if kind in DEPTHWISE + SEPARABLE and math.prod(layer.kernel_size) <= MOST_PLACES:
        return depthwise_convolution
    return None


def _pool_call(layer: Any) -> Callable[[Any], Any]:
    own, window = layer.call, layer.pool_size

    def call(inputs: Any) -> Any:
        inputs = keras.ops.convert_to_tensor(inputs)
        if not jnp.issubdtype(inputs.dtype, jnp.floating) or not _fits(inputs, window, layer.padding):
            return own(inputs)
        return max_pool(inputs, window, layer.strides, layer.padding)

    return call


def _convolution_call(layer: Any, convolve: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return a call that computes the sums by `convolve`. A separable layer mixes them by a second kernel."""
    own, transposed, separable = layer.call, type(layer) in TRANSPOSED, type(layer) in SEPARABLE
    reach = [(size - 1) * step + 1 for size, step in zip(layer.kernel_size, layer.dilation_rate, strict=True)]

    def call(inputs: Any) -> Any:
        padding, dtype = layer.padding, layer.compute_dtype
        inputs = keras.ops.convert_to_tensor(inputs, dtype=dtype)
        if not transposed and not _fits(inputs, reach, padding):
            return own(inputs)
        if padding == "causal":
            before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
            inputs, padding = keras.ops.pad(inputs, [[0, 0], [before, 0], [0, 0]]), "valid"
        kernel = _value(layer.depthwise_kernel if separable else layer.kernel)
        outputs = convolve(inputs, kernel, WindowSettings(layer.strides, padding, layer.dilation_rate))
        if separable:
            mixing = _value(layer.pointwise_kernel)
            outputs = outputs @ mixing.reshape(mixing.shape[-2:])
        outputs = keras.ops.add(outputs, layer.bias) if layer.use_bias else outputs
        return outputs if layer.activation is None else layer.activation(outputs)

    return call


def _fits(inputs: jax.Array, window: Sequence[int], padding: str) -> bool:
    """Return whether a window fits into the rows. If not, Keras' own error, or empty outputs, are right."""
    return padding != "valid" or all(size >= width for size, width in zip(inputs.shape[1:-1], window, strict=True))


def _value(kernel: Any) -> Any:
    return keras.ops.convert_to_tensor(kernel)
