"""Forms that a reader once took for others: times, units of time, wide headers, conditions, headings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from diagnose.curves_expected import read_text
from hypothesis import given
from hypothesis import strategies as st

from gengap.diagnose.readers.console import line_values, table_cuts
from gengap.errors import GengapError

TIMES: dict[str, list[object]] = {
    "numbers": [5.0 + 2 * i for i in range(8)],
    "texts of numbers": [str(8 + i) for i in range(8)],
    "dates of the USA": ["9/28/2024 10:00", *(f"10/{i}/2024 10:00" for i in range(25, 32))],
    "hours": [f"{i}:00:00" for i in range(9, 17)],
    "zones": [*(f"2024-05-01T{i:02d}:30:00Z" for i in range(9, 16)), "2024-05-01T08:30:00-09:00"],
    "hours of a day": [f"May 1, 2024 @ {i:02d}:00:00.000" for i in range(9, 17)],
    "hours around midnight": [f"{i % 24:02d}:00:00" for i in range(20, 28)],
    "days without a zero": [f"2024-5-{i} 10:00:00" for i in range(4, 12)],
    "no times": [f"t{i}" for i in range(8, 16)],
}


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_lines_in_records_stay_in_their_order_if_time_rises(times: list[object], tmp_path: Path) -> None:
    records = [{"time": time, "msg": f"val_loss=0.{i} after pass"} for i, time in enumerate(times, 1)]
    text = "".join(f"{json.dumps(record)}\n" for record in records)
    assert read_text(tmp_path, text, "a.jsonl") == [i / 10 for i in range(1, 9)]


@pytest.mark.parametrize("kind", ["numbers", "texts of numbers", "zones", "hours of a day"])
def test_lines_in_records_are_turned_if_time_falls(kind: str, tmp_path: Path) -> None:
    records = [{"time": time, "msg": f"val_loss=0.{i} after pass"} for i, time in enumerate(TIMES[kind], 1)]
    text = "".join(f"{json.dumps(record)}\n" for record in records[::-1])
    assert read_text(tmp_path, text, "a.jsonl") == [i / 10 for i in range(1, 9)]


@pytest.mark.parametrize("unit", ["h", "min", "s"])
def test_a_unit_of_time_behind_rows_is_no_mark_of_held_out_rows(unit: str, tmp_path: Path) -> None:
    rows = [f"{i}  {1 / i:.3f}  0.{i} {unit}\n" for i in range(1, 7)]
    with pytest.raises(GengapError, match="no validation curve"):
        read_text(tmp_path, f"epoch  loss  time\n{''.join(rows)}")
    held_out = [f"{i}  {1 / i:.3f}  {2 / i:.3f}  0.{i} {unit}\n" for i in range(1, 7)]
    expected = [float(f"{2 / i:.3f}") for i in range(1, 7)]
    assert read_text(tmp_path, f"epoch  loss  val_loss  time\n{''.join(held_out)}") == expected


def test_a_wide_header_takes_few_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    nearest = table_cuts._nearest

    class Cells(list[tuple[int, int]]):
        def __getitem__(self, at: int) -> tuple[int, int]:  # pyright: ignore
            nonlocal steps
            steps += 1
            return super().__getitem__(at)

    def counted(word: tuple[int, int], spans: list[tuple[int, int]]) -> int:
        return nearest(word, Cells(spans))

    monkeypatch.setattr(table_cuts, "_nearest", counted)
    for words, numbers in ((2_000, 5_000), (90, 150)):
        block = f"Epoch{' loss word' * words}\n{'0.5 ' * numbers}\n"
        with pytest.raises(GengapError):
            read_text(tmp_path, block * 2)
    assert 0 < steps < 5_000


@given(st.data())
def test_the_nearest_cell_is_that_of_the_smallest_distance(data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.integers(1, 6), min_size=4, max_size=12))
    ends = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    cells = [(a, b - 1) for a, b in zip(ends[::2], ends[1::2], strict=False) if b - 1 > a] or [(3, 4)]
    start = data.draw(st.integers(0, 40))
    end = start + data.draw(st.integers(1, 6))
    distances = [max(a - end, start - b, 0) for a, b in cells]
    expected = max(i for i, distance in enumerate(distances) if distance == min(distances))
    assert table_cuts._nearest((start, end), cells) == expected


def test_names_behind_values_are_searched_in_texts_of_bounded_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []

    class Pattern:
        def match(self, text: str) -> re.Match[str] | None:
            lengths.append(len(text))
            return original.match(text[:1_000])

    original = line_values.ON_SPLIT_BEHIND
    monkeypatch.setattr(line_values, "ON_SPLIT_BEHIND", Pattern())
    lines = [f"epoch {i} val_loss 0.{i}\n" for i in range(1, 4)]
    assert read_text(tmp_path, ("0.5 a" + " " * 20_000 + "x\n") * 3 + "".join(lines)) == [0.1, 0.2, 0.3]
    assert lengths and max(lengths) <= line_values.LONGEST_NAME


CHECKPOINTS = (
    "Validation loss decreased (0.{j}9 --> 0.{i}9).  Saving model ...\n",
    "val_loss improved from 0.{j}9 to 0.{i}9, saving model to best.keras\n",
)


@pytest.mark.parametrize("form", CHECKPOINTS)
@pytest.mark.parametrize("start", ["Epoch {i}/20  Train loss: {x}\n", "Epoch {i}/20\n", "Train loss: {x}\n"])
def test_checkpoints_of_some_epochs_are_no_curve(form: str, start: str, tmp_path: Path) -> None:
    for saved in (range(1, 8), (1, 2, 3, 5, 7, 8, 9)):
        lines = [
            start.format(i=i, x=2 / i) + (form.format(i=9 - saved.index(i), j=8) if i in saved else "")
            for i in range(1, 21)
        ]
        with pytest.raises(GengapError, match=r"no (validation|training) curve"):
            read_text(tmp_path, "".join(lines))


def test_steps_below_a_heading_are_no_values_if_lines_name_theirs(tmp_path: Path) -> None:
    steps = "".join(f"step {i} - {10 + i / 4}\n" for i in range(10, 60, 10))
    named = "".join(f"epoch {i} val_loss 0.{6 - i}\n" for i in range(1, 6))
    assert read_text(tmp_path, f"Validation loss\n{steps}{named}") == [0.5, 0.4, 0.3, 0.2, 0.1]


@pytest.mark.parametrize(
    "form",
    [
        "epoch 5: val_loss<0.{i}",
        "epoch {i}: val_loss < 0.5",
        "epoch {i}: val_loss < 0.{i}",
        "stop if val_loss < 0.{i}",
        "WHERE epoch = {i} AND val_loss < 0.{i}",
    ],
)
def test_a_number_behind_a_sign_is_a_condition(form: str, tmp_path: Path) -> None:
    with pytest.raises(GengapError):
        read_text(tmp_path, "".join(f"{form}\n".format(i=i) for i in range(1, 7)))
