"""Pasted logs: single values beside curves, escapes of Markdown, words above runs, bars that stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from diagnose.curves_expected import read_text, write

from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import GengapError

TRAIN = [0.9, 0.7, 0.55, 0.42, 0.3, 0.21]
VAL = [0.95, 0.8, 0.72, 0.7, 0.74, 0.81]
ROWS = list(enumerate(zip(TRAIN, VAL, strict=True), 1))


def lines_of(form: str) -> str:
    return "".join(f"{form.format(i=i, t=t, v=v)}\n" for i, (t, v) in ROWS)


@pytest.mark.parametrize(
    "text",
    [
        "# Accuracy falls to 0.5 after some epochs\n" + lines_of("epoch {i} train acc: {t} val acc: {v}"),
        lines_of("epoch {i}: train_rmse {t} | dev_rmse {v}") + "test loss: 0.9 m, last dev loss: 0.81 m\n",
        lines_of("Epoch {i}/6  train_acc={t}  test_acc={v}") + "\n最终测试集准确率: 0.81 (81.00%)\n",
        lines_of("{i}:\tlearn: {t}\ttest: {v}\ttotal: 4s") + "Training error:  203.5\nValidation error:  285.5\n",
    ],
    ids=["heading", "summary", "another language", "beside a test set"],
)
def test_a_single_value_is_not_judged_beside_a_curve(text: str, tmp_path: Path) -> None:
    assert read_text(tmp_path, text) == VAL


def test_a_single_value_is_not_judged_beside_a_curve_of_records(tmp_path: Path) -> None:
    records = "".join(f'{{"epoch": {i}, "train_f1": {t}, "val_f1": {v}}}\n' for i, (t, v) in ROWS)
    assert read_text(tmp_path, records + '{"epoch": 6, "val_loss": 0.4}\n', "a.jsonl") == VAL


def test_results_by_threshold_with_their_mean_are_no_curve(tmp_path: Path) -> None:
    results = "".join(f"mAP at tIoU 0.{i} is 0.{70 - 5 * i}\n" for i in range(3, 8))
    with pytest.raises(GengapError, match="none of its validation curves"):
        read_text(tmp_path, f"$ python3 test.py a.yaml\n{results}Average mAP: 0.5665\n")


@pytest.mark.parametrize(
    "form", ["epoch {i}: train\\_loss {t} \\| val\\_loss {v}", "\\[{i}\\] train\\_loss: {t} val\\_loss: {v}"]
)
def test_escapes_of_markdown_are_no_part_of_names(form: str, tmp_path: Path) -> None:
    assert read_text(tmp_path, lines_of(form), "a.md") == VAL


def test_a_colon_in_a_unit_is_none_of_a_phrase(tmp_path: Path) -> None:
    header = "| Epoch | Time Elapsed (hh:mm:ss) | Mini-batch Loss | Validation Loss |\n|---|---|---|---|\n"
    rows = lines_of("| {i} | 00:0{i}:00 | {t} | {v} |")
    assert read_text(tmp_path, header + rows, "a.md") == VAL


def test_a_bar_that_stands_at_0_is_no_place(tmp_path: Path) -> None:
    bars = "loss={t}5333 batch_id=468: 100%|███| 469/469 [00:17<00:00, 26.95it/s]\n  0%|   | 0/469 [00:00<?, ?it/s]"
    text = lines_of(bars + "\nTest set: Average loss: {v}, Accuracy: 9801/10000 (98.01%)\n")
    assert read_text(tmp_path, text) == VAL


def test_curves_that_got_worse_do_not_say_whether_a_run_goes_on(tmp_path: Path) -> None:
    risen = [0.5, 0.55, 0.6, 0.7, 0.8, 0.9]  # validation, which comes back to where the run began
    first = [f"Epoch={i},Loss:{t},Valid Loss:{v}\n" for i, (t, v) in enumerate(zip(TRAIN, risen, strict=True), 1)]
    again = [line.replace("Loss:0.", "Loss:1.") for line in first]
    runs = read(str(write(tmp_path, "a.md", f"{''.join(first)}\nand mine:\n{''.join(again)}")))
    found = [choose_curves(run).validation.values.tolist() for run in runs]
    assert found == [risen, [round(v + 1, 2) for v in risen]]


def test_words_above_the_first_run_are_no_run(tmp_path: Path) -> None:
    folds = "".join(f"Fold {k}/2\n" + lines_of("{i}:\ttest: {v}\tbest: {v} (0)\ttotal: 4s") for k in (1, 2))
    runs = read(str(write(tmp_path, "a.log", f"Training 2 folds on 1000 rows\n{folds}")))
    assert [choose_curves(run).validation.values.tolist() for run in runs] == [VAL, VAL]


@pytest.mark.parametrize(
    "form",
    ["epoch {e}: val loss {v:.2f}", "epoch {e}: train acc 0.5 val loss {v:.2f}", "epoch {e}: val acc {w:.2f}"],
)
def test_curves_that_got_worse_tell_whether_a_run_goes_on_if_none_improved(form: str, tmp_path: Path) -> None:
    """Each phase counts its epochs anew."""
    risen = [round(0.5 + i / 25, 2) for i in range(12)]
    text = "".join(form.format(e=i % 6, v=v, w=1 - v) + "\n" for i, v in enumerate(risen))
    assert len(read_text(tmp_path, text)) == len(risen)
    again = "".join(form.format(e=i % 6, v=v, w=1 - v) + "\n" for i, v in enumerate(risen[:6] * 2))
    runs = read(str(write(tmp_path, "again.log", again)))
    assert [len(choose_curves(run).validation) for run in runs] == [6, 6]


@pytest.mark.parametrize("label", ["[{i}]", "Done"])
def test_messages_with_other_numbers_are_no_results_of_settings(label: str, tmp_path: Path) -> None:
    """Such lines tell results apart only if they hold the results or stand above nearly each of them."""
    messages = [
        "Training until validation scores don't improve for 50 rounds",
        "[LightGBM] [Info] Total Bins 6132",
        "batch_size: 32, learning_rate: 0.001",
        "Downloading: 100%|██████████| 45.0M/45.0M [00:01<00:00, 30.1MB/s]",
    ]
    lines = lines_of(f"{label}\ttraining's l2: {{t}}\tvalid_1's l2: {{v}}").splitlines()[:4]
    text = "\n".join([*messages[:2], *lines[:2], messages[2], lines[2], messages[3], lines[3], ""])
    assert read_text(tmp_path, text) == VAL[:4]
    parts = ("attention", "dropout", "pooling", "momentum")
    results = [f"w/o {part}: Train Loss {t}, Val Loss {v}" for part, t, v in zip(parts, TRAIN, VAL, strict=False)]
    named = [f"using {part} with lr 0.1\n  val loss {v}" for part, v in zip(parts, VAL, strict=False)]
    for other in (results, named):
        with pytest.raises(GengapError, match="no training curve was found"):
            read_text(tmp_path, "\n".join([*messages, *other, ""]))


@pytest.mark.parametrize("batch", ["for one batch", "per batch"])
def test_words_in_parentheses_may_stand_between_a_loss_and_its_step(batch: str, tmp_path: Path) -> None:
    lines = [
        f"Start of epoch {i}\nTraining loss ({batch}) at step 0: {t + 1:.2f}\n"
        f"Training loss ({batch}) at step 200: {t}\nSeen so far: 12864 samples\nValidation acc: {v}\n"
        for i, (t, v) in ROWS
    ]
    (log,) = read(str(write(tmp_path, "a.log", "".join(lines))))
    assert choose_curves(log).validation.values.tolist() == VAL
    assert log.history["train", "loss"].values == pytest.approx([t + 0.5 for t in TRAIN])  # means of each epoch
