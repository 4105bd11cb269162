"""Products of Dense layers whose operands are rounded to bfloat16, used while a training step is traced.

The sums, the result and everything else stay float32. CPUs with AMX or AVX512-BF16 multiply bfloat16 at least twice
as fast as float32. XLA does so in its library YNN, for two layouts of a product: rows by columns (the forward pass)
and rows by rows (the gradient of the inputs). The gradient of the kernel is columns by columns, for which XLA
converts the operands back to float32. So one of them is transposed in memory: the layout is a constraint, and the
barrier keeps XLA from moving the transposition into the product. A product of 500 x 512 by 500 x 512 on one core of
a Zen 4, in ms: float32 3.1, bfloat16 as it is 4.7, transposed by a flat index 1.9, transposed by a layout 1.6.

Gains of a layer's three products by the size of the kernel, with batches of 500 rows: 128 x 128 1.3 times,
192 x 192 1.6, 256 x 256 1.7, 512 x 512 1.8. A kernel of 10 x 2000 loses a tenth, and so do batches of 8 rows.
Models of at most `SMALL` parameters have their products from Eigen, which has no bfloat16.

The first layer keeps float32: features such as a year, 2026, need more than the 8 digits (bits) of bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental.layout import Layout, with_layout_constraint

from gengap.models.backend import keras
from gengap.models.keras_internals import all_layers, calls_replaced
from gengap.train.precision import cpu_multiplies_bfloat16
from gengap.train.stopping import SMALL

LEAST_KERNEL = 128 * 128  # values
LEAST_SIDE = 32  # of a kernel
LEAST_BATCH = 32  # rows
NN, NT, TN = ((1,), (0,)), ((1,), (1,)), ((0,), (0,))  # which axes a product sums over
EXPONENT_BITS, MANTISSA_BITS = 8, 7


def rounded_layers(model: keras.Model, batch: int) -> list[keras.layers.Dense]:
    """Return the layers whose products are large enough to gain, if a batch has so many rows."""
    if model.count_params() <= SMALL or batch < LEAST_BATCH:
        return []
    layers = [layer for layer in all_layers(model) if layer.weights and len(all_layers(layer)) == 1]
    return [layer for layer in layers[1:] if _is_large(layer) and not _reads_rows(layer, model)]


def _is_large(layer: Any) -> bool:
    if type(layer) is not keras.layers.Dense or layer.quantization_mode is not None:
        return False
    sides = layer.kernel.shape
    is_float32 = {layer.compute_dtype, layer.variable_dtype} == {"float32"}
    return is_float32 and min(sides) >= LEAST_SIDE and sides[0] * sides[1] >= LEAST_KERNEL


def _reads_rows(layer: Any, model: keras.Model) -> bool:
    """Tell whether a layer takes an input of the model, where the model knows what its layers take."""
    try:
        taken = layer.input
    except (AttributeError, ValueError):
        return False
    return any(taken is each for each in model.inputs or ())


def rounded_products(model: keras.Model, batch: int) -> AbstractContextManager[None]:
    """Let the large Dense layers of a model round the operands of their products, while the context is open.

    Use it while a training step is traced. What is saved of the model does not change.
    """
    native = cpu_multiplies_bfloat16() and jax.default_backend() == "cpu"
    return calls_replaced({layer: _rounded_call(layer, native) for layer in rounded_layers(model, batch)})


def _rounded_call(layer: Any, native: bool) -> Callable[..., Any]:
    """Return what `Dense.call` computes, with another product."""

    def call(inputs: jax.Array, training: bool | None = None) -> Any:
        kernel = keras.ops.convert_to_tensor(layer.kernel)
        rows = inputs.reshape(-1, inputs.shape[-1])
        products: Any = product(rows, kernel, native)
        outputs = products.reshape(*inputs.shape[:-1], kernel.shape[1])
        outputs = outputs if layer.bias is None else keras.ops.add(outputs, layer.bias)
        return outputs if layer.activation is None else layer.activation(outputs)

    return call


def _dot(a: jax.Array, b: jax.Array, axes: tuple[tuple[int, ...], tuple[int, ...]]) -> jax.Array:
    return lax.dot_general(a, b, (axes, ((), ())), preferred_element_type=jnp.float32)


def _round(a: jax.Array, native: bool) -> jax.Array:
    return a.astype(jnp.bfloat16) if native else lax.reduce_precision(a, EXPONENT_BITS, MANTISSA_BITS)


def _multiply(x: jax.Array, kernel: jax.Array, native: bool) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    x, kernel = _round(x, native), _round(kernel, native)
    return _dot(x, kernel, NN), (x, kernel)


def _gradients(native: bool, operands: tuple[jax.Array, jax.Array], g: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = operands
    g = _round(g, native)
    if not native:
        return _dot(g, kernel, NT), _dot(x, g, TN)
    transposed = lax.optimization_barrier(with_layout_constraint(x.T, Layout(major_to_minor=(0, 1))))
    return _dot(g, kernel, NT), _dot(transposed, g, NN)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def product(x: jax.Array, kernel: jax.Array, native: bool) -> jax.Array:
    """Return x (n, a) times kernel (a, b) with rounded operands; so are those of its gradients.

    On a CPU without bfloat16, not `native`, the rounded values are multiplied in float32.
    """
    return _multiply(x, kernel, native)[0]


product.defvjp(_multiply, _gradients)
