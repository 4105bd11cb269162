"""What is said about a table: its split, its columns, and warnings of what may be read in another way."""

from __future__ import annotations

import re
from importlib import resources

import msgspec
import numpy as np
import pandas as pd
import pytest

from gengap.data.dataset import load
from gengap.data.sources.csv_text import DECIMAL_COMMA
from gengap.data.table_summary import TableSummary
from gengap.text.catalog import Message, catalog, languages


@pytest.mark.parametrize(
    ("classes", "similar"),
    [
        (["Yes", "yes", "No"], ("'Yes'", "'yes'")),
        (["a  b", "a b", "A B", "c"], ("'A B'", "'a  b'", "'a b'")),
        (["yes", "no"], None),
    ],
)
def test_classes_that_differ_in_little_are_named(classes: list[str], similar: tuple[str, ...] | None) -> None:
    frame = pd.DataFrame({"x": np.arange(240) * 0.7, "y": classes * (240 // len(classes))})
    expected = (Message("table-similar-classes", {"classes": similar}),) if similar else ()
    assert load(frame, target="y").table.warnings == expected


@pytest.mark.parametrize(
    ("written", "told"),
    [("%m/%d/%Y", True), ("%d.%m.%Y", False), ("%d/%m/%Y 12:00", True), ("%Y-%m-%d", False), ("%d %b %Y", False)],
)
@pytest.mark.parametrize("late", [False, True], ids=["to the 12th", "to the 28th"])
@pytest.mark.parametrize("as_time", [False, True])
def test_dates_whose_days_may_be_months_are_named(written: str, told: bool, late: bool, as_time: bool) -> None:
    random = np.random.default_rng(0)
    days = [
        pd.Timestamp(2024, month, day)
        for month, day in zip(random.integers(1, 13, 300), random.integers(1, 29 if late else 13, 300), strict=True)
    ]
    when = [day.strftime(written) for day in days]
    frame = pd.DataFrame({"x": np.arange(300) * 0.7, "when": when, "y": np.arange(300) % 2})
    warnings = load(frame, target="y", time="when" if as_time else None).table.warnings
    assert [warning.code for warning in warnings] == ["table-ambiguous-dates"] * (told and not late)


def test_dates_with_points_have_the_day_first() -> None:
    days = pd.date_range("2024-01-01", periods=360).to_series()
    days = days[days.dt.day <= 5]
    frame = pd.DataFrame({"when": days.dt.strftime("%d.%m.%Y"), "x": np.arange(len(days)) * 0.7})
    shuffled = frame.assign(y=np.arange(len(days)) % 2, late=frame["when"]).sample(frac=1, random_state=0)
    found = load(shuffled, target="y", time="when", preparation="raw", validation=15)
    months = {
        rows: getattr(found, rows).x[:, found.columns.index("late: month")] for rows in ("train", "validation")
    }
    assert [step.format for step in found.encoding.steps if step.name == "late"] == ["%d.%m.%Y"]  # pyright: ignore
    assert (months["train"].max(), months["validation"].min(), months["validation"].max()) == (9, 10, 12)


def tables() -> list[TableSummary]:
    """Tables with every kind of column, split in every way, with rows that come twice."""
    random = np.random.default_rng(0)
    base = pd.DataFrame(
        {
            "l1": random.normal(size=400),
            "l2 0.01": [*random.normal(size=300), *[None] * 100],
            "val_a": random.choice(["AUC", "NaN", "val_b"], 400),
            "val_b": random.choice(["val_x", "val_y"], 400),
            "val_c": [*random.choice(["val_x", "val_y"], 300), *[None] * 100],
            "val_d": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 999, 400), "D"),
            "val_e": [f"{i % 99} {random.choice(['deep', 'wide'])} net" for i in range(400)],
            "val_f": 1,
            "val_id": range(400),
            "val_group": random.integers(0, 100, 400),
            "y": random.integers(0, 2, 400),
        }
    )
    twice = pd.concat([base, base.drop(columns="val_id").assign(val_id=range(400, 800))])
    late = base.assign(
        **{"l2 0.01": [*random.normal(size=399), None], "val_c": [*["val_x", "val_y"] * 199, "val_x", None]}
    )
    options = [{"test": 100}, {"test": 100, "group": "val_group"}, {"time": "val_d", "validation": 50}]
    options += [{"test": 100, "weight": "val_group", "class_weight": "balanced", "column": {"val_e": "drop"}}]
    found = [load(table, target="y", **each) for table in (base, twice) for each in options]
    last = [load(late, target="y", time="val_id", test=test) for test in (0, 50)]
    last += [load("collider", train=50, validation=50, test=test) for test in (0, 50)]
    last += [load(base.assign(y=[*["val_x", "val_X", "val_y", "val_y"] * 100]), target="y")]
    last += [load(base.assign(val_d=["01/02/2020", "03/04/2021"] * 200), target="y")]
    last += [load(base.assign(y=base["l1"]), target="y")]
    last += [load(base.assign(l1=1e9 + base["l1"], val_f=2.0**60, val_a=None), target="y")]
    last += [
        load(base.assign(l1=[f"{i * 7.7 + 3:,.{1 + i % digits}f}" for i in range(400)]), target="y")
        for digits in (2, 3)
    ]
    last += [load(base.assign(l1=[f"{i % 97 + 1},500" for i in range(400)]), target=name) for name in ("y", "l1")]
    last += [
        load(base.assign(l1=[f"({i}.5)" if i % 3 else f"{i}.5" for i in range(400)]), target=name)
        for name in ("y", "l1")
    ]
    note = Message("table-on-disk", {"rows": 9_000_000, "sampled": 200_000, "fitted": 200_000})
    on_disk = msgspec.structs.replace(last[0].table, notes=(note, DECIMAL_COMMA))
    return [*(each.table for each in (*found, *last)), on_disk]


def test_every_text_about_a_table_is_used_and_written_in_every_language() -> None:
    codes = set()
    for table in tables():
        messages = [table.split, *table.notes, *table.warnings, *table.weighting]
        messages += [each for column in table.columns for each in (column.how, column.gaps) if each is not None]
        codes |= {message.code for message in messages}
        for language in languages():
            texts = [catalog(language).render(message) for message in messages]
            texts += [catalog(language).text(f"column-kind-{column.kind}") for column in table.columns]
            assert all(texts)
    text = resources.files("gengap.text").joinpath("languages", "en.ftl").read_text(encoding="utf-8")
    found = set(re.findall(r"^((?:table|column|target)-[\w-]+) =", text, re.MULTILINE))
    assert {code for code in found if not code.startswith("column-kind-")} == codes
