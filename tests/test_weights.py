"""Studies whose rows don't count alike: --weight and --class-weight, from the table to what a study says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_sample_weight

import gengap
from gengap.errors import BadRowError, DataError, UsageError
from gengap.models.predictor import load_predictor
from gengap.plan import Plan, Recipe, Trial
from gengap.study import Study
from gengap.text.catalog import Message
from gengap.train.baselines import fit_baselines

PLAN = Plan(
    name="little",
    trials=(Trial(run="sizes/4", units=(4,)), Trial(run="sizes/16", units=(16,))),
    recipe=Recipe(batch=100, max_epochs=8),
)


def table(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    made = pd.DataFrame(random.normal(size=(rows, 3)), columns=["a", "b", "c"])
    made["y"] = (made.a + random.normal(size=rows) > 1).astype(int)
    return made.assign(w=random.integers(0, 9, rows) / 4)


def study(rows: pd.DataFrame, **options: Any) -> Study:
    return gengap.study(rows, PLAN, target="y", weight="w", test=60, **options)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study(table(), out=tmp_path_factory.mktemp("weights") / "here")


def test_curves_are_weighted_means_of_the_rows_that_are_kept(found: Study) -> None:
    rows, task = found.dataset.validation, found.dataset.task
    assert found.folder is not None and rows.weights.std() > 0.5
    for trial, history in zip(found.trials, found.histories, strict=True):
        kept = np.load(found.folder / "trials" / f"{trial.run}.seed0.npz")
        for epoch, outputs in zip(kept["epochs"].tolist(), kept["outputs"], strict=True):
            loss = np.average(task.row_losses(outputs, rows.y), weights=rows.weights)
            assert history["validation", task.loss].at(epoch) == pytest.approx(loss, rel=1e-5)
            assert history["validation", "loss"].at(epoch) == pytest.approx(loss, rel=1e-5)
            scores = task.scores(outputs, rows.y, rows.weights)
            for metric in ("accuracy", "auc"):
                assert history["validation", metric].at(epoch) == pytest.approx(scores[metric], rel=1e-5)
        clean = [history["train", f"clean_{metric}"].values for metric in ("loss", task.loss)]
        np.testing.assert_allclose(*clean, rtol=1e-5)


def test_what_is_concluded_is_of_the_same_means(found: Study) -> None:
    summary = found.summary
    losses = {trial.run: trial.loss("validation") for trial in found.trials}
    losses |= {each.run: each.loss for each in (*summary.baselines, *summary.mixtures)}
    assert {rank.run: pytest.approx(rank.loss, rel=1e-4) for rank in summary.ranks} == losses
    for comparison in summary.comparisons:
        if comparison.metric == "binary_crossentropy":
            difference = losses[comparison.a] - losses[comparison.b]  # pyright: ignore[reportOperatorIssue]
            assert comparison.difference == pytest.approx(difference, abs=1e-4)
    test, rows = summary.test, found.dataset.test
    assert test is not None and rows is not None and found.folder is not None and summary.table is not None
    raw = rows.x * found.dataset.scale + found.dataset.mean
    outputs = load_predictor(found.folder / "models" / "best").outputs(raw)
    scores = found.dataset.task.scores(outputs, rows.y, rows.weights)
    assert test.metrics == pytest.approx(scores, rel=1e-5)
    assert summary.table.weighting[0] == Message("table-weights", {"column": "w"})
    assert "rows are weighted by w" in (found.folder / "report.html").read_text()


def test_the_unit_of_weights_does_not_matter(found: Study) -> None:
    again = study(table().assign(w=lambda made: 10 * made.w))

    def said(of: Study) -> bytes:
        trials = tuple(msgspec.structs.replace(trial, seconds=0, began=0) for trial in of.trials)
        nothing = {"seconds": 0, "provenance": None, "trials": trials, "regularizers": ()}
        return msgspec.structs.replace(of.summary, **nothing).to_json()

    assert said(again) == said(found)


def test_the_saved_model_needs_no_weights(found: Study, tmp_path: Path) -> None:
    assert found.folder is not None
    rows = table(20, 1).drop(columns=["w", "y"])
    assert gengap.predict(found.folder / "models" / "best", rows, tmp_path / "out.parquet") == 20


def test_weights_reach_the_baselines(found: Study) -> None:
    train, task = found.dataset.train, found.dataset.task
    linear = next(fit_baselines(train, found.dataset.validation, task))
    theirs = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    theirs.fit(train.x, train.y, logisticregression__sample_weight=train.weights)
    np.testing.assert_allclose(linear.outputs(train.x)[:, 0], theirs.decision_function(train.x))


BAD = {
    "missing": (np.nan, BadRowError, "row 7, column 'w': the cell is empty, expected a number"),
    "infinite": (np.inf, BadRowError, "row 7, column 'w': inf is not finite, expected a number"),
    "negative": (-0.5, BadRowError, "row 7, column 'w': the weight is -0.5, expected 0 or more"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_weight_is_named_by_row_and_column(case: str) -> None:
    value, kind, said = BAD[case]
    rows = table(100)
    rows.loc[6, "w"] = value
    with pytest.raises(kind, match=said):
        gengap.load(rows, target="y", weight="w")


def test_weights_that_say_nothing_are_refused() -> None:
    rows = table(100)
    late = rows.assign(t=np.arange(100) + 0.5, w=(np.arange(100) < 50).astype(float))
    with pytest.raises(DataError, match="column 'w': all 20 validation rows have the weight 0"):
        gengap.load(late, target="y", weight="w", time="t")
    with pytest.raises(UsageError, match="column 'w': it holds no numbers"):
        gengap.load(rows.assign(w="much"), target="y", weight="w")
    with pytest.raises(UsageError, match="there is no column 'wt'"):
        gengap.load(rows, target="y", weight="wt")
    with pytest.raises(UsageError, match="is the target"):
        gengap.load(rows, target="y", weight="y")


def test_rows_are_counted_as_the_table_does(tmp_path: Path) -> None:
    rows = table(100).astype(object)
    rows.loc[[2, 3], "a"], rows.loc[9, "w"] = "oops", -1
    rows.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(BadRowError, match="row 10, column 'w'"):
        gengap.load(tmp_path / "t.csv", target="y", weight="w", on_bad_row="skip")


def test_numbers_are_standardised_by_weight() -> None:
    rows = table(300).assign(y=lambda made: 5 + 3 * made.a)
    dataset = gengap.load(rows, target="y", weight="w")
    y, weights = dataset.train.y.astype(float), dataset.train.weights
    assert np.average(y, weights=weights) == pytest.approx(0, abs=1e-6)
    assert np.average(y**2, weights=weights) == pytest.approx(1, rel=1e-5)
    assert "w" not in dataset.columns and weights.mean() == pytest.approx(1)


def test_balanced_classes_are_those_of_scikit_learn_and_of_training_alone() -> None:
    rows = table(300)
    plain, dataset = gengap.load(rows, target="y"), gengap.load(rows, target="y", class_weight="balanced")
    np.testing.assert_allclose(
        dataset.train.trained_weights, compute_sample_weight("balanced", dataset.train.y), rtol=1e-6
    )
    assert dataset.validation.weights is None and dataset.train.weights is None
    both = gengap.load(rows, target="y", weight="w", class_weight="balanced").train
    sums = [both.trained_weights[both.y == label].sum() for label in (0, 1)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-5) == pytest.approx(len(both) / 2, rel=1e-5)
    assert plain.digest == dataset.digest  # the same rows: what differs is said by name
    with pytest.raises(UsageError, match="'a' is a number"):
        gengap.load(rows, target="a", class_weight="balanced")


def test_balanced_training_shifts_probabilities_and_says_so(tmp_path: Path) -> None:
    table(300).drop(columns="w").to_csv(tmp_path / "t.csv", index=False)
    balanced = gengap.study(
        tmp_path / "t.csv",
        PLAN,
        target="y",
        only="sizes/16",
        class_weight="balanced",
        column={"a": "number"},
        out=tmp_path / "s",
    )
    provenance = balanced.summary.provenance
    assert provenance is not None
    assert "--class-weight balanced --column a=number" in " ".join(provenance.command)
    assert "class_weight='balanced', column={'a': 'number'}" in provenance.call
    outputs = np.load(tmp_path / "s" / "trials" / "sizes" / "16.seed0.npz")["outputs"][-1]
    assert expit(outputs).mean() > balanced.dataset.validation.y.mean() + 0.1
    page = balanced.report(tmp_path / "page.html", "en").read_text()
    assert "probabilities are shifted towards rare classes" in page
