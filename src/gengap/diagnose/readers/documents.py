"""Nested Python values, and the JSON files that hold them, as tables: what frameworks keep in dicts and lists.

{"loss": [...], "val_loss": [...]}                        Keras' History, or any loop's lists
{"validation_0": {"logloss": [...]}, ...}                 XGBoost's and LightGBM's evals_result
{"loss": {"0": ..., "1": ...}, ...}                       a pandas DataFrame's to_json
{"a": {"loss": [...], "val_loss": [...]}, "b": ...}       several runs
{"log_history": [{"step": 5, "loss": ...}, ...]}          Hugging Face's trainer_state.json
[{"epoch": 0, "loss": ..., "val_loss": ...}, ...]         records, wide or long
{"0": {"loss": ..., "val_loss": ...}, "1": ...}           a record for each epoch, by its number
{"train": [{"epoch": 0, "loss": ...}], "val": [...]}      records of each split, also as train_reports
{"epochs": [{"loss": ..., "val_loss": ...}]}              records under any name, such as log_history
{"meta": ..., "iterations": [{"learn": [...]}]}           CatBoost's catboost_training.json
{"val.loss": {"steps": [...], "values": [...]}}           Sacred; x and y from Plotly and Comet
{"data": [{"name": "val", "x": [...], "y": [...]}]}       charts of ClearML and Plotly
{"val_loss": [[0, 0.5], [1, 0.4]]}                        pairs of step and value, or time, step and value
{"val_loss": [{"step": 0, "value": 0.5}, ...]}            points as records; Keras Tuner has lists of one value
[[1700000000.1, 0, 0.5], ...]                             TensorBoard's download: time, step and value
{"timestamp": "...", "textPayload": "epoch 1 val_loss=0.5"}  records of a log service, whose lines are console text
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from gengap.diagnose.metric_names import SPLITS, assign, parse
from gengap.diagnose.readers.console import read_console
from gengap.diagnose.readers.log_table import ROLES, LogTable, check_points, joined_words, split_word
from gengap.diagnose.readers.table_layouts import read_log_table
from gengap.diagnose.readers.tracker_points import log_of_points
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError
from gengap.text.catalog import Message

OF_A_STUDY = {"schema", "plan", "trials", "recommendation"}  # keys of its study.json
DEEPEST = 4  # levels of dicts in dicts that may name a curve
EXPECTED = "expected lists by name, such as {'loss': [...], 'val_loss': [...]}, or a list of records"
STEPS = ("steps", "step", "x", "iterations", "iteration", "epochs", "epoch")
VALUES = ("values", "value", "y")
NAMES = ("metric", "name", "key", "tag", "metricName")  # of the curve, in records of several curves
SINCE_1970 = 1e9  # seconds: larger numbers are times
NUMBERED = re.compile(r"(?:epoch|step|iter|iteration|round)?[ _-]?(\d{1,15})", re.IGNORECASE)
Records = list[Mapping[str, Any]]
Curve = list[tuple[float, float]]  # steps and values
DictRecords = Sequence[dict[str, Any]]
SCORES_OF_SPACY = re.compile(r"(?:other_)?scores?(?=/|$)")
TRAINING = {"lr", "base_lr", "learning_rate", "grad_norm"}  # in records of training alone
MESSAGES = ("textpayload", "message", "msg", "log", "body", "raw", "text", "line", "event")
TIMES = ("timestamp", "realtime_timestamp", "time", "ts", "asctime", "datetime", "date", "eventtime")
CLOCK = re.compile(r"(?<!\d)\d\d:\d\d:\d\d")


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


def find_records(mapping: Mapping[str, Any]) -> Records | None:
    """Return the records in a dict, with `epoch` or `split` from the keys, or None if it has another form."""
    if isinstance(mapping.get("meta"), Mapping) and _are_records(mapping.get("iterations")):
        return _catboost(mapping["meta"], mapping["iterations"])
    numbers = [NUMBERED.fullmatch(name) for name in mapping]
    if mapping and all(numbers) and all(isinstance(value, Mapping) for value in mapping.values()):
        return [{"epoch": int(m[1]), **record} for m, record in zip(numbers, mapping.values(), strict=True) if m]
    lists = {
        name: value
        for name, value in mapping.items()
        if _are_records(value) and not (points_of(value) or find_points(value))
    }
    splits = {name: split for name in lists if (split := split_word(name)).lower() in SPLITS}
    if splits:
        return [{"split": split, **record} for name, split in splits.items() for record in lists[name]]
    listed = (value for value in mapping.values() if isinstance(value, (list, tuple)) and len(value) > 1)
    columns = [value for value in listed if not all(isinstance(each, str) for each in value)]  # of names of classes
    if lists and len(columns) <= len(lists):
        return list(max(lists.values(), key=len))
    return None


def _are_records(value: object) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _catboost(meta: Mapping[str, Any], iterations: Sequence[Mapping[str, Any]]) -> Records:
    """Return a record for each iteration: sets and metrics are named in `meta`, values are in lists."""
    names = {}
    for kind in ("learn", "test"):
        sets, metrics = meta.get(f"{kind}_sets"), meta.get(f"{kind}_metrics")
        for one in sets if isinstance(sets, list) else ():
            listed = metrics if _are_records(metrics) else ()
            names[str(one)] = [f"{one}-{metric.get('name', i)}" for i, metric in enumerate(listed or ())]
    return [
        {
            "iteration": record.get("iteration", i),
            **{
                name: value
                for one, columns in names.items()
                if isinstance(record.get(one), list)
                for name, value in zip(columns, record[one], strict=False)
            },
        }
        for i, record in enumerate(iterations)
    ]


def find_points(document: object) -> dict[str, Curve] | None:
    """Return the points of each curve, if that is all a document holds, or None if it has another form."""
    if isinstance(document, Mapping):
        return _without_common_parts(dict(_named(document))) or None
    records = document if isinstance(document, (list, tuple)) and _are_records(document) else ()
    found = {str(each["name"]): points_of(each) for each in records if "name" in each}
    return {name: points for name, points in found.items() if points} or None


def _without_common_parts(curves: Mapping[str, Curve]) -> dict[str, Curve]:
    """Return the curves without the first and last parts of their names, a/b/c, that all of them share."""
    paths = [name.split("/") for name in curves]
    least = min(map(len, paths), default=0)
    if len(paths) < 2 or least < 2:
        return dict(curves)
    first = next((i for i in range(least - 1) if len({path[i] for path in paths}) > 1), least - 1)
    last = next((i for i in range(least - first) if len({path[-1 - i] for path in paths}) > 1), 0)
    names = ("/".join(path[first : len(path) - last]) for path in paths)
    return dict(zip(names, curves.values(), strict=True))


def _named(mapping: Mapping[Any, Any], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Curve]]:
    for name, value in mapping.items():
        if (points := points_of(value)) is not None:
            yield f"{prefix}{name}", points
        elif isinstance(value, list) and (several := find_points(value)):
            yield from several.items()
        elif isinstance(value, Mapping) and depth < DEEPEST:
            yield from _named(value, f"{prefix}{name}/", depth + 1)


def points_of(value: object) -> Curve | None:
    """Return steps and values, or None if the value is no curve with steps."""
    if isinstance(value, Mapping):
        x, y = (_first(value, names) for names in (STEPS, VALUES))
        pairs = zip(x, y, strict=True) if isinstance(x, list) and isinstance(y, list) and len(x) == len(y) else ()
    elif not isinstance(value, (list, tuple)):
        return None
    elif _are_records(value):
        named = any(name in each for each in value for name in NAMES)
        pairs = () if named else [(_first(each, STEPS), _first(each, VALUES)) for each in value]
    else:
        pairs = map(_pair, value)
    points = list(pairs)
    if not points or not all(_is_number(cell) for point in points for cell in point):
        return None
    return [(float(step), float(value)) for step, value in points]


def _first(mapping: Mapping[str, Any], names: Sequence[str]) -> Any:
    found = next((mapping[name] for name in names if name in mapping), None)
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def _pair(cells: object) -> tuple[Any, Any]:
    """Return the step and the value in two numbers, or in three of which one is a time in seconds since 1970."""
    if not isinstance(cells, (list, tuple)) or len(cells) not in (2, 3) or not all(map(_is_number, cells)):
        return None, None
    first, second, *last = cells
    if not last:
        return first, second
    return (first, second) if last[0] > SINCE_1970 else (second, last[0])


def _is_number(cell: object) -> bool:
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)


def name_validation(records: DictRecords) -> None:
    """Rename the metrics of records that don't train to val/NAME, in place, if no name has a split."""
    names = dict.fromkeys(name for record in records for name in record)
    if any((parse(name) or ("", ""))[0] or joined_words(name) in ROLES["split"] for name in names):
        return
    of_training = {name for record in records if TRAINING & record.keys() for name in record}
    if any(name.startswith("losses/") for name in names):
        for record in records:
            for name in [name for name in record if SCORES_OF_SPACY.match(name)]:
                record[f"val/{name.rpartition('/')[2]}"] = record.pop(name)
        return
    counts = Counter(name for record in records for name in record if of_training and parse(name))
    held_out = [name for name, count in counts.items() if name not in of_training and count > 1]
    for record in records:
        for name in held_out:
            if name in record:
                record[f"val/{name}"] = record.pop(name)


def place_records(records: DictRecords) -> bool:
    """Move the steps of records that go back while others give an epoch, in place; return whether any was moved."""
    names = dict.fromkeys(name for record in records for name in record)
    joined = {joined_words(name): name for name in reversed(names)}
    step, epoch = (next((joined[n] for n in ROLES[role] if n in joined), None) for role in ("step", "epoch"))
    if step is None or epoch is None:
        return False
    moved, last = [], None
    for record in records:
        value = record.get(step)
        if not isinstance(value, (int, float)):
            continue
        if epoch in record:
            if last is not None and value < last:  # steps of each epoch, or a run that starts again
                return False
            last = value
        elif last is not None and value < last:
            moved.append((record, last))
    for record, value in moved:
        record[step] = value
    return bool(moved)


def read_records(table: LogTable) -> list[Log]:
    """Return the runs in a table: those of its columns, or those of the lines that one of them holds.

    Raises DataError as `read_log_table` does.
    """
    places = set(table.roles().values())
    if not assign(name for name in table.columns if name not in places) and (texts := _messages(table)):
        logs = read_console(["\n".join([*texts, ""])], table.file)
        if any(log.history.series for log in logs):
            return logs
    return read_log_table(table)


def _messages(table: LogTable) -> list[str]:
    """Return the lines in the column of messages, the oldest first."""
    cells = _column(table, MESSAGES)
    if not cells or not any(isinstance(cell, str) and " " in cell.strip() for cell in cells):
        return []
    texts = ["" if cell is None else str(cell).rstrip("\r\n") for cell in cells]
    times = [cell for cell in _column(table, TIMES) if cell is not None]
    return texts[::-1] if times and _is_later(times[0], times[-1]) else texts


def _is_later(one: object, other: object) -> bool:
    """Return whether a time is later than another; False if they can't be compared.

    >>> _is_later("10.5", "9.5"), _is_later("2024-05-02", "2024-05-01"), _is_later("9/28/2024", "10/31/2024")
    (True, True, False)
    >>> _is_later("May 1, 2024 @ 10:01:00", "May 1, 2024 @ 10:00:00"), _is_later("23:59:00", "00:01:00")
    (True, False)
    """
    a, b = str(one).strip(), str(other).strip()
    for seconds in (float, lambda text: datetime.fromisoformat(text).timestamp()):
        try:
            return seconds(a) > seconds(b)
        except (ValueError, OverflowError):
            continue
    date, day = (text[: found.start()] if (found := CLOCK.search(text)) else "" for text in (a, b))
    return a > b and date == day and any(map(str.isdigit, date))


def _column(table: LogTable, known: Sequence[str]) -> Sequence[object]:
    """Return the cells of the first column of a known name, or whose name ends in it: jsonPayload/message."""
    names = {joined_words(name.rpartition("/")[2]): name for name in reversed(list(table.columns))}
    return next((table.columns[names[name]] for name in known if name in names), ())
