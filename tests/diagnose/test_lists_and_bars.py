"""Names before a list of values, bars over all epochs, values that stand for none, stamps, runs of one epoch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from diagnose.curves_expected import read_text
from hypothesis import given, settings
from hypothesis import strategies as st

from gengap.diagnose.metric_names import assign
from gengap.diagnose.readers import read
from gengap.diagnose.readers.restarts import epochs_with_loss
from gengap.errors import GengapError

LOSSES = st.lists(st.integers(1, 99_999).map(lambda n: n / 10_000), min_size=4, max_size=14)


@settings(max_examples=40, deadline=None)
@given(
    losses=LOSSES,
    form=st.sampled_from(
        (
            "train acc, test acc | {train}, {held_out}",
            "epoch {i}: train loss, val loss = {train}, {held_out}",
            "[{i}] Training loss / Validation loss: {train} / {held_out}",
            "Epoch {i} loss(T V) {train} {held_out} lr: 0.001",
            "Epoch {i} RMSE(train/test) {train} {held_out}",
        )
    ),
)
def test_names_before_a_list_name_its_numbers_in_order(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float], form: str
) -> None:
    lines = [form.format(i=i, train=f"{9 - loss / 2:.6f}", held_out=loss) for i, loss in enumerate(losses, 1)]
    assert read_text(tmp_path_factory.mktemp("run"), "\n".join(lines) + "\n") == losses


def test_a_list_longer_than_its_names_is_none_of_values_in_order(tmp_path: Path) -> None:
    lines = "".join(f"epoch {i}: train acc, test acc | 0.5, 0.6{i}, 0.7\n" for i in range(1, 7))
    with pytest.raises(GengapError, match="no training curve was found"):
        read_text(tmp_path, lines)


def test_names_of_which_one_has_no_split_name_no_list(tmp_path: Path) -> None:
    lines = "".join(f"epoch {i}: train acc, acc | 0.5, 0.6{i}\n" for i in range(1, 7))
    with pytest.raises(GengapError, match="no training curve was found"):
        read_text(tmp_path, lines)


@pytest.mark.parametrize("line", ["", "Epoch {i} finished\n"])
@pytest.mark.parametrize(
    "form",
    ["|##--| {share}% loss: {loss} val_loss: {held_out}", "{at}/5 [==>..] - loss: {loss} - val_loss: {held_out}"],
)
def test_of_bars_over_batches_the_last_state_counts(form: str, line: str, tmp_path: Path) -> None:
    text = ""
    for i in range(1, 9):
        states = [
            form.format(share=20 * k, at=k, loss=round(i + 1 / k, 3), held_out=i / 8 - (k < 5) / 8)
            for k in range(1, 6)
        ]
        text += "\r".join(states) + "\n" + line.format(i=i)
    assert read_text(tmp_path, text) == [i / 8 for i in range(1, 9)]


@pytest.mark.parametrize("every", [2, 3, 10])
def test_a_bar_whose_validation_stays_the_same_for_some_states_has_no_curve(every: int, tmp_path: Path) -> None:
    states = [f"|##--| {5 * k}% loss: {1 / k} val_loss: {0.5 - (k // every) / 50}" for k in range(1, 21)]
    with pytest.raises(GengapError):
        read_text(tmp_path, "\r".join(states) + "\n")


def test_states_of_a_bar_in_an_epoch_do_not_count(tmp_path: Path) -> None:
    epochs = [
        f"Epoch {i}\n" + "\r".join(f"|##--| {k}% loss: {k}.5 val_loss: {k / 10 + i}" for k in (1, 2, 3)) + "\n"
        for i in range(1, 6)
    ]
    assert read_text(tmp_path, "".join(epochs)) == [i + 0.3 for i in range(1, 6)]


@settings(max_examples=40, deadline=None)
@given(
    losses=st.lists(st.integers(1, 9_999).map(lambda n: n / 1_000), min_size=5, unique=True),
    gap=st.integers(2, 6),
    data=st.data(),
)
def test_zeros_between_regular_losses_are_epochs_without_validation(
    losses: list[float], gap: int, data: st.DataObject
) -> None:
    sooner = [data.draw(st.integers(1, gap)) for _ in range(2)]  # the second and the last one
    gaps = [sooner[0], *[gap] * (len(losses) - 3), sooner[1]]
    at = np.cumsum([data.draw(st.integers(0, gap - 1)), *gaps])
    values = np.zeros(at[-1] + 1 + data.draw(st.integers(0, gap - 1)))
    values[at] = losses
    assert values[epochs_with_loss(values)].tolist() == losses


@pytest.mark.parametrize(
    "values",
    [
        [0.9, 0, 0.7],  # one gap
        [0.9, 0.8, 0, 0.7, 0.6, 0, 0.5],
        [0.9, 0, 0.8, 0, 0, 0.7, 0, 0.6],
        [0.9, 0, 0.8, 0, 0.7, 0, 0],  # a regular one more is missing
        [0, 0, 0.9, 0, 0.8, 0, 0.7],
        [0.01, 0, 0.02, 0, 0.01, 0, 0.01],  # 0.00 rounded
        [0.0] * 5,
    ],
)
def test_other_zeros_are_losses(values: list[float]) -> None:
    assert epochs_with_loss(np.array(values)).tolist() == list(range(len(values)))


@pytest.mark.parametrize("last", [30, 33])
def test_validation_may_come_in_the_first_and_last_epoch_as_well(last: int, tmp_path: Path) -> None:
    at = [i for i in range(1, last + 1) if i in (1, last) or i % 5 == 0]
    lines = [f"Epoch {i} train loss 0.{99 - i} val loss {(i in at) / i:.6f}\n" for i in range(1, last + 1)]
    assert read_text(tmp_path, "".join(lines)) == [round(1 / i, 6) for i in at]


def test_zeros_of_a_score_are_values(tmp_path: Path) -> None:
    scores = [0.5 + i / 100 if i % 2 else 0.0 for i in range(1, 13)]
    lines = [f"{i},{0.9 - i / 100},{score}\n" for i, score in enumerate(scores, 1)]
    assert read_text(tmp_path, "epoch,acc,val_acc\n" + "".join(lines), "train.csv") == scores


@pytest.mark.parametrize("name", ["train.log", "train.csv"])
def test_epochs_without_validation_are_left_out_with_a_note(name: str, tmp_path: Path) -> None:
    values = [f"{1 / i}" if i % 3 == 0 else "0.0000" for i in range(1, 19)]
    header = "epoch,loss,val_loss\n" if name.endswith("csv") else ""
    form = "{i},0.5,{value}\n" if header else "Epoch {i} || loss: 0.5 || val loss: {value}\n"
    lines = [form.format(i=i, value=value) for i, value in enumerate(values, 1)]
    assert read_text(tmp_path, header + "".join(lines), name) == [1 / i for i in range(3, 19, 3)]
    (log,) = read(tmp_path / name)
    assert [note.code for note in log.notes] == ["read-zeros"]


@pytest.mark.parametrize("constant", [0, 1])
def test_what_a_program_did_not_compute_is_judged_last(constant: int, tmp_path: Path) -> None:
    lines = "".join(f"epoch {i} val loss {constant} val acc 0.{i}\n" for i in range(1, 8))
    assert read_text(tmp_path, lines) == [i / 10 for i in range(1, 8)]
    assert read_text(tmp_path, lines.replace("acc", "time")) == [constant] * 7
    scores = lines.replace("acc", "recall").replace("loss", "acc")
    assert read_text(tmp_path, scores) == [constant] * 7  # a score may be perfect, or none


@pytest.mark.parametrize("metric", ["RMSE_E{}_pu", "MAE F{}", "F{} loss"])
def test_a_symbol_may_stand_before_the_split(metric: str) -> None:
    train, test = metric.format("train"), metric.format("test")
    keys = assign([train, test])
    assert keys[train] == ("train", keys[test][1]) and keys[test][0] == "validation"


@pytest.mark.parametrize("remark", ["avg over 10000", "mean of 5 runs", "on 500 images", ""])
@pytest.mark.parametrize("sign", [" = ", ": "])
def test_a_remark_may_stand_behind_a_name(remark: str, sign: str, tmp_path: Path) -> None:
    inside = f" ({remark})" if remark else ""
    lines = "".join(f"epoch {i}\nTest accuracy{inside}{sign}{90 + i / 4}%\n" for i in range(1, 7))
    assert read_text(tmp_path, lines) == [90 + i / 4 for i in range(1, 7)]


@pytest.mark.parametrize(
    "stamp",
    ["Nov {i} 11:01:1{i} host ", "[Sun Apr  {i} 21:42:1{i} 2018] ", "1{i}-Nov 11:56:1{i}:INFO:root:", "INFO:root:"],
)
def test_a_month_before_a_heading_is_no_name(stamp: str, tmp_path: Path) -> None:
    lines = ["Epoch {i}", "loss: 0.9{i}", "Validation", "loss: 0.5{i}"]
    text = "".join(f"{stamp}{line}\n".format(i=i) for i in range(1, 7) for line in lines)
    assert read_text(tmp_path, text) == [float(f"0.5{i}") for i in range(1, 7)]


def test_the_first_of_three_numbers_behind_a_split_counts_batches(tmp_path: Path) -> None:
    epoch = "epoch {i}\nvalid 000 1.2{i} 60.1 95.1\nvalid 050 1.3{i} 60.2 95.2\nvalid_acc 5{i}.5\n"
    assert read_text(tmp_path, "".join(epoch.format(i=i) for i in range(1, 7))) == [50.5 + i for i in range(1, 7)]


def test_other_fields_may_stand_between_a_name_and_its_value(tmp_path: Path) -> None:
    names = (("chart", "axis", "x", "y"), ("name", "phase", "step", "value"))
    for name, other, at, value in names:
        records = [
            {name: m, other: "epoch", at: i, value: v}
            for i in range(1, 8)
            for m, v in (("loss", i), ("val_loss", i / 8))
        ]
        text = "".join(f"Epoch {i // 2 + 1}\n{json.dumps(each)}\n" for i, each in enumerate(records))
        assert read_text(tmp_path, text) == [i / 8 for i in range(1, 8)]


@pytest.mark.parametrize("heading", ["# block size {size}", "# {name}, {size} threads", "## {name}"])
def test_runs_of_one_epoch_are_no_curve(heading: str, tmp_path: Path) -> None:
    names = ["plain", "naive", "coalesced", "shared", "tiled", "fused"]
    lines = [
        f"{heading.format(size=8 * i, name=name)}\nepoch: 1{{step}}; train cost: 0.5{i}; val cost: 0.4{i}\n"
        for i, name in enumerate(names, 1)
    ]
    with pytest.raises(GengapError):
        read_text(tmp_path, "".join(line.format(step="") for line in lines))
    steps = "".join(line.format(step=f", step: {i}0") for i, line in enumerate(lines, 1))
    assert read_text(tmp_path, steps) == [float(f"0.4{i}") for i in range(1, 7)]


@pytest.mark.parametrize(
    "form",
    [
        "2024-01-01 10:1{i}:00 | Epoch 0 | train_loss {loss} | val_loss {held_out}",
        "Epoch 0, tokens {i}000000: train loss {loss}, val loss {held_out}",
        "epoch 1 | train loss {loss} | val loss {held_out} | lr 3.0e-4",
        "[Epoch 0] loss={loss} val_loss={held_out}",
        "# Evaluation {i}\nepoch 1: train loss {loss}, val loss {held_out}",
    ],
)
def test_training_within_one_epoch_is_a_curve(form: str, tmp_path: Path) -> None:
    losses = [1 / i for i in range(2, 9)]
    lines = [form.format(i=i, loss=loss / 2, held_out=loss) for i, loss in enumerate(losses, 1)]
    assert read_text(tmp_path, "\n".join(lines) + "\n") == losses


@pytest.mark.parametrize("start", ["diff --git a/x.json b/x.json\nindex 1..2 100644\n", ""])
def test_two_versions_of_a_file_are_no_log(start: str, tmp_path: Path) -> None:
    changed = "".join(f'-  "val_loss": 0.6{i}\n+  "val_loss": 0.5{i}\n' for i in range(1, 7))
    with pytest.raises(GengapError, match="begins with a patch"):
        read_text(tmp_path, f"{start}--- a/x.json\n+++ b/x.json\n@@ -1,9 +1,9 @@\n{changed}")


@pytest.mark.parametrize(
    "form",
    [
        'In[3]:= results["{name}List"]\n\nOut[3]= {{{values}}}\n',
        "In [5]: history.{name}\nOut[5]: [{values}]\n",
    ],
)
def test_the_input_names_a_list_below_it(form: str, tmp_path: Path) -> None:
    losses = {"TrainLoss": [0.9, 0.7, 0.5, 0.4], "ValidationLoss": [1.0, 0.8, 0.75, 0.7]}
    text = "\n".join(form.format(name=name, values=", ".join(map(str, v))) for name, v in losses.items())
    assert read_text(tmp_path, text) == losses["ValidationLoss"]


@pytest.mark.parametrize("metric", ["cost", "rse", "rae", "wape"])
def test_a_less_known_error_is_a_metric(metric: str, tmp_path: Path) -> None:
    lines = "".join(f"epoch {i} val smoothness {9 + i} val {metric} 0.{i}\n" for i in range(1, 7))
    assert read_text(tmp_path, lines) == [i / 10 for i in range(1, 7)]


def test_an_average_stays_one_where_it_crosses_zero(tmp_path: Path) -> None:
    means = [0.75 - i / 5 for i in range(10)]
    lines = "".join(f"Epoch: [{i}] Val Loss {m + 0.06:.3f} ({m:.3f})\n" for i, m in enumerate(means, 1))
    assert read_text(tmp_path, lines) == pytest.approx(means)


def test_averages_may_begin_with_zeros(tmp_path: Path) -> None:
    pairs = [(0, 0), (0, 0), (3, 1), (1, 1), (6, 2), (2, 2)]
    lines = "".join(f"Epoch: [{i}] Val Acc {acc:.2f} ({mean:.2f})\n" for i, (acc, mean) in enumerate(pairs, 1))
    assert read_text(tmp_path, lines) == [mean for _, mean in pairs]


@pytest.mark.parametrize("first", ["+0.00", "0.000", "-0.01"])
def test_the_first_two_lines_tell_changes_from_averages(first: str, tmp_path: Path) -> None:
    changes = [first, "-0.10", "+0.02", "-0.03", "+0.01", "-0.05"]
    lines = "".join(f"Epoch {i} val loss: 0.{9 - i} ({change})\n" for i, change in enumerate(changes, 1))
    assert read_text(tmp_path, lines) == [(9 - i) / 10 for i in range(1, 7)]


def test_a_change_stays_one_behind_a_value_below_zero(tmp_path: Path) -> None:
    values = [0.3, 0.2, 0.1, -0.1, 0.05, -0.2, -0.3]
    lines = "".join(f"epoch {i}\nval loss: {value} (-0.0{i})\n" for i, value in enumerate(values, 1))
    assert read_text(tmp_path, lines) == values
