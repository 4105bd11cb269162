"""The trials of a study and how they are trained, as a frozen value that reads and writes TOML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from gengap.errors import PlanError, did_you_mean
from gengap.models.treatment_base import check_compatible
from gengap.models.treatments import AnyTreatment
from gengap.options.spec import Preparation
from gengap.plan.added_trials import Growth
from gengap.plan.run_names import RESERVED, ROWS, check_run_name, figure_name, group_and_label, matches
from gengap.plan.toml_errors import explain, suggest
from gengap.plan.trial import Positive, Trial
from gengap.tasks import LOSSES, SCORES, AnyTask
from gengap.train.recipe import Recipe

# The metrics that a stopping rule can watch
MODES = {"loss": "min", **dict.fromkeys(LOSSES, "min"), **dict.fromkeys(SCORES, "max")}


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
            check_run_name(name)
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

    @property
    def sized_trials(self) -> tuple[Trial, ...]:
        """All trials but those with regularisers that the plan's growth may add: their size is not known yet."""
        return (self.growth.size_trials() if self.growth else ()) + self.trials

    def only(self, pattern: str) -> Plan:
        """Keep only the trials whose name matches a shell pattern.

        Args:
            pattern: A shell pattern of run names, such as `sizes/*`, in capital or small letters.

        Returns:
            A plan with these trials.

        Raises:
            PlanError: If no trial matches.
        """
        chosen = tuple(
            t.with_aliases(lambda run: matches(run, pattern))
            for t in self.trials
            if any(matches(run, pattern) for run in t.runs)
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

    def with_recipe(self, **changes: Any) -> Plan:
        """Return the same plan with these fields of its recipe."""
        return msgspec.structs.replace(self, recipe=msgspec.structs.replace(self.recipe, **changes))

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
            message = str(error)
            raise PlanError(f"{origin}: {explain(message, text)}; {hint}.{suggest(message, cls)}") from None
