"""Inputs of all programs: the tutorial's split as arrays, and a table in the text format of HIGGS."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np

from gengap.data import collider
from gengap.data.sources.source import open_source

TRAIN_ROWS, VALIDATION_ROWS = 10_000, 1_000
CSV_ROWS = 200_000
BLOCK = 20_000


def rows_used() -> str:
    """Name the rows that the trainings use."""
    return "HIGGS rows" if os.environ.get("GENGAP_HIGGS") else "simulated collider rows"


def write_arrays(path: Path) -> Path:
    """Write 1,000 validation rows and the next 10,000 training rows of GENGAP_HIGGS or the collider."""
    rows = TRAIN_ROWS + VALIDATION_ROWS
    higgs = os.environ.get("GENGAP_HIGGS")
    if higgs:
        batches = open_source(higgs, rows=rows).batches()
        table = np.concatenate([np.column_stack([c.to_numpy() for c in b.columns]) for b in batches])
        x, y = np.ascontiguousarray(table[:, 1:]), table[:, 0].copy()
    else:
        x, y = collider.events(rows)
    validation, rest = slice(VALIDATION_ROWS), slice(VALIDATION_ROWS, None)
    np.savez(path, x=x[rest], y=y[rest], x_validation=x[validation], y_validation=y[validation])
    return path


def write_csv(path: Path) -> Path:
    """Write `CSV_ROWS` collider rows with 18 decimals, as in HIGGS.csv.gz."""
    x, y = collider.events(CSV_ROWS)
    line = ",".join(["%.18e"] * (x.shape[1] + 1)) + "\n"
    with gzip.open(path, "wt", compresslevel=6) as text:
        for start in range(0, CSV_ROWS, BLOCK):
            block = np.column_stack([y[start : start + BLOCK], x[start : start + BLOCK]])
            text.write((line * len(block)) % tuple(block.ravel().tolist()))
    return path
