"""Build the model of a trial from rows, here or on another machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from gengap.data.rows import Rows
from gengap.data.units import Units
from gengap.diagnose.trial_verdicts import make_ending_rule
from gengap.models.treatment_base import averages_weights
from gengap.options.spec import ProductPrecision
from gengap.plan import Recipe, Trial
from gengap.tasks import AnyTask
from gengap.train.local import BuiltTrial, steps_per_epoch
from gengap.train.stopping import NEVER
from gengap.train.types import TrainConfig

if TYPE_CHECKING:
    from gengap.models.cloned_models import TrialModels


@dataclass(frozen=True)
class TrialFactory:
    """Builds the model of one trial and seed from rows. It can be pickled and called on another machine.

    So it has the precision that this machine chose: another machine's CPU may be another. With `epochs` it is
    trained for that many epochs of its schedule, and keeps the last weights.
    """

    trial: Trial
    plan: Recipe
    seed: int
    task: AnyTask
    user_models: TrialModels | None
    precision: ProductPrecision = "float32"
    units: Units | None = None
    epochs: int | None = None

    def __call__(self, train: Rows, validation: Rows) -> BuiltTrial:
        """Return the model with its rows and settings; the trial may use a share of the training rows."""
        from gengap.models.layers import adapt_to_rows

        trial, recipe = self.trial, self.trial.recipe(self.plan)
        train = train.subset(trial.share, self.seed)
        is_settled = None
        if recipe.stop == "verdict":
            patience, weights = recipe.stopping.patience, validation.weights
            is_settled = make_ending_rule(validation.target, patience, self.task, weights, self.units)
        options = (recipe.max_epochs, recipe.batch, recipe.stopping, self.seed, trial.run)
        steps = steps_per_epoch(len(train), recipe.batch)
        if self.user_models is not None:
            rate = recipe.schedule.build(steps, recipe.max_epochs)
            model = self.user_models.build_trial(trial, rate, self.seed)
        else:
            weighted, features = train.weights is not None, validation.x.shape[1]
            model = trial.build(features, steps, self.plan, self.seed, self.task, weighted=weighted)
            adapt_to_rows(model, train)
        values = self.user_models.row_values if self.user_models is not None else None
        config = TrainConfig(
            *options,
            precision=self.precision,
            is_settled=is_settled,
            row_values=values,
            averaged=averages_weights(trial.treatments),
        )
        if self.epochs is not None:
            rule = msgspec.structs.replace(recipe.stopping, patience=NEVER, restore_best=False)
            config = replace(config, epochs=self.epochs, stopping=rule, is_settled=None)
        return BuiltTrial(model, train, config)
