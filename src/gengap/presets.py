"""The built-in plans `quick`, `tutorial` and `full`, and `load_plan`, which also reads TOML files.

Importing this module loads neither JAX nor Keras.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from gengap.errors import PlanError, did_you_mean
from gengap.files.limits import read_document
from gengap.models.treatments import (
    L1,
    L1L2,
    L2,
    AnyTreatment,
    BatchNorm,
    Clip,
    Dropout,
    Ensemble,
    Ftrl,
    LabelSmoothing,
    Mixup,
    Noise,
    Periodic,
    WeightDecay,
)
from gengap.plan import Growth, Plan, Recipe, Trial
from gengap.train.recipe import Cosine, InverseTime
from gengap.train.stopping import Stopping

LARGE = (512, 512, 512, 512)
SIZES_AND_REGULARIZERS = (
    Trial(run="sizes/Tiny", units=(16,), aliases=("regularizers/Tiny",)),
    Trial(run="sizes/Small", units=(16, 16)),
    Trial(run="sizes/Medium", units=(64, 64, 64)),
    Trial(run="sizes/large", units=LARGE),
    Trial(run="regularizers/l2", units=LARGE, treatments=(L2(0.001),)),
    Trial(run="regularizers/dropout", units=LARGE, treatments=(Dropout(0.5),)),
    Trial(run="regularizers/combined", units=LARGE, treatments=(L2(0.0001), Dropout(0.5))),
)


def tutorial() -> Plan:
    """Return the protocol of TensorFlow's tutorial "Overfit and underfit": seven models on raw features."""
    return Plan(name="tutorial", trials=SIZES_AND_REGULARIZERS, preparation="raw")


# How long each quick trial may take. With standardised features and a higher rate the small models are at their
# best about ten times sooner than with the tutorial's recipe; the large ones overfit after a few dozen epochs.
QUICK: dict[str, dict[str, object]] = {
    "sizes/Tiny": {"max_epochs": 1_000, "patience": 100, "learning_rate": 0.005},
    "sizes/Small": {"max_epochs": 1_000, "patience": 100, "learning_rate": 0.005},
    "sizes/Medium": {"max_epochs": 200, "patience": 100},
    "sizes/large": {"max_epochs": 50, "patience": 40},
    "regularizers/l2": {"max_epochs": 40, "patience": 20},
    "regularizers/dropout": {"max_epochs": 40, "patience": 20},
    "regularizers/combined": {"max_epochs": 40, "patience": 20},
}


def quick() -> Plan:
    """Return the tutorial's models with standardised features and shorter runs: minutes in all."""
    trials = tuple(msgspec.structs.replace(t, **QUICK[t.run]) for t in SIZES_AND_REGULARIZERS)
    recipe = Recipe(max_epochs=1_000, schedule=InverseTime(decay_epochs=100.0), stop="verdict")
    return Plan(name="quick", trials=trials, recipe=recipe)


BETTER: tuple[AnyTreatment, ...] = (Clip(4.0), Periodic(8, 8, 0.03), Ensemble(8), Dropout(0.3), WeightDecay(0.01))


def better(run: str = "better/Ensemble") -> Trial:
    """Return the better recipe as one trial: embedded numbers and eight members that share their weights.

    It is for standardised features. `examples/better_recipe.py` measures each of its `treatments` on HIGGS.
    """
    return Trial(
        run=run,
        units=(128, 128),
        treatments=BETTER,
        max_epochs=30,
        batch=256,
        schedule=Cosine(0.004),
        activation="relu",
    )


SIZE_UNITS = ((16,), (16, 16), (64, 64), (128, 128, 128), (256, 256, 256), (512, 512, 512, 512))
SWEEPS: tuple[tuple[AnyTreatment, ...], ...] = (
    *((L1(strength),) for strength in (1e-5, 1e-4, 1e-3)),
    *((L2(strength),) for strength in (1e-4, 1e-3, 1e-2)),
    *((L1L2(strength, strength),) for strength in (1e-5, 1e-4)),
    *((Dropout(rate),) for rate in (0.2, 0.5, 0.7)),
    *((L2(strength), Dropout(0.5)) for strength in (1e-4, 1e-3)),
    *((WeightDecay(strength),) for strength in (0.1, 1.0, 10.0)),
    *((Ftrl(strength),) for strength in (0.003, 0.01)),
    (BatchNorm(),),
    *((Noise(sd),) for sd in (0.1, 0.3)),
    *((Mixup(alpha),) for alpha in (0.2, 1.0)),
    *((LabelSmoothing(rate),) for rate in (0.05, 0.2)),
)


def full() -> Plan:
    """Return the plan that finds a size, a regulariser with its strength, and whether more rows would help."""
    # Trials end by patience alone: so all sizes take 20 s on HIGGS, and 36 s with checks of the verdict.
    recipe = Recipe(max_epochs=1_000, schedule=InverseTime(decay_epochs=100.0), stopping=Stopping(patience=25))
    growth = Growth(sizes=SIZE_UNITS, regularizers=SWEEPS, shares=(1 / 16, 1 / 8, 1 / 4, 1 / 2), folds=4)
    return Plan(name="full", trials=(better(),), recipe=recipe, growth=growth)


PLANS = {"quick": quick, "tutorial": tutorial, "full": full}


def load_plan(plan: Plan | str | Path) -> Plan:
    """Return a plan by its name or from a TOML file, and check it.

    Args:
        plan: "quick", "tutorial" or "full", the path of a TOML file, or a `Plan`.

    Returns:
        The plan.

    Raises:
        PlanError: There is no such plan, or a field of it is wrong.

    >>> load_plan("tutorial").recipe.stopping.patience
    200
    """
    if isinstance(plan, Plan):
        try:  # values built in Python are not checked until here
            return msgspec.convert(msgspec.to_builtins(plan), Plan)
        except msgspec.ValidationError as error:
            raise PlanError(f"the plan {plan.name!r}: {error}") from None
    if str(plan) in PLANS:
        return PLANS[str(plan)]()
    path = Path(plan)
    if path.suffix != ".toml":
        suggestion = did_you_mean(plan, PLANS)
        raise PlanError(f"there is no plan {str(plan)!r}, expected {', '.join(PLANS)} or a .toml file.{suggestion}")
    try:
        text = read_document(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: can't be read as a plan ({error}); expected a TOML file") from None
    return Plan.from_toml(text, str(path))
