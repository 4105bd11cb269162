"""Splits by group and by time: nothing that belongs together is divided, whatever the table."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap.data.dataset import load
from gengap.data.split import SplitSizes, comparable_times, split_by_group, split_by_time
from gengap.errors import BadRowError, DataError, TooFewRowsError, UsageError
from gengap.text.catalog import Message

PARTS = ("train", "validation", "test")


def frame(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    table = pd.DataFrame(random.normal(size=(rows, 2)), columns=["a", "b"])
    return table.assign(who=random.integers(0, 40, rows), row=np.arange(rows) + 0.5, y=random.integers(0, 2, rows))


@pytest.mark.slow
@given(
    st.integers(60, 300), st.integers(8, 30), st.integers(0, 5), st.sampled_from([0, 20]), st.none() | st.just(25)
)
def test_no_group_is_divided(rows: int, groups: int, seed: int, test: int, train: int | None) -> None:
    random = np.random.default_rng(seed)
    codes, y = random.integers(0, groups, rows), random.integers(0, 2, rows).astype(float)
    names = np.array([f"patient {code}" for code in codes])
    try:
        parts = split_by_group(pd.Series(names), y, SplitSizes(train, rows // 5, test), seed, "t")
    except DataError as error:
        assert "one label" in str(error) and groups < 20  # a side is one or two of few groups
        return
    held = [set(names[part]) for part in parts]
    assert not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])
    numbers = np.concatenate(parts)
    assert len(np.unique(numbers)) == len(numbers) and all((np.diff(part) > 0).all() for part in parts)
    left = rows - len(parts[1]) - len(parts[2])
    assert len(parts[0]) == min(train or left, left)
    assert bool(len(parts[2])) == bool(test)
    again = split_by_group(pd.Series(names), y, SplitSizes(train, rows // 5, test), seed, "t")
    assert all(np.array_equal(one, other) for one, other in zip(parts, again, strict=True))


def test_many_groups_give_the_rows_asked_for_and_the_classes_shares() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 500, 4_000)
    y = (random.random(4_000) < 0.2).astype(float)
    train, validation, test = split_by_group(pd.Series(codes), y, SplitSizes(None, 800, 400), 0, "t")
    assert abs(len(validation) - 800) < 80 and abs(len(test) - 400) < 40
    assert all(abs(y[part].mean() - y.mean()) < 0.02 for part in (train, validation, test))
    wide = split_by_group(
        codes, random.normal(size=4_000), SplitSizes(None, 800, 0), 0, "t"
    )  # a target without classes
    assert abs(len(wide[1]) - 800) < 80
    groups = pd.Series(random.integers(0, 10**6, 10**5))
    many = split_by_group(groups, np.arange(10**5) % 2, SplitSizes(None, 20_000, 0), 0, "t")
    assert len(many[1]) == 20_000


times = st.lists(st.integers(0, 40), min_size=30, max_size=200)


@given(times, st.integers(4, 8), st.sampled_from([0, 4]), st.none() | st.just(10))
def test_later_rows_are_never_trained_on_and_ties_are_not_divided(
    values: list[int], validation: int, test: int, train: int | None
) -> None:
    moments = np.array(values)
    y = (np.arange(len(values)) % 2).astype(float)
    try:
        parts = split_by_time(
            comparable_times(pd.Series(moments), "t", "day")[0], y, SplitSizes(train, validation, test), "t"
        )
    except DataError as error:
        assert len(np.unique(moments)) < len(moments) or "one label" in str(error)  # ties empty a side
        return
    ends = [(moments[part].min(), moments[part].max()) for part in parts if len(part)]
    assert all(before[1] < after[0] for before, after in pairwise(ends))
    numbers = np.concatenate(parts)
    assert len(np.unique(numbers)) == len(numbers)
    if train is None:
        assert len(numbers) == len(values)
    elif len(parts[0]) <= train:
        earlier = moments[np.setdiff1d(np.arange(len(values)), numbers)]
        assert not len(earlier) or earlier.max() <= ends[0][0]  # the latest rows before validation are kept


@pytest.mark.parametrize(
    "moments",
    [
        pd.Series(pd.date_range("1999-12-01", periods=300)),
        pd.Series(pd.date_range("1999-12-01", periods=300).strftime("%Y-%m-%d")),
        pd.Series(pd.date_range("1999-12-01", periods=300, freq="min").strftime("%Y-%m-%dT%H:%M:%S+09:00")),
        pd.Series(1_700_000_000_000 + 1_000 * np.arange(300)),  # more digits than 32 bits hold
        pd.Series(np.arange(300) / 7),
    ],
)
def test_times_of_every_kind_put_rows_in_order(moments: pd.Series, tmp_path: Path) -> None:
    shuffled = np.random.default_rng(0).permutation(300)
    table = frame().assign(when=moments).iloc[shuffled]
    table.to_csv(tmp_path / "t.csv", index=False)
    for source in (table, tmp_path / "t.csv"):
        found = load(source, target="y", time="when", validation=50, test=30, preparation="raw")
        assert "when" not in " ".join(found.columns)
        parts = [found.train, found.validation, found.test]
        rows = [part.x[:, found.columns.index("row")].astype(int) for part in parts if part is not None]
        assert [(part.min(), part.max(), len(part)) for part in rows] == [
            (0, 219, 220),
            (220, 269, 50),
            (270, 299, 30),
        ]
        assert found.table.split == Message("table-split-time", {"column": "when", "test": True})
        assert [column.kind for column in found.table.columns][-1] == "time"


def test_groups_of_a_table_stay_together_and_are_no_feature() -> None:
    found = load(frame(), target="y", group="who", test=40, preparation="raw")
    who, place = frame()["who"].to_numpy(), found.columns.index("row")
    held = [set(who[part.x[:, place].astype(int)]) for part in (found.train, found.validation, found.test) if part]
    assert len(held) == 3 and not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])
    assert "who" not in found.columns
    assert found.table.split == Message("table-split-group", {"column": "who", "seed": 0})


def test_the_collider_can_be_split_by_a_column_too() -> None:
    found = load("collider", train=200, validation=50, time="m_bb", preparation="raw")
    assert len(found.columns) == 27 and "m_bb" not in found.columns
    assert (len(found.train), len(found.validation)) == (200, 50)


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"group": "who", "time": "row"}, UsageError, "group and time are both given"),
        ({"group": "whom"}, UsageError, r"no column 'whom'. Did you mean 'who'"),
        ({"group": "y"}, UsageError, "'y' is the target"),
        ({"group": "one"}, TooFewRowsError, "found 1 group, expected"),
        ({"group": "gap"}, BadRowError, r"row 5, column 'gap': it is empty, expected a group"),
        ({"time": "gap"}, BadRowError, r"row 5, column 'gap': it is empty, expected a time"),
        ({"time": "words"}, DataError, r"row 1, column 'words': 'soon' is no date.*--time"),
        ({"time": "y2"}, DataError, r"all \d+ training rows have one label"),
        ({"time": "one"}, TooFewRowsError, "split by time, 0 validation rows are left"),
        ({"group": "who", "train": 290, "validation": 50}, TooFewRowsError, "holds 300 rows, too few"),
    ],
)
def test_what_cannot_be_split_is_named(options: dict, kind: type[Exception], said: str) -> None:
    gap = [*["a", "b"] * 2, None, *["c"] * 295]
    table = frame().assign(one=1, gap=gap, words=["soon", "late", "then"] * 100, y2=frame()["y"])
    with pytest.raises(kind, match=said):
        load(table, target="y", **options)
