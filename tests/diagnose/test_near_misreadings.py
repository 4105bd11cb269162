"""Logs that look like those of a rule for other logs: each is read as if there were no such rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import MetricCurves, choose_curves
from gengap.errors import GengapError

EPOCHS = range(1, 13)


def train_loss(i: int) -> float:
    """Return the training loss of an epoch."""
    return round(0.9 * 0.85**i, 4)


def val_loss(i: int) -> float:
    """Return the validation loss of an epoch."""
    return round(0.5 + 0.4 * 0.8**i, 4)


TRAIN, VAL = list(map(train_loss, EPOCHS)), list(map(val_loss, EPOCHS))


def judged_curves(folder: Path, form: str) -> MetricCurves:
    """Return the curves that are judged in a log with these lines for each epoch."""
    lines = [form.format(i=i, t=train_loss(i), v=val_loss(i), best=min(VAL[:i])) for i in EPOCHS]
    return curves_of(folder, "\n".join(lines) + "\n")


def curves_of(folder: Path, text: str) -> MetricCurves:
    """Return the curves that are judged in a text."""
    path = folder / "train.log"
    path.write_text(text, encoding="utf-8")
    (log,) = read(path)
    return choose_curves(log)


def assert_losses(curves: MetricCurves) -> None:
    """Assert that the losses of both splits are judged."""
    assert curves.validation.values.tolist() == VAL
    assert curves.train is not None
    assert curves.train.values.tolist() == TRAIN


@pytest.mark.parametrize(
    "form",
    [
        "Epoch {i}\ntrain {t} 0.235 0.135\nvalid {v} 0.17 0.07",
        "Epoch {i} train loss {t} val {v} 0.17 0.07",
    ],
)
def test_a_number_with_a_point_counts_no_batches(form: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, form))


@pytest.mark.parametrize(
    "form",
    [
        "Epoch {i}, train error: {t}, valid error: {v}, cost: 12.{i}",
        "Epoch {i}, train error: {t}, cost: 12.{i}, valid error: {v}, cost: 3.{i}",
        "epoch {i} val mse {v} val cost {i}00 train mse {t}",
    ],
)
def test_a_cost_beside_an_error_may_be_a_time(form: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, form))


@pytest.mark.parametrize("made", ["np.diff({})", "sorted({})", "-{}", "{}[::-1]", "1 - {}", "np.log({}) + 1"])
@pytest.mark.parametrize("name", ["val_loss", "hist.val_loss", 'history["val_loss"]'])
def test_a_list_made_of_another_one_has_no_name(made: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(GengapError):
        curves_of(tmp_path, f"In [3]: {made.format(name)}\nOut[3]: {VAL}\n")


@pytest.mark.parametrize("name", ["val_loss", "hist.val_loss", 'history.history["val_loss"]', "h['val_loss']"])
def test_a_list_below_its_name_has_one(name: str, tmp_path: Path) -> None:
    assert curves_of(tmp_path, f"In [3]: {name}\nOut[3]: {VAL}\n").validation.values.tolist() == VAL


@pytest.mark.parametrize("line", ["Epoch {i}: train loss {t} val loss {v}", "[{i}] train loss {t}, val loss {v}"])
def test_signs_above_a_log_are_no_patch(line: str, tmp_path: Path) -> None:
    lines = "".join(line.format(i=i, t=train_loss(i), v=val_loss(i)) + "\n" for i in EPOCHS)
    assert_losses(curves_of(tmp_path, f"--- training\n+++ start\n{lines}"))


@pytest.mark.parametrize(
    "form",
    [
        "Epoche {i}: Verlust {t}, Verlust der Validierung {v}",
        "Epoche {i}: Verlust beim Training {t}, Verlust bei der Validierung {v}",
        "Época {i}: pérdida {t}, pérdida de las validación {v}",
    ],
)
def test_an_article_is_no_metric(form: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, form))


@pytest.mark.parametrize(
    "form",
    [
        "INFO:train:epoch {i} loss {t}\nINFO:val:epoch {i} loss {v}",
        "INFO:trainer.train:epoch {i} loss {t}\nINFO:trainer.valid:epoch {i} loss {v}",
        "INFO:loss:{t} val_loss:{v}",
        "INFO:epoch:{i}\nINFO:train_loss:{t}\nINFO:val_loss:{v}",
    ],
)
def test_a_logger_may_have_the_name_of_a_split_or_value(form: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, form))


@pytest.mark.parametrize(
    "form",
    [
        "Epoch {i}: MSE (on train) = {t}, MSE (on val) = {v}",
        "Epoch {i}\nLoss (on training set): {t}\nLoss (on the validation set): {v}",
        "epoch {i} train loss: {t}\nloss (averaged over dev set): {v}",
        "epoch {i}: loss (mean over test batches): {v}, loss (mean over train batches): {t}",
        "Epoch {i}: train loss: {t}, val loss: {v}, val loss (from best epoch): {best}1",
        "Epoch {i}: train loss: {t}, val loss: {v}, val loss (mean of 5 runs): {best}1",
        "Epoch {i}: train loss: {t}, val loss: {v}\nval loss (mean over 5 epochs): {best}1",
    ],
)
def test_a_remark_on_a_split_or_another_value_counts(form: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, form))


@pytest.mark.parametrize(
    "form",
    [
        '[log] {{"name": "train", "epoch": {i}, "loss": {t}, "y": 3}}\n[log] {{"name": "val", "epoch": {i}, '
        '"loss": {v}, "y": 3}}',
        '[log] {{"chart": "loss", "y": 3, "loss": {t}}}\n[log] {{"chart": "loss", "y": 3, "val_loss": {v}}}',
        'x {{"series": "run1", "lr": 0.01, "val_loss": {v}, "loss": {t}, "y": {i}}}',
    ],
)
def test_a_name_beside_a_loss_is_not_that_of_another_number(form: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, form))


@pytest.mark.parametrize(
    "form",
    [
        "epoch {i} train loss {t} val loss {v} (train rows, val rows: 800, 200)",
        "epoch {i} loss: {t} val_loss: {v} - train acc / val acc: 0.{i} / 0.16",
        "epoch {i} train loss {t} val loss {v} | best train acc, best val acc: 0.9, 0.8{i}",
        "epoch {i} train loss {t} val loss {v} | lowest train loss, lowest val loss: {best}1, {best}2",
        "epoch {i} loss {t} val_loss {v} train time, val time: 12.{i}, 3.{i}",
        "epoch {i} train loss: {t} | val loss, val acc, train acc: {v}, 0.5, 0.6",
    ],
)
def test_a_list_of_numbers_leaves_the_values_before_it(form: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, form))


@pytest.mark.parametrize(
    "form",
    [
        "Epoch {i}: Train Loss: {t}, Eval Loss: {v}",
        "Epoch {i} Loss/Train {t} Loss/Eval {v}",
        "Epoch {i} | TrainLoss: {t} | EvalLoss: {v}",
        "Epoch {i} Train RMSE {t} Eval RMSE {v}",
        '{{"epoch": {i}, "Train Loss": {t}, "Eval Loss": {v}}}',
    ],
)
def test_eval_is_a_word_also_with_a_capital(form: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, form))


@pytest.mark.parametrize("names", ["Train Loss,Eval Loss", "TrainLoss,EvalLoss", "Loss/Train,Loss/Eval"])
def test_eval_is_a_word_in_a_header_too(names: str, tmp_path: Path) -> None:
    rows = "".join(f"{i},{train_loss(i)},{val_loss(i)}\n" for i in EPOCHS)
    assert_losses(curves_of(tmp_path, f"epoch,{names}\n{rows}"))


@pytest.mark.parametrize(
    "form",
    [
        "Epoch {i} train HR@10:{t} val HR@10:{v}",
        "[Train] epoch {i} Prec@1:{t} Prec@5:0.9\n[Val] epoch {i} Prec@1:{v} Prec@5:0.8",
        "epoch {i} train mAP@0.5:{t} val mAP@0.5:{v}",
        "epoch {i} train mAP@.5:{t}, val mAP@.5:{v}, 12.3s",
        "epoch {i} train mAP@0.3:0.7: {t} val mAP@0.3:0.7: {v}",
    ],
)
def test_a_value_behind_a_name_at_a_number_is_no_end_of_a_range(form: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, form))


def test_a_score_at_a_number_leaves_the_losses_behind_it(tmp_path: Path) -> None:
    form = "epoch {i} dev HR@5:0.5{i} train HR@5:0.6{i} train loss {t} dev loss {v}"
    assert_losses(judged_curves(tmp_path, form))


PRETTY = '{{\n  "epoch": {i},\n  "train_loss": {t},\n  "val_loss": {v}\n}}\n'


@pytest.mark.parametrize(
    "form",
    [
        f"{PRETTY}saved checkpoint",
        f"{PRETTY}saved {{{{}}}}\n",
        '{{"epoch": {i}, "train_loss": {t}, "val_loss": {v}}}\nsaved',
    ],
)
@pytest.mark.parametrize("above", ["", '{\n  "lr": 0.1,\n  "layers": 3\n}\n'])
def test_text_between_json_documents_drops_none(form: str, above: str, tmp_path: Path) -> None:
    epochs = [form.format(i=i, t=train_loss(i), v=val_loss(i)) for i in EPOCHS]
    assert_losses(curves_of(tmp_path, above + "\n".join(epochs) + "\n"))
    (log,) = read(tmp_path / "train.log")
    assert "read-cut-off" not in [note.code for note in log.notes]


def test_text_below_json_documents_drops_none(tmp_path: Path) -> None:
    text = "".join(PRETTY.format(i=i, t=train_loss(i), v=val_loss(i)) for i in EPOCHS)
    assert_losses(curves_of(tmp_path, f"{text}done in 12 s\n"))
    (log,) = read(tmp_path / "train.log")
    assert "read-cut-off" not in [note.code for note in log.notes]


@pytest.mark.parametrize("word", ["temperature", "sigma", "noise", "sparsity", "teacher forcing ratio"])
@pytest.mark.parametrize(
    "form",
    [
        "{word} 0.{left} | train loss {t} | val loss {v}",
        "[{i}/12] {word}=0.{left} train_loss={t} val_loss={v}",
        "{word}: 0.{left}, loss: {t}, val_loss: {v}",
        "{word} 0.{left} train loss {t}\n{word} 0.{left} val loss {v}",
    ],
)
def test_training_may_change_a_setting_of_an_evaluation(word: str, form: str, tmp_path: Path) -> None:
    lines = [form.format(word=word, left=99 - 5 * i, i=i, t=train_loss(i), v=val_loss(i)) for i in EPOCHS]
    assert_losses(curves_of(tmp_path, "\n".join(lines) + "\n"))


@pytest.mark.parametrize("train", ["train", "training set", "the training data"])
@pytest.mark.parametrize(
    "rows", ["held-out set", "hold-out split", "hold out", "heldout data", "development set", "unseen data", "dev"]
)
def test_both_splits_may_be_remarks(train: str, rows: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, f"Epoch {{i}}\nLoss (on {train}): {{t}}\nLoss (on {rows}): {{v}}"))
    assert_losses(judged_curves(tmp_path, f"Epoch {{i}}: MSE (on {train}): {{t}} | MSE (on {rows}): {{v}}"))


@pytest.mark.parametrize(
    "form",
    [
        "Epoch {i} train loss {t} val loss {v} | best model so far from epoch 3",
        "[{i}/12] train {t} val {v} | best checkpoint from epoch 3",
        "loss: {t} - val_loss: {v} - best weights are from iteration 3",
    ],
)
def test_a_remark_on_the_best_model_leaves_the_values_before_it(form: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, form))


@pytest.mark.parametrize("test", ["test_loss 0.9{i}", "test_mae 0.9{i}"])
def test_validation_beside_training_counts_before_a_known_test_loss(test: str, tmp_path: Path) -> None:
    assert_losses(judged_curves(tmp_path, f"Epoch {{i}} train_energy {{t}} val_energy {{v}} {test}"))


def test_steps_that_go_back_to_the_first_interval_are_of_one_run(tmp_path: Path) -> None:
    lines = [
        f"step {250 * (i - 1)}: train loss {t}, val loss {v}\n" for i, t, v in zip(EPOCHS, TRAIN, VAL, strict=True)
    ]
    assert_losses(curves_of(tmp_path, "".join([*lines[:6], "loss spike, back to step 250\n", *lines[1:]])))


@pytest.mark.parametrize(("factor", "runs"), [(0.12, 1), (0.02, 2)])
def test_a_loss_may_fall_between_phases(factor: float, runs: int, tmp_path: Path) -> None:
    log = "".join(f"Epoch {i} val loss {v}\n" for i, v in zip(EPOCHS, VAL, strict=True))
    finer = "".join(f"Epoch {i} val loss {v * factor:.5f}\n" for i, v in zip(EPOCHS, VAL, strict=True))
    path = tmp_path / "train.log"
    path.write_text(f"{log}Unfreezing all layers\n{finer}")
    assert len(read(path)) == runs


@pytest.mark.parametrize(("noise", "digits", "runs"), [(3e-4, 4, 2), (3e-4, 6, 2), (1e-6, 6, 1), (0, 2, 1)])
def test_the_same_training_with_other_noise_is_another_run(
    noise: float, digits: int, runs: int, tmp_path: Path
) -> None:
    log = "".join(f"epoch {i} val_loss {v:.4f}\n" for i, v in zip(EPOCHS, VAL, strict=True))
    again = "".join(f"epoch {i} val_loss {v + noise:.{digits}f}\n" for i, v in zip(EPOCHS, VAL, strict=True))
    path = tmp_path / "train.log"
    path.write_text(f"{log}$ python train.py\n{again}Test loss: 0.55\n")
    assert len(read(path)) == runs


def test_runs_that_learn_nothing_are_several(tmp_path: Path) -> None:
    log = "".join(f"epoch {i} val_loss 0.693{i % 2 + 1}\n" for i in EPOCHS)
    path = tmp_path / "train.log"
    path.write_text(f"{log}{log.replace('0.6931', '0.693').replace('0.6932', '0.693')}")
    (curve,) = (choose_curves(each).validation for each in read(path))
    assert len(curve) == 24


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("losses: {curves}", "losses: {curves}"),
        ("fold1_loss = {curves}", "fold2_loss = {curves}"),
        ("loss_a = {curves}", "loss_b = {curves}"),
        ("seed 1 dice = {curves}", "seed 2 dice = {curves}"),
    ],
)
def test_printed_dicts_of_runs_stay_apart(first: str, second: str, tmp_path: Path) -> None:
    curves, others = f"{{'train': {TRAIN}, 'val': {VAL}}}", f"{{'train': {VAL}, 'val': {TRAIN}}}"
    path = tmp_path / "train.log"
    path.write_text(f"{first.format(curves=curves)}\n{second.format(curves=others)}\n")
    found = [choose_curves(each).validation.values.tolist() for each in read(path)]
    assert found == [VAL, TRAIN]


def test_whole_numbers_of_an_unknown_metric_are_a_curve(tmp_path: Path) -> None:
    curves = curves_of(tmp_path, "".join(f"Epoch {i} train_correct {90 * i} val_correct {9 * i}\n" for i in EPOCHS))
    assert curves.validation.values.tolist() == [9 * i for i in EPOCHS]


@pytest.mark.parametrize("test", ["test: 0.71", "test: 71"])
def test_a_single_test_result_leaves_the_metric_to_the_user(test: str, tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("".join(f"Epoch {i} train: {train_loss(i)} val: {val_loss(i)}\n" for i in EPOCHS) + f"{test}\n")
    (log,) = read(path, metric="mse")
    assert choose_curves(log, "mse").validation.values.tolist() == VAL
