"""Whole studies of rows in groups: what they say of new groups, and where they refuse to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gengap import Study, study
from gengap.report.conclusions import conclusion_messages
from gengap.report.study_report import study_report
from gengap.text.catalog import ENGLISH, catalog

GROUP_ROWS = 10


def table(groups: int) -> pd.DataFrame:
    """Noise: features and label are alike within a patient, and know nothing of each other."""
    random = np.random.default_rng(3)
    patient = np.repeat(np.arange(groups), GROUP_ROWS)
    features = random.normal(size=(groups, 4))[patient] + 0.5 * random.normal(size=(len(patient), 4))
    label = random.normal(size=groups)[patient] + random.normal(size=len(patient)) > 0
    return pd.DataFrame(features, columns=list("abcd")).assign(patient=patient, y=label.astype(int))


@pytest.fixture(scope="module")
def enough(tmp_path_factory: pytest.TempPathFactory) -> Study:
    out = tmp_path_factory.mktemp("enough") / "s"
    return study(table(60), target="y", group="patient", test=100, only="sizes/[TS]*", max_epochs=4, out=out)


def text_of(found: Study) -> str:
    return " ".join(catalog(ENGLISH).render(message) for message in conclusion_messages(found.summary))


def test_a_study_of_groups_says_how_many_independent_rows_they_are(enough: Study) -> None:
    units = enough.summary.units
    assert units is not None and units.enough
    assert (units.kind, units.column, units.rows, units.count) == ("group", "patient", 100, 10)
    assert units.effective_rows is not None and 10 <= units.effective_rows <= 100
    said = (
        f"in 10 groups of patient. Rows of one group are alike, so they count as {units.effective_rows} independent"
    )
    assert said in text_of(enough)
    assert enough.folder is not None
    document = json.loads((enough.folder / "study.json").read_text())
    assert document["units"]["effective_rows"] == units.effective_rows
    assert said in (enough.folder / "report.html").read_text()


def test_noise_in_groups_is_not_learnt_and_its_loss_is_not_promised(enough: Study) -> None:
    kept = enough.summary.recommendation
    assert kept is not None and not kept.learnt
    assert kept.expected.bounded_loss[2] > np.log(2)  # no claim of being better than a coin
    assert enough.summary.test is not None and enough.summary.test.comparisons


def test_few_groups_get_no_statement_about_new_ones(tmp_path: Path) -> None:
    found = study(table(20), target="y", group="patient", only="sizes/Tiny", max_epochs=3, out=tmp_path / "s")
    kept, units = found.summary.recommendation, found.summary.units
    assert units is not None and not units.enough and units.effective_rows is None
    assert kept is not None and kept.learnt is None and kept.expected.loss[0] is None
    assert not found.summary.ranks and not found.summary.comparisons
    said = text_of(found)
    assert "At least 8 are needed to say anything about new groups." in said
    assert "Expected on new rows" not in said and "What it will be on new rows is not known." in said
    assert study_report(found.summary, None) is not None
    assert json.loads((tmp_path / "s" / "study.json").read_text())["recommendation"]["expected"]["loss"][0] is None
