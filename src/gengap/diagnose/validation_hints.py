"""How frameworks log validation, for logs that hold training curves only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

GENERAL = "Log the validation loss as well, in a column such as val_loss."
TRAINER = "In Hugging Face's Trainer, set eval_strategy='epoch' and an eval_dataset."
KERAS = "In Keras, pass validation_data or validation_split to fit."
KERAS_NAMES = ({"loss", "accuracy"}, {"loss", "acc"}, {"loss"})  # all that a console of Keras shows
HINTS: Mapping[frozenset[str], str] = {  # by columns that only this framework writes together; the first that fits
    frozenset({"data_time", "memory"}): "In MMDetection and MMCV, add ('val', 1) to `workflow`.",
    frozenset({"data_time", "total_loss"}): "In Detectron2, register a hook that computes the test loader's loss.",
    frozenset({"grad_norm", "learning_rate"}): TRAINER,
    frozenset({"train_loss_step"}): "In Lightning, log 'val_loss' in validation_step.",
    frozenset({"learn"}): "In CatBoost, pass eval_set to fit.",
    frozenset({"wps", "ups"}): "In fairseq, leave out --disable-validation.",
    frozenset({"train-logloss"}): "In XGBoost, pass evals=[(train, 'train'), (valid, 'valid')].",
}


def validation_hint(names: Iterable[str], reader: str = "") -> str:
    """Return how the framework that writes these columns logs validation.

    >>> validation_hint(["loss", "grad_norm", "learning_rate", "epoch"])
    "In Hugging Face's Trainer, set eval_strategy='epoch' and an eval_dataset."
    """
    held = {re.sub(r"^train/", "", name.lower()) for name in names}
    if reader == "console" and held in KERAS_NAMES:
        return f"{GENERAL} {KERAS}"
    return next((hint for columns, hint in HINTS.items() if columns <= held), GENERAL)
