"""Tables with an epoch in each column or a cell on each line, and numbers below names that tell less."""

from __future__ import annotations

import pytest
from diagnose.curves_expected import read_curves
from hypothesis import given
from hypothesis import strategies as st

from gengap.diagnose.readers.console import read_console

VALUES = st.integers(1, 9998).map(lambda n: n / 10000)
PAIRS = st.lists(st.tuples(VALUES, VALUES), min_size=3, max_size=9, unique_by=(lambda p: p[0], lambda p: p[1]))


@pytest.mark.parametrize(
    ("head", "epoch", "start", "sign"),
    [
        ("epoch  ", "", "{name}  ", "   "),
        ("Epoch: ", "", "{name}: ", " "),
        ("step\t", "", "{name}\t", "\t"),
        ("| epoch | ", "", "| {name} | ", " | "),
        ("| metric | ", "Epoch ", "| {name} | ", " | "),
        ("             ", "Epoch ", "{name}  ", "   "),
    ],
)
@given(pairs=PAIRS)
def test_a_table_may_have_an_epoch_in_each_column(
    head: str, epoch: str, start: str, sign: str, pairs: list[tuple[float, float]]
) -> None:
    epochs = [f"{epoch}{e}" for e, _ in enumerate(pairs, 1)]
    cells = {"lr": [0.001] * len(pairs), "train loss": [t for t, _ in pairs], "val loss": [v for _, v in pairs]}
    rows = [f"{start.format(name=name)}{sign.join(map(str, row))}" for name, row in cells.items()]
    for end in ("", "\n", "\n\ndone\n"):
        found = read_curves("\n".join([f"{head}{sign.join(epochs)}", "-" * 30, *rows]) + end)
        assert found.validation.values.tolist() == cells["val loss"]
        assert found.validation.epochs.tolist() == list(range(1, len(pairs) + 1))
        assert found.train is not None
        assert found.train.values.tolist() == cells["train loss"]


@given(pairs=PAIRS)
def test_a_line_with_an_empty_cell_is_left_out_of_such_a_table(pairs: list[tuple[float, float]]) -> None:
    epochs, losses = " ".join(str(e) for e, _ in enumerate(pairs, 1)), " ".join(str(v) for _, v in pairs)
    found = read_curves(f"epoch {epochs}\nval accuracy - {losses.split(' ', 1)[1]}\nval loss {losses}\n")
    assert found.metric == "val loss"
    assert found.validation.values.tolist() == [v for _, v in pairs]


@given(pairs=PAIRS)
def test_a_cell_on_its_own_line_may_be_a_time(pairs: list[tuple[float, float]]) -> None:
    cells = "\n\n".join(f"{e}\n{t}\n{v}\n00:1{e}" for e, (t, v) in enumerate(pairs, 1))
    found = read_curves(f"Epoch\nTrain loss\nValid loss\nTime\n{cells}\n")
    assert found.validation.values.tolist() == [v for _, v in pairs]
    assert found.validation.epochs.tolist() == list(range(1, len(pairs) + 1))


@pytest.mark.parametrize(
    ("head", "form"),
    [
        ("Epoch\nTrain loss\nVal loss\nF1\n", "{e}\n{t}\n{v}\n"),  # a name has no number
        ("Epoch\nTrain loss\nVal loss\n", "{e}\n{t}\n{v}\n0.5\n"),  # a number has no name
        ("Train loss\nVal loss\n", "{t}\n{v}\n"),  # no epoch tells where a row begins
        ("", "train loss\n{t}\n12.5\nval loss\n{v}\n12.5\n"),  # the second number has no name
        ("Test score\n", "{v}\n"),  # results of a test
        ("Epoch\n", "{v}\n"),
    ],
)
@given(pairs=PAIRS.filter(lambda pairs: len(pairs) > 3))
def test_numbers_that_do_not_fit_the_names_above_are_no_curve(
    head: str, form: str, pairs: list[tuple[float, float]]
) -> None:
    text = head + "".join(form.format(e=e, t=t, v=v) for e, (t, v) in enumerate(pairs, 1))
    assert read_console([text], "a.log") == []


@pytest.mark.parametrize("head", ["Fold", "model", "batch"])
def test_columns_that_are_no_epochs_make_no_curve(head: str) -> None:
    assert read_console([f"{head} 1 2 3 4 5\nval loss 0.5 0.6 0.4 0.5 0.3\n"], "a.log") == []
