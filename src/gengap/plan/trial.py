"""One model to train, as a frozen value that reads and writes TOML."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import msgspec

from gengap.models.treatment_base import count_parameters
from gengap.models.treatments import AnyTreatment
from gengap.plan.run_names import group_and_label
from gengap.tasks import BINARY, AnyTask, OwnLoss, Regression
from gengap.train.recipe import Activation, Recipe, Schedule
from gengap.train.stopping import NEVER

if TYPE_CHECKING:
    import keras

Positive = Annotated[int, msgspec.Meta(ge=1, le=NEVER)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Size = tuple[tuple[int, ...], float, float]
BATCHES_PER_EPOCH, SMALLEST_BATCH = 40, 32  # of trials with `min_steps`
PATIENCE = 0.2  # share of the epochs of such trials


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
