"""Forms of nested values that trackers write, as records or as points by name.

{"0": {"loss": ..., "val_loss": ...}, "1": ...}              a record for each epoch, by its number
{"train": [{"epoch": 0, "loss": ...}], "val": [...]}         records of each split, also as train_reports
{"epochs": [{"loss": ..., "val_loss": ...}]}                 records under any name, such as log_history
{"meta": ..., "iterations": [{"learn": [...]}]}              CatBoost's catboost_training.json
{"val.loss": {"steps": [...], "values": [...]}}              Sacred; x and y from Plotly and Comet
{"data": [{"name": "val", "x": [...], "y": [...]}]}           charts of ClearML and Plotly
{"val_loss": [[0, 0.5], [1, 0.4]]}                           pairs of step and value, or time, step and value
{"val_loss": [{"step": 0, "value": 0.5}, ...]}               points as records; Keras Tuner has lists of one value
[[1700000000.1, 0, 0.5], ...]                                TensorBoard's download: time, step and value
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gengap.diagnose.metric_words import SPLITS
from gengap.diagnose.readers.log_table import split_word

STEPS = ("steps", "step", "x", "iterations", "iteration", "epochs", "epoch")
VALUES = ("values", "value", "y")
NAMES = ("metric", "name", "key", "tag", "metricName")  # of the curve, in records of several curves
SINCE_1970 = 1e9  # seconds: larger numbers are times
NUMBERED = re.compile(r"(?:epoch|step|iter|iteration|round)?[ _-]?(\d{1,15})", re.IGNORECASE)
DEEPEST = 4  # levels of dicts in dicts that may name a curve

Records = list[Mapping[str, Any]]
Curve = list[tuple[float, float]]  # steps and values


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
    columns = [value for value in mapping.values() if isinstance(value, (list, tuple)) and len(value) > 1]
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
