"""A table with every kind of column, as people have them, and its files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather

ROWS = 400
NOTES = np.array(
    ["calls", "often", "pays", "late", "asks", "for", "the", "invoice", "moved", "wants", "it", "today, thanks"]
)


def mixed(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Numbers with gaps, categories, dates, text, a constant, a key and a row number; `y` hangs on some."""
    random = np.random.default_rng(seed)
    age = random.normal(40, 12, rows).round(1)
    colour = random.choice(["red", "green", "dark blue"], rows)
    late = (age > 40) ^ (colour == "red")
    table = pd.DataFrame(
        {
            "number": np.arange(rows),
            "key": [f"K{i:05d}" for i in random.permutation(rows)],
            "age": age,
            "colour": colour,
            "member": random.choice(["yes", "no"], rows),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 1_000, rows), "D"),
            "note": [" ".join(random.choice(NOTES, 5)) for _ in range(rows)],
            "unit": "kg",
            "patient": random.integers(0, 60, rows),
            "y": (late ^ (random.random(rows) < 0.1)).astype(int),
        }
    )
    for column, every in (("age", 17), ("colour", 29), ("day", 31)):
        table.loc[::every, column] = None
    return table


def _csv(table: pd.DataFrame) -> bytes:
    return table.assign(day=table["day"].dt.strftime("%Y-%m-%d")).to_csv(index=False).encode()


def _put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _arrow(table: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(table, preserve_index=False)


def _feather(table: pd.DataFrame, path: Path) -> Path:
    feather.write_feather(_arrow(table), str(path), chunksize=100)
    return path


def _parquet(table: pd.DataFrame, path: Path) -> Path:
    table.to_parquet(path)
    return path


KINDS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "csv": lambda table, folder: _put(folder / "t.csv", _csv(table)),
    "csv.gz": lambda table, folder: _put(folder / "t.csv.gz", gzip.compress(_csv(table))),
    "parquet": lambda table, folder: _parquet(table, folder / "t.parquet"),
    "feather": lambda table, folder: _feather(table, folder / "t.feather"),
    "arrow": lambda table, _: _arrow(table),
    "pandas": lambda table, _: table,
    "pandas of objects": lambda table, _: table.astype({"colour": object, "note": object, "key": object}),
    "pandas of categories": lambda table, _: table.astype({"colour": "category", "member": "category"}),
    "polars": lambda table, _: pl.DataFrame(pl.from_arrow(_arrow(table))),
    "polars of categories": lambda table, _: pl.DataFrame(pl.from_arrow(_arrow(table))).cast(
        {"colour": pl.Categorical, "day": pl.Date}
    ),
}
