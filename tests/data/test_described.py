"""What a table's readers are warned of: what may be read otherwise than it is meant."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gengap.data.dataset import load


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (["Yes", "yes", "No"], "'Yes', 'yes'"),
        (["a  b", "a b", "A B", "c"], "'A B', 'a  b', 'a b'"),
        (["yes", "no"], None),
    ],
)
def test_classes_that_differ_in_little_are_told_of(classes: list[str], told: str | None) -> None:
    frame = pd.DataFrame({"x": np.arange(240) * 0.7, "y": classes * (240 // len(classes))})
    warnings = load(frame, target="y").described.warnings
    assert [warning.partition(" differ only")[0] for warning in warnings] == (
        [f"the classes {told}"] if told else []
    )


@pytest.mark.parametrize(
    ("written", "told"),
    [("%m/%d/%Y", True), ("%d.%m.%Y", False), ("%d/%m/%Y 12:00", True), ("%Y-%m-%d", False), ("%d %b %Y", False)],
)
@pytest.mark.parametrize("late", [False, True], ids=["to the 12th", "to the 28th"])
@pytest.mark.parametrize("as_time", [False, True])
def test_dates_whose_days_may_be_months_are_told_of(written: str, told: bool, late: bool, as_time: bool) -> None:
    random = np.random.default_rng(0)
    days = [
        pd.Timestamp(2024, month, day)
        for month, day in zip(random.integers(1, 13, 300), random.integers(1, 29 if late else 13, 300), strict=True)
    ]
    when = [day.strftime(written) for day in days]
    frame = pd.DataFrame({"x": np.arange(300) * 0.7, "when": when, "y": np.arange(300) % 2})
    warnings = load(frame, target="y", time="when" if as_time else None).described.warnings
    assert [warning.startswith("the dates of when, as ") for warning in warnings] == [True] * (told and not late)


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
