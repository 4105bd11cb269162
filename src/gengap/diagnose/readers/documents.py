"""Nested Python values, and the JSON files that hold them, as tables: what frameworks keep in dicts and lists.

{"loss": [...], "val_loss": [...]}                        Keras' History, or any loop's lists
{"validation_0": {"logloss": [...]}, ...}                 XGBoost's and LightGBM's evals_result
{"loss": {"0": ..., "1": ...}, ...}                       a pandas DataFrame's to_json
{"a": {"loss": [...], "val_loss": [...]}, "b": ...}       several runs
{"log_history": [{"step": 5, "loss": ...}, ...]}          Hugging Face's trainer_state.json
[{"epoch": 0, "loss": ..., "val_loss": ...}, ...]         records, wide or long

`json_forms` has the forms that trackers write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gengap.diagnose.metric_names import parse
from gengap.diagnose.readers.json_forms import find_points, find_records, points_of
from gengap.diagnose.readers.log_table import LogTable, check_points
from gengap.diagnose.readers.message_records import read_records
from gengap.diagnose.readers.record_order import name_validation, place_records
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.readers.tracker_points import log_of_points
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError
from gengap.text.catalog import Message

OF_A_STUDY = {"schema", "plan", "trials", "recommendation"}  # keys of its study.json
DEEPEST = 4  # levels of dicts in dicts that may name a curve
EXPECTED = "expected lists by name, such as {'loss': [...], 'val_loss': [...]}, or a list of records"


def read_nested(document: object, file: str, run: str = "") -> list[Log]:
    """Return the runs in nested dicts and lists. Raises DataError if they hold no columns."""
    if isinstance(document, Mapping):
        return _logs_of_mapping({str(name): value for name, value in document.items()}, file, run)
    if (points := find_points(document)) is not None:
        return [log_of_points(file, run, points)]
    records = items(document)
    if (curve := points_of(records)) is not None:
        steps, values = zip(*curve, strict=True)
        return read_log_table(LogTable(file, {"step": steps, "value": values}, run=run))
    if records and all(isinstance(record, Mapping) for record in records):
        return read_records(table_of_records(records, file, run=run))
    held = "an empty list" if records == [] else "a list of values without names"
    raise DataError(f"{file}: it holds {held if records is not None else type(document).__name__}, {EXPECTED}.")


def _logs_of_mapping(mapping: Mapping[str, Any], file: str, run: str) -> list[Log]:
    if items(mapping.get("log_history")) is not None:
        return read_nested(mapping["log_history"], file, run)
    if mapping.keys() >= OF_A_STUDY:
        raise DataError(
            f"{file}: it is a study's summary, which holds no curves. Give the study's folder, or the "
            "histories.parquet in it."
        )
    if (records := find_records(mapping)) is not None:
        return read_records(table_of_records(records, file, run=run))
    if (points := find_points(mapping)) is not None:
        return [log_of_points(file, run, points)]
    if isinstance(history := mapping.get("history"), Mapping):
        epoch = mapping.get("epoch")
        return read_log_table(
            _table_of_lists({**history, **({"epoch": epoch} if epoch is not None else {})}, file, run)
        )
    if mapping and all(isinstance(inner, Mapping) for inner in mapping.values()) and _are_runs(mapping):
        return [log for name, inner in mapping.items() for log in read_nested(inner, file, name)]
    return read_log_table(_table_of_lists(mapping, file, run))


def _are_runs(mapping: Mapping[str, Mapping[Any, Any]]) -> bool:
    """Return whether the outer names are runs: the inner names have splits, and these do not."""

    def tells(names: Mapping[Any, Any]) -> bool:
        return any((parse(str(name)) or ("", ""))[0] for name in names)

    return not tells(mapping) and any(tells(inner) for inner in mapping.values())


def items(value: object) -> list[Any] | None:
    """Return the items of anything like a list or a one-dimensional array, or None."""
    if isinstance(value, (str, bytes, bytearray, Mapping)):
        return None
    convert = getattr(value, "tolist", None)
    if callable(convert):  # arrays of NumPy, JAX and PyTorch, pandas' Series
        value = convert()
    return list(value) if isinstance(value, (Sequence, set, range)) and not isinstance(value, str) else None


def table_of_records(
    records: Sequence[Mapping[Any, Any]],
    file: str,
    *,
    unit: str = "record",
    rows: Sequence[int] | None = None,
    run: str = "",
    notes: tuple[Message, ...] = (),
) -> LogTable:
    """Return a table with a row for each record; dicts in a record become columns named outer/inner."""
    flat = [dict(_leaves(record)) for record in records]
    name_validation(flat)
    if place_records(flat):
        notes = (*notes, Message("read-steps-moved"))
    names = dict.fromkeys(name for record in flat for name in record)
    check_points(file, len(names) * len(flat))
    columns = {name: [record.get(name) for record in flat] for name in names}
    ragged = any(len(record) < len(names) for record in flat)
    return LogTable(file, columns, unit, rows, run, ragged, notes)


def _leaves(record: Mapping[Any, Any], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, Mapping) and depth < DEEPEST:
            yield from _leaves(value, f"{prefix}{name}/", depth + 1)
        else:
            yield f"{prefix}{name}", value


def _table_of_lists(mapping: Mapping[Any, Any], file: str, run: str) -> LogTable:
    """Return a table of lists by name; dicts in the dict give names outer-inner, as XGBoost writes them."""
    found = dict(_lists(mapping))
    lists = {name: cells for name, cells in found.items() if isinstance(cells, list)}
    indexed = {name: cells for name, cells in found.items() if isinstance(cells, dict)}
    if not lists and not indexed:
        note = Message("read-final-values")
        return table_of_records([mapping] if mapping else [], file, run=run, notes=(note,))
    if indexed:
        index = sorted({i for cells in indexed.values() for i in cells})
        check_points(file, len(index) * len(indexed))
        lists |= {name: [cells.get(i) for i in index] for name, cells in indexed.items()}
        lists.setdefault("epoch", index)
    longest = max(len(cells) for cells in lists.values())
    check_points(file, longest * len(found))
    short = [name for name, cells in lists.items() if 0 < len(cells) < longest]
    columns = {name: _spread(lists.get(name, []), longest) for name in {**found, **lists}}
    notes = tuple(
        Message(
            "read-fewer-values",
            {"column": name, "count": len(lists[name]), "rows": longest, "every": longest // len(lists[name])},
        )
        for name in short
    )
    return LogTable(file, columns, run=run, ragged=bool(short), notes=notes)


def _spread(cells: list[Any], rows: int) -> list[Any]:
    """Place a list that was logged less often at the epochs of Keras' validation_freq."""
    spread: list[Any] = [None] * rows
    if cells:
        every = rows // len(cells)
        spread[every - 1 : every * len(cells) : every] = cells
    return spread


def _lists(mapping: Mapping[Any, Any], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """Yield every column: a list, a dict by whole numbers (pandas), or None for anything else."""
    for name, value in mapping.items():
        column = f"{prefix}{name}"
        if not isinstance(value, Mapping):
            yield column, items(value)
        elif value and all(str(key).isdecimal() for key in value) and all(len(str(key)) < 16 for key in value):
            yield column, {int(key): cell for key, cell in value.items()}
        elif depth < DEEPEST:
            yield from _lists(value, f"{column}-", depth + 1)
