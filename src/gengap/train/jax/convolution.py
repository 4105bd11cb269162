"""Convolutions whose gradients XLA's CPU compiler computes fast.

JAX writes the gradient of a kernel as a convolution that sums over the rows, with its axes in another order than
XLA's fast library takes. XLA reorders such axes, but only outside loops (its pass `ConvCanonicalization` visits no
other computation). Here whole epochs are loops, so XLA computed these gradients by plain nested loops. The ones
below have their axes in order already: 20 epochs of a network of two Conv2D layers on 1,400 images of 8 x 8 values
take 0.8 s of CPU time in place of 4.6; Keras' own loop takes 1.1. Transposed convolutions, and those by groups of
channels, are computed by the same ones.
`tests/train/test_spatial_layers.py` compares them with those of Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from gengap.train.jax.windows import WindowAxis, keeping_operands, window_axes


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def convolution(
    x: jax.Array, kernel: jax.Array, strides: tuple[int, ...], padding: str, dilation: tuple[int, ...]
) -> jax.Array:
    """Return the convolution of rows with a kernel, as Keras defines it.

    Args:
        x: The rows (n, *space, a).
        kernel: The kernel (*window, a, b).
        strides: The step of the window along each axis of space.
        padding: "same" or "valid".
        dilation: The distance of the kernel's values along each axis of space.

    Returns:
        The outputs (n, *places, b).
    """
    axes = window_axes(x.shape[1:-1], kernel.shape[:-2], strides, padding, dilation)
    return _convolve(x, kernel, strides, [(axis.before, axis.after) for axis in axes], dilation=dilation)


def _gradients(
    strides: tuple[int, ...],
    padding: str,
    dilation: tuple[int, ...],
    operands: tuple[jax.Array, jax.Array],
    g: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    x, kernel = operands
    axes = window_axes(x.shape[1:-1], kernel.shape[:-2], strides, padding, dilation)
    return _gradient_of_rows(g, kernel, strides, dilation, axes), _gradient_of_kernel(x, g, strides, dilation, axes)


convolution.defvjp(keeping_operands(convolution), _gradients)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def transposed_convolution(
    x: jax.Array, kernel: jax.Array, strides: tuple[int, ...], padding: str, dilation: tuple[int, ...]
) -> jax.Array:
    """Return the transposed convolution, as Keras defines it: what the gradient of a convolution's rows is.

    Args:
        x: The rows (n, *places, b).
        kernel: The kernel (*window, a, b).
        strides: How far apart the rows' values are in the outputs, along each axis of space.
        padding: "same" or "valid".
        dilation: The distance of the kernel's values along each axis of space.

    Returns:
        The outputs (n, *space, a).
    """
    return _gradient_of_rows(x, kernel, strides, dilation, _output_axes(x, kernel, strides, padding, dilation))


def _output_axes(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: str, dilation: Sequence[int]
) -> list[WindowAxis]:
    """Return the axes of the convolution whose rows the outputs of a transposed one are."""
    reach = [(values - 1) * step + 1 for values, step in zip(kernel.shape, dilation, strict=False)]
    sizes = [
        places * stride + (max(width - stride, 0) if padding == "valid" else 0)
        for places, stride, width in zip(x.shape[1:-1], strides, reach, strict=True)
    ]
    return window_axes(sizes, kernel.shape[:-2], strides, padding, dilation)


def _gradients_transposed(
    strides: tuple[int, ...],
    padding: str,
    dilation: tuple[int, ...],
    operands: tuple[jax.Array, jax.Array],
    g: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    x, kernel = operands
    axes = _output_axes(x, kernel, strides, padding, dilation)
    return convolution(g, kernel, strides, padding, dilation), _gradient_of_kernel(g, x, strides, dilation, axes)


transposed_convolution.defvjp(keeping_operands(transposed_convolution), _gradients_transposed)


def grouped_convolution(
    x: jax.Array, kernel: jax.Array, strides: tuple[int, ...], padding: str, dilation: tuple[int, ...], groups: int
) -> jax.Array:
    """Return the convolution of each group of channels with its part of the kernel (*window, a / groups, b)."""
    parts = zip(jnp.split(x, groups, axis=-1), jnp.split(kernel, groups, axis=-1), strict=True)
    return jnp.concatenate([convolution(*part, strides, padding, dilation) for part in parts], axis=-1)


def _gradient_of_rows(
    g: jax.Array, kernel: jax.Array, strides: Sequence[int], dilation: Sequence[int], axes: Sequence[WindowAxis]
) -> jax.Array:
    """Return a convolution's gradient for its rows: the window is the kernel, turned around."""
    pads = [(a.reach - 1 - a.before, a.size - a.span + a.before) for a in axes]
    turned = jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)
    return _convolve(g, turned, (1,) * len(axes), pads, spread=strides, dilation=dilation)


def _gradient_of_kernel(
    x: jax.Array, g: jax.Array, strides: Sequence[int], dilation: Sequence[int], axes: Sequence[WindowAxis]
) -> jax.Array:
    """Return that for its kernel: the window is the gradient, channels count as rows, and rows as channels."""
    pads = [(a.before, a.reach - 1 + a.span - a.size - a.before) for a in axes]
    by_channel, window = x.swapaxes(0, -1), jnp.moveaxis(g, 0, -2)
    weights = _convolve(by_channel, window, dilation, pads, dilation=strides)
    return jnp.moveaxis(weights, 0, -2)


def _convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    *,
    spread: Sequence[int] | None = None,
    dilation: Sequence[int] | None = None,
) -> jax.Array:
    """Convolve with the axes in XLA's order; `spread` is the distance of the values of `x`."""
    space = "DHW"[-(x.ndim - 2) :]
    order = (f"N{space}C", f"{space}IO", f"N{space}C")
    return lax.conv_general_dilated(x, kernel, strides, pads, spread, dilation, order)
