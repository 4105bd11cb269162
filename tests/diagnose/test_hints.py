"""Logs of training alone: the error says how validation is logged there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gengap.diagnose.readers import read
from gengap.diagnose.readers.console import read_console
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import UsageError
from gengap.text.catalog import Message

LINES = {  # `{e}` is the epoch, `{t}` the training loss
    "In Keras, pass validation_data": "Epoch {e}/9\n25/25 - 1s - 43ms/step - accuracy: 0.8 - loss: {t}",
    "In a loop of your own, print the loss of held-out rows": "Epoch {e}/9, Loss: {t}",
    "In XGBoost, pass evals": "[{e}]\ttrain-rmse:{t}",
    "In LightGBM, add the validation set": "[{e}]\ttraining's binary_logloss: {t}",
    "In CatBoost, pass eval_set": "{e}:\tlearn: {t}\ttotal: 12ms\tremaining: 1s",
    "In Hugging Face's Trainer, set eval_strategy": "{{'loss': {t}, 'learning_rate': 1e-05, 'epoch': {e}.0}}",
    "In Lightning, log 'val_loss'": "Epoch {e}: 100%|███| 32/32 [00:01<00:00, 20.11it/s, v_num=3, train_loss={t}]",
    "In fairseq, leave out": "2021-03-01 10:04:00 | INFO | train | epoch {e:03d} | loss {t} | wps 30111 | ups 1.2",
    "In Darknet, train with -map": " {e}: 9.123456, {t} avg loss, 0.001000 rate, 3.81 seconds, 6400 images",
}


@pytest.mark.parametrize("hint", LINES)
def test_the_error_says_how_this_framework_logs_validation(hint: str) -> None:
    text = "\n".join(LINES[hint].format(e=e, t=round(1 / e, 4)) for e in range(1, 10))
    (log,) = read_console([text + "\n"], "train.log")
    with pytest.raises(UsageError, match=r"^train\.log: there is no validation curve\. ") as fault:
        choose_curves(log)
    assert hint in str(fault.value)
    assert "Found only training curves" in str(fault.value)


def test_an_empty_column_of_validation_is_named(tmp_path: Path) -> None:
    table = "epoch     train_loss  valid_loss  time\n" + "".join(
        f"{i}         0.{9 - i}         #na#        00:12\n" for i in range(5)
    )
    for name, text in (("fastai.txt", table), ("a.csv", "epoch,loss,valid_loss\n0,0.9,\n1,0.8,\n2,0.7,\n")):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        (log,) = read(path)
        with pytest.raises(
            UsageError, match=r"its column is empty\. Check that .* These columns are empty: valid_loss\.$"
        ):
            choose_curves(log)


def test_a_word_with_a_number_in_a_sentence_is_no_column(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    lines = "".join(f"[{i}, 2000] loss: 0.{9 - i}\n" for i in range(6))
    path.write_text(f"{lines}Accuracy of the network on the 10000 test images: 54 %\n", encoding="utf-8")
    (log,) = read(path)
    assert log.other == ()


def test_an_error_says_once_that_values_repeat_an_epoch(tmp_path: Path) -> None:
    rows = "".join(f"{fold},50,0.{fold},0.{fold},0.{fold}\n" for fold in range(1, 8))
    path = tmp_path / "folds.csv"
    path.write_text(f"Fold,Epoch,Loss,Tra_acc,Val_acc\n{rows}")
    (log,) = read(path)
    with pytest.raises(UsageError) as caught:
        choose_curves(log)
    assert str(caught.value).count("repeat an epoch") == 1


def test_an_error_has_the_first_note_of_each_kind_in_their_order() -> None:
    (log,) = read_console(["".join(f"epoch {e}: loss 0.{9 - e}\n" for e in range(6))], "a.log")
    kinds = [("mean", "loss"), ("last", "acc"), ("mean", "f1"), ("last", "auc")]
    notes = tuple(Message(f"read-epoch-{kind}", {"column": column}) for kind, column in kinds)
    with pytest.raises(UsageError) as caught:
        choose_curves(replace(log, notes=notes))
    assert str(caught.value).endswith(f" {notes[0]} {notes[1]}")


def test_rewards_are_judged_only_by_name(tmp_path: Path) -> None:
    lines = (f"Eval num_timesteps={e}000, episode_reward={50 + 9 * e}.5 +/- 3.20\n" for e in range(1, 9))
    path = tmp_path / "train.log"
    path.write_text("".join(lines), encoding="utf-8")
    with pytest.raises(UsageError, match="its validation curves are rewards"):
        choose_curves(read(path)[0])
    assert choose_curves(read(path)[0], "episode_reward").higher_is_better
