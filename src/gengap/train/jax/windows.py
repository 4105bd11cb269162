"""Windows that move over rows: where they stand, and layers whose every window is cheap to compute.

XLA's CPU compiler computes depthwise convolutions, and the gradients of max pooling, by plain nested loops. As sums
and maxima of shifted rows they are loops over vectors. Of a batch of 32 images of 16 x 16 x 32 values, in ms of CPU
time with their gradients: DepthwiseConv2D of 3 x 3 156 -> 5, MaxPooling2D of 2 x 2 2.1 -> 0.1.
`tests/train/test_spatial_layers.py` compares them with those of Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


class WindowAxis(NamedTuple):
    """One axis of space: sizes of input, window and output, and how the window moves over it.

    `before` and `after` are how many values are added to the input. `reach` is the size of the window with its
    distances, and `span` that of the output with its strides; both count from the first to the last value.
    """

    size: int
    before: int
    after: int
    reach: int
    span: int


class WindowSettings(NamedTuple):
    """How a window moves over the axes of space.

    Attributes:
        strides: The step of the window along each axis.
        padding: "same" or "valid".
        dilation: The distance of the window's values along each axis.
    """

    strides: tuple[int, ...]
    padding: str
    dilation: tuple[int, ...]

    def axes(self, sizes: Sequence[int], window: Sequence[int]) -> list[WindowAxis]:
        """Return the axes of space of these sizes, over which a window of so many values moves."""
        reach = [(values - 1) * step + 1 for values, step in zip(window, self.dilation, strict=True)]
        pads = lax.padtype_to_pads(sizes, reach, self.strides, self.padding.upper())
        parts = zip(sizes, pads, reach, self.strides, strict=True)
        return [
            WindowAxis(size, before, after, width, (size + before + after - width) // stride * stride + 1)
            for size, (before, after), width, stride in parts
        ]


def keeping_operands(convolve: Callable[..., Any]) -> Callable[..., tuple[Any, tuple[Any, Any]]]:
    """Return the function as `defvjp` takes it: its gradients need its first two arguments."""
    return lambda x, kernel, settings: (convolve(x, kernel, settings), (x, kernel))


def depthwise_convolution(x: jax.Array, kernel: jax.Array, settings: WindowSettings) -> jax.Array:
    """Return the convolution of each channel with kernels of its own, as Keras defines it.

    Args:
        x: The rows (n, *space, a).
        kernel: The kernels (*window, a, m): m for each channel.
        settings: How the window moves.

    Returns:
        The outputs (n, *places, a * m).
    """
    exact = jnp.promote_types(x.dtype, jnp.float32)  # half precision would be rounded at each place of the window
    outputs: Any = _depthwise(x.astype(exact), kernel.astype(exact), settings)
    return outputs.astype(x.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _depthwise(x: jax.Array, kernel: jax.Array, settings: WindowSettings) -> jax.Array:
    window = kernel.shape[:-2]
    parts = zip(np.ndindex(window), _at_each_place(x, window, settings), strict=True)
    outputs = jnp.asarray(sum(part[..., None] * kernel[place] for place, part in parts))
    return outputs.reshape(*outputs.shape[:-2], -1)


def _gradients(
    settings: WindowSettings, operands: tuple[jax.Array, jax.Array], g: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = operands
    window, space = kernel.shape[:-2], tuple(range(kernel.ndim - 2))
    axes = settings.axes(x.shape[1:-1], window)
    # For the rows: the window is the kernel, turned around, and moves over gradients that are strides apart.
    between = [stride - 1 for stride in settings.strides]
    pads = [(a.reach - 1 - a.before, a.size - a.span + a.before, b) for a, b in zip(axes, between, strict=True)]
    turned, sizes = jnp.flip(kernel, space), [axis.size for axis in axes]
    moved = _moved(_padded(g, pads, 0), window, settings.dilation, sizes)
    parts = zip(np.ndindex(window), moved, strict=True)
    g = g.reshape(*g.shape[:-1], *kernel.shape[-2:])
    rows = sum((part.reshape(*x.shape, -1) * turned[place]).sum(-1) for place, part in parts)
    # For the kernel: sums over rows, then over places. In one go XLA takes seven times as long.
    sums = [
        lax.optimization_barrier((part[..., None] * g).sum(0)).sum(space)
        for part in _at_each_place(x, window, settings)
    ]
    return jnp.asarray(rows), jnp.stack(sums).reshape(kernel.shape)


_depthwise.defvjp(keeping_operands(_depthwise), _gradients)


def max_pool(x: jax.Array, window: Sequence[int], strides: tuple[int, ...], padding: str) -> jax.Array:
    """Return the largest value in each window (n, *places, a) of the rows `x` (n, *space, a).

    Of equal values the first has the gradient, as in Keras on JAX.
    """
    settings = WindowSettings(strides, padding, (1,) * len(window))
    return reduce(_larger, _at_each_place(x, window, settings, fill=-jnp.inf))


def _larger(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.where((b > a) | jnp.isnan(b), b, a)


def _at_each_place(
    x: jax.Array, window: Sequence[int], settings: WindowSettings, fill: float = 0
) -> Iterator[jax.Array]:
    """Yield, for each place in the window, the values (n, *places, a) that windows have there."""
    axes = settings.axes(x.shape[1:-1], window)
    padded = _padded(x, [(axis.before, axis.after, 0) for axis in axes], fill)
    return _moved(padded, window, settings.dilation, [axis.span for axis in axes], settings.strides)


def _padded(x: jax.Array, pads: Sequence[tuple[int, int, int]], fill: float) -> jax.Array:
    """Return the rows with values added along each axis of space: before, after, and between their values.

    The barrier keeps XLA from computing what the rows are made of anew for each place in a window.
    """
    padded = lax.pad(x, jnp.asarray(fill, x.dtype), [(0, 0, 0), *pads, (0, 0, 0)])
    return lax.optimization_barrier(padded)


def _moved(
    padded: jax.Array,
    window: Sequence[int],
    dilation: Sequence[int],
    spans: Sequence[int],
    strides: Sequence[int] | None = None,
) -> Iterator[jax.Array]:
    """Yield the part of padded rows that spans so many values from each place in the window on."""
    steps = (1, *(strides or (1,) * len(spans)), 1)
    for place in np.ndindex(*window):
        starts = [index * distance for index, distance in zip(place, dilation, strict=True)]
        ends = [start + span for start, span in zip(starts, spans, strict=True)]
        yield lax.slice(padded, (0, *starts, 0), (len(padded), *ends, padded.shape[-1]), steps)
