"""Groups of rows of any shape: a group stays in one part, and statistics take it as one draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gengap
from gengap import Plan, Trial
from gengap.data.arrays import load_given_rows
from gengap.errors import GengapWarning, SourceError, UsageError
from gengap.models.backend import keras
from gengap.options.study_options import DataSpec
from gengap.plan import Recipe

random = np.random.default_rng(0)
GROUPS = np.array([f"patient {code}" for code in random.integers(30, size=200)])
X = np.arange(200.0, dtype="float32")[:, None]
Y = random.integers(2, size=200)
PLAN = Plan(name="one", trials=(Trial(run="sizes/1x"),), recipe=Recipe(batch=20, max_epochs=2))


def rows_of(part: Any) -> np.ndarray:
    return part.x[:, 0].astype(int)


def test_a_group_stays_in_one_part() -> None:
    found = load_given_rows((X, Y), None, DataSpec(validation=50), groups=GROUPS)
    ours, theirs = GROUPS[rows_of(found.train)], GROUPS[rows_of(found.validation)]
    assert not set(ours) & set(theirs) and 30 <= len(theirs) <= 70 and len(ours) + len(theirs) == 200
    assert found.table.split.code == "table-split-group" and found.validation_units is not None
    assert len(found.validation_units) == len(set(theirs))
    for code in range(len(found.validation_units)):
        assert len(set(theirs[found.validation_units.codes == code])) == 1
    numbers = load_given_rows((X, X), None, DataSpec(), groups=GROUPS)
    assert not set(GROUPS[rows_of(numbers.train)]) & set(GROUPS[rows_of(numbers.validation)])
    few = load_given_rows((X, Y), None, DataSpec(rows=100), groups=GROUPS)
    assert len(few.train) + len(few.validation) == 100


def test_an_npz_file_names_its_groups(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, x=X, y=Y, patient=GROUPS)
    found, given = (
        load_given_rows(source, None, DataSpec(group=name), groups=groups)
        for source, name, groups in ((path, "patient", None), ((X, Y), None, GROUPS))
    )
    np.testing.assert_array_equal(rows_of(found.validation), rows_of(given.validation))
    np.savez(
        path, x=X[:90], y=Y[:90], who=Y[:90], x_validation=X[90:], y_validation=Y[90:], who_validation=X[90:, 0]
    )
    split = load_given_rows(path, None, DataSpec(group="who"))
    assert (
        split.validation_units is not None
        and len(split.validation_units) == 110
        and split.table.split.code == "rows-split-given"
    )


def test_groups_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=X, y=Y)
    spec, held_out = DataSpec(), (X[:40], Y[:40])
    cases: list[tuple[Any, Any, DataSpec, Any, str]] = [
        ((X, Y), None, spec, GROUPS[:9], r"groups: the shape is \(9,\) for 200 rows; expected \(200,\)"),
        ((X, Y), None, spec, np.full(200, np.nan), "groups: row 0 .* has no group"),
        ((X, Y), held_out, spec, GROUPS, "so both parts need groups"),
        ((X, Y), None, DataSpec(group="a"), None, "group 'a' names an array of an .npz file"),
        ((X, Y), None, DataSpec(group="a"), GROUPS, "group and groups are both given"),
        ((X, Y), None, spec, np.zeros(200), "found 1 group, expected at least one for each part"),
    ]
    for source, validation, data, groups, said in cases:
        with pytest.raises(gengap.GengapError, match=said):
            load_given_rows(source, validation, data, groups=groups)
    with pytest.raises(SourceError, match=r"has no array 'a' of groups; it has x, y"):
        load_given_rows(tmp_path / "rows.npz", None, DataSpec(group="a"))
    with pytest.warns(GengapWarning, match=r"groups: \d+ groups are in both training and validation"):
        load_given_rows((X, Y), held_out, spec, groups=(GROUPS, GROUPS[:40]))
    with pytest.raises(UsageError, match="groups: for a model that is cloned"):
        gengap.study("collider", groups=GROUPS)


def test_a_study_takes_each_group_as_one_draw() -> None:
    def model() -> keras.Model:
        return keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(0.01), keras.layers.Dense(1, "sigmoid")])

    found = gengap.study((X, Y), PLAN, groups=GROUPS, model=model, validation=80)
    units = found.summary.units
    groups = len(set(GROUPS[rows_of(found.dataset.validation)]))
    assert units is not None and (units.kind, units.column, units.count) == ("group", "groups", groups)
    few = gengap.study((X, Y), PLAN, groups=X[:, 0] // 50, model=model)
    assert few.summary.units is not None and not few.summary.units.enough and few.summary.recommendation is not None


def test_test_rows_are_used_once_with_the_recommended_model(tmp_path: Path) -> None:
    def model() -> keras.Model:
        hidden = [keras.layers.Rescaling(0.01), keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.2)]
        return keras.Sequential([keras.Input((1,)), *hidden, keras.layers.Dense(1, "sigmoid")])

    labels = (X[:, 0] > 90).astype("float32")
    options: dict[str, Any] = {"groups": GROUPS, "model": model, "validation": 40, "test": 60, "out": tmp_path}
    found = gengap.study((X, labels), PLAN, **options)
    dataset, test = found.dataset, found.summary.test
    assert test is not None and dataset.test is not None and dataset.test_units is not None
    assert (test.rows, test.baseline) == (len(dataset.test), "baselines/linear")
    taken = set(GROUPS[rows_of(dataset.test)])
    assert not taken & set(GROUPS[[*rows_of(dataset.train), *rows_of(dataset.validation)]])
    saved = keras.saving.load_model(tmp_path / "models" / "best.keras")
    share = saved.predict(dataset.test.x, verbose=0)[:, 0]
    losses = -np.log(np.where(dataset.test.y == 1, share, 1 - share))
    assert test.metrics["row_loss"] == pytest.approx(losses.mean(), rel=1e-4)
    assert test.metrics["accuracy"] == pytest.approx(((share > 0.5) == dataset.test.y).mean())
    again = gengap.study((X, labels), PLAN, **options).summary.test
    assert again is not None and again.note is not None and again.metrics == test.metrics
    with pytest.raises(UsageError, match="test: validation rows are given"):
        load_given_rows((X, Y), (X, Y), DataSpec(test=9))
