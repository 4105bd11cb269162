"""Pairs of metrics, documents in one file, ranges in names, results by a setting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from diagnose.curves_expected import TRAIN, VALIDATION, judged, read_text, write
from hypothesis import given, settings
from hypothesis import strategies as st

from gengap.diagnose.readers import read
from gengap.errors import GengapError

LOSSES = st.lists(st.integers(1, 99_999).map(lambda n: n / 10_000), min_size=4, max_size=14)


@settings(max_examples=30, deadline=None)
@given(
    losses=LOSSES,
    form=st.sampled_from(
        (
            "Epoch {i}: train loss/acc: {train}/0.8, val loss/acc: {held_out}/0.7",
            "Epoch {i} | loss/acc train {train}/0.8 | loss/acc val {held_out}/0.7",
            "[{i}] train loss / acc = {train} / 0.8  val loss / acc = {held_out} / 0.7",
        )
    ),
)
def test_two_metrics_name_two_values(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float], form: str
) -> None:
    lines = [form.format(i=i, train=loss / 2, held_out=loss) for i, loss in enumerate(losses, 1)]
    assert read_text(tmp_path_factory.mktemp("run"), "\n".join(lines) + "\n") == losses


@pytest.mark.parametrize("behind", ["0.9{i}", "0.0{i}"])
def test_a_number_in_parentheses_behind_a_split_is_no_average(behind: str, tmp_path: Path) -> None:
    form = f"epoch {{i}}: train 0.7{{i}} ({behind}), valid 0.5{{i}} ({behind})\n"
    assert read_text(tmp_path, "".join(form.format(i=i) for i in range(1, 8))) == [
        float(f"0.5{i}") for i in range(1, 8)
    ]


def test_a_range_in_a_name_is_no_value(tmp_path: Path) -> None:
    lines = "".join(f"Epoch {i}  loss 0.5  mAP@0.5 0.{i}  mAP@0.5:0.95 0.0{i}\n" for i in range(1, 8))
    assert read_text(tmp_path, lines) == [i / 10 for i in range(1, 8)]
    (log,) = read(tmp_path / "train.log")
    assert log.history["validation", "map@0.5-0.95"].values.tolist() == [i / 100 for i in range(1, 8)]


@pytest.mark.parametrize("task, names", [("sem_seg", "mIoU,fwIoU,mACC,pACC"), ("bbox", "AP,AP50,AP75,APs,APm,APl")])
def test_copied_scores_are_those_of_an_evaluation(task: str, names: str, tmp_path: Path) -> None:
    scores = range(names.count(",") + 1)
    stamp = "[05/01 10:00:01 d2.evaluation.testing]: copypaste: "
    epochs = [
        f"[05/01 10:00:01 d2.utils.events]:  eta: 1:02:03  iter: {100 * i - 1}  total_loss: {9 - i}.5  lr: 0.0001\n"
        f"{stamp}Task: {task}\n{stamp}{names}\n{stamp}{','.join(f'{10 * i + k}.1234' for k in scores)}\n"
        for i in range(1, 8)
    ]
    assert read_text(tmp_path, "".join(epochs)) == [float(f"{10 * i}.1234") for i in range(1, 8)]


@pytest.mark.parametrize(
    "form", ["class {i}: ", "threshold 0.{i}: ", "Sparsity {i}0% -> ", "sigma=0.{i} ", "horizon {i}, "]
)
def test_results_by_a_class_or_a_setting_are_no_curve(form: str, tmp_path: Path) -> None:
    lines = "".join(f"{form.format(i=i)}val precision 0.5{i} val recall 0.6{i}\n" for i in range(1, 9))
    with pytest.raises(GengapError):
        read_text(tmp_path, lines)
    placed = "".join(f"epoch {i} {line}" for i, line in enumerate(lines.splitlines(keepends=True), 1))
    assert read_text(tmp_path, placed) == [float(f"0.5{i}") for i in range(1, 9)]


def test_names_of_classes_beside_records_are_no_curve(tmp_path: Path) -> None:
    losses = enumerate(zip(TRAIN, VALIDATION, strict=True))
    history = [{"epoch": e, "train_loss": t, "val_loss": v} for e, (t, v) in losses]
    document = {"classes": ["cat", "dog", "owl"], "best": 0.7, "history": history}
    found = judged(write(tmp_path, "a.json", json.dumps(document)))
    assert found.validation.values.tolist() == VALIDATION


def test_shapes_are_no_curve(tmp_path: Path) -> None:
    with pytest.raises(GengapError):
        read_text(tmp_path, "{'X_test.shape': [2, 32, 32, 3], 'X_train.shape': [8, 32, 32, 3]}\n")


@pytest.mark.parametrize("factor", [0.01, 100])
def test_a_loss_of_another_size_is_that_of_another_run(factor: float, tmp_path: Path) -> None:
    losses = [0.9, 0.5, 0.3, 0.2]
    phases = [losses, [factor * loss for loss in losses]]
    lines = [f"{{'eval_loss': {v:.6f}, 'epoch': {e}.0}}\n" for phase in phases for e, v in enumerate(phase, 1)]
    logs = read(write(tmp_path, "a.log", "".join(lines)))
    assert [len(log.history.series["validation", "loss"].values) for log in logs] == [4, 4]
