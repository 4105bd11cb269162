"""What a study trains: `Trial`, `Recipe` and `Plan`, three frozen values that read and write TOML.

The whole plan is checked before anything is read or trained: a mistake in it fails in the first second of a study
and not after an hour. Importing this module loads neither JAX nor Keras.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from gengap.errors import PlanError, did_you_mean
from gengap.models.treatment_base import check_compatible, count_parameters
from gengap.models.treatments import AnyTreatment
from gengap.options.spec import Precision, Preparation, Stop
from gengap.tasks import BINARY, LOSSES, SCORES, AnyTask, OwnLoss, Regression
from gengap.train.recipe import Activation, Recipe, Schedule
from gengap.train.stopping import NEVER

if TYPE_CHECKING:
    import keras

Positive = Annotated[int, msgspec.Meta(ge=1, le=NEVER)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
# The metrics that a stopping rule can watch
MODES = {"loss": "min", **dict.fromkeys(LOSSES, "min"), **dict.fromkeys(SCORES, "max")}
# Names of files that a study writes
RESERVED = ("best", "features", "learning_rate", "loss-by-size", "loss-by-strength", "loss-by-rows")
SIZES, REGULARIZERS, ROWS = "sizes", "regularizers", "rows"  # the groups that a growing plan adds to
RUN_NAME = re.compile(r"[\w.+ -]+(/[\w.+ -]+)*")
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Size = tuple[tuple[int, ...], float, float]
BATCHES_PER_EPOCH, SMALLEST_BATCH = 40, 32  # of trials with `min_steps`
PATIENCE = 0.2  # share of the epochs of such trials
Folds = Annotated[int, msgspec.Meta(ge=0, le=20)]


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One model to train.

    Args:
        run: The trial's name, a group and a name as in "sizes/Tiny".
        units: The widths of the hidden layers; none for a model of the user's that is cloned.
        width: Clones: the factor on all widths.
        depth: Clones: the factor on how often blocks repeat.
        treatments: Regularisers and other changes of the model or its training.
        aliases: More names under which the trial is shown.
        max_epochs: Replaces the recipe's for this trial, as do the five that follow.
        patience: Replaces the stopping rule's.
        learning_rate: Replaces the rate at which the schedule starts.
        batch: Replaces the recipe's.
        schedule: Replaces the recipe's.
        activation: Replaces the recipe's.
        min_steps: Optimizer steps for which there are epochs. If the training rows are few, the study makes the
            batches smaller and the epochs more than `max_epochs`: see `Trial.adapt_to_rows`.
        share: The share of the training rows to use, above 0 and at most 1. Smaller shares are in larger ones.
    """

    run: str
    units: tuple[Positive, ...] = ()
    width: PositiveFloat = 1.0
    depth: PositiveFloat = 1.0
    treatments: tuple[AnyTreatment, ...] = ()
    aliases: tuple[str, ...] = ()
    max_epochs: Positive | None = None
    patience: Positive | None = None
    learning_rate: PositiveFloat | None = None
    batch: Positive | None = None
    schedule: Schedule | None = None
    activation: Activation | None = None
    min_steps: Positive | None = None
    share: Share = 1.0

    @property
    def group(self) -> str:
        """The group in which the trial is shown: the part of `run` before the first "/"."""
        return group_and_label(self.run)[0]

    @property
    def runs(self) -> tuple[str, ...]:
        """Every name under which the trial is shown."""
        return (self.run, *self.aliases)

    def with_aliases(self, wanted: Callable[[str], bool]) -> Trial:
        """Return the trial with only the aliases that are wanted."""
        return msgspec.structs.replace(self, aliases=tuple(filter(wanted, self.aliases)))

    @property
    def size(self) -> Size:
        """What trials of one size have in common: units, width and depth."""
        return self.units, self.width, self.depth

    def parameters(self, features: int, outputs: int = 1) -> int:
        """Return how many parameters the model has for this many features and outputs."""
        return count_parameters(features, self.units, self.treatments, outputs)

    def recipe(self, common: Recipe) -> Recipe:
        """Return the plan's recipe with this trial's own settings in it."""
        schedule, stopping = self.schedule or common.schedule, common.stopping
        if self.learning_rate is not None:
            schedule = msgspec.structs.replace(schedule, initial=self.learning_rate)
        if self.patience is not None:
            stopping = msgspec.structs.replace(stopping, patience=self.patience)
        return msgspec.structs.replace(
            common,
            batch=self.batch or common.batch,
            max_epochs=self.max_epochs or common.max_epochs,
            schedule=schedule,
            stopping=stopping,
            activation=self.activation or common.activation,
        )

    def adapt_to_rows(self, rows: int, common: Recipe) -> Trial:
        """Return the trial with the batch, epochs and patience that `min_steps` needs for this many training rows.

        The batch is a power of two near the rows / BATCHES_PER_EPOCH, from SMALLEST_BATCH up to the recipe's. The
        epochs give at least `min_steps` steps, and the patience is PATIENCE of them. Without `min_steps` nothing
        changes.
        """
        if self.min_steps is None:
            return self
        recipe = self.recipe(common)
        batch = 2 ** round(math.log2(max(rows / BATCHES_PER_EPOCH, SMALLEST_BATCH)))
        batch = min(batch, recipe.batch)
        epochs = max(recipe.max_epochs, math.ceil(self.min_steps / math.ceil(rows / batch)))
        patience = self.patience or math.ceil(PATIENCE * epochs)
        return msgspec.structs.replace(self, batch=batch, max_epochs=epochs, patience=patience, min_steps=None)

    def build(
        self,
        features: int,
        steps_per_epoch: int,
        common: Recipe,
        seed: int,
        task: AnyTask = BINARY,
        *,
        weighted: bool = False,
    ) -> keras.Model:
        """Build and compile the trial's Keras model.

        Args:
            features: How many features the rows have.
            steps_per_epoch: Optimizer steps of an epoch.
            common: The plan's recipe.
            seed: The same seed gives the same first weights.
            task: What the model predicts.
            weighted: Apply row weights to the metrics too.
        """
        from gengap.models.mlp import compile_for, perceptron

        recipe = self.recipe(common)
        model = perceptron(
            self.units, self.treatments, features=features, task=task, activation=recipe.activation, seed=seed
        )
        rate = recipe.schedule.build(steps_per_epoch, recipe.max_epochs)
        compile_for(task, model, self.treatments, rate, weighted=weighted)
        return model

    def suits(self, task: AnyTask) -> bool:
        """Tell whether all treatments apply to a model for this task."""
        if self.needs_skewed_numbers and not (isinstance(task, Regression) and task.logs is not None):
            return False
        return (
            task.by_class
            or isinstance(task, OwnLoss)
            or not any(treatment.classes_only for treatment in self.treatments)
        )

    @property
    def needs_skewed_numbers(self) -> bool:
        """Whether a treatment applies only to targets that are positive, skewed numbers."""
        return any(treatment.skewed_numbers_only for treatment in self.treatments)


class Growth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Trials that a study adds to its plan as results come in: see `gengap.analysis.growth`.

    Args:
        sizes: Sizes from small to large, tried until a larger one no longer lowers the validation loss.
        widths: In place of sizes, for a model of the user's that is cloned: factors on all widths.
        regularizers: Each is tried on the last size but one that was tried.
        shares: The best model is trained again on each of these shares of the rows.
        folds: How many folds the best models are cross-validated on if few rows validate; 0 for none.
    """

    sizes: tuple[tuple[Positive, ...], ...] = ()
    widths: tuple[PositiveFloat, ...] = ()
    regularizers: tuple[tuple[AnyTreatment, ...], ...] = ()
    shares: tuple[Share, ...] = ()
    folds: Folds = 0

    def __post_init__(self) -> None:
        if self.folds == 1:
            raise ValueError("folds is 1; expected 0, for no cross-validation, or at least 2")
        if self.sizes and self.widths:
            raise ValueError("growth has sizes and widths; expected sizes, or widths for a model that is cloned")

    def size_trials(self) -> tuple[Trial, ...]:
        """Return the trials of the sizes."""
        named = tuple(Trial(run=f"{SIZES}/{size_name(units)}", units=units) for units in self.sizes)
        return named + tuple(Trial(run=f"{SIZES}/{width:g}x", width=width) for width in self.widths)

    def regularizer_trials(self, size: Size = ((1,), 1.0, 1.0)) -> tuple[Trial, ...]:
        """Return the regularisers' trials, on a size."""
        units, width, depth = size
        names = [f"{REGULARIZERS}/{' + '.join(map(str, treatments))}" for treatments in self.regularizers]
        pairs = zip(names, self.regularizers, strict=True)
        return tuple(
            Trial(run=name, units=units, width=width, depth=depth, treatments=treatments)
            for name, treatments in pairs
        )

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials that may be added. The size of those with regularisers is not known yet."""
        return self.size_trials() + self.regularizer_trials()

    def only(self, pattern: str) -> Growth | None:
        """Keep what adds trials with a matching name. Regularisers need the sizes, so these stay with them."""
        sizes = tuple(t for t in self.size_trials() if fnmatchcase(t.run, pattern))
        regularizers = tuple(t.treatments for t in self.regularizer_trials() if fnmatchcase(t.run, pattern))
        shares = self.shares if fnmatchcase(f"{ROWS}/1", pattern) else ()
        sizes = self.size_trials() if regularizers else sizes
        if not (sizes or regularizers or shares or self.folds):
            return None
        kept: dict[str, Any] = {"sizes": tuple(t.units for t in sizes if t.units)}
        kept["widths"] = tuple(t.width for t in sizes if not t.units)
        return msgspec.structs.replace(self, **kept, regularizers=regularizers, shares=shares)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The trials of a study and how they are trained.

    Args:
        name: The plan's name.
        trials: The trials.
        recipe: How they are trained.
        preparation: "standardise" the features, or leave them "raw".
        growth: Trials that the study adds as results come in.
        built_in_validation: Validation rows of the built-in data, unless the user names a number.
    """

    name: str
    trials: tuple[Trial, ...]
    recipe: Recipe = msgspec.field(default_factory=Recipe)
    preparation: Preparation = "standardise"
    growth: Growth | None = None
    built_in_validation: Positive | None = None

    def __post_init__(self) -> None:
        trials = self.all_trials
        if not trials:
            raise ValueError("a plan needs at least one trial")
        names = [run for trial in trials for run in trial.runs]
        for name, times in Counter(names).items():
            _check_run_name(name)
            if times > 1:
                raise ValueError(f"run name {name!r} is used {times} times; every trial needs its own")
        for trial in trials:
            check_compatible(trial.treatments, trial.run)
        rule = self.recipe.stopping
        if MODES.get(rule.monitor) != rule.mode:
            known = " or ".join(f'monitor = "{name}" with mode = "{mode}"' for name, mode in MODES.items())
            raise ValueError(f"the stopping rule has {rule.monitor!r} with mode {rule.mode!r}; expected {known}")
        if not rule.restore_best:
            raise ValueError(
                "restore_best is false; a study keeps each model with its best weights, so leave it out"
            )

    @property
    def figure_names(self) -> set[str]:
        """The names, without ending, that pictures of a study of this plan may have."""
        groups = {group_and_label(run)[0] for trial in self.all_trials for run in trial.runs}
        return {figure_name(group) for group in (*groups, ROWS)} | {*RESERVED}

    @property
    def all_trials(self) -> tuple[Trial, ...]:
        """The trials, after those that the plan's growth may add."""
        return (self.growth.trials if self.growth else ()) + self.trials

    def only(self, pattern: str) -> Plan:
        """Keep only the trials whose name matches a shell pattern.

        Args:
            pattern: A shell pattern of run names, such as `sizes/*`.

        Returns:
            A plan with these trials.

        Raises:
            PlanError: If no trial matches.
        """
        chosen = tuple(
            t.with_aliases(lambda run: fnmatchcase(run, pattern))
            for t in self.trials
            if any(fnmatchcase(run, pattern) for run in t.runs)
        )
        growth = self.growth.only(pattern) if self.growth else None
        if not chosen and not (growth and (growth.sizes or growth.widths)):
            runs = [run for trial in self.all_trials for run in trial.runs]
            hint = did_you_mean(pattern, [*runs, *(f"*/{group_and_label(run)[1]}" for run in runs)])
            raise PlanError(f"no trial matches {pattern!r}.{hint} The plan {self.name!r} has {', '.join(runs)}")
        return msgspec.structs.replace(self, trials=chosen, growth=growth)

    def with_max_epochs(self, max_epochs: int) -> Plan:
        """Return the same plan with no trial longer than `max_epochs`.

        Trials with `min_steps` get their epochs from `adapt_to_rows`, and the limit after it.
        """
        recipe = msgspec.structs.replace(self.recipe, max_epochs=min(max_epochs, self.recipe.max_epochs))
        trials = tuple(
            msgspec.structs.replace(t, max_epochs=min(t.max_epochs, max_epochs))
            if t.max_epochs and not t.min_steps
            else t
            for t in self.trials
        )
        return msgspec.structs.replace(self, recipe=recipe, trials=trials)

    def with_stop(self, stop: Stop) -> Plan:
        """Return the same plan, whose trials end by "patience" alone or also by a settled "verdict"."""
        return msgspec.structs.replace(self, recipe=msgspec.structs.replace(self.recipe, stop=stop))

    def with_precision(self, precision: Precision) -> Plan:
        """Return the same plan with the operands of large products rounded or not."""
        return msgspec.structs.replace(self, recipe=msgspec.structs.replace(self.recipe, precision=precision))

    @property
    def runs_with_treatments(self) -> tuple[str, ...]:
        """The names of trials with treatments, those of the plan's growth included."""
        return tuple(trial.run for trial in self.all_trials if trial.treatments)

    def without_treatments(self) -> Plan:
        """Return the plan's trials without treatments, and its growth without them.

        Raises:
            PlanError: If no trial is left.
        """
        plain = tuple(trial for trial in self.trials if not trial.treatments)
        growth = msgspec.structs.replace(self.growth, regularizers=()) if self.growth else None
        growth = growth if growth and (growth.sizes or growth.folds) else None
        if not plain and not (growth and growth.sizes):
            raise PlanError(
                f"the plan {self.name!r} has no trial without treatments, which are for gengap's own networks; "
                "leave out --model, or change the plan or --only"
            )
        groups = {trial.group for trial in plain}
        trials = tuple(trial.with_aliases(lambda run: group_and_label(run)[0] in groups) for trial in plain)
        return msgspec.structs.replace(self, trials=trials, growth=growth)

    def with_applicable(self, applies: Callable[[tuple[AnyTreatment, ...]], bool], *, depth: bool) -> Plan:
        """Return the plan for a model that is cloned: with the treatments that apply, and without cross-validation.

        Args:
            applies: Tells whether treatments apply.
            depth: Whether the depth of the model can be scaled.
        """
        trials = tuple(
            t for t in self.trials if (depth or t.depth == 1) and (not t.treatments or applies(t.treatments))
        )
        growth = self.growth
        if growth is not None:
            regularizers = tuple(each for each in growth.regularizers if applies(each))
            growth = msgspec.structs.replace(growth, regularizers=regularizers, folds=0)
        if not trials and growth is None:
            raise PlanError(f"the plan {self.name!r}: no trial applies to the model; see `gengap plan quick`")
        return msgspec.structs.replace(self, trials=trials, growth=growth)

    def adapt_to_task(self, task: AnyTask) -> Plan:
        """Return the plan for a task: its loss is watched, and growth leaves out what does not apply to it.

        Raises:
            PlanError: If a trial of the plan does not apply to the task, or the watched score is not the task's.
        """
        rule = self.recipe.stopping
        if rule.monitor in SCORES and rule.monitor != task.score:
            raise PlanError(
                f"the plan {self.name!r} stops by {rule.monitor!r}, but the task is {task.name}, scored by "
                f"{task.score!r}; expected that, or leave the stopping rule's monitor out"
            )
        trials = tuple(trial for trial in self.trials if trial.suits(task) or not trial.needs_skewed_numbers)
        if not trials and not self.growth:
            raise PlanError(
                f"the plan {self.name!r} learns the logarithm of the target, but the target is not a positive, "
                "skewed number. Leave the treatment log-target out"
            )
        unsuited = [trial.run for trial in trials if not trial.suits(task)]
        if unsuited:
            raise PlanError(
                f"{', '.join(unsuited)} of the plan {self.name!r}: only classes can be smoothed, and the task is "
                f"{task.name}. Leave them out with --only, or change the plan"
            )
        monitor = task.loss if rule.monitor in LOSSES else rule.monitor
        recipe = msgspec.structs.replace(self.recipe, stopping=msgspec.structs.replace(rule, monitor=monitor))
        growth = self.growth
        if growth is not None:
            suited_treatments = tuple(t.treatments for t in growth.regularizer_trials() if t.suits(task))
            growth = msgspec.structs.replace(growth, regularizers=suited_treatments)
        return msgspec.structs.replace(self, trials=trials, recipe=recipe, growth=growth)

    def adapt_to_rows(self, rows: int) -> Plan:
        """Return the plan for this many training rows: see `Trial.adapt_to_rows`."""
        trials = tuple(trial.adapt_to_rows(rows, self.recipe) for trial in self.trials)
        return msgspec.structs.replace(self, trials=trials)

    def to_toml(self) -> str:
        """Return the plan as TOML; `Plan.from_toml` reads an equal plan from it."""
        import tomli_w

        return tomli_w.dumps(msgspec.to_builtins(self))

    @classmethod
    def from_toml(cls, text: str, origin: str = "the plan") -> Plan:
        """Read a plan from TOML.

        Args:
            text: The TOML text.
            origin: The file's name, for errors.

        Raises:
            PlanError: It names the field that is wrong, and a known name close to a misspelt one.
        """
        try:
            return msgspec.toml.decode(text, type=cls)
        except RecursionError:
            raise PlanError(f"{origin}: nested too deeply; see `gengap plan quick` for an example") from None
        except (msgspec.DecodeError, ValueError) as error:  # ValidationError is both
            hint = (
                "see `gengap plan quick` for an example" if isinstance(error, msgspec.ValidationError) else "fix it"
            )
            problem = _explained(str(error), text)
            raise PlanError(f"{origin}: {problem}; {hint}.{_suggestion(str(error))}") from None


def size_name(units: tuple[int, ...]) -> str:
    """Return the hidden layers as part of a run's name.

    >>> size_name((16,)), size_name((64, 64, 64)), size_name((64, 32))
    ('16', '64x3', '64-32')
    """
    first, *others = units
    same = others and set(others) == {first}
    return f"{first}x{len(units)}" if same else "-".join(map(str, units))


def _explained(message: str, text: str) -> str:
    """Return msgspec's message on a plan's TOML in plain words."""
    place = re.search(r" - at `\$\.?(.*)`", message)
    where = f" in {place[1]}" if place else ""
    if unknown := re.search("unknown field `([^`]*)`", message):
        return f"there is no field {unknown[1]!r}{where}"
    if not place or not message.startswith("Expected `int`, got"):
        return message
    value = msgspec.toml.decode(text)
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", re.sub(r"\[(\d+)\]", r".[\1]", place[1])):
        value = value[int(index)] if index else value[name]
    return f"{place[1]}: {value!r} is not a whole number"


def _suggestion(message: str) -> str:
    """Return a known name close to the one that msgspec's message quotes, as in "unknown field `unit`"."""
    quoted = re.search(r"unknown field `([^`]*)`|[Ii]nvalid (?:enum )?value '([^']*)'", message)
    return did_you_mean(quoted[1] or quoted[2], _known_names(msgspec.inspect.type_info(Plan))) if quoted else ""


def _known_names(kind: Any) -> Iterator[str]:
    """Yield the names of all fields, kinds and choices within a type of msgspec's."""
    if isinstance(kind, msgspec.inspect.StructType):
        yield from (kind.tag,) if isinstance(kind.tag, str) else ()
        for field in kind.fields:
            yield field.encode_name
            yield from _known_names(field.type)
    elif isinstance(kind, msgspec.inspect.LiteralType):
        yield from map(str, kind.values)
    for inner in (*getattr(kind, "types", ()), *filter(None, [getattr(kind, "item_type", None)])):
        yield from _known_names(inner)


def group_and_label(run: str) -> tuple[str, str]:
    """Split a run's name into its group and its label in the group. A name without "/" is both.

    >>> group_and_label("sizes/Tiny"), group_and_label("mine")
    (('sizes', 'Tiny'), ('mine', 'mine'))
    """
    group, _, label = run.partition("/")
    return group, label or group


def figure_name(group: str) -> str:
    """Return the name, without ending, of the picture of a group of runs.

    >>> figure_name("my sizes")
    'my-sizes'
    """
    return re.sub(r"[^\w.-]+", "-", group).strip("-.") or "runs"


def _check_run_name(name: str) -> None:
    parts = name.split("/")
    if not RUN_NAME.fullmatch(name) or any(set(part) == {"."} for part in parts):
        raise ValueError(
            f"run name {name!r}: expected letters, digits, '_', '-', '+', '.' and spaces, in parts divided by '/', "
            "as in 'sizes/Tiny'"
        )
    if parts[0].casefold() in RESERVED or re.search(r"\.seed\d+$", name):
        raise ValueError(f"run name {name!r} would take the name of another file of the study; choose another")
