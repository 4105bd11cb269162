"""What a study trains: `Trial`, `Recipe` and `Plan`, three frozen values that read and write TOML.

A plan is checked whole before anything is read or trained, so that a study fails in its first second and not
after an hour. Importing this module loads neither JAX nor Keras.
"""

from __future__ import annotations

import itertools
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from gengap.errors import PlanError
from gengap.models.treatments import L2, AnyTreatment, Dropout
from gengap.train.stopping import NEVER, Stopping

if TYPE_CHECKING:
    import keras

Positive = Annotated[int, msgspec.Meta(ge=1, le=NEVER)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
MODES = {"loss": "min", "binary_crossentropy": "min", "accuracy": "max"}  # what a stopping rule can watch
RESERVED = ("best", "features", "learning_rate")  # names of files that a study writes
RUN_NAME = re.compile(r"[\w.+ -]+(/[\w.+ -]+)*")


Stop = Literal["patience", "verdict"]


class InverseTime(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
    tag="inverse-time",
):
    """Learning rate `initial / (1 + rate * epoch / decay_epochs)`, Keras' InverseTimeDecay in epochs."""

    initial: PositiveFloat = 0.001
    decay_epochs: PositiveFloat = 1000.0
    rate: PositiveFloat = 1.0

    def build(self, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """As a Keras schedule, which counts steps."""
        from gengap.models.backend import keras

        steps = self.decay_epochs * steps_per_epoch
        return keras.optimizers.schedules.InverseTimeDecay(self.initial, decay_steps=steps, decay_rate=self.rate)


class Constant(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind", tag="constant"
):
    """The same learning rate throughout."""

    initial: PositiveFloat = 0.001

    def build(self, steps_per_epoch: int) -> float:
        """As Keras takes it: a number."""
        return self.initial


Schedule = InverseTime | Constant


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """How every trial of a plan is trained: Adam on batches of `batch` rows, for at most `max_epochs`.

    With `stop` "verdict" a trial ends earlier than its patience says, once its verdict is certain.
    """

    batch: Positive = 500
    max_epochs: Positive = 10_000
    schedule: Schedule = msgspec.field(default_factory=InverseTime)
    stopping: Stopping = Stopping()
    stop: Stop = "patience"


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One model to train. `run` names it like a TensorBoard run; `also` are further groups it is shown in.

    `max_epochs`, `patience` and `learning_rate` replace the recipe's own for this trial.
    """

    run: str
    units: tuple[Positive, ...]
    treatments: tuple[AnyTreatment, ...] = ()
    also: tuple[str, ...] = ()
    max_epochs: Positive | None = None
    patience: Positive | None = None
    learning_rate: PositiveFloat | None = None

    @property
    def runs(self) -> tuple[str, ...]:
        """Every name under which the trial is shown."""
        return (self.run, *self.also)

    def parameters(self, features: int) -> int:
        """How many parameters the model has on so many features."""
        widths = (features, *self.units, 1)
        return sum((before + 1) * after for before, after in itertools.pairwise(widths))

    def recipe(self, common: Recipe) -> Recipe:
        """The plan's recipe with this trial's own settings in their places."""
        changes: dict[str, object] = {}
        if self.max_epochs is not None:
            changes["max_epochs"] = self.max_epochs
        if self.patience is not None:
            changes["stopping"] = msgspec.structs.replace(common.stopping, patience=self.patience)
        if self.learning_rate is not None:
            changes["schedule"] = msgspec.structs.replace(common.schedule, initial=self.learning_rate)
        return msgspec.structs.replace(common, **changes)

    def build(self, features: int, steps_per_epoch: int, common: Recipe, seed: int) -> keras.Model:
        """The compiled Keras model: binary cross-entropy on one logit, with accuracy at logit 0."""
        from gengap.models.backend import keras
        from gengap.models.mlp import perceptron

        recipe = self.recipe(common)
        model = perceptron(self.units, self.treatments, features=features, seed=seed)
        model.compile(
            optimizer=keras.optimizers.Adam(recipe.schedule.build(steps_per_epoch)),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            metrics=[
                keras.metrics.BinaryCrossentropy(from_logits=True, name="binary_crossentropy"),
                keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy"),
            ],
        )
        return model


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The trials of a study, how they are trained, and how features are prepared."""

    name: str
    trials: tuple[Trial, ...]
    recipe: Recipe = msgspec.field(default_factory=Recipe)
    preparation: Literal["raw", "standardise"] = "standardise"

    def __post_init__(self) -> None:
        if not self.trials:
            raise ValueError("a plan needs at least one trial")
        names = [run for trial in self.trials for run in trial.runs]
        for name in names:
            _check_run_name(name)
            if names.count(name) > 1:
                raise ValueError(f"run name {name!r} is used {names.count(name)} times; every trial needs its own")
        for trial in self.trials:
            if (count := sum(isinstance(t, L2) for t in trial.treatments)) > 1:
                raise ValueError(f"{trial.run} has {count} penalties on its weights; expected at most one")
        rule = self.recipe.stopping
        if MODES.get(rule.monitor) != rule.mode:
            known = " or ".join(f'monitor = "{name}" with mode = "{mode}"' for name, mode in MODES.items())
            raise ValueError(f"the stopping rule has {rule.monitor!r} with mode {rule.mode!r}; expected {known}")
        if not rule.restore_best:
            raise ValueError(
                "restore_best is false; a study keeps each model with its best weights, so leave it out"
            )

    def only(self, pattern: str) -> Plan:
        """The trials with a name that matches the shell pattern, as in "sizes/*". Raises PlanError if none."""
        chosen = tuple(t for t in self.trials if any(fnmatchcase(run, pattern) for run in t.runs))
        if not chosen:
            known = ", ".join(run for trial in self.trials for run in trial.runs)
            raise PlanError(f"no trial matches {pattern!r}; the plan {self.name!r} has {known}")
        return msgspec.structs.replace(self, trials=chosen)

    def capped(self, max_epochs: int) -> Plan:
        """No trial longer than `max_epochs`."""
        recipe = msgspec.structs.replace(self.recipe, max_epochs=min(max_epochs, self.recipe.max_epochs))
        trials = tuple(
            msgspec.structs.replace(t, max_epochs=min(t.max_epochs, max_epochs)) if t.max_epochs else t
            for t in self.trials
        )
        return msgspec.structs.replace(self, recipe=recipe, trials=trials)

    def stopped_by(self, stop: Stop) -> Plan:
        """The same trials, ended by "patience" alone or also by a certain "verdict"."""
        return msgspec.structs.replace(self, recipe=msgspec.structs.replace(self.recipe, stop=stop))

    def to_toml(self) -> str:
        """The plan as TOML; `Plan.from_toml` reads it back equal."""
        import tomli_w

        return tomli_w.dumps(msgspec.to_builtins(self))

    @classmethod
    def from_toml(cls, text: str, origin: str = "the plan") -> Plan:
        """A plan from TOML text. Raises PlanError naming the field at fault; `origin` names the file in it."""
        try:
            return msgspec.toml.decode(text, type=cls)
        except (msgspec.DecodeError, ValueError) as error:  # ValidationError is both
            hint = "see `gengap plan quick` for an example" if "at `$" in str(error) else "mend it and try again"
            raise PlanError(f"{origin}: {error}; {hint}") from None


def _check_run_name(name: str) -> None:
    parts = name.split("/")
    if not RUN_NAME.fullmatch(name) or any(set(part) == {"."} for part in parts):
        raise ValueError(
            f"run name {name!r}: expected letters, digits, '_', '-', '+', '.' and spaces, in parts divided by '/', "
            "as in 'sizes/Tiny'"
        )
    if parts[0].casefold() in RESERVED or re.search(r"\.seed\d+$", name):
        raise ValueError(f"run name {name!r} would take the name of another file of the study; choose another")


LARGE = (512, 512, 512, 512)
SIZES_AND_REGULARIZERS = (
    Trial(run="sizes/Tiny", units=(16,), also=("regularizers/Tiny",)),
    Trial(run="sizes/Small", units=(16, 16)),
    Trial(run="sizes/Medium", units=(64, 64, 64)),
    Trial(run="sizes/large", units=LARGE),
    Trial(run="regularizers/l2", units=LARGE, treatments=(L2(0.001),)),
    Trial(run="regularizers/dropout", units=LARGE, treatments=(Dropout(0.5),)),
    Trial(run="regularizers/combined", units=LARGE, treatments=(L2(0.0001), Dropout(0.5))),
)


def tutorial() -> Plan:
    """The protocol of TensorFlow's tutorial "Overfit and underfit": seven models, raw features, patience 200."""
    return Plan(name="tutorial", trials=SIZES_AND_REGULARIZERS, preparation="raw")


# What each quick trial may spend. Standardised features and a higher rate bring the small models to their
# best some ten times sooner than the tutorial's recipe; the large ones need a few dozen epochs to turn.
QUICK: dict[str, dict[str, object]] = {
    "sizes/Tiny": {"max_epochs": 1_000, "patience": 100, "learning_rate": 0.005},
    "sizes/Small": {"max_epochs": 1_000, "patience": 100, "learning_rate": 0.005},
    "sizes/Medium": {"max_epochs": 200, "patience": 60},
    "sizes/large": {"max_epochs": 50, "patience": 40},
    "regularizers/l2": {"max_epochs": 40, "patience": 20},
    "regularizers/dropout": {"max_epochs": 40, "patience": 20},
    "regularizers/combined": {"max_epochs": 40, "patience": 20},
}


def quick() -> Plan:
    """The tutorial's models and its story in minutes: standardised features, shorter runs."""
    trials = tuple(msgspec.structs.replace(t, **QUICK[t.run]) for t in SIZES_AND_REGULARIZERS)
    recipe = Recipe(max_epochs=1_000, schedule=InverseTime(decay_epochs=100.0), stop="verdict")
    return Plan(name="quick", trials=trials, recipe=recipe)


PLANS = {"quick": quick, "tutorial": tutorial}


def load_plan(plan: Plan | str | Path) -> Plan:
    """A plan by its name ("quick", "tutorial"), from a TOML file, or as it is.

    Raises PlanError.

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
        raise PlanError(f"there is no plan {str(plan)!r}; expected {', '.join(PLANS)} or the path of a .toml file")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: can't be read as a plan ({error}); expected a TOML file") from None
    return Plan.from_toml(text, str(path))
