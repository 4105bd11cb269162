"""The start of a study that clones a user's model: its rows, its models, the plan that applies, and baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gengap.data.arrays import GivenRows, dataset_of, load_given_rows
from gengap.options.study_options import DataSpec
from gengap.plan import Plan
from gengap.tasks import OwnLoss

if TYPE_CHECKING:
    from gengap.data.dataset import Dataset
    from gengap.models.cloned_models import ClonedModels
    from gengap.models.model_source import ModelSource

SAMPLE_ROWS = 16


def load_for_clones(
    source: Any, validation: Any, data: DataSpec, plan: Plan, model: ModelSource
) -> tuple[Dataset, ClonedModels, Plan]:
    """Return the rows as a dataset, the models with their baselines, and the trials that apply.

    Raises:
        UsageError: The rows or the model can't be used.
    """
    from gengap.models.cloned_models import ClonedModels
    from gengap.train.own_baselines import fit_own_baselines

    rows = load_given_rows(source, validation, data)
    sample = rows.train.map(lambda array: array[:SAMPLE_ROWS])
    models = ClonedModels(model, sample, rows.train.weights is not None)
    models.baselines = tuple(fit_own_baselines(rows.train, rows.validation, models.row_values, models.tokens))
    task = OwnLoss(has_classes=bool(models.row_values.kind))
    plan = plan.with_applicable(models.applies, depth=models.repeats)
    return dataset_of(rows, task), models, _with_batch(plan, rows)


def _with_batch(plan: Plan, rows: GivenRows) -> Plan:
    """Take over the batch size of a loader."""
    if rows.batch is None:
        return plan
    return msgspec.structs.replace(plan, recipe=msgspec.structs.replace(plan.recipe, batch=rows.batch))
