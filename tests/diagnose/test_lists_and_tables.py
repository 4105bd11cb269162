"""Lists of numbers, tables by split, zeros, echoed lists and patches: only what is certain is read."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
from diagnose.curves_expected import judged, write

from gengap.errors import GengapError

EPOCHS = range(1, 13)
TRAIN = [round(0.9 * 0.85**i, 4) for i in EPOCHS]
VAL = [round(0.5 + 0.4 * 0.8**i, 4) for i in EPOCHS]


def lines_of(form: str) -> str:
    """Return a text with lines of a form for each epoch."""
    return "".join(f"{form.format(i=i, t=TRAIN[i - 1], v=VAL[i - 1])}\n" for i in EPOCHS)


@pytest.mark.parametrize(
    "form",
    [
        "epoch, train loss, val loss: {i}, {t}, {v}",
        "lr, train loss, val loss: 0.001, {t}, {v}",
        "Epoch {i}\nlr, train loss, val loss: 0.001, {t}, {v}",
        "Epoch {i} losses (train, val): {t}, {v}",
        "Epoch {i} loss (train, val, test) = {t}, {v}, 0.9{i}",
        "Epoch {i} train, val, test loss: {t}, {v}, 0.9{i}",
        "Epoch {i} | train loss | val loss | {t} | {v} | 12.3s",
        "Epoch {i} val loss, accuracy, lr: {v}, 0.{i}, 0.001",
    ],
)
def test_a_list_that_its_names_do_not_fit_has_no_value(form: str, tmp_path: Path) -> None:
    with pytest.raises(GengapError):
        judged(write(tmp_path, "train.log", lines_of(form)))
    named = lines_of(f"epoch {{i}}: train loss {{t}} val loss {{v}}\n{form}")
    found = judged(write(tmp_path, "train.log", named))
    assert found.train is not None
    assert (found.train.values.tolist(), found.validation.values.tolist()) == (TRAIN, VAL)


@pytest.mark.parametrize(
    "form",
    [
        "Epoch {i} train loss, val loss: {t}, {v}",
        "Epoch {i}, train loss, val loss: {t}; {v}",
        "epoch {i} | train/val loss: {t}, {v}",
        "epoch {i} train/val loss: {t} / {v}; 0.001",
        "epoch {i} train/val loss: {t}/{v}",
    ],
)
def test_a_list_that_its_names_fit_has_values(form: str, tmp_path: Path) -> None:
    found = judged(write(tmp_path, "train.log", lines_of(form)))
    assert found.train is not None
    assert (found.train.values.tolist(), found.validation.values.tolist()) == (TRAIN, VAL)


@pytest.mark.parametrize("sign", [" / ", "/"])
def test_two_metrics_of_a_split_name_two_numbers(sign: str, tmp_path: Path) -> None:
    parts = [f"{split} loss{sign}acc = {{{key}}}{sign}0.1{{i}}" for split, key in (("train", "t"), ("val", "v"))]
    path = write(tmp_path, "train.log", lines_of("[{i}] " + "  ".join(parts)))
    found = judged(path, "loss")
    assert found.train is not None
    assert (found.train.values.tolist(), found.validation.values.tolist()) == (TRAIN, VAL)
    assert judged(path, "acc").validation.values.tolist() == [float(f"0.1{i}") for i in EPOCHS]


def test_a_number_behind_a_semicolon_is_not_the_second_of_a_pair(tmp_path: Path) -> None:
    for form in ("epoch {i} train/val loss: {t}; 0.001", "epoch {i} loss/acc val: {v}; 0.001"):
        found = judged(write(tmp_path, "train.log", lines_of(f"{form}\nval loss {{v}}")))
        assert found.validation.values.tolist() == VAL


@pytest.mark.parametrize("heading", ["Seconds per epoch", "Rows", "Time"])
@pytest.mark.parametrize("header", ["Epoch | Train | Val", "Epoch | Train | Val | Total"])
@pytest.mark.parametrize("row", ["3.{i}", "{i}00"])
def test_columns_named_by_their_split_alone_may_be_of_times(
    heading: str, header: str, row: str, tmp_path: Path
) -> None:
    count = header.count("|")
    table = [f"{heading}\n", f"| {header} |\n", f"|{'---|' * (count + 1)}\n"]
    rows = (f"| {i} |{f' {row.format(i=i)} |' * count}\n" for i in EPOCHS)
    for log in ("", lines_of("Epoch {i}: loss {t} acc 0.{i}")):
        with pytest.raises(GengapError):
            judged(write(tmp_path, "train.log", "".join(chain([log], table, rows))))


@pytest.mark.parametrize("name", ["val_err", "val_error_rate", "val_wer"])
def test_zeros_of_an_error_are_values(name: str, tmp_path: Path) -> None:
    errors = [0.25, 0.2, 0.0, 0.1, 0.0, 0.05, 0.0, 0.05, 0.0, 0.03, 0.0, 0.02]
    text = "".join(f"epoch {i} train_loss 0.5{i} {name} {error}\n" for i, error in zip(EPOCHS, errors, strict=True))
    assert judged(write(tmp_path, "train.log", text)).validation.values.tolist() == errors


@pytest.mark.parametrize("between", [" ", "\n", "\n\n  "])
@pytest.mark.parametrize("times", [1, 2])
def test_a_list_may_stand_below_the_number_of_its_output(between: str, times: int, tmp_path: Path) -> None:
    wrapped = ",\n ".join(map(str, VAL))
    text = f"In [1]: val_loss\nOut[1]:{between}[{wrapped}]\n\n" * times
    assert judged(write(tmp_path, "session.txt", text)).validation.values.tolist() == VAL


def test_lists_of_one_name_that_differ_are_no_curve(tmp_path: Path) -> None:
    text = "".join(f"In [{i}]: val_loss\nOut[{i}]: {VAL[i:]}\n\n" for i in (1, 2))
    with pytest.raises(GengapError):
        judged(write(tmp_path, "session.txt", text))


def test_a_log_within_a_patch_is_no_training(tmp_path: Path) -> None:
    logged = lines_of("+Epoch {i}: train loss {t} val loss {v}")
    text = f"--- a/x.log\n+++ b/x.log\n@@ -0,0 +1,12 @@\n{logged}"
    with pytest.raises(GengapError):
        judged(write(tmp_path, "x.txt", text + "\\ No newline at end of file\n"))


def test_a_patch_may_have_more_lines_than_it_counts(tmp_path: Path) -> None:
    changed = lines_of("-val_loss: 0.9{i}\n+val_loss: {v}\n     epoch: {i}")
    with pytest.raises(GengapError):
        judged(write(tmp_path, "x.txt", f"--- a/x.log\n+++ b/x.log\n@@ -1,2 +1,2 @@\n{changed}"))


def test_whole_numbers_of_a_pair_are_no_progress(tmp_path: Path) -> None:
    cells = ["0.6/0.7"] * 11 + ["0/0"]
    form = "ep {i:02d} | train/val loss {t}/{v} | acc {cell} | 3.1s"
    lines = [form.format(i=i, t=TRAIN[i - 1], v=VAL[i - 1], cell=cells[i - 1]) for i in EPOCHS]
    for last in (EPOCHS[-1], 2):  # of a form that is known, and of one that is parsed
        shown = "".join(f"{line}\n" for line in lines[12 - last :])
        assert judged(write(tmp_path, "train.log", shown)).validation.values.tolist() == VAL[12 - last :]
