"""Sizes of splits, further tasks, tables that repeat a log, emptied files: what is a curve, and of what run."""

from __future__ import annotations

from pathlib import Path

import pytest
from diagnose.curves_expected import judged, write

from gengap.diagnose import every
from gengap.diagnose.readers import read
from gengap.errors import GengapError

EPOCHS = range(1, 13)
TRAIN = [round(0.9 * 0.85**i, 4) for i in EPOCHS]
VAL = [round(0.5 + 0.4 * 0.8**i, 4) for i in EPOCHS]
LOG = "Epoch {i}: train_loss={t}, val_loss={v}"


def lines_of(form: str, factor: float = 1, step: int = 1) -> str:
    """Return a text with lines of a form for each epoch."""
    return "".join(
        f"{form.format(i=i * step, t=round(TRAIN[i - 1] * factor, 4), v=round(VAL[i - 1] * factor, 4))}\n"
        for i in EPOCHS
    )


@pytest.mark.parametrize(
    "sizes",
    [
        "Samples -> train: 47900, val: 5988, test: 6059\n",
        "Training num:288  Validation num:72\n",
        "train devices: 1\nval devices: 1\n" * 2,
        "X_train 4000 X_val 500\n",
        "train shards: 12\nval shards: 1\ntrain shards: 16\nval shards: 2\n",
    ],
)
def test_sizes_of_splits_are_no_curve(sizes: str, tmp_path: Path) -> None:
    found = judged(write(tmp_path, "a.log", sizes + lines_of("Epoch {i} train_mse={t} val_mae={v}")))
    assert found.metric == "val_mae" and found.validation.values.tolist() == VAL
    with pytest.raises(GengapError):
        judged(write(tmp_path, "b.log", sizes + lines_of("Epoch {i} loss {t}")))


@pytest.mark.parametrize("values", [VAL, [0.7] * len(VAL)])
def test_splits_alone_name_the_loss(values: list[float], tmp_path: Path) -> None:
    text = "".join(f"epoch {i} train: {t} val: {v}\n" for i, t, v in zip(EPOCHS, TRAIN, values, strict=True))
    assert judged(write(tmp_path, "a.log", text)).validation.values.tolist() == values


def test_a_timer_of_the_evaluation_leaves_the_test_loss(tmp_path: Path) -> None:
    trained = "epoch:{i} || iter:1280 || Loss:{t}\nTimer: 0.6{i}\n"
    tested = "start eval....\nTimer: 140.{i}\ntest epoch:{i} || Loss:{v}"
    found = judged(write(tmp_path, "a.log", lines_of(trained + tested)))
    assert found.metric == "test Loss" and found.validation.values.tolist() == VAL


def test_an_unnamed_validation_value_counts_before_a_test_loss(tmp_path: Path) -> None:
    text = lines_of("epoch {i} train: {t} val: {v} test loss: 0.9{i}")
    assert judged(write(tmp_path, "a.log", text)).validation.values.tolist() == VAL


@pytest.mark.parametrize(("factor", "runs"), [(0.02, 2), (90, 2), (0.5, 1), (0.8, 1)])
def test_a_loss_far_from_all_before_is_of_another_run(factor: float, runs: int, tmp_path: Path) -> None:
    path = write(tmp_path, "a.log", lines_of(LOG) + lines_of(LOG, factor))
    assert len(read(str(path))) == runs


def test_a_run_may_begin_with_its_tenth_epoch(tmp_path: Path) -> None:
    first, second = read(str(write(tmp_path, "a.log", lines_of(LOG) + lines_of(LOG, 0.02, 10))))
    assert second.history["validation", "loss"].epochs.tolist() == [10 * i for i in EPOCHS]
    resumed = "".join(lines_of(LOG).splitlines(True)[9:])  # epochs 10, 11 and 12 again, from a checkpoint
    (log,) = read(str(write(tmp_path, "b.log", lines_of(LOG) + resumed)))
    assert len(first.history["validation", "loss"]) == len(log.history["validation", "loss"]) == 12


def test_a_table_that_repeats_a_log_is_no_run(tmp_path: Path) -> None:
    rows = [f"{i - 1} {t:.4f}12 {v:.4f}12" for i, t, v in zip(EPOCHS, TRAIN, VAL, strict=True)]
    table = "\n".join(["   epoch  loss  val_loss", *rows[:5], *rows[-5:], ""])
    text = lines_of("Epoch {i}/12 - loss: {t} - val_loss: {v}")
    (verdict,) = every(str(write(tmp_path, "a.log", text + table)))
    assert verdict.read is not None and verdict.read.points == 12
    assert len(read(str(write(tmp_path, "b.log", text + text)))) == 2  # the same training, run again


@pytest.mark.parametrize("mark", ["[NEW BEST] ", "new best! ", ""])
def test_a_mark_of_a_new_best_is_no_part_of_the_epoch(mark: str, tmp_path: Path) -> None:
    marked = lines_of(LOG).splitlines(True)
    marked[::2] = [f"{mark}{line}" for line in marked[::2]]
    text = "".join(marked) + "Saved best model from epoch 7 (val_loss=0.5001)\n"
    found = judged(write(tmp_path, "a.log", text))
    assert found.validation.values.tolist() == VAL and found.validation.epochs.tolist() == list(EPOCHS)


def test_a_summary_of_each_epoch_counts_before_states_of_its_bar(tmp_path: Path) -> None:
    states = "".join(f"- Valid | Epoch {{i}} | {j}/3 | 0.32 it/sec | Loss 0.7{j}\n" for j in (1, 2, 3))
    text = lines_of(f"{states * 2}- Valid Summary | Epoch {{i}} | Loss={{v}} | Penalty=31{{i}}.5")
    assert judged(write(tmp_path, "a.log", text)).validation.values.tolist() == VAL


def test_single_results_below_a_log_keep_its_epochs(tmp_path: Path) -> None:
    text = "X_val: (11, 24, 10)\n" + lines_of(LOG, step=10) + "\nEvaluation\n  RMSE: 17.71\n  MAPE: 5.66%\n"
    assert judged(write(tmp_path, "a.log", text)).validation.epochs.tolist() == [10 * i for i in EPOCHS]


@pytest.mark.parametrize("name", ["Ids", "id", "image_id", "sample name"])
def test_a_table_with_a_row_for_each_item_is_no_log(name: str, tmp_path: Path) -> None:
    rows = "".join(f"{i},scan_{i:03},{v}\n" for i, v in zip(EPOCHS, VAL, strict=True))
    with pytest.raises(GengapError, match="tells rows apart"):
        judged(write(tmp_path, "eval_results.csv", f",{name},WT dice\n{rows}"))
    rows = rows.replace("scan_", "epoch_")
    text = f",{name},val_dice\n{rows}"
    assert judged(write(tmp_path, "a.csv", text)).validation.values.tolist() == VAL


def test_a_log_that_was_emptied_while_it_was_written_is_read(tmp_path: Path) -> None:
    lines = lines_of(LOG).encode().splitlines(True)
    path = tmp_path / "a.log"
    path.write_bytes(b"".join([*lines[:3], bytes(5000), *lines[3:]]))
    assert judged(path).validation.values.tolist() == VAL
    path.write_bytes(b"".join([*lines[:3], b"\0\1\0", *lines[3:]]))
    with pytest.raises(GengapError, match="no text"):
        judged(path)


def test_decibels_are_values(tmp_path: Path) -> None:
    text = lines_of("epoch {i}: train loss {t}, Val PSNR: 3{v}dB")
    assert judged(write(tmp_path, "a.log", text)).validation.values.tolist() == [float(f"3{v}") for v in VAL]
