"""Any framework's curves: reads logs of every kind into `Log`s, one a run.

    files (which reader)  ->  text, frames, events  \\
    objects (which kind)  ->  documents, frames     -> table -> runs -> Log

`read` is the one door. Nothing here imports another framework, and nothing is ever unpickled.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from gengap.diagnose.metric_names import parse
from gengap.diagnose.run_curves import Log
from gengap.errors import UsageError
from gengap.history import History

__all__ = ["Log", "read"]


def read(source: object, metric: str | None = None) -> list[Log]:
    """The runs in a log: a path of a file or folder, or a Python object.

    Files: CSV, TSV, JSON, JSON lines, Parquet, Arrow, Feather, TensorBoard's event files. Folders: a study's, and
    those of TensorBoard, Hugging Face and Lightning. Objects: dicts of lists, lists of records, data frames, a
    Keras History, fitted scikit-learn, XGBoost and LightGBM models, gengap's own History and Study. Tables may be
    wide (a column for each metric) or long (columns run, seed, epoch or step, split, metric, value).

    `metric` is only what the curves are called that have no name but their split's, as in {"train": [...],
    "validation": [...]}; without it they are losses. A run in a file is called FILE, or FILE:run where the file
    names its runs. Raises DataError if the log can't be read, UsageError for objects of another kind.

    >>> (log,) = read({"loss": [0.9, 0.5, 0.3], "val_loss": [1.0, 0.7, 0.8]})
    >>> log.history["validation", "loss"].values
    array([1. , 0.7, 0.8])
    """
    if isinstance(source, (str, os.PathLike)):
        from gengap.diagnose.readers.paths import read_path

        file = os.fsdecode(source)
        if not file:
            raise UsageError("the path is empty, expected a file or a folder. Name a log.")
        logs = read_path(Path(file), file)
    else:
        from gengap.diagnose.readers.objects import read_object

        logs = read_object(source)
    bare = (parse(metric) or ("", ""))[1] if metric else ""
    return [_called(log, bare or "loss") for log in logs]


def _called(log: Log, metric: str) -> Log:
    """The log with its curves of no name called `metric`, unless there is such a metric."""
    if any(known == metric for _, known in log.names):
        return log
    names = {(split, known or metric): name for (split, known), name in log.names.items()}
    series = {(split, known or metric): s for (split, known), s in log.history.series.items()}
    return replace(log, names=names, history=History(log.history.run, log.history.seed, series))
