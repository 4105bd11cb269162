"""Texts as people save them: code and sentences that quote a log, sizes above it, names of runs below them."""

from __future__ import annotations

from pathlib import Path

import pytest
from diagnose.curves_expected import read_text
from hypothesis import given
from hypothesis import strategies as st

from gengap.diagnose.readers import read
from gengap.diagnose.readers.console import read_console, screen
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import GengapError, UsageError

ROOT = Path(__file__).parents[2]
LOSSES = st.lists(st.integers(1, 9999).map(lambda n: n / 1000), min_size=5, max_size=9, unique=True)


def read_lines(lines: list[str]) -> list[float]:
    (log,) = read_console(["\n".join([*lines, ""])], "a.log")
    return choose_curves(log).validation.values.tolist()


@pytest.mark.parametrize(
    "line",
    [
        "- Training prints `Epoch {e}/9 - loss: 0.9 - val_loss: 0.{e}` as Keras does.",
        'expected = "Epoch {e}/9 - Train Loss: 0.9, Val Loss: 0.{e} (5.00s)"',
        "    shown = f'epoch {e}: val loss 0.{e}',",
    ],
)
def test_quoted_lines_are_no_log(line: str, tmp_path: Path) -> None:
    with pytest.raises(GengapError, match="no training curve was found"):
        read_text(tmp_path, "".join(line.replace("{e}", str(e)) + "\n" for e in range(1, 7)))


def test_the_changelog_is_no_log() -> None:
    with pytest.raises(GengapError, match="no training curve was found"):
        for log in read(ROOT / "CHANGELOG.md"):
            choose_curves(log)


@pytest.mark.parametrize(
    "line",
    [
        "`Epoch {e}: val_loss: {v}`",
        "- epoch {e}: train loss `0.5`, val loss `{v}`",
        "`epoch {e}` train loss: `0.5` val loss: `{v}`",
        "**`Epoch {e}`** train loss: 0.5, validation loss: {v}, test loss: 0.9",
    ],
)
@given(losses=LOSSES)
def test_lines_in_backticks_are_read(line: str, losses: list[float]) -> None:
    assert read_lines([line.format(e=e, v=v) for e, v in enumerate(losses, 1)]) == losses


@given(losses=LOSSES)
def test_sizes_above_the_first_epoch_are_no_curve(losses: list[float]) -> None:
    sizes = [f"Class {i}: {9 * n} samples (train: {6 * n}, test: {3 * n})" for i, n in enumerate((31, 17, 9))]
    trained = [f"Epoch [{50 * e}/500], Loss: {v}" for e, v in enumerate(losses, 1)]
    with pytest.raises(UsageError, match="there is no validation curve"):
        read_lines([*sizes, *trained])
    lines = [f"Epoch {e}: Loss: 0.5, Test loss: {v}" for e, v in enumerate(losses, 1)]
    assert read_lines([*sizes, *lines]) == losses


@given(losses=LOSSES)
def test_a_curve_without_epochs_above_the_first_epoch_is_kept(losses: list[float]) -> None:
    trained = [f"train loss: 0.5, val loss: {v}" for v in losses]
    tested = [f"Epoch {e}: test acc 0.{e}" for e in range(1, 7)]
    assert read_lines([*trained, *tested]) == losses


@pytest.mark.parametrize("epoch", ["{e}: ", "{e} is ", "{e} = ", "{e} ", "#{e}: ", "[{e}]: ", "{e}/9: "])
@given(losses=LOSSES, over=st.sampled_from(["over epoch", "per epoch", "Over the epoch", "over each epoch"]))
def test_the_epoch_that_a_loss_is_of_is_no_loss(epoch: str, losses: list[float], over: str) -> None:
    lines = []
    for e, v in enumerate(losses, 1):
        lines += [f"Mean {split} loss {over} {epoch.format(e=e)}{v}" for split in ("train", "val")]
    assert read_lines(lines) == losses
    assert read_lines(["; ".join(lines[i : i + 2]) for i in range(0, len(lines), 2)]) == losses


@given(losses=LOSSES, first=st.integers(0, 1))
def test_a_value_before_the_first_step_is_kept(losses: list[float], first: int) -> None:
    lines = [f"validation loss: {losses[0]}", f"step {first:5d} | loss: 9.5"]
    for e, v in enumerate(losses[1:], 1):
        lines += [f"step {first + 250 * e:5d} | loss: 9.{e}", f"validation loss: {v}"]
    assert read_lines(lines) == losses


@pytest.mark.parametrize("times", [1, 2])
def test_a_note_says_how_many_values_repeat_an_epoch(times: int) -> None:
    lines = [f"epoch {e}: val_loss 0.{9 - e}\n" for e in (*range(1, 8), *[7] * times)]
    (log,) = read_console(["".join(lines)], "a.log")
    shown = ("1 value of val_loss repeats an epoch", "2 values of val_loss repeat an epoch")[times - 1]
    assert str(log.notes[0]).startswith(shown)


@given(losses=LOSSES)
def test_a_name_of_a_run_may_stand_below_it(losses: list[float]) -> None:
    runs = [[round(v + 10 * k, 3) for v in losses] for k in range(3)]
    text = ""
    for k, values in enumerate(runs):
        text += "".join(f"INFO - Epoch {e}: Train Loss: 0.5, Val Loss: {v}\n" for e, v in enumerate(values, 1))
        text += f"INFO - Fold {k}, k=20: test_map = 0.5\nINFO - Fold {k}, k=40: test_map = 0.6\n"
    logs = read_console([text], "a.log")
    assert [choose_curves(log).validation.values.tolist() for log in logs] == runs
    assert [log.history.run for log in logs] == [f"a.log:Fold {k}" for k in range(3)]


@given(losses=LOSSES, epochs=st.integers(1, 3))
def test_names_above_a_run_that_was_killed_stay_above(losses: list[float], epochs: int) -> None:
    text = ""
    for name in ("", "Fold 1\n"):
        text += name + "".join(f"Epoch {e}: train loss 0.5, val loss {v}\n" for e, v in enumerate(losses, 1))
    text += "Fold 2\n" + "".join(f"Epoch {e}: train loss 0.5\n" for e in range(1, epochs + 1))
    assert [log.history.run for log in read_console([text], "a.log")] == ["a.log", "a.log:Fold 1", "a.log:Fold 2"]


@given(losses=LOSSES)
def test_an_epoch_behind_a_time_stamp_is_no_progress_bar(losses: list[float]) -> None:
    stamp = "2025-11-03 23:38:44,492 - INFO - "
    lines = [f"{stamp}Epoch [{10 * e}/2000] - Train RMSE: 9.1, Val RMSE: {v}" for e, v in enumerate(losses, 1)]
    lines += [f"{stamp}Validation - RMSE: 7.5, MAE: 6.5", f"{stamp}Validation - RMSE: 7.5, MAE: 6.5"]
    assert read_lines(lines) == losses


def test_keras_guide_to_a_loop_of_ones_own() -> None:
    lines = []
    for e in range(5):
        lines += [f"Start of epoch {e}"]
        for step in (0, 200):
            lines += [f"Training loss (for 1 batch) at step {step}: 0.{9 - e}{step}", "Seen so far: 64 samples"]
        lines += [f"Training acc over epoch: 0.6{e}", f"Validation acc: 0.5{e}", "Time taken: 6.03s"]
    (log,) = read_console(["\n".join([*lines, ""])], "a.log")
    found = choose_curves(log)
    assert found.validation.values.tolist() == [round(0.5 + e / 100, 2) for e in range(5)]
    assert found.train is not None and found.train.values.tolist() == [round(0.6 + e / 100, 2) for e in range(5)]
    assert log.history["train", "loss"].epochs.tolist() == list(range(5))


def test_a_date_is_left_out_behind_its_name() -> None:
    assert screen.clean("Date:   Mon Mar 1 10:22:11 2023 +0100") == " +0100"


def test_gradients_are_of_training_whatever_the_file_is_called(tmp_path: Path) -> None:
    row = '{"step": %d, "loss": 0.%d, "grad_norm": 1.5, "learning_rate": 0.001}\n'
    with pytest.raises(UsageError, match="there is no validation curve"):
        read_text(tmp_path, "".join(row % (i, i) for i in range(1, 8)), "no-eval.jsonl")
