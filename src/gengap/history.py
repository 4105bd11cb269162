"""What training logged: by run, seed, epoch, split and metric.

A `History` holds the series of one trial. `write_histories` puts many into one long Parquet table with the columns
run, seed, epoch, split, metric, value. Epochs count from 0, as in Keras.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gengap.errors import UsageError
from gengap.files.limits import TooLargeError, check_parquet
from gengap.files.writing import atomic_write
from gengap.tasks import LOSSES
from gengap.text.catalog import catalog, default_language
from gengap.text.markup import TRAIN, VALIDATION, drawable_values, sparkline, table

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes

COLOURS = {"train": TRAIN, "validation": VALIDATION}
MOST_VALUES = 50_000_000  # in one file of histories: a hundred trials of 10,000 epochs and fifty metrics
TEXTS = ["run", "split", "metric"]
COLUMNS = ("notebook-first", "notebook-lowest", "notebook-highest", "notebook-last", "notebook-by-epoch")


@dataclass(frozen=True, eq=False)
class Series:
    """One metric over epochs.

    Attributes:
        epochs: Epochs (n,) int64, increasing.
        values: Values (n,) float64.
    """

    epochs: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.epochs)

    def at(self, epoch: int) -> float:
        """Return the value logged at `epoch`. Raises KeyError if that epoch was not logged."""
        i = int(np.searchsorted(self.epochs, epoch))
        if i == len(self.epochs) or self.epochs[i] != epoch:
            raise KeyError(f"epoch {epoch} was not logged")
        return float(self.values[i])


@dataclass(frozen=True, eq=False)
class History:
    """Curves of one trial.

    Attributes:
        run: Name of the run.
        seed: Seed of the trial.
        series: A `Series` by (split, metric); splits are train, validation and test.
        first_epoch: Number of the first epoch: 0 as logged, 1 where people read it.
    """

    run: str
    seed: int
    series: Mapping[tuple[str, str], Series] = field(default_factory=dict)
    first_epoch: int = 0

    def __getitem__(self, key: tuple[str, str]) -> Series:
        try:
            return self.series[key]
        except KeyError:
            raise KeyError(f"{self.run} logged no {key[0]}/{key[1]}; it logged {self._listed()}") from None

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self.series

    @property
    def epochs(self) -> int:
        """Number of epochs up to the last one that was logged."""
        last = max((int(s.epochs[-1]) for s in self.series.values() if len(s)), default=self.first_epoch - 1)
        return last - self.first_epoch + 1

    def counted_from_one(self) -> History:
        """Return the same curves with epochs counted from 1, as studies show them."""
        shift = 1 - self.first_epoch
        series = {key: Series(s.epochs + shift, s.values) for key, s in self.series.items()}
        return replace(self, series=series, first_epoch=1)

    def renamed(self, run: str) -> History:
        """Return the same curves under another run's name, for a trial shown in two groups."""
        return replace(self, run=run)

    def training_key(self, metric: str) -> tuple[str, str]:
        """Return the key of the training curve that compares with validation.

        It is the metric without regularisers, if that was logged. For the loss it is the loss as it is, because
        validation loss has the penalties too.
        """
        clean = ("train", f"clean_{metric}")
        return clean if metric != "loss" and clean in self else ("train", metric)

    def training(self, metric: str) -> Series | None:
        """Return the training curve of `metric` that compares with validation, or None."""
        return self.series.get(self.training_key(metric))

    def plot(self, ax: Axes | None = None, metric: str | None = None) -> Axes:
        """Plot training (solid) and validation (dashed) by epoch.

        Args:
            ax: Axes to draw on. Default: the axes of a new figure.
            metric: Metric to draw. Default: `main_metric`.

        Returns:
            The axes.

        Raises:
            UsageError: The metric was not logged.
        """
        from matplotlib.figure import Figure

        metric = metric or self.main_metric
        curves = {"training": self.training(metric), "validation": self.series.get(("validation", metric))}
        shown = {name: series for name, series in curves.items() if series is not None}
        if not shown:
            raise UsageError(f"{self.run} logged no {metric!r}; it logged {self._listed()}")
        ax = ax or Figure(layout="constrained").add_subplot()
        for name, series in shown.items():
            colour, dash = (TRAIN, "-") if name == "training" else (VALIDATION, "--")
            ax.plot(series.epochs, drawable_values(series.values), dash, color=colour, label=name)
        ax.set_title(self.run, parse_math=False)
        ax.set_xlabel("epoch")
        ax.set_ylabel(metric.replace("_", " "), parse_math=False)
        ax.legend(frameon=False)
        return ax

    def __repr__(self) -> str:
        return f"<History of {self.run}, seed {self.seed}: {self.epochs} epochs of {self._listed()}>"

    def _repr_html_(self) -> str:
        """Return what Jupyter shows, in the locale's language: every series in a line."""
        texts = catalog(default_language())
        rows = [
            (
                f"{split} {metric}",
                *_extent(series.values),
                sparkline({COLOURS.get(split, TRAIN): series.values}, metric),
            )
            for (split, metric), series in self.series.items()
        ]
        caption = texts.text("notebook-history", run=self.run, seed=self.seed, epochs=self.epochs)
        return table(("", *map(texts.text, COLUMNS)), rows, caption)

    @property
    def main_metric(self) -> str:
        """The metric to show first: the task's loss without penalties, or else the loss."""
        logged = [metric for split, metric in self.series if split == "validation"]
        return next((metric for metric in (*LOSSES, "loss", *logged) if metric in logged), "loss")

    def _listed(self) -> str:
        return ", ".join(f"{split}/{metric}" for split, metric in sorted(self.series)) or "nothing"


def _extent(values: np.ndarray) -> tuple[str, ...]:
    """Return the first, lowest, highest and last value of a series as text."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ("",) * 4
    return (f"{values[0]:.4g}", f"{finite.min():.4g}", f"{finite.max():.4g}", f"{values[-1]:.4g}")


def _schema() -> pa.Schema:
    import pyarrow as pa

    text, whole = pa.string(), pa.int64()
    return pa.schema(
        {"run": text, "seed": whole, "epoch": whole, "split": text, "metric": text, "value": pa.float64()}
    )


def _long_table(histories: Iterable[History]) -> pa.Table:
    import pyarrow as pa

    parts = [
        pa.table(
            {
                "run": pa.repeat(h.run, len(s)),
                "seed": pa.repeat(h.seed, len(s)),
                "epoch": s.epochs,
                "split": pa.repeat(split, len(s)),
                "metric": pa.repeat(metric, len(s)),
                "value": s.values,
            },
            schema=_schema(),
        )
        for h in histories
        for (split, metric), s in h.series.items()
    ]
    return pa.concat_tables(parts) if parts else _schema().empty_table()


def write_histories(histories: Iterable[History], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write the long table as a Parquet file, next to `path`, and rename it.

    `metadata` goes into the file's own key-value metadata.
    """
    import pyarrow.parquet as pq

    table = _long_table(histories).replace_schema_metadata(dict(metadata or {}))
    with atomic_write(path) as part:
        pq.write_table(table, part, compression="zstd")


def read_metadata(path: Path) -> dict[str, str]:
    """Return the key-value metadata of a Parquet file."""
    import pyarrow.parquet as pq

    found = pq.read_schema(path).metadata or {}
    return {name.decode(): value.decode() for name, value in found.items()}


def read_histories(path: Path) -> list[History]:
    """Return the histories of a file that `write_histories` wrote, in the same order."""
    table = _read(path)
    keys = zip(*(table[name].to_pylist() for name in ("run", "seed", "split", "metric")), strict=True)
    epochs, values = table["epoch"].to_numpy(), table["value"].to_numpy()
    found: dict[tuple[str, int], dict[tuple[str, str], Series]] = {}
    end = 0
    for (run, seed, split, metric), rows in groupby(keys):
        start, end = end, end + sum(1 for _ in rows)
        of_run = found.setdefault((run, seed), {})
        if (np.diff(epochs[start:end], prepend=-1) <= 0).any() or (split, metric) in of_run:
            raise ValueError(f"{run} has epochs that do not rise from 0 on")
        of_run[split, metric] = Series(epochs[start:end], values[start:end])
    return [History(run, seed, series) for (run, seed), series in found.items()]


def _read(path: Path) -> pa.Table:
    """Return the long table in a file. Raises ValueError, or an error of Arrow, for any other file."""
    import pyarrow.parquet as pq

    schema = _schema()
    with pq.ParquetFile(path) as found:
        check_parquet(found.metadata, path, str(path))
        if found.metadata.num_rows > MOST_VALUES:
            raise TooLargeError(f"{path}: holds more than {MOST_VALUES:,} values, the most that are read.")
        if not found.schema_arrow.remove_metadata().equals(schema):
            raise ValueError(f"it holds other columns than {', '.join(schema.names)}")
    with pq.ParquetFile(path, read_dictionary=TEXTS) as opened:  # a name in every row is held once
        table = opened.read()
    table.validate(full=True)
    if any(column.null_count for column in table.columns):
        raise ValueError("cells are missing in it")
    return table
