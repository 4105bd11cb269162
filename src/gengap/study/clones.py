"""What a study that clones a user's model adds: rows, models, plan and baselines, and costly rows at its end."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.analysis.costly_rows import CostlyRows, ShownInput, find_costly_rows
from gengap.data.arrays import load_given_rows
from gengap.data.images import ImageForm
from gengap.data.rows import Rows, aligned
from gengap.data.stored_rows import StoredRows
from gengap.errors import UsageError
from gengap.options.named_objects import import_named
from gengap.options.study_options import DataSpec
from gengap.plan import Plan
from gengap.study.outcome import TestPredictions
from gengap.tasks import OwnLoss

if TYPE_CHECKING:
    from gengap.analysis.recommend import Recommendation
    from gengap.analysis.results import TrialResults
    from gengap.data.dataset import Dataset
    from gengap.models.cloned_models import ClonedModels, TrialModels
    from gengap.models.model_source import ModelSource

SAMPLE_ROWS = 16
PREDICT_ROWS = 256  # test rows that are put through a model at once


def load_for_clones(
    source: Any,
    validation: Any,
    data: DataSpec,
    plan: Plan,
    model: ModelSource,
    texts: Any = None,
    groups: Any = None,
) -> tuple[Dataset, ClonedModels, Plan]:
    """Return the rows as a dataset, the models with their baselines, and the trials that apply.

    Raises UsageError if they can't be used.
    """
    from gengap.models.cloned_models import ClonedModels
    from gengap.models.total_loss import with_targets
    from gengap.train.own_baselines import fit_own_baselines
    from gengap.train.targets import check_targets

    is_folder = isinstance(source, (str, os.PathLike)) and Path(source).is_dir()
    images = _image_form(model) if is_folder else None
    texts = import_named(texts, "texts") if isinstance(texts, str) else texts
    rows = load_given_rows(source, validation, data, images, texts, groups)
    in_memory = rows.train.sample()
    models = ClonedModels(model, _sample(in_memory), in_memory.weights is not None)
    models.words = rows.words
    parts = {name: part for name in ("train", "validation", "test") if (part := getattr(rows, name)) is not None}
    rows = replace(rows, **{name: with_targets(models.first, name, part) for name, part in parts.items()})
    in_memory = with_targets(models.first, "train", in_memory)
    for name in parts:
        for block in getattr(rows, name).blocks():
            check_targets(models.first, name, block, models.row_values.loss)
    if images is not None and models.guessed and not models.row_values.kind:
        raise UsageError(
            f"model {model.name}: it has one output, but the folder has {int(rows.train.y.max()) + 1} classes; "
            "expected an output for each class"
        )
    models.baselines = tuple(fit_own_baselines(in_memory, rows.validation, models.row_values, models.tokens))
    train = rows.train if isinstance(rows.train, StoredRows) else rows.train.map(aligned)
    task = OwnLoss(has_classes=bool(models.row_values.kind), classes=rows.task.classes)
    dataset = replace(rows, train=train, task=task, test_digest="" if rows.test is None else rows.test.digest)
    plan = plan.with_applicable(models.applies, depth=models.repeats)
    return dataset, models, plan if rows.batch is None else plan.with_recipe(batch=rows.batch)


def costly_rows(
    results: TrialResults, validation: Rows, models: TrialModels | None, chosen: Recommendation | None
) -> CostlyRows | None:
    """Return the validation rows that cost the recommended clone most, or the best one if none is recommended."""
    from gengap.models.cloned_models import ClonedModels

    run = chosen.run if chosen is not None else next(iter(results.ranked), None)
    if not isinstance(models, ClonedModels) or run is None or run not in results.runs:
        return None
    seed = results.seeds(run)[0] if chosen is None else chosen.seed
    tokens = min(models.words.keys() & models.tokens or models.tokens, default=None)
    words = () if tokens is None else models.words.get(tokens, ())
    shown = ShownInput(min(models.images, default=None), tokens, words)
    return find_costly_rows(results, validation, run, seed, shown)


def predict_test_rows(dataset: Dataset, models: ClonedModels, best: Path) -> TestPredictions:
    """Return the values of the test rows by the saved model, and by the better baseline on the validation rows."""
    from gengap.models.backend import keras
    from gengap.train.own_baselines import fit_own_baselines

    test = dataset.test
    assert test is not None
    model: Any = keras.saving.load_model(best)
    predicted, values = model.predict(test.x, batch_size=PREDICT_ROWS, verbose=0), models.row_values
    outputs = keras.ops.convert_to_numpy(values(predicted, test.shaped_like(model.outputs[0].shape).y))
    known = {each.run: float(each.outputs(dataset.validation.x)[:, 0].mean()) for each in models.baselines}
    found = {each.run: each for each in fit_own_baselines(dataset.train.sample(), test, values, models.tokens)}
    run = min(found, key=lambda run: known[run], default=None)
    theirs = None if run is None else (run, found[run].outputs(test.x))
    return TestPredictions(np.asarray(outputs), theirs)


def _sample(rows: Rows) -> Rows:
    """Return the first rows, and the first whose targets are not only 0 and 1, or not one 1: they show the loss."""
    at = np.arange(min(SAMPLE_ROWS, len(rows)))
    if isinstance(rows.y, np.ndarray):
        flat = rows.y.reshape(len(rows), -1)
        shown = (~np.isin(flat, (0, 1)).all(axis=1), flat.sum(axis=1) != 1)
        at = np.unique(np.concatenate([at, *(np.flatnonzero(each)[:1] for each in shown)]))
    return rows.take(at)


def _image_form(model: ModelSource) -> ImageForm:
    """Return what the model takes of a folder of images."""
    from gengap.models.row_losses import RowValues

    first = model.model(0)
    inputs = getattr(first, "inputs", None) or ()
    if len(inputs) != 1:
        raise UsageError(
            f"model {model.name}: it has {len(inputs)} inputs; a folder of images needs a model that begins with "
            "one, for example keras.Input((64, 64, 3))"
        )
    one_hot = first.compiled and first.loss is not None and RowValues(first.loss).kind == "one-hot"
    return ImageForm(tuple(inputs[0].shape[1:]), one_hot)
