"""The built-in plans `quick`, `tutorial` and `full`, and `load_plan`, which also reads TOML files.

Importing this module loads neither JAX nor Keras.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from gengap.errors import PlanError, as_path, did_you_mean
from gengap.files.limits import read_document
from gengap.models import treatments as t
from gengap.plan import Growth, Plan, Recipe, Trial
from gengap.train.recipe import Constant, Cosine, InverseTime
from gengap.train.stopping import Stopping

LARGE = (512, 512, 512, 512)
SIZES_AND_REGULARIZERS = (
    Trial(run="sizes/Tiny", units=(16,), aliases=("regularizers/Tiny",)),
    Trial(run="sizes/Small", units=(16, 16)),
    Trial(run="sizes/Medium", units=(64, 64, 64)),
    Trial(run="sizes/large", units=LARGE),
    Trial(run="regularizers/l2", units=LARGE, treatments=(t.L2(0.001),)),
    Trial(run="regularizers/dropout", units=LARGE, treatments=(t.Dropout(0.5),)),
    Trial(run="regularizers/combined", units=LARGE, treatments=(t.L2(0.0001), t.Dropout(0.5))),
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
    "regularizers/l2": {"max_epochs": 120, "patience": 40},
    "regularizers/dropout": {"max_epochs": 120, "patience": 40},
    "regularizers/combined": {"max_epochs": 120, "patience": 40},
}


def quick() -> Plan:
    """Return the tutorial's models with standardised features and shorter runs, and the better recipe."""
    trials = tuple(msgspec.structs.replace(trial, **QUICK[trial.run]) for trial in SIZES_AND_REGULARIZERS)
    # bfloat16 changes best losses by less than a tenth of the spread between seeds: docs/howto/machines.md.
    recipe = Recipe(max_epochs=1_000, schedule=InverseTime(decay_epochs=100.0), stop="verdict", precision="auto")
    shorter = msgspec.structs.replace(better(dropout=0.1, sigma=0.1), max_epochs=20, min_steps=None, patience=6)
    return Plan(name="quick", trials=(*trials, shorter), recipe=recipe, built_in_validation=10_000)


def _better_treatments(dropout: float, sigma: float) -> tuple[t.AnyTreatment, ...]:
    dropped = (t.Dropout(dropout),) if dropout else ()
    return (t.Clip(4.0), t.Periodic(8, 8, sigma), t.Ensemble(8), *dropped, t.WeightDecay(0.01))


BETTER = _better_treatments(0.3, 0.03)


def better(run: str = "better/Ensemble", dropout: float = 0.3, sigma: float = 0.03) -> Trial:
    """Return the better recipe as one trial: embedded numbers and eight members that share their weights.

    It is for standardised features. `examples/better_recipe.py` measures each of its `treatments` on HIGGS.

    Args:
        run: Name of the trial.
        dropout: Dropout rate; 0 for none.
        sigma: Standard deviation of the frequencies of the embedded numbers. Larger ones fit finer details.
    """
    return Trial(
        run=run,
        units=(128, 128),
        treatments=_better_treatments(dropout, sigma),
        max_epochs=30,
        min_steps=2_000,
        batch=256,
        schedule=Cosine(0.004),
        activation="relu",
    )


def _also(trial: Trial, treatment: t.AnyTreatment) -> Trial:
    """Return the trial with a treatment before its own: for tables with skewed columns or a skewed target."""
    return msgspec.structs.replace(trial, treatments=(treatment, *trial.treatments))


BETTER_TRIALS = (
    better(),
    better("better/dropout 0.1", dropout=0.1, sigma=0.1),
    better("better/no dropout", dropout=0.0, sigma=0.5),
    _also(better("better/normal scores", dropout=0.1, sigma=0.1), t.QuantileNormal()),
    _also(better("better/log target", dropout=0.1, sigma=0.1), t.LogTarget()),
)

SIZE_UNITS = ((16,), (16, 16), (64, 64), (128, 128, 128), (256, 256, 256), (512, 512, 512, 512))
SWEEPS: tuple[tuple[t.AnyTreatment, ...], ...] = (
    *((t.L1(strength),) for strength in (1e-4, 1e-3)),
    *((t.L2(strength),) for strength in (1e-4, 1e-3, 1e-2)),
    (t.L1L2(1e-4, 1e-4),),
    *((t.Dropout(rate),) for rate in (0.2, 0.5, 0.7)),
    *((t.L2(strength), t.Dropout(0.5)) for strength in (1e-4, 1e-3)),
    *((t.WeightDecay(strength),) for strength in (0.1, 1.0)),
    (t.Ftrl(0.003),),
    (t.BatchNorm(),),
    *((t.Noise(sd),) for sd in (0.1, 0.3)),
    *((t.Mixup(alpha),) for alpha in (0.2, 1.0)),
    *((t.LabelSmoothing(rate),) for rate in (0.05, 0.2)),
)


def full() -> Plan:
    """Return the plan that finds a size, a regulariser with its strength, and whether more rows would help."""
    # Trials end by patience alone: so all sizes take 20 s on HIGGS, and 36 s with checks of the verdict.
    recipe = Recipe(max_epochs=1_000, schedule=InverseTime(decay_epochs=100.0), stopping=Stopping(patience=25))
    growth = Growth(sizes=SIZE_UNITS, regularizers=SWEEPS, shares=(1 / 16, 1 / 8, 1 / 4, 1 / 2), folds=4)
    return Plan(name="full", trials=BETTER_TRIALS, recipe=recipe, growth=growth)


CLONE_WIDTHS = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4)
CLONE_TREATMENTS: tuple[tuple[t.AnyTreatment, ...], ...] = (
    (t.L2(0.001),),
    (t.Dropout(0.3),),
    (t.Augment(),),
    (t.WordDropout(0.2),),
    (t.TimeMask(0.2),),
)
CLONE_SWEEPS: tuple[tuple[t.AnyTreatment, ...], ...] = (
    *((t.L1(strength),) for strength in (1e-5, 1e-4)),
    *((t.L2(strength),) for strength in (1e-4, 1e-3, 1e-2)),
    (t.L1L2(1e-5, 1e-4),),
    *((t.Dropout(rate),) for rate in (0.2, 0.5)),
    (t.SpatialDropout(0.2),),
    (t.RecurrentDropout(0.2),),
    (t.L2(1e-4), t.Dropout(0.3)),
    *((t.WeightDecay(strength),) for strength in (0.01, 0.1)),
    (t.BatchNorm(),),
    (t.LayerNorm(),),
    (t.Noise(0.1),),
    (t.Mixup(0.2),),
    (t.LabelSmoothing(0.1),),
    (t.Augment(),),
    (t.Augment(shift=0.1, rotation=0.05, zoom=0.1),),
    (t.Augment(flip="horizontal"),),
    *((t.WordDropout(rate),) for rate in (0.1, 0.3)),
    (t.TimeMask(0.3),),
    (t.Freeze(1),),
    (t.WeightAverage(),),
)
CLONE_DEPTHS = tuple(Trial(run=f"depth/{depth:g}x", depth=depth) for depth in (0.5, 2))
CLONE_RECIPE = Recipe(batch=32, max_epochs=60, schedule=Constant(0.001), stopping=Stopping(patience=8))


def clones_quick() -> Plan:
    """Return the plan `quick` for a model that is cloned: four widths and a treatment of each kind."""
    sizes = tuple(
        Trial(run=f"sizes/{width:g}x", width=width, aliases=("regularizers/none",) if width == 1 else ())
        for width in (0.25, 0.5, 1, 2)
    )
    treated = tuple(
        Trial(run=f"regularizers/{treatments[0].__struct_config__.tag}", treatments=treatments)
        for treatments in CLONE_TREATMENTS
    )
    return Plan(name="quick", trials=(*sizes, *treated), recipe=CLONE_RECIPE, preparation="raw")


def clones_full() -> Plan:
    """Return the plan `full` for a model that is cloned: widths, all treatments on the best width, fewer rows."""
    growth = Growth(widths=CLONE_WIDTHS, regularizers=CLONE_SWEEPS, shares=(1 / 8, 1 / 4, 1 / 2))
    return Plan(name="full", trials=CLONE_DEPTHS, recipe=CLONE_RECIPE, preparation="raw", growth=growth)


CLONE_PLANS = {"quick": clones_quick, "full": clones_full}


def load_clones_plan(plan: Plan | str | Path) -> Plan:
    """Return a plan for a model that is cloned: "quick", "full", a TOML file or a `Plan` of widths.

    Raises:
        PlanError: There is no such plan, or its trials are sizes of gengap's networks.
    """
    if isinstance(plan, str) and plan in CLONE_PLANS:
        return CLONE_PLANS[plan]()
    found = load_plan(plan)
    units = [trial.run for trial in found.all_trials if trial.units and trial.units != (1,)]
    if units:
        raise PlanError(
            f"{', '.join(units[:4])} of the plan {found.name!r}: units are for gengap's networks, and the model is "
            "cloned. Give trials a width, such as width = 0.5, or use the plans quick and full"
        )
    return found


PLANS = {"quick": quick, "tutorial": tutorial, "full": full}


def load_plan(plan: Plan | str | Path) -> Plan:
    """Return a plan by its name or from a TOML file, and check it.

    Args:
        plan: "quick", "tutorial" or "full", the path of a TOML file, or a `Plan`.

    Returns:
        The plan.

    Raises:
        PlanError: There is no such plan, or a field of it is wrong.
        UsageError: `plan` is neither text, a path nor a plan.

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
    path = as_path(plan, "plan")
    if path.suffix != ".toml":
        suggestion = did_you_mean(plan, PLANS)
        raise PlanError(f"there is no plan {str(plan)!r}, expected {', '.join(PLANS)} or a .toml file.{suggestion}")
    try:
        text = read_document(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or error
        raise PlanError(f"{path}: can't be read as a plan ({cause}); expected a TOML file") from None
    return Plan.from_toml(text, str(path))
