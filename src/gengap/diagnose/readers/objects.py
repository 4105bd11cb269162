"""Read runs from Python objects: gengap's own, fitted models of other libraries, data frames, dicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.diagnose.metric_names import CurveKey
from gengap.diagnose.readers.documents import items, read_nested
from gengap.diagnose.readers.log_table import LogTable, check_points, check_text_size
from gengap.diagnose.readers.table_layouts import LoggedColumn, build_log, column_name, read_log_table
from gengap.diagnose.run_curves import Log
from gengap.errors import UsageError
from gengap.files.arrow import check_arrow, open_arrow
from gengap.files.limits import check_column_names, explain_read_errors, open_parquet, text_bytes
from gengap.history import History

KNOWN = (
    "a path; a dict of lists; a list of records; a data frame; a Keras History; a Hugging Face Trainer; a fitted "
    "MLP, HistGradientBoosting, XGBoost or LightGBM model; a gengap History or Study"
)


def read_object(source: Any) -> list[Log]:
    """Return the runs in an object.

    Raises:
        UsageError: If the object keeps no curves.
        DataError: If its curves are not numbers.
    """
    if isinstance(source, Log):
        return [source]
    reader, logs = _read(source, type(source).__name__)
    return [replace(log, reader=reader) for log in logs]


def _read(source: Any, name: str) -> tuple[str, list[Log]]:
    """Return the kind of an object and the runs in it."""
    if histories := _histories(source):
        return "gengap", [_log_of_history(history) for history in histories]
    if isinstance(source, Mapping) or _is_list(source):
        return "dict" if isinstance(source, Mapping) else "records", read_nested(source, name)
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        return "data-frame", read_frame(source, name)
    if (found := _document(source)) is not None:
        reader, document = found
        return reader, read_nested(document, name)
    if curves := _scikit_learn(source):
        return "scikit-learn", [build_log(name, "", 0, curves)]
    raise UsageError(f"{name}: no curves were found in it, expected {KNOWN}. {_hint(source)}")


def _is_list(source: object) -> bool:
    return isinstance(source, (list, tuple)) or (isinstance(source, np.ndarray) and source.ndim > 0)


def _histories(source: Any) -> list[History]:
    found = [source] if isinstance(source, History) else getattr(source, "histories", source)
    listed = list(found) if isinstance(found, (list, tuple)) else []
    return listed if all(isinstance(history, History) for history in listed) else []


def _log_of_history(history: History) -> Log:
    curves = [
        LoggedColumn(column_name(key), key, s.epochs, s.values) for key, s in history.series.items() if len(s)
    ]
    return build_log("", history.run, history.seed, curves)


def _document(source: Any) -> tuple[str, Any] | None:
    """Return the kind of a library's object, and the dicts and lists in it that hold its curves."""
    if isinstance(getattr(source, "history", None), Mapping):
        return "keras", {"history": source.history, "epoch": getattr(source, "epoch", None) or None}
    log_history = getattr(getattr(source, "state", source), "log_history", None)
    if log_history is not None:
        return "hugging-face", log_history
    for attribute, reader in (("evals_result", "xgboost"), ("evals_result_", "lightgbm")):
        try:
            result = getattr(source, attribute, None)
            result = result() if callable(result) else result
        except Exception as fault:  # each library has its own error for a model that kept no results
            problem = str(fault).strip().rstrip(".")
            raise UsageError(f"{type(source).__name__}: {problem}. Fit it with eval_set.") from fault
        if isinstance(result, Mapping) and result:
            return reader, result
    return None


def _scikit_learn(model: Any) -> list[LoggedColumn]:
    """Return the curves that scikit-learn's models keep, a value for each iteration.

    MLP: `loss_curve_` of training, `validation_scores_` (accuracy or R²). HistGradientBoosting: the score named by
        its
    `scoring`, the first value from before the first iteration; negated losses become losses again.
    GradientBoosting: `train_score_`, which is the training loss.
    """
    if hasattr(model, "loss_curve_"):
        return _curves(
            model,
            {("train", "loss"): "loss_curve_", ("validation", _default_score(model)): "validation_scores_"},
        )
    if not hasattr(model, "validation_score_"):
        return _curves(model, {("train", "loss"): "train_score_"})
    scoring = getattr(model, "scoring", None)
    metric = scoring if isinstance(scoring, str) else "score" if callable(scoring) else _default_score(model)
    sign = -1 if metric == "loss" or metric.startswith("neg_") else 1
    bare = metric.removeprefix("neg_")
    return _curves(model, {("train", bare): "train_score_", ("validation", bare): "validation_score_"}, sign)


def _default_score(model: Any) -> str:
    return "accuracy" if hasattr(model, "classes_") else "r2"


def _curves(model: Any, attributes: Mapping[CurveKey, str], sign: int = 1) -> list[LoggedColumn]:
    found = []
    for key, attribute in attributes.items():
        values = items(getattr(model, attribute, None)) or []
        if values:
            y = sign * np.array([math.nan if v is None else float(v) for v in values])
            found.append(LoggedColumn(attribute, key, np.arange(len(y)), y))
    return found


def _hint(source: Any) -> str:
    """Return how this kind of object can keep its curves."""
    if hasattr(source, "early_stopping"):
        return "Fit it first, with early_stopping=True."
    if hasattr(type(source), "evals_result_"):
        return "Fit it first, with eval_set."
    return "Give one of these."


if TYPE_CHECKING:
    import pyarrow as pa


def read_frame(frame: Any, file: str) -> list[Log]:
    """Return the runs in anything with `__arrow_c_stream__`."""
    import pyarrow as pa

    with explain_read_errors(file):
        table = pa.table(frame)
    return _logs(table, file)


def read_parquet_log(path: Path, file: str) -> list[Log]:
    """Return the runs in a Parquet file, such as gengap's own histories."""
    with explain_read_errors(file), open_parquet(path, file) as opened:
        check_points(file, opened.metadata.num_rows * opened.metadata.num_columns)
        table = opened.read()
    return _logs(table, file)


def read_arrow_log(path: Path, file: str) -> list[Log]:
    """Return the runs in an Arrow IPC file or stream, or a Feather file."""
    import pyarrow as pa

    with explain_read_errors(file), pa.memory_map(str(path)) as mapped:
        check_arrow(path, file)
        schema, batches = open_arrow(mapped)
        read, points = [], 0
        for batch in batches:
            points += batch.num_rows * batch.num_columns
            check_points(file, points)
            batch.validate(full=True)
            read.append(batch)
        return _logs(pa.Table.from_batches(read, schema), file)


def _logs(table: pa.Table, file: str) -> list[Log]:
    check_column_names(file, table.column_names)
    check_points(file, table.num_rows * table.num_columns)
    with explain_read_errors(file):
        check_text_size(file, sum(text_bytes(column) for column in table.columns))
        columns = {
            name: column.to_pylist() if _is_plain(column.type) else [None] * len(column)
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    return read_log_table(LogTable(file, columns))


def _is_plain(kind: pa.DataType) -> bool:
    """Return whether a column holds numbers or text, and no lists or the like."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in (*tests, *texts))
