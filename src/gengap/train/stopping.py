"""When to stop: Keras' EarlyStopping as a value, and as a rule that runs inside a compiled program.

The rule is that of `keras.callbacks.EarlyStopping` (Keras 3.15): the first epoch looked at is always an
improvement, later ones must beat the best by more than `min_delta`; the wait restarts only when the
improvement also beats `baseline`; training stops once the wait reaches `patience`. See Prechelt 1998, "Early
stopping - but when?", section 2, for the family that patience belongs to.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import msgspec

SMALL = 100_000  # parameters; up to here a step is too short to keep several cores busy
NEVER = 2_000_000_000  # epochs; fits the 32-bit counters of a compiled program
StopReason = Literal["patience", "verdict", "max-epochs", "diverged", "interrupted", "callback"]


class Stopping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Stop after `patience` epochs without improvement of the validation metric `monitor`.

    `monitor` is a metric's name without Keras' `val_`. With a patience of `NEVER` it never stops early, but still
    finds the best epoch. `restore_best` puts the best epoch's weights back at the end.
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

    `sign` is 1 to minimise and -1 to maximise; all values below are multiplied by it.
    """

    sign: Any
    patience: Any
    min_delta: Any
    baseline: Any
    start: Any

    @classmethod
    def of(cls, stopping: Stopping) -> EarlyStopping:
        """The rule's numbers, as NumPy scalars of fixed types."""
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
    """What the rule remembers: the best value so far (times `sign`), its epoch (-1: none yet), the wait."""

    best: Any
    epoch: Any
    wait: Any
    first: Any

    @classmethod
    def start(cls) -> EarlyStoppingState:
        """Nothing seen yet."""
        import numpy as np

        return cls(np.float32(np.inf), np.int32(-1), np.int32(0), np.bool_(True))


def update(
    rule: EarlyStopping, watch: EarlyStoppingState, epoch: Any, value: Any
) -> tuple[EarlyStoppingState, Any, Any]:
    """One epoch's look, on JAX values: the new watch, whether it improved, whether to stop.

    NaN never improves, except as the first value looked at, which Keras takes whatever it is.
    """
    import jax.numpy as jnp

    current = rule.sign * value
    looking = epoch >= rule.start
    improved = looking & (watch.first | (current + rule.min_delta < watch.best))
    beats_baseline = jnp.isinf(rule.baseline) | (current + rule.min_delta < rule.baseline)
    wait = jnp.where(looking, watch.wait + 1, watch.wait)
    wait = jnp.where(improved & beats_baseline, 0, wait)
    stop = looking & ~improved & (wait >= rule.patience) & (epoch > 0)
    seen = EarlyStoppingState(
        jnp.where(improved, current, watch.best),
        jnp.where(improved, epoch, watch.epoch),
        wait,
        watch.first & ~looking,
    )
    return seen, improved, stop
