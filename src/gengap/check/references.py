"""Reference models on the same folds: a constant, a regularised linear model and boosted trees with defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from gengap.check.inputs import Inputs
from gengap.check.losses import Loss
from gengap.check.setting_losses import Evaluation, Evaluator, Setting

ReferenceName = Literal["constant", "linear", "trees"]
DENSE_CELLS = 50_000_000  # of a sparse matrix that boosted trees may take as a dense one


def fit_reference(
    evaluator: Evaluator, name: ReferenceName, give_up: Callable[[Evaluation], bool] | None = None
) -> list[Evaluation]:
    """Return the evaluation of a reference model; none if it can't be fitted.

    Args:
        evaluator: That of the estimator.
        name: The reference model.
        give_up: Whether the other folds can be left out after the first one.
    """
    model = _model(name, evaluator.inputs, evaluator.loss)
    if model is None:
        return []
    other = replace(evaluator, estimator=model, loss=_loss(evaluator.loss), doing="reference models")
    found = other.evaluate(Setting({}, "reference"), batches=(1, 1, 1, 1), give_up=give_up)
    evaluator.fits = other.fits
    return found


def _loss(loss: Loss) -> Loss:
    """Return the same loss for models with probabilities."""
    return Loss("log-loss", "predict_proba", loss.label) if loss.name == "calibrated-log-loss" else loss


def _model(name: ReferenceName, inputs: Inputs, loss: Loss) -> Any:
    """Return an unfitted reference model; None if there is none for these rows."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    if name == "constant":
        if inputs.by_class:
            return DummyClassifier(strategy="prior")
        return DummyRegressor(strategy="median" if loss.name == "absolute-error" else "mean")
    if name == "linear":
        return _prepared(LogisticRegression(max_iter=200) if inputs.by_class else Ridge(), inputs, scale=True)
    if inputs.labels.ndim == 2 or (hasattr(inputs.X, "tocsr") and np.prod(inputs.X.shape) > DENSE_CELLS):
        return None
    boosting = HistGradientBoostingClassifier if inputs.by_class else HistGradientBoostingRegressor
    return _prepared(boosting(early_stopping=_enough(inputs)), inputs, scale=False)


def _enough(inputs: Inputs) -> bool:
    """Return whether boosting may hold out a tenth of the training rows to stop early."""
    counts = np.unique(inputs.labels, return_counts=True)[1] if inputs.by_class else np.array([inputs.rows])
    return inputs.train_rows >= 100 and int(counts.min()) >= 20


def _prepared(model: Any, inputs: Inputs, *, scale: bool) -> Any:
    """Return the model behind the preparation that these columns need."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, StandardScaler

    if inputs.has_texts and scale:
        return make_pipeline(TfidfVectorizer(), model)
    if hasattr(inputs.X, "tocsr"):
        return make_pipeline(MaxAbsScaler(), model) if scale else make_pipeline(FunctionTransformer(_dense), model)
    if _is_numeric(inputs.X):
        return make_pipeline(SimpleImputer(), StandardScaler(), model) if scale else model
    from skrub import TableVectorizer

    if inputs.has_texts:
        return make_pipeline(FunctionTransformer(_as_frame), TableVectorizer(), model)
    first = TableVectorizer()
    return make_pipeline(first, SimpleImputer(), StandardScaler(), model) if scale else make_pipeline(first, model)


def _dense(X: Any) -> Any:
    return X.toarray()


def _as_frame(texts: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame({"text": texts})


def _is_numeric(X: Any) -> bool:
    kinds = (
        [np.dtype(str(t)).kind if _is_dtype(t) else "O" for t in X.dtypes]
        if hasattr(X, "dtypes")
        else [X.dtype.kind]
    )
    return all(kind in "biuf" for kind in kinds)


def _is_dtype(kind: Any) -> bool:
    return isinstance(kind, np.dtype)
