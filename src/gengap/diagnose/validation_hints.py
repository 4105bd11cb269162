"""How frameworks log validation, for logs that hold training curves only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

GENERAL = "Log the validation loss as well, in a column such as val_loss."
TRAINER = "In Hugging Face's Trainer, set eval_strategy='epoch' and an eval_dataset."
LIGHTNING = "In Lightning, log 'val_loss' in validation_step."
KERAS = "In Keras, pass validation_data or validation_split to fit."
KERAS_NAMES = ({"loss", "accuracy"}, {"loss", "acc"})  # all that Keras logs
OWN_LOOP = "In a loop of your own, print the loss of held-out rows after each epoch as val_loss. "
OWN_LOOP += "In Keras, pass validation_data to fit. In scikit-learn's MLPClassifier, set early_stopping=True."
HINTS: Mapping[frozenset[str], str] = {  # by columns that only this framework writes together; the first that fits
    frozenset({"data_time", "memory"}): "In MMDetection and MMCV, add ('val', 1) to `workflow`.",
    frozenset({"data_time", "total_loss"}): "In Detectron2, register a hook that computes the test loader's loss.",
    frozenset({"grad_norm", "learning_rate"}): TRAINER,
    frozenset({"train_loss_step"}): LIGHTNING,
    frozenset({"v_num"}): LIGHTNING,
    frozenset({"learn"}): "In CatBoost, pass eval_set to fit.",
    frozenset({"wps", "ups"}): "In fairseq, leave out --disable-validation.",
    frozenset({"train-logloss"}): "In XGBoost, pass evals=[(train, 'train'), (valid, 'valid')].",
    frozenset({"training's"}): "In LightGBM, add the validation set to valid_sets (eval_set in fit).",
    frozenset({"train_loss", "dur"}): "In skorch, leave train_split at its default.",
    frozenset({"box_loss", "cls_loss"}): "In Ultralytics, train with val=True.",
    frozenset({"avg loss", "rate"}): "In Darknet, train with -map.",
}
XGBOOST = re.compile(r"train-[a-z]\w*(?:@\S+)?")  # train-rmse, train-merror


def validation_hint(names: Iterable[str], reader: str = "") -> str:
    """Return how the framework that writes these columns logs validation.

    >>> validation_hint(["loss", "grad_norm", "learning_rate", "epoch"])
    "In Hugging Face's Trainer, set eval_strategy='epoch' and an eval_dataset."
    """
    held = {re.sub(r"^train[/ ]", "", name.lower()) for name in names}
    held |= {name.split()[0] for name in held if name.startswith("training's ")}
    if held and all(map(XGBOOST.fullmatch, held)):
        held = {"train-logloss"}
    if held in KERAS_NAMES:
        return f"{GENERAL} {KERAS}"
    if reader == "console" and held == {"loss", "learning_rate"}:  # as older versions of the Trainer print it
        return TRAINER
    if reader == "console" and held == {"loss"}:
        return OWN_LOOP
    return next((hint for columns, hint in HINTS.items() if columns <= held), GENERAL)
