"""Evaluate the recommended model on the test rows, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from gengap.analysis.evaluation import Evaluation, evaluate_on_test_rows, rows_digest
from gengap.analysis.recommend import Recommendation
from gengap.data.rows import Rows
from gengap.models.saved_model import load_saved, predict_outputs
from gengap.study.folder import StudyFolder
from gengap.study.outcome import Study
from gengap.text.catalog import Message
from gengap.train.baselines import TREES, Baseline


def with_test_rows(found: Study, baselines: Sequence[Baseline], folder: StudyFolder) -> Study:
    """Return the study with metrics on the test rows. Rows that were used before give the figures of that day."""
    rows, recommended = found.dataset.test, found.summary.recommendation
    trees = next((each for each in baselines if each.run == TREES), None)
    if rows is None or recommended is None or trees is None:
        return found
    evaluation = folder.evaluation(rows_digest(rows))
    if evaluation is None:
        evaluation = _evaluate(found, rows, recommended, trees, folder)
        folder.write_evaluation(evaluation)
    else:
        note = Message("conclusion-test-rows-reused", {"day": evaluation.used, "run": evaluation.run})
        evaluation = msgspec.structs.replace(evaluation, note=note)
    tested = (evaluation.run, evaluation.seed)
    trials = tuple(
        trial.with_test(evaluation.metrics) if (trial.run, trial.seed) == tested else trial
        for trial in found.trials
    )
    return replace(found, summary=msgspec.structs.replace(found.summary, trials=trials, test=evaluation))


def _evaluate(
    found: Study, rows: Rows, recommended: Recommendation, trees: Baseline, folder: StudyFolder
) -> Evaluation:
    """Compare the recommended model with the baseline on the test rows."""
    run, seed, dataset = recommended.run, recommended.seed, found.dataset
    model = load_saved(folder.model_file(run, seed))
    outputs = predict_outputs(model, rows.x * dataset.scale + dataset.mean)
    return evaluate_on_test_rows(rows, dataset.task, run, seed, outputs, trees.run, trees.outputs(rows.x))
