"""Forms that are most common: parts of an epoch, lines printed twice, lines of checkpoints."""

# ruff: noqa: E501  (lines are those of logs)
from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gengap.diagnose import diagnose
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import MetricCurves, choose_curves
from gengap.errors import DataError, GengapError

LOSSES = st.lists(st.floats(0.01, 99).map(lambda x: round(x, 4)), min_size=4, max_size=14)
FEW = settings(max_examples=25, deadline=None)


def judged(folder: Path, lines: list[str]) -> MetricCurves:
    path = folder / "train.log"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    (log,) = read(path)
    return choose_curves(log)


@FEW
@given(losses=LOSSES, several=st.sampled_from([2, 4, 5]), quoted=st.booleans())
def test_training_at_parts_of_an_epoch_belongs_to_the_epoch_that_they_end_in(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float], several: int, quoted: bool
) -> None:
    lines = []
    for epoch, loss in enumerate(losses):
        parts = [{"loss": loss / 2, "epoch": round(epoch + k / several, 2)} for k in range(1, several + 1)]
        records = [*parts, {"eval_loss": loss, "eval_runtime": 1.5, "epoch": epoch + 1.0}]
        lines += [str({k: str(v) for k, v in each.items()} if quoted else each) for each in records]
    folder = tmp_path_factory.mktemp("run")
    found = judged(folder, lines)
    assert found.validation.values.tolist() == losses
    assert found.validation.epochs.tolist() == list(range(1, len(losses) + 1))
    assert found.train is not None and found.train.epochs.tolist() == found.validation.epochs.tolist()
    assert found.train.values == pytest.approx([loss / 2 for loss in losses])
    assert diagnose(str(folder / "train.log")).verdict


@FEW
@given(losses=LOSSES)
def test_a_line_that_two_handlers_print_is_preferred_to_a_bar_of_the_last_batch(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float]
) -> None:
    lines = []
    for epoch, loss in enumerate(losses, 1):
        said = f"Epoch {epoch}: train_loss={loss / 2:.4f}, val_loss={loss:.4f}, lr=1.00e-04"
        bars = [f"Epoch {epoch} [{name}]: 100%|████| 9/9 [00:01, loss=7.{epoch:04d}]" for name in ("Train", "Val")]
        lines += [*bars, f"2025-12-23 16:20:19 - INFO - {said}", f"INFO:train:{said}"]
    found = judged(tmp_path_factory.mktemp("run"), lines)
    assert found.validation.values.tolist() == losses


@FEW
@given(losses=LOSSES)
@example(losses=[0.9, 0.8, 0.7, 0.6])
def test_lines_of_checkpoints_are_no_curve(tmp_path_factory: pytest.TempPathFactory, losses: list[float]) -> None:
    """They show the best epochs only, so that they always fall."""
    bars, saved, best = [], [], 1e9
    for epoch, loss in enumerate(losses):
        bars.append(
            f"Epoch {epoch}: 100%|████| 469/469 [00:12<00:00, v_num=0, train_loss=0.5, val_loss={loss:.4f}]"
        )
        if loss < best:
            saved.append(
                f"Metric val_loss improved by {best - loss:.3f} >= min_delta = 0.0. New best score: {loss:.3f}"
            )
            kept = f"'val_loss' reached {loss:.5f} (best {loss:.5f}), saving model to 'c/epoch={epoch}-val_loss={loss:.2f}.ckpt'"
        else:
            kept = "'val_loss' was not in top 1"
        best = min(best, loss)
        saved.append(f"Epoch {epoch}, global step {469 * (epoch + 1)}: {kept}")
    folder = tmp_path_factory.mktemp("run")
    assert (
        judged(
            folder, [line for pair in zip(bars, saved, strict=False) for line in pair]
        ).validation.values.tolist()
        == losses
    )
    (folder / "saved.log").write_text("\n".join(saved), encoding="utf-8")
    with pytest.raises(GengapError):
        diagnose(str(folder / "saved.log"))


def test_a_learning_rate_below_a_heading_is_no_metric(tmp_path: Path) -> None:
    lines = []
    for epoch in range(8):
        lines += [
            f"Epoch {epoch}: 100%|████| 9/9 [00:01, loss=0.{9 - epoch}, accuracy=60.1%]",
            "Evaluating model...",
        ]
        lines += ["Current learning rate: 0.0100000002", f"Test Accuracy: {70 + epoch / 4:.2f}%"]
    found = judged(tmp_path, lines)
    assert (found.metric, found.validation.values.tolist()) == ("Test Accuracy", [70 + e / 4 for e in range(8)])


@FEW
@given(losses=LOSSES)
def test_a_table_of_unknown_names_ends_the_table_before_it(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float]
) -> None:
    """The rows of both tables have seven cells."""
    lines = []
    for epoch, value in enumerate(losses):
        lines += ["", "     Epoch   gpu_mem       box       obj       cls    labels  img_size"]
        lines.append(
            f"{epoch:>7}/{len(losses) - 1}     5.61G   0.06653   0.02218   0.01331        17       640: 100%|████| 16/16 [00:05<00:00,  2.78it/s]"
        )
        lines.append(
            "               Class     Images     Labels          P          R     mAP@.5 mAP@.5:.95: 100%|████| 8/8 [00:03<00:00,  2.17it/s]"
        )
        lines.append(
            f"                 all        128        929      0.261      0.211      {value:.4f}      {value / 2:.4f}"
        )
    found = judged(tmp_path_factory.mktemp("run"), lines)
    assert found.validation.values.tolist() == losses
    assert found.validation.epochs.tolist() == list(range(len(losses)))


@FEW
@given(losses=LOSSES)
def test_of_tables_of_other_columns_one_counts(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float]
) -> None:
    lines = []
    for epoch, loss in enumerate(losses, 1):
        for split in ("training", "validation"):
            lines += [
                split,
                "# Epoch batch         loss       loss_f",
                f"      {epoch}     5        {loss:.4f}         0.28",
            ]
        lines += ["  Train      #    Epoch      wal       LR       loss_f         loss"]
        lines += [
            f"! {name}        {epoch}    10.123    0.005         0.28        9.{epoch:04d}"
            for name in ("Train", "Validation")
        ]
    assert judged(tmp_path_factory.mktemp("run"), lines).validation.values.tolist() == losses


def test_text_below_a_table_does_not_hide_it(tmp_path: Path) -> None:
    rows = [f"{e}\t{1 / (e + 1):.6f}\t{0.5 + e / 100:.6f}\t00:12" for e in range(8)]
    saved = [f"Better model found at epoch {e} with valid_loss value: 0.{50 - e}." for e in range(3)]
    found = judged(tmp_path, ["epoch\ttrain_loss\tvalid_loss\ttime", *rows, *saved])
    assert found.validation.values.tolist() == [round(0.5 + e / 100, 4) for e in range(8)]


@pytest.mark.parametrize(
    "table",
    [
        "mean_fit_time,param_C,mean_test_score,rank_test_score,mean_train_score\n"
        + "".join(f"0.1,{c},0.{70 + c},{9 - c},0.{80 + c}\n" for c in range(8)),
        "model,score_test,score_val,fit_time\n"
        + "".join(
            f"{name},0.{90 - i},0.{91 - i},{i}.5\n"
            for i, name in enumerate(("CatBoost", "XGBoost", "Forest", "KNN"))
        ),
        "question,train_users,test_users\n" + "".join(f"q{i},{90 - i},{87 - i * 2}\n" for i in range(9)),
    ],
)
def test_a_table_of_models_settings_or_items_is_no_log(table: str, tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text(table, encoding="utf-8")
    with pytest.raises(DataError, match="no column counts epochs or steps"):
        read(tmp_path / "results.csv")


@pytest.mark.parametrize("first", ["2024-05-01 12:00:0{}", "epoch_{}", "ckpt-{}.pt", "12:00:0{}"])
def test_times_and_checkpoints_tell_epochs_apart(first: str, tmp_path: Path) -> None:
    rows = [f"{first.format(e)},{1 / (e + 1):.4f},{0.5 + e / 100:.4f}" for e in range(8)]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["saved,train_loss,val_loss", *rows]), encoding="utf-8")
    (log,) = read(path)
    assert choose_curves(log).validation.values.tolist() == [round(0.5 + e / 100, 4) for e in range(8)]


@pytest.mark.parametrize(
    ("names", "judged_metric"),
    [
        (("val_acc", "val_mean_dice"), "val_mean_dice"),
        (("aAcc", "mIoU", "IoU.background"), "mIoU"),
        (("val_accuracy", "val_IoU.sky", "val_mean_IoU"), "val_mean_IoU"),
        (("val_auc", "val_acc"), "val_acc"),
    ],
)
def test_overlap_is_judged_rather_than_accuracy(names: tuple[str, ...], judged_metric: str, tmp_path: Path) -> None:
    lines = []
    for epoch in range(1, 9):
        lines.append(f"Epoch(train) [{epoch}][100/100] loss: {1 / epoch:.4f}")
        values = ", ".join(f"{name}: {0.5 + epoch / 50 + i / 10:.4f}" for i, name in enumerate(names))
        lines.append(f"Epoch(val) [{epoch}][10/10] {values}")
    assert judged(tmp_path, lines).metric.removeprefix("validation ") == judged_metric


def test_an_article_is_no_log(tmp_path: Path) -> None:
    text = "After epoch 3 the training loss was 0.21 and the validation loss 0.45.\nIt rose. See table 2.1.\n"
    (tmp_path / "article.txt").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="no training curve was found"):
        read(tmp_path / "article.txt")
    lines = [
        f"After epoch {e} the training loss was 0.{50 - e} and the validation loss 0.{70 - e}." for e in range(1, 9)
    ]
    assert judged(tmp_path, lines).validation.values.tolist() == [round(0.7 - e / 100, 2) for e in range(1, 9)]


def test_a_score_of_a_class_is_no_score_of_the_model(tmp_path: Path) -> None:
    lines = []
    for epoch in range(1, 10):
        lines += [f"Epoch {epoch} train accuracy is: 0.{70 + epoch}", f"eval mIoU of Rocket         0.{30 + epoch}"]
        lines += [
            f"eval mIoU of Table          0.{90 - epoch}",
            f"Epoch {epoch} test Accuracy: 0.{60 + epoch}  Class avg mIOU: 0.{50 + epoch}",
        ]
    found = judged(tmp_path, lines)
    assert (found.metric, found.validation.values.tolist()) == (
        "test Class avg mIOU",
        [round(0.5 + e / 100, 2) for e in range(1, 10)],
    )


@pytest.mark.parametrize(
    "text",
    [
        "".join(
            f"Reg param: {p} Test loss: {v}, Test accuracy {1 - v}\n"
            for p, v in ((0.001, 0.09), (0.005, 0.18), (0.01, 0.24), (0.05, 0.48), (0.1, 0.98))
        ),
        "".join(
            f"TASK {i}: {name}\n  Train loss: 0.{45 - i}\n  Eval loss: 0.{51 - i}\n"
            for i, name in enumerate(("SST", "RTE", "QA"))
        ),
        "".join(
            f"{i}. **{name}**:\n - Test Accuracy: 8{i}.25%\n - Test Loss: 0.4{i}7\n"
            for i, name in enumerate(("CNN", "VGG", "ResNet"), 1)
        ),
    ],
)
def test_results_of_models_tasks_and_settings_are_no_log(text: str, tmp_path: Path) -> None:
    (tmp_path / "results.txt").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="no training curve was found"):
        read(tmp_path / "results.txt")


def test_results_of_a_test_at_each_epoch_are_a_curve_beside_rates_and_times(tmp_path: Path) -> None:
    """A learning rate that falls, and a time that grows, are no settings of a search."""
    lines = [
        f"Test set: Average loss: 0.{60 - e}, lr: {0.1 / (e + 1):.5f}, elapsed time: {e * 3.1:.1f}"
        for e in range(9)
    ]
    assert judged(tmp_path, lines).validation.values.tolist() == [round(0.6 - e / 100, 2) for e in range(9)]


@FEW
@given(losses=LOSSES)
def test_comments_without_a_blank_are_read(tmp_path_factory: pytest.TempPathFactory, losses: list[float]) -> None:
    lines = ["    main()"]
    for epoch, loss in enumerate(losses, 1):
        lines += [
            "#",
            f"#    Training epoch {epoch}",
            f"#Training loss: {loss / 2:.4f}",
            f"#Valid loss: {loss:.4f}",
            f"#users=60{epoch}, #test=9{epoch}",
        ]
    found = judged(tmp_path_factory.mktemp("run"), lines)
    assert (found.metric, found.validation.values.tolist()) == ("Valid loss", losses)


@pytest.mark.parametrize(
    "line",
    [
        "Degree {i:2d} | Train MSE: {t} | Val MSE: {v} | Good Fit",
        "C: 1e-0{i} done with train auc: {t} and val auc: {v}",
        "depth={i} train_loss={t} val_loss={v}",
        "{name}:\n \nTrain MSE: {t}\nVal MSE: {v}\nVal RMSE: {v}",
        "wandb: Agent Starting Run: {name} with config:\nwandb: \tlora_r: {i}\neval/loss: {v}",
    ],
)
def test_values_by_settings_and_names_are_no_log(line: str, tmp_path: Path) -> None:
    """Without the setting or the names, the same lines are a log."""
    names = ("RidgeCV", "LSTM", "LassoCV", "ElasticNet", "SVR", "Forest", "KNN")

    def text(line: str) -> str:
        return "\n".join(
            line.format(i=i + 1, name=name, t=f"0.{50 - i}12", v=f"0.{60 - i}34") for i, name in enumerate(names)
        )

    (tmp_path / "results.txt").write_text(text(line) + "\n", encoding="utf-8")
    with pytest.raises(GengapError, match="no training curve was found"):
        diagnose(str(tmp_path / "results.txt"))
    plain = (
        line.replace("Degree {i:2d}", "Done")
        .replace("C: 1e-0{i} ", "")
        .replace("depth={i} ", "")
        .replace("{name}", "it")
    )
    assert len(judged(tmp_path, [text(plain)]).validation) == len(names)


def test_the_name_of_the_log_file_says_no_split(tmp_path: Path) -> None:
    lines = []
    for epoch in range(1, 9):
        prefix = "2020-02-10 21:04:42,460 - log\\train.log - INFO -"
        for split, plus in (("dev", 0), ("test", 1)):
            lines += [
                f"{prefix} evaluate:{split}",
                f"{prefix} accuracy:  {70 + epoch + plus}.12%; precision:  50.10%; FB1:  4{epoch}.00",
            ]
            lines += ["", f"{prefix}            FOREST: precision:   0.10%; recall:   0.20%; FB1:   0.30  2873"]
    found = judged(tmp_path, lines)
    assert found.validation.values.tolist() == [round(70.12 + epoch, 2) for epoch in range(1, 9)]


def test_a_table_of_samples_is_no_log(tmp_path: Path) -> None:
    rows = [f"Test_Sample_{i},0.8{i}5,0.9{i}1" for i in range(9)]
    (tmp_path / "test_results.csv").write_text("\n".join(["Filename,Dice,IoU", *rows]), encoding="utf-8")
    with pytest.raises(DataError, match="no column counts epochs or steps"):
        read(tmp_path / "test_results.csv")


def test_one_number_behind_a_word_for_validation_is_no_curve(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "Step 1: install\n\nValidated with Python 3.7, val Python: 3.7\n", encoding="utf-8"
    )
    with pytest.raises(GengapError):
        diagnose(str(tmp_path / "README.md"))


def test_scores_of_single_samples_are_no_curve(tmp_path: Path) -> None:
    lines = [
        "Model: fast_scnn, From Epoch: 0",
        *(f"Sample {i}, validation pixAcc: 9{i % 7}.12%, mIoU: 3{i % 9}.22%" for i in range(1, 40)),
    ]
    (tmp_path / "evaluation.log").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(GengapError, match="no training curve was found"):
        diagnose(str(tmp_path / "evaluation.log"))


def test_records_of_models_are_no_log(tmp_path: Path) -> None:
    names = ("3D U-Net", "V-Net", "ResAtt")
    records = [
        {"model_name": name, "dice_score": 0.9 - i / 10, "iou_score": 0.8 - i / 10} for i, name in enumerate(names)
    ]
    (tmp_path / "evaluation_results.json").write_text(json.dumps(records), encoding="utf-8")
    with pytest.raises(DataError, match="model_name' tells rows apart"):
        read(tmp_path / "evaluation_results.json")


@pytest.mark.parametrize(
    "form",
    ["Epoch {e} passed, train loss {t}, val loss {v}", "Epoch {e}: train loss {t} val loss {v}, backup failed"],
)
def test_words_of_test_reports_are_common_words_too(form: str, tmp_path: Path) -> None:
    lines = [form.format(e=epoch, t=1 / epoch, v=2 / epoch) for epoch in range(1, 9)]
    found = judged(tmp_path, ["==== 12 passed, 3 failed in 4.56s ====", *lines])
    assert found.validation.values == pytest.approx([2 / epoch for epoch in range(1, 9)])
    assert found.train is not None and found.train.values == pytest.approx([1 / epoch for epoch in range(1, 9)])
