r"""Read any framework's curves into `Log`s, one for each run.

    folders (which logs)  ->  paths, tracker_points, events  \
    paths (which reader)  ->  text_tables, console, sqlite    -> log_table -> table_layouts -> Log
    objects (which kind)  ->  documents                      /

`read` is the entry point. Nothing here imports another framework, and nothing is ever unpickled.
"""

from __future__ import annotations

import os
from dataclasses import replace

from gengap.diagnose.metric_names import parse
from gengap.diagnose.readers.restarts import restart_mode
from gengap.diagnose.run_curves import Log
from gengap.errors import UsageError
from gengap.history import History

__all__ = ["Log", "read"]


def read(source: object, metric: str | None = None, restart: str = "auto") -> list[Log]:
    """Return the runs in a log.

    Files: console text, CSV, TSV, JSON, JSON lines, Parquet, Arrow, Feather, SQLite, and those of TensorBoard and
    Weights & Biases. Folders: those of a study, of trackers and of frameworks, or any with such files. Objects:
    dicts of lists, lists of records, data frames, a Keras History, fitted scikit-learn, XGBoost and LightGBM
    models, gengap's own History and Study. Tables may be wide (a column for each metric) or long (columns run,
    seed, epoch or step, split, metric, value). A text of several lines, or a JSON document, is the log itself.

    A run in a file is called FILE, or FILE:run if the file names its runs. The curves of a run may be in several
    files: give a list of their paths.

    >>> (log,) = read({"loss": [0.9, 0.5, 0.3], "val_loss": [1.0, 0.7, 0.8]})
    >>> log.history["validation", "loss"].values
    array([1. , 0.7, 0.8])

    Args:
        source: Path of a file or folder, a list of paths, the text of a log, or a Python object.
        metric: Metric of curves that are named only by their split, as in {"train": [...], "validation": [...]}
            (default: the loss).
        restart: What to do where epochs start again: "continue" the run, "split" it into two, or "auto" for what
            the curves say.

    Raises:
        DataError: If the log can't be read.
        UsageError: If the object is of an unknown kind.
    """
    paths = source if isinstance(source, (list, tuple)) else ()
    if paths and all(isinstance(path, (str, os.PathLike)) for path in paths):
        from gengap.diagnose.readers.file_names import join_parts

        return join_parts(log for path in paths for log in read(path, metric, restart))
    if isinstance(source, (str, os.PathLike)):
        from gengap.diagnose.readers.folders import read_path

        file = os.fsdecode(source)
        if not file:
            raise UsageError("the path is empty, expected a file or a folder. Name a log.")
        with restart_mode(restart):
            logs = read_path(file)
    else:
        from gengap.diagnose.readers.objects import read_object

        with restart_mode(restart):
            logs = read_object(source)
    bare = (parse(metric) or ("", ""))[1] if metric else ""
    return [_with_metric(log, bare or "loss") for log in logs]


def _with_metric(log: Log, metric: str) -> Log:
    """Return the log with `metric` as the name of its unnamed curves, unless there is such a metric.

    A whole number that never changes is no curve if another one is longer: `train: 47900, val: 5988` are rows.
    """
    unnamed = [s for (split, known), s in log.history.series.items() if split == "validation" and not known]
    longest = max((len(series) for series in log.history.series.values()), default=0)
    fixed = any(len(s) < longest and set(s.values) == {s.values[0] // 1} for s in unnamed)
    if fixed or any(known == metric for _, known in log.names):
        return log
    names = {(split, known or metric): name for (split, known), name in log.names.items()}
    series = {(split, known or metric): s for (split, known), s in log.history.series.items()}
    return replace(log, names=names, history=History(log.history.run, log.history.seed, series))
