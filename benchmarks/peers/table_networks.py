"""What the networks RealMLP and TabM of the package pytabkit predict, with its default settings.

    PYTHON -m benchmarks.peers.table_networks FOLDER TARGET {classes,numbers}

runs in any Python that has pytabkit (this module imports nothing of gengap). FOLDER holds `development.parquet` and
`held.parquet`. Each model is fitted to the first table and predicts the second one. The answers go to
`NAME.parquet` in FOLDER: a column for each class, or the column `prediction`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

MODELS = {"RealMLP": "RealMLP_TD", "TabM": "TabM_D"}


def answers(kind: str, by_class: bool, development: pd.DataFrame, target: str, held: pd.DataFrame) -> pd.DataFrame:
    """Fit a model to the development rows and predict the rows held out."""
    package: Any = import_module("pytabkit")
    model = getattr(package, f"{kind}_{'Classifier' if by_class else 'Regressor'}")(
        device="cpu", random_state=0, n_threads=2
    )
    x = development.drop(columns=target)
    texts = [name for name in x if not pd.api.types.is_numeric_dtype(x[name])]
    middle = x.drop(columns=texts).median()
    model.fit(_filled(x, texts, middle), development[target].to_numpy(), cat_col_names=texts)
    rows = _filled(held.drop(columns=target), texts, middle)
    if by_class:
        return pd.DataFrame(model.predict_proba(rows), columns=[str(each) for each in model.classes_])
    return pd.DataFrame({"prediction": model.predict(rows).ravel()})


def _filled(x: pd.DataFrame, texts: list[str], middle: pd.Series) -> pd.DataFrame:
    """Return a table without missing values, which these networks don't take: a text of its own, or the median."""
    return x.assign(**{name: x[name].fillna("").astype(str) for name in texts}).fillna(middle)


def main() -> None:
    """Write the answers of every model."""
    folder, target, kind = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    development, held = (pd.read_parquet(folder / f"{part}.parquet") for part in ("development", "held"))
    for name, model in MODELS.items():
        found = answers(model, kind == "classes", development, target, held)
        found.to_parquet(folder / f"{name}.parquet")


if __name__ == "__main__":
    main()
