"""What training logged: by run, seed, epoch, split and metric.

A `History` holds one trial's series; `write_histories` puts many into one long Parquet table with the
columns run, seed, epoch, split, metric, value. Epochs count from 0, as Keras counts them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Series:
    """One metric over epochs: `epochs` (n,) int64, rising, and `values` (n,) float64."""

    epochs: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.epochs)

    def at(self, epoch: int) -> float:
        """The value logged at `epoch`. Raises KeyError if that epoch was not logged."""
        i = int(np.searchsorted(self.epochs, epoch))
        if i == len(self.epochs) or self.epochs[i] != epoch:
            raise KeyError(f"epoch {epoch} was not logged")
        return float(self.values[i])


@dataclass(frozen=True, eq=False)
class History:
    """One trial's curves. `series[split, metric]` is a `Series`; splits are train, validation, test."""

    run: str
    seed: int
    series: Mapping[tuple[str, str], Series] = field(default_factory=dict)

    def __getitem__(self, key: tuple[str, str]) -> Series:
        try:
            return self.series[key]
        except KeyError:
            known = ", ".join(f"{split}/{metric}" for split, metric in sorted(self.series))
            raise KeyError(f"{self.run} logged no {key[0]}/{key[1]}; it logged {known}") from None

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self.series

    @property
    def epochs(self) -> int:
        """How many epochs were run: one more than the last epoch logged."""
        return 1 + max((int(s.epochs[-1]) for s in self.series.values() if len(s)), default=-1)

    def renamed(self, run: str) -> History:
        """The same curves under another run's name (a trial shown in two groups)."""
        return History(run, self.seed, self.series)


def _long_table(histories: Iterable[History]) -> pa.Table:
    import pyarrow as pa

    schema = pa.schema(
        [
            ("run", pa.string()),
            ("seed", pa.int64()),
            ("epoch", pa.int64()),
            ("split", pa.string()),
            ("metric", pa.string()),
            ("value", pa.float64()),
        ]
    )
    parts = [
        pa.table(
            [
                pa.repeat(pa.scalar(h.run), len(s)),
                pa.repeat(pa.scalar(h.seed, pa.int64()), len(s)),
                pa.array(s.epochs, pa.int64()),
                pa.repeat(pa.scalar(split), len(s)),
                pa.repeat(pa.scalar(metric), len(s)),
                pa.array(s.values, pa.float64()),
            ],
            schema=schema,
        )
        for h in histories
        for (split, metric), s in h.series.items()
    ]
    return pa.concat_tables(parts) if parts else schema.empty_table()


def write_histories(histories: Iterable[History], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write the long table as Parquet, beside `path` and then renamed onto it.

    `metadata` goes into the file's own key-value metadata.
    """
    import pyarrow.parquet as pq

    table = _long_table(histories).replace_schema_metadata(dict(metadata or {}))
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    pq.write_table(table, beside, compression="zstd")
    beside.replace(path)


def read_histories(path: Path) -> list[History]:
    """The histories of a Parquet file that `write_histories` made, in the order written."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    runs, splits, metrics = (table[c].to_pylist() for c in ("run", "split", "metric"))
    seeds = table["seed"].to_numpy()
    epochs, values = table["epoch"].to_numpy(), table["value"].to_numpy()
    found: dict[tuple[str, int], dict[tuple[str, str], Series]] = {}
    start = 0
    for end in range(1, len(runs) + 1):
        here = (runs[start], seeds[start], splits[start], metrics[start])
        if end < len(runs) and (runs[end], seeds[end], splits[end], metrics[end]) == here:
            continue
        of_run = found.setdefault((runs[start], int(seeds[start])), {})
        of_run[splits[start], metrics[start]] = Series(epochs[start:end], values[start:end])
        start = end
    return [History(run, seed, series) for (run, seed), series in found.items()]
