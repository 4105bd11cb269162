"""What columns' names say, and which metric is judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap.diagnose.metric_names import assign
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import Log, choose_curves, higher_is_better, split_and_metric
from gengap.errors import UsageError
from gengap.history import History, Series

RISING, FALLING = [0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]


def log(**columns: list[float]) -> Log:
    (found,) = read(columns)
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loss", ("train", "loss")),
        ("Train Loss", ("train", "loss")),
        ("training-l2", ("train", "l2")),
        ("train_loss_epoch", ("train", "loss")),
        ("train/epoch_loss", ("train", "loss")),
        ("clean_accuracy", ("train", "clean_accuracy")),
        ("loss_step", ("train", "loss_step")),
        ("learn-Logloss", ("train", "logloss")),
        ("val_loss", ("validation", "loss")),
        ("valLoss", ("validation", "loss")),
        ("Val Accuracy", ("validation", "accuracy")),
        ("valid_loss", ("validation", "loss")),
        ("validation_loss", ("validation", "loss")),
        ("eval_loss", ("validation", "loss")),
        ("dev.f1", ("validation", "f1")),
        ("loss[val]", ("validation", "loss")),
        ("Loss/validation", ("validation", "loss")),
        ("validation/epoch_loss", ("validation", "loss")),
        ("val_loss/dataloader_idx_0", ("validation", "loss")),
        ("validation_0-logloss", ("validation", "logloss")),
        ("valid_1-binary_logloss", ("validation", "binary_logloss")),
        ("valid binary_logloss-mean", ("validation", "binary_logloss-mean")),
        ("eval_squad_f1", ("validation", "squad_f1")),
        ("val_auc_1", ("validation", "auc_1")),
        ("val_my_own", ("validation", "my_own")),
        ("val/box_loss", ("validation", "box_loss")),
        ("validation", ("validation", "")),
        ("test_loss", ("test", "loss")),
        ("test-auc-mean", ("test", "auc-mean")),
    ],
)
def test_a_name_tells_split_and_metric(name: str, expected: tuple[str, str]) -> None:
    assert split_and_metric(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("", "epoch", "step", "trainer/global_step", "lr", "learning_rate", "lr-Adam", "train_runtime", "time"),
        *("eval_samples_per_second", "total_flos", "grad_norm", "test-logloss-std", "best_val_loss", "my_own"),
        *("evaluation_loss_vs_iterations", "train_val_gap", "metrics/mAP50(B)", "num_input_tokens_seen"),
    ],
)
def test_what_is_no_curve_has_no_split(name: str) -> None:
    assert split_and_metric(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *(
            "acc",
            "val_accuracy",
            "binary_accuracy",
            "sparse_top_k_categorical_accuracy",
            "top5",
            "auc",
            "AUROC",
            "f1",
        ),
        *("eval_f1_macro", "r2", "precision_1", "Recall@5", "mAP50-95(B)", "ndcg@10", "mean_iou", "dice", "bleu4"),
        *("score", "validation_scores_", "log_likelihood", "neg_log_loss", "neg_mean_squared_error", "mcc"),
        *("cosine_similarity", "explained_variance", "true_positives", "spearmanr", "average_precision", "aucpr"),
    ],
)
def test_scores_are_better_when_higher(name: str) -> None:
    assert higher_is_better(name) is True


@pytest.mark.parametrize(
    "name",
    [
        *(
            "loss",
            "val_loss",
            "dice_loss",
            "accuracy_loss",
            "logloss",
            "binary_crossentropy",
            "cross_entropy",
            "nll",
        ),
        *("negative_log_likelihood", "perplexity", "ppl", "poisson-nloglik", "gamma_deviance", "mse", "rmse", "l1"),
        *("mean_absolute_error", "mape", "error", "merror", "error_rate", "kullback_leibler", "brier_score", "wer"),
        *("false_positives", "kl_divergence", "hinge", "huber", "something_else", ""),
    ],
)
def test_losses_are_better_when_lower(name: str) -> None:
    assert higher_is_better(name) is False


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["my_own", "val_my_own"], {"my_own": ("train", "my_own"), "val_my_own": ("validation", "my_own")}),
        (["my_own", "loss"], {"loss": ("train", "loss")}),
        (  # fastai's CSVLogger: its bare accuracy is validation's
            ["epoch", "train_loss", "valid_loss", "accuracy"],
            {
                "train_loss": ("train", "loss"),
                "valid_loss": ("validation", "loss"),
                "accuracy": ("validation", "accuracy"),
            },
        ),
        (
            ["train_loss_step", "train_loss_epoch", "val_loss"],
            {"train_loss_epoch": ("train", "loss"), "val_loss": ("validation", "loss")},
        ),
        (["validation_0-auc"], {"validation_0-auc": ("validation", "auc")}),
        (
            ["validation_0-auc", "validation_1-auc", "validation_2-auc"],
            {
                "validation_0-auc": ("train", "auc"),
                "validation_1-auc": ("validation", "auc"),
                "validation_2-auc": ("test", "auc"),
            },
        ),
        (["valid_0-l2", "valid_1-l2"], {"valid_0-l2": ("validation", "l2")}),
        (
            ["training-l2", "valid_1-l2", "valid_2-l2"],
            {"training-l2": ("train", "l2"), "valid_1-l2": ("validation", "l2")},
        ),
        (["train_loss", "test_loss"], {"train_loss": ("train", "loss"), "test_loss": ("validation", "loss")}),
    ],
)
def test_names_explain_each_other(names: list[str], expected: dict[str, tuple[str, str]]) -> None:
    assert assign(names) == expected


@given(st.text())
def test_any_name_is_taken(name: str) -> None:
    found = split_and_metric(name)
    assert found is None or found[0] in ("train", "validation", "test")
    assert higher_is_better(name) in (True, False)


@pytest.mark.parametrize(
    ("columns", "judged"),
    [
        (["val_accuracy", "val_mse", "val_loss"], "val_loss"),
        (["val_accuracy", "val_mae", "val_logloss"], "val_logloss"),
        (["val_rmse", "val_mae", "val_auc"], "val_rmse"),
        (["val_f1", "val_auc", "val_acc"], "val_acc"),
        (["val_my_own", "my_own", "val_auc"], "val_auc"),
        (["val_my_own", "my_own"], "val_my_own"),
        (["val_loss", "val_binary_crossentropy", "loss"], "val_loss"),
        (
            ["val_loss", "val_binary_crossentropy", "clean_binary_crossentropy", "clean_loss"],
            "val_binary_crossentropy",
        ),
    ],
)
def test_losses_are_judged_first(columns: list[str], judged: str) -> None:
    found = choose_curves(log(**dict.fromkeys(columns, FALLING)))
    assert found.metric == judged
    assert found.higher_is_better == higher_is_better(judged)


def test_training_is_measured_clean_where_that_was_logged() -> None:
    logged = log(val_mse=FALLING, mse=[4, 3, 2, 1], clean_mse=[3, 2, 1, 0], loss=FALLING, clean_loss=[9, 9, 9, 9])
    train = choose_curves(logged).train
    assert train is not None and train.values.tolist() == [3, 2, 1, 0]
    with_penalties = choose_curves(log(val_loss=FALLING, loss=[4, 3, 2, 1], clean_loss=[3, 2, 1, 0])).train
    assert with_penalties is not None and with_penalties.values.tolist() == [4, 3, 2, 1]


def test_accuracy_like_curves_come_along() -> None:
    found = choose_curves(
        log(val_loss=FALLING, loss=FALLING, val_auc=[0, 0, 0, 1], val_accuracy=RISING, accuracy=FALLING)
    )
    assert found.auxiliary is not None
    assert (found.auxiliary.metric, found.auxiliary.higher_is_better, found.auxiliary.auxiliary) == (
        "val_accuracy",
        True,
        None,
    )
    assert found.auxiliary.train is not None and found.auxiliary.train.values.tolist() == FALLING
    assert choose_curves(log(val_auc=RISING, val_acc=RISING)).auxiliary is None


def test_a_direction_that_no_word_tells_is_that_of_training() -> None:
    assert choose_curves(log(val_my_own=FALLING, my_own=RISING)).higher_is_better is True
    assert choose_curves(log(val_my_own=RISING, my_own=FALLING)).higher_is_better is False
    assert choose_curves(log(val_my_own=RISING), "my_own").higher_is_better is False


@pytest.mark.parametrize("asked", ["mse", "val_mse", "MSE", "Val MSE", "validation/mse"])
def test_a_metric_is_asked_for_in_any_spelling(asked: str) -> None:
    assert choose_curves(log(val_loss=FALLING, val_mse=FALLING), asked).metric == "val_mse"


def test_a_metric_is_asked_for_by_its_column() -> None:
    (found,) = read(
        {"validation_0": {"auc": RISING, "error": FALLING}, "validation_1": {"auc": RISING, "error": [1] * 4}}
    )
    assert choose_curves(found, "validation_1-error").validation.values.tolist() == [1] * 4


def test_unnamed_curves_are_losses_or_what_was_asked_for() -> None:
    source = {"train": RISING, "validation": RISING}
    assert choose_curves(read(source)[0]).higher_is_better is False
    found = choose_curves(read(source, "accuracy")[0], "accuracy")
    assert (found.metric, found.higher_is_better) == ("validation", True)


def test_without_validation_the_error_lists_what_is_there() -> None:
    with pytest.raises(UsageError) as caught:
        choose_curves(log(loss=FALLING, accuracy=RISING, learning_rate=FALLING, mystery=RISING))
    assert str(caught.value) == (
        "dict: there is no validation curve. Log the validation loss as well, in a column such as val_loss. "
        "Found only training curves: loss, accuracy. "
        "These columns were not recognised: learning_rate, mystery."
    )


def test_a_metric_of_training_alone_can_not_be_judged() -> None:
    with pytest.raises(
        UsageError, match=r"no validation curve of 'accuracy', only one of training\. It holds valid"
    ):
        choose_curves(log(loss=FALLING, accuracy=RISING, val_loss=FALLING), "accuracy")


def test_a_metric_that_is_not_there_is_said_so() -> None:
    with pytest.raises(
        UsageError, match=r"there is no metric 'auc'\. It holds validation: val_loss; train: loss\."
    ):
        choose_curves(log(loss=FALLING, val_loss=FALLING), "auc")


def test_a_misspelt_metric_gets_a_suggestion() -> None:
    both = log(loss=FALLING, val_loss=FALLING, val_accuracy=RISING)
    meant = {"acuracy": "accuracy", "val_acuracy": "val_accuracy", "Loos": "loss", "accu": "accuracy"}
    for asked, close in meant.items():
        with pytest.raises(UsageError, match=f"there is no metric '{asked}'. Did you mean '{close}'?"):
            choose_curves(both, asked)


def test_a_validation_curve_of_no_known_metric_is_to_be_asked_for() -> None:
    with pytest.raises(
        UsageError, match=r"known loss or score\. Name one with --metric .*It holds validation: val_x"
    ):
        choose_curves(log(val_x=FALLING))


def test_many_columns_are_not_all_listed() -> None:
    with pytest.raises(UsageError, match=r"c0, .* and 15 more\.") as caught:
        choose_curves(log(**{f"c{i}": FALLING for i in range(34)}, **{"x" * 100: FALLING}))
    assert "x" * 61 not in str(caught.value)


def test_a_later_seed_is_part_of_the_runs_name() -> None:
    series = {("validation", "loss"): Series(np.arange(3), np.ones(3))}
    runs = [choose_curves(Log(History("Tiny", seed, series), {})).run for seed in (0, 1)]
    assert runs == ["Tiny", "Tiny.seed1"]


@pytest.mark.parametrize(
    ("train", "validation"),
    [("t_loss", "v_loss"), ("tloss", "vloss"), ("loss_t", "loss_v"), ("trn_loss", "vld_loss"), ("T_Acc", "V_Acc")],
)
def test_letters_stand_for_splits_where_both_are_there(train: str, validation: str) -> None:
    keys = assign([train, validation])
    assert (keys[train][0], keys[validation][0]) == ("train", "validation")
    assert keys[train][1] == keys[validation][1]
    assert "validation" not in {split for split, _ in assign([validation.replace("vld_", "v_")]).values()}


def test_a_value_loss_is_no_validation_loss() -> None:
    keys = assign(["t_loss", "v_loss", "val_loss"])
    assert [name for name, key in keys.items() if key[0] == "validation"] == ["val_loss"]
