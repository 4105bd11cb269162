"""Early stopping as in Keras: its settings, and its rule on JAX values inside a compiled program.

The rule is that of `keras.callbacks.EarlyStopping` (Keras 3.15). The first epoch is always an improvement;
later ones must beat the best by more than `min_delta`. The wait restarts only when the improvement also beats
`baseline`. Training stops once the wait reaches `patience`. See Prechelt 1998, "Early stopping - but when?",
section 2, on rules of this kind.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import msgspec

SMALL = 100_000  # parameters; the steps of a model of at most this size are too short to keep several cores busy
NEVER = 2_000_000_000  # epochs; fits the 32-bit counters of a compiled program
StopReason = Literal["patience", "verdict", "max-epochs", "diverged", "interrupted", "time", "callback"]


class Stopping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When to stop a trial early, as in `keras.callbacks.EarlyStopping`.

    Args:
        patience: Stop after this many epochs without improvement. With `NEVER` a trial never stops early, but the
            best epoch is still found.
        monitor: The validation metric to watch, without Keras' `val_`.
        mode: "min" if lower is better, "max" if higher is.
        min_delta: The least change of the metric that is an improvement.
        baseline: An improvement restarts the wait only if it beats this value.
        start_from_epoch: The first epoch to watch, from 0.
        restore_best: Put the best epoch's weights back into the model at the end.
    """

    patience: Annotated[int, msgspec.Meta(ge=0, le=NEVER)] = 200
    monitor: str = "binary_crossentropy"
    mode: Literal["min", "max"] = "min"
    min_delta: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    baseline: float | None = None
    start_from_epoch: Annotated[int, msgspec.Meta(ge=0, le=NEVER)] = 0
    restore_best: bool = True


class EarlyStopping(NamedTuple):
    """A `Stopping` as numbers, so that one compiled program serves every setting.

    `sign` is 1 to minimise and -1 to maximise; metric values are multiplied by it.
    """

    sign: Any
    patience: Any
    min_delta: Any
    baseline: Any
    start: Any

    @classmethod
    def of(cls, stopping: Stopping) -> EarlyStopping:
        """Return the rule's numbers, as NumPy scalars of fixed types."""
        import numpy as np

        sign = 1.0 if stopping.mode == "min" else -1.0
        return cls(
            np.float32(sign),
            np.int32(stopping.patience),
            np.float32(stopping.min_delta),
            np.float32(np.inf if stopping.baseline is None else sign * stopping.baseline),
            np.int32(stopping.start_from_epoch),
        )


class EarlyStoppingState(NamedTuple):
    """The rule's state: the best value so far (times `sign`), its epoch (-1: none yet), and the wait in epochs."""

    best: Any
    epoch: Any
    wait: Any
    first: Any

    @classmethod
    def start(cls) -> EarlyStoppingState:
        """Return the state before the first epoch."""
        import numpy as np

        return cls(np.float32(np.inf), np.int32(-1), np.int32(0), np.bool_(True))


def update(
    rule: EarlyStopping, state: EarlyStoppingState, epoch: Any, value: Any
) -> tuple[EarlyStoppingState, Any, Any]:
    """Apply the rule to one epoch's value, on JAX values.

    NaN is never an improvement, except as the first value, which Keras accepts whatever it is.

    Returns:
        The new state, whether the value improved, and whether to stop.
    """
    import jax.numpy as jnp

    current = rule.sign * value
    watching = epoch >= rule.start
    improved = watching & (state.first | (current + rule.min_delta < state.best))
    beats_baseline = jnp.isinf(rule.baseline) | (current + rule.min_delta < rule.baseline)
    wait = jnp.where(watching, state.wait + 1, state.wait)
    wait = jnp.where(improved & beats_baseline, 0, wait)
    stop = watching & ~improved & (wait >= rule.patience) & (epoch > 0)
    new_state = EarlyStoppingState(
        jnp.where(improved, current, state.best),
        jnp.where(improved, epoch, state.epoch),
        wait,
        state.first & ~watching,
    )
    return new_state, improved, stop
