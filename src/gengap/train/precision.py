"""Where products of matrices may be computed in bfloat16: the choice, and what this machine's CPU can do."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import get_args

from gengap.errors import UsageError
from gengap.options.spec import Precision, ProductPrecision, one_of
from gengap.train import keras_backend
from gengap.train.stopping import SMALL

CPU_INFORMATION = Path("/proc/cpuinfo")
FAST = {"amx_bf16", "avx512_bf16"}  # as Linux names the CPU's instructions that multiply bfloat16


@cache
def cpu_multiplies_bfloat16() -> bool:
    """Tell whether the CPU has instructions for bfloat16 products. False where the system does not say."""
    try:
        lines = CPU_INFORMATION.read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any(FAST & set(line.split()) for line in lines if line.startswith("flags"))


def resolve_precision(requested: Precision) -> ProductPrecision:
    """Return "float32" or "bfloat16": what "auto" means on this machine.

    Raises UsageError if there is no such precision, or bfloat16 is requested and Keras does not run on JAX.
    """
    if requested not in get_args(Precision):
        raise UsageError(f"precision is {requested!r}; expected {one_of(get_args(Precision))}")
    if keras_backend() != "jax":
        if requested == "bfloat16":
            raise UsageError(
                f"precision 'bfloat16' needs JAX, but Keras runs on {keras_backend()}; set KERAS_BACKEND=jax, "
                "or use the precision 'float32'"
            )
        return "float32"
    if requested != "auto":
        return requested
    import jax

    return "bfloat16" if cpu_multiplies_bfloat16() and jax.default_backend() == "cpu" else "float32"


def trial_precision(precision: ProductPrecision, parameters: int) -> ProductPrecision:
    """Return the precision of the products of a model with this many parameters: small ones gain nothing."""
    return precision if parameters > SMALL else "float32"
