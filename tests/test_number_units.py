"""Errors of numbers in the target's own units, wherever a loss is shown."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

import gengap
from gengap import Study, study
from gengap.report.conclusions import conclusion_messages
from gengap.report.study_report import study_report
from gengap.tasks import Regression
from gengap.text.catalog import ENGLISH, catalog
from gengap.text.numbers import units

ROWS, LEVEL, SCALE = 300, 50_000, 20_000.0


def prices() -> pd.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, 3))
    return pd.DataFrame(x, columns=list("abc")).assign(
        price=LEVEL + SCALE * (x[:, 0] + 0.5 * random.normal(size=ROWS))
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Study:
    out = tmp_path_factory.mktemp("prices") / "s"
    return study(prices(), target="price", test=60, only="sizes/[TS]*", max_epochs=20, out=out)


def test_scores_in_units_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    truth, guess = random.normal(100, 30, size=(2, 80))
    task = Regression(100.0, 30.0)
    scores = task.scores(((guess - 100) / 30)[:, None], (truth - 100) / 30)
    assert scores["rmse"] == pytest.approx(root_mean_squared_error(truth, guess))
    assert scores["mae"] == pytest.approx(mean_absolute_error(truth, guess))


def test_every_loss_of_a_number_is_there_in_its_units(found: Study) -> None:
    task = found.dataset.task
    assert isinstance(task, Regression)
    for trial in found.trials:
        for split in ("train", "validation"):
            metrics = trial.metrics[split]
            assert metrics["rmse"] == pytest.approx(task.scale * metrics["mean_squared_error"] ** 0.5)
            assert metrics["mae"] == pytest.approx(task.scale * metrics["mean_absolute_error"])
    for each in found.summary.baselines:
        assert each.rmse == pytest.approx(task.scale * each.loss**0.5) and each.mae is not None
    kept = found.summary.recommendation
    assert kept is not None and kept.expected.rmse is not None and kept.expected.mae is not None
    assert kept.expected.rmse == pytest.approx([task.scale * each**0.5 for each in kept.expected.bounded_loss])
    low, middle, high = kept.expected.mae
    assert low < middle < high < kept.expected.rmse[2]
    assert (
        found.summary.test is not None
        and found.summary.test.metrics["rmse"] > found.summary.test.metrics["mae"] > 0
    )


def test_terminal_page_and_json_show_them(found: Study) -> None:
    kept = found.summary.recommendation
    assert kept is not None and kept.expected.rmse is not None and found.folder is not None
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(study_report(found.summary, None, 100))
    shown, page = console.export_text(), (found.folder / "report.html").read_text()
    assert "RMSE" in shown and "MAE" in shown
    for trial in found.trials:
        assert units(trial.metrics["validation"]["rmse"]) in shown
        assert units(trial.metrics["validation"]["rmse"]) in page
    expected = units(kept.expected.rmse[1])
    said = " ".join(catalog(ENGLISH).render(message) for message in conclusion_messages(found.summary))
    assert f"In the target's units: RMSE {expected} [" in said and expected in page
    document = json.loads((found.folder / "study.json").read_text())
    assert document["recommendation"]["expected"]["rmse"][1] == pytest.approx(kept.expected.rmse[1])


def test_classes_have_no_units(tmp_path: Path) -> None:
    found = gengap.study("collider", train=60, validation=40, only="sizes/Tiny", max_epochs=2)
    assert "rmse" not in found.trials[0].metrics["validation"]
    assert "RMSE" not in " ".join(
        catalog(ENGLISH).render(message) for message in conclusion_messages(found.summary)
    )
