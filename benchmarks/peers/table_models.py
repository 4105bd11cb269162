"""Models of other libraries that are fitted to a table, with the settings that their users would begin with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

EARLY = 0.2  # share of the rows that decides when LightGBM and CatBoost stop
TREES = 500  # of the random forest


def models(by_class: bool) -> dict[str, Callable[[pd.DataFrame, pd.Series], Any]]:
    """Return functions that fit a model of each other library to features and a target."""
    return {
        "boosted trees": lambda x, y: _fit_boosted(x, y, by_class),
        "LightGBM": lambda x, y: _fit_lightgbm(x, y, by_class),
        "CatBoost": lambda x, y: _fit_catboost(x, y, by_class),
        "random forest": lambda x, y: _fit_encoded(_forest(by_class), x, y),
        "linear": lambda x, y: _fit_encoded(_linear(by_class), x, y),
    }


def _with_categories(x: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return texts as pandas categories, those of `known`."""
    texts = [name for name in x if known[name].dtype == object or known[name].dtype == "str"]
    kinds = {name: pd.CategoricalDtype(sorted(known[name].dropna().unique())) for name in texts}
    return x.astype(kinds)


def _fit_boosted(x: pd.DataFrame, y: pd.Series, by_class: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    kind = HistGradientBoostingClassifier if by_class else HistGradientBoostingRegressor
    steps = FunctionTransformer(lambda frame: _with_categories(frame, x)), kind(random_state=0)
    return make_pipeline(*steps).fit(x, y)


def _early(x: pd.DataFrame, y: pd.Series, by_class: bool) -> tuple[Any, Any, Any, Any]:
    from sklearn.model_selection import train_test_split

    return train_test_split(x, y, test_size=EARLY, random_state=0, stratify=y if by_class else None)


def _fit_lightgbm(x: pd.DataFrame, y: pd.Series, by_class: bool) -> Any:
    import lightgbm  # pyright: ignore[reportMissingImports]  # a peer, not in the package's extras
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    prepared = FunctionTransformer(lambda frame: _with_categories(frame, x))
    kind = lightgbm.LGBMClassifier if by_class else lightgbm.LGBMRegressor
    train, valid, y_train, y_valid = _early(prepared.transform(x), y, by_class)
    model = kind(n_estimators=2_000, learning_rate=0.05, random_state=0, verbose=-1, n_jobs=1)
    stop = lightgbm.early_stopping(50, verbose=False)
    return make_pipeline(prepared, model.fit(train, y_train, eval_set=[(valid, y_valid)], callbacks=[stop]))


def _fit_catboost(x: pd.DataFrame, y: pd.Series, by_class: bool) -> Any:
    import catboost  # pyright: ignore[reportMissingImports]
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    texts = [name for name in x if not pd.api.types.is_numeric_dtype(x[name])]
    prepared = FunctionTransformer(
        lambda frame: frame.assign(**{n: frame[n].fillna("").astype(str) for n in texts})
    )
    kind = catboost.CatBoostClassifier if by_class else catboost.CatBoostRegressor
    train, valid, y_train, y_valid = _early(prepared.transform(x), y, by_class)
    model = kind(iterations=2_000, random_seed=0, verbose=False, thread_count=2, allow_writing_files=False)
    model.fit(train, y_train, cat_features=texts, eval_set=(valid, y_valid), early_stopping_rounds=50)
    return make_pipeline(prepared, model)


def _fit_encoded(model: Any, x: pd.DataFrame, y: pd.Series) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [name for name in x if pd.api.types.is_numeric_dtype(x[name])]
    texts = [name for name in x if name not in numbers]
    encoded = OneHotEncoder(handle_unknown="ignore", min_frequency=5)
    parts = [("n", make_pipeline(SimpleImputer(), StandardScaler()), numbers), ("t", encoded, texts)]
    return make_pipeline(ColumnTransformer(parts), model).fit(x, y)


def _forest(by_class: bool) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if by_class else RandomForestRegressor
    leaf = {"min_samples_leaf": 2} if by_class else {}  # a leaf of one row states a probability of 1
    return kind(TREES, random_state=0, n_jobs=2, **leaf)


def _linear(by_class: bool) -> Any:
    from sklearn.linear_model import LogisticRegression, RidgeCV

    return LogisticRegression(max_iter=2_000) if by_class else RidgeCV(np.logspace(-2, 3, 11))
