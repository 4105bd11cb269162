"""An epoch between a name and its value, pairs with a word between, names and numbers on lines of their own."""

from __future__ import annotations

import pytest
from diagnose.curves_expected import read_curves
from hypothesis import given
from hypothesis import strategies as st

from gengap.diagnose.readers.console import read_console

VALUES = st.integers(1, 9998).map(lambda n: n / 10000)
PAIRS = st.lists(st.tuples(VALUES, VALUES), min_size=5, max_size=9, unique_by=(lambda p: p[0], lambda p: p[1]))


def check(form: str, pairs: list[tuple[float, float]], end: str = "\n") -> None:
    """Read lines of a form back: {e} is the epoch, {t} and {v} are the losses, {p} is {v} in percent."""
    text = "\n".join(form.format(e=e, t=t, v=v, p=f"{100 * v:.2f}%") for e, (t, v) in enumerate(pairs, 1))
    found = read_curves(f"{text}{end}")
    assert found.validation.values.tolist() == [v for _, v in pairs]
    assert found.validation.epochs.tolist() == list(range(1, len(pairs) + 1))
    if found.train is not None:
        assert found.train.values.tolist() == [t for t, _ in pairs]
    assert (found.train is None) == ("{t}" not in form)


@pytest.mark.parametrize(
    "form",
    [
        "Train loss for epoch {e} is {t}\nValidation loss for epoch {e} is {v}",
        "loss of {t} at epoch {e} on the train set\nloss of {v} at epoch {e} on the dev set",
        "Loss at epoch {e}: {t} (train), {v} (test)",
        "Mean loss over the training set in epoch {e}: {t}\nMean loss over the validation set in epoch {e}: {v}",
        "Training loss after epoch {e} of training: {t}\nValidation loss after epoch {e} of training: {v}",
        "Model loss after {e} epochs (train): {t}\nModel loss after {e} epochs (val): {v}",
        "In epoch {e} the model reached a training loss of {t} and a validation loss of {v}.",
        "Loss: {t} Test loss: {v} after {e} epochs",
        "loss at epoch {e} of 300 is {t}; val loss at epoch {e} of 300 is {v}",
        "train loss in epoch {e}/300: {t}\nval loss in epoch {e}/300: {v}",
    ],
)
@given(pairs=PAIRS)
def test_an_epoch_may_stand_in_a_phrase(form: str, pairs: list[tuple[float, float]]) -> None:
    check(form, pairs)


@pytest.mark.parametrize(
    "form",
    [
        "Train and Val loss at epoch {e}: {t} and {v}",
        "Train vs. Val loss @ epoch {e}: {t} vs. {v}",
        "Epoch {e}: training and validation loss are {t} and {v}, respectively",
        "Epoch: {e} loss: {t}/{v} (train/val)",
        "Epoch {e}: loss {t} vs {v} (train vs val)",
        "epoch {e} | {t} (train loss) | {v} (val loss)",
    ],
)
@given(pairs=PAIRS)
def test_words_may_join_two_splits(form: str, pairs: list[tuple[float, float]]) -> None:
    check(form, pairs)


@given(pairs=PAIRS)
def test_a_percentage_behind_a_loss_is_no_average_of_it(pairs: list[tuple[float, float]]) -> None:
    check("Epoch {e} | Train loss: {t} ({p}) | Val loss: {v} ({p})", pairs)


@pytest.mark.parametrize("rows", ["10000 test images", "test images", "validation samples"])
@given(pairs=PAIRS)
def test_rows_may_be_counted_before_a_score(rows: str, pairs: list[tuple[float, float]]) -> None:
    check(f"Epoch {{e}}\nAccuracy of the network on the {rows}: {{v}}", pairs)


@pytest.mark.parametrize(
    "form",
    [
        "Epoch = {e}\nTrain Loss =\n{t}\nVal Loss =\n{v}",
        '[1] "Epoch"\n[1] {e}\n[1] "Train loss"\n[1] {t}\n[1] "Val loss"\n[1] {v}',
        "Epoch {e}\nTrain loss:\n\n   {t}\nValidation loss:\n\n   {v}",
    ],
)
@given(pairs=PAIRS)
def test_a_number_may_stand_below_its_name(form: str, pairs: list[tuple[float, float]]) -> None:
    check(form, pairs)


@given(pairs=PAIRS)
def test_numbers_below_a_name_are_its_curve(pairs: list[tuple[float, float]]) -> None:
    losses, held_out = ("\n".join(str(pair[i]) for pair in pairs) for i in range(2))
    found = read_curves(f"train loss\n{losses}\n\nval loss\n{held_out}\n")
    assert found.validation.values.tolist() == [v for _, v in pairs]


@given(pairs=PAIRS)
def test_a_table_may_have_a_cell_on_each_line(pairs: list[tuple[float, float]]) -> None:
    cells = "\n".join(f"{e}\n{t}\n{v}\n0.{e}" for e, (t, v) in enumerate(pairs, 1))
    found = read_curves(f"Epoch\nTraining Loss\nValidation Loss\nRuntime\n{cells}\n")
    assert found.validation.values.tolist() == [v for _, v in pairs]
    assert found.validation.epochs.tolist() == list(range(1, len(pairs) + 1))


@pytest.mark.parametrize("names", ["Temperature", "Epoch\tTraining Loss\tValidation Loss", "Train loss, val loss"])
def test_numbers_below_words_that_are_no_name_of_a_metric_are_no_curve(names: str) -> None:
    assert read_console([f"{names}\n0.5\n0.4\n0.3\n0.2\n0.1\n"], "a.log") == []


@given(pairs=PAIRS)
def test_a_number_below_a_line_of_values_is_no_value(pairs: list[tuple[float, float]]) -> None:
    check("Epoch {e} train loss {t} val loss {v}\n{e}", pairs)


@pytest.mark.parametrize(
    "form",
    [
        "Epoch {e}: train loss and accuracy: {t} and 0.5, val loss and accuracy: {v} and 0.6",
        "Epoch {e} train loss and acc {t} 0.5 test loss and acc {v} 0.6",
    ],
)
@given(pairs=PAIRS)
def test_a_word_may_join_two_metrics(form: str, pairs: list[tuple[float, float]]) -> None:
    check(form, pairs)


@given(pairs=PAIRS)
def test_a_shape_loss_is_a_loss_and_a_path_with_an_ampersand_no_table(pairs: list[tuple[float, float]]) -> None:
    check("C:\\\\R&D\\\\m epoch {e} train_shape_loss {t} val_shape_loss {v}", pairs)


@pytest.mark.parametrize(
    "header",
    [
        "epoch | loss acc | val_loss val_acc\n------+------+------",
        " Row │ epoch  loss  val_loss\n     │ Int64  Float64  Float64",
    ],
)
@given(pairs=PAIRS)
def test_pipes_may_divide_groups_of_columns(header: str, pairs: list[tuple[float, float]]) -> None:
    row = "{e} | {t} 0.5 | {v} 0.6" if "acc" in header else " {e} │ {e}  {t}  {v}"
    rows = "\n".join(row.format(e=e, t=t, v=v) for e, (t, v) in enumerate(pairs, 1))
    assert read_curves(f"{header}\n{rows}\n").validation.values.tolist() == [v for _, v in pairs]


@given(pairs=PAIRS)
def test_a_bar_that_names_a_split_is_a_heading(pairs: list[tuple[float, float]]) -> None:
    bar = "100%|##########| 10/10 [00:01<00:00]"
    check(f"Epoch {{e}}\n  train: {bar}\n  loss: {{t}}\n  eval: {bar}\n  loss: {{v}}", pairs)


@given(pairs=PAIRS)
def test_the_last_line_counts_if_it_ends_as_others_do(pairs: list[tuple[float, float]]) -> None:
    states = [f"{10 * e:3}%|##  | {e}/{len(pairs)} [loss={t}, val_loss={v}]" for e, (t, v) in enumerate(pairs, 1)]
    states[-1] = states[-1].replace(states[-1][:4], "100%")
    assert read_curves("\r".join(states)).validation.values.tolist() == [v for _, v in pairs]


@given(pairs=PAIRS)
def test_parts_of_a_loss_in_parentheses_keep_its_name_for_the_split_behind(
    pairs: list[tuple[float, float]],
) -> None:
    check("  epoch {e}/9  loss={t} (p=0.1 v=0.2)  val={v}  [best]", pairs)


@given(pairs=PAIRS)
def test_a_path_is_no_name_of_a_run(pairs: list[tuple[float, float]]) -> None:
    check("Epoch {e}\nW external/data/run:83] Allocation of 61440 exceeds 10%\nloss: {t} - val_loss: {v}", pairs)
