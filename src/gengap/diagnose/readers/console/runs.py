"""From collected columns to runs: which phrases belong together, which axis counts, where a run starts again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gengap.diagnose.metric_names import CurveKey, assign, direction, parse
from gengap.diagnose.readers.console.collector import Collector
from gengap.diagnose.readers.console.column_store import Column
from gengap.diagnose.readers.console.phrases import is_metric, words
from gengap.diagnose.readers.console.training_signs import LEAST, is_training
from gengap.diagnose.readers.restarts import PlacedCurve, divide
from gengap.diagnose.readers.table_layouts import WHOLE, LoggedColumn, build_log, last_series
from gengap.diagnose.run_curves import Log, climbs
from gengap.diagnose.verdict import Axis
from gengap.text.catalog import Message


class Curve(NamedTuple):
    """Values of one column at rows: both (n,)."""

    name: str
    key: CurveKey
    rows: np.ndarray
    values: np.ndarray
    progress: bool
    running: bool = False


def console_logs(found: Collector) -> list[Log]:
    """Return the runs that a collector found; none if there is no curve."""
    columns = _one_form_each(found)
    columns = _named_scores(found, _without_values_above(found, columns))
    keys = assign(_without_single_values(columns))
    if not is_training(found.signs, columns, keys):
        return []
    run = np.asarray(found.rows.run, np.int64)
    logs: list[Log] = []
    few = all(len(columns[name].rows) < LEAST for name in keys)  # else a single number is none of a curve
    labels = np.unique(run).tolist() if len(found.rows.runs) > 2 else [None]
    names = found.rows.runs
    if len(labels) > 2 and _are_named_below(run, [(keys[name][0], columns[name]) for name in keys]):
        labels, names = labels[:-1], names[1:]
    for label in labels:
        curves, other = [], []
        for canonical, column in columns.items():
            rows, values = np.asarray(column.rows, np.int64), np.asarray(column.values, np.float64)
            if label is not None:
                rows, values = rows[run[rows] == label], values[run[rows] == label]
            if canonical in keys and len(rows):
                curves.append(Curve(column.name, keys[canonical], rows, values, column.progress, column.running))
            elif len(rows) > 1 or few:
                other.append(Curve(column.name, ("", canonical), rows, values, False))
        curves, twice = _one_column_each(curves)
        other += twice
        if curves and (label != 0 or any(len(curve.rows) > 1 for curve in curves)):  # else words above the runs
            name = "" if label is None else names[label].strip()
            logs += _logs(found, name, curves, other)
    return logs


def _without_values_above(found: Collector, columns: dict[str, Column]) -> dict[str, Column]:
    """Return the columns without those that end above the first epoch of known curves: sizes and settings."""
    places = [found.rows.epoch, found.rows.step, found.rows.count]
    first = next(iter(np.flatnonzero(np.isfinite(places).any(axis=0))), 0)
    curves = {n for n, each in columns.items() if is_metric(each.canonical) and len(each.rows) >= LEAST}
    below = {name for name, column in columns.items() if column.rows[-1] >= first}
    return {name: columns[name] for name in columns if name in curves | below} if curves & below else columns


def _without_single_values(columns: Mapping[str, Column]) -> list[str]:
    """Return the names of columns without those of a single held-out value, if another held-out one is a curve."""
    held_out = [name for name, column in columns.items() if _names(column.canonical, "validation", "test")]
    single = {name for name in held_out if len(columns[name].rows) < 2}
    return [name for name in columns if name not in single] if len(single) < len(held_out) else list(columns)


def _one_form_each(found: Collector) -> dict[str, Column]:
    """Return one column for each name: its most frequent phrase, with others that tell of other epochs."""
    logged = _without_last([column for column in found.rows.columns.values() if column.rows])
    validation = (column for column in logged if _names(column.canonical, "validation"))
    epochs = max((_count_epochs(found, column) for column in validation), default=0)
    forms: dict[str, list[Column]] = {}
    for column in logged:
        forms.setdefault(column.canonical.lower(), []).append(column)
    chosen = {}
    for name, columns in forms.items():
        columns.sort(key=lambda column: _form_preference(column, epochs), reverse=True)
        main = _not_repeated(found, columns)
        columns = [main, *(column for column in columns if column is not main)]
        for column in columns[1:]:
            if len(column.rows) >= max(3, len(main.rows) // 10) and _apart(found, main, column):
                order = np.argsort(np.concatenate([main.rows, column.rows]), kind="stable")
                rows = np.concatenate([main.rows, column.rows])[order]
                values = np.concatenate([main.values, column.values])[order]
                main = Column(main.name, main.canonical, main.form, rows, values, main.running)  # pyright: ignore
        chosen[name] = main
    return chosen


def _are_named_below(run: np.ndarray, curves: Sequence[tuple[str, Column]]) -> bool:
    """Return whether lines such as `Fold 0: test acc 0.7` stand below the curves that they name.

    Then nothing of the curves stands below the last name. A run that was killed has at least training losses there.
    """
    counts = [(split, np.bincount(run[np.asarray(curve.rows)], minlength=run.max() + 1)) for split, curve in curves]
    whole = [(split, count) for split, count in counts if min(count[:-1]) > 1]
    validated = [count for split, count in counts if split == "validation"]
    last = any(count[-1] for count in (*validated, *(count for _, count in whole)))
    return not last and any(split == "validation" for split, _ in whole)


def _without_last(columns: Sequence[Column]) -> list[Column]:
    """Return the columns without those of last values (`last val loss: 0.5`) of metrics that are logged anyway."""
    last = {column for column in columns if "last" in words(column.form)}
    present = {key for column in columns if column not in last for key in _metric_words(column)}
    return [column for column in columns if column not in last or present.isdisjoint(_metric_words(column))]


def _count_epochs(found: Collector, column: Column) -> int:
    """Return in how many epochs a column has a value; its number of values if the log names no epochs."""
    rows = np.asarray(column.rows, np.int64)
    at = np.stack([np.asarray(found.rows.run)[rows], np.asarray(found.rows.epoch)[rows]])
    named = at[:, np.isfinite(at[1])]
    return np.unique(named, axis=1).shape[1] or len(rows)


def _metric_words(column: Column) -> set[tuple[str, str]]:
    """Return the split of a column with each word that is a metric."""
    split = (parse(column.canonical) or ("", ""))[0]
    return {(split, word) for word in words(column.canonical) if is_metric(word)}


def _not_repeated(found: Collector, columns: list[Column]) -> Column:
    """Return the first column, or a shorter one if the first only repeats each of its values until the next.

    A value that two handlers of a log print at the same place is not repeated.
    """
    first = columns[0]
    rows, values = np.asarray(first.rows, np.int64), np.asarray(first.values, np.float64)
    at = np.stack([np.asarray(cells)[rows] for cells in (found.rows.epoch, found.rows.step)])
    twice = (values[1:] == values[:-1]) & np.isfinite(at[:, 1:]).any(axis=0)
    twice &= ((at[:, 1:] == at[:, :-1]) | np.isnan(at[:, 1:])).all(axis=0)
    values = values[np.append(True, ~twice)]
    new = 1 + int((values[1:] != values[:-1]).sum())
    if 2 * new > len(values):
        return first
    lines = [column for column in columns[1:] if first.progress or not column.progress]
    return next((column for column in lines if new <= len(column.rows) <= len(rows) / 2), first)


def _one_column_each(curves: list[Curve]) -> tuple[list[Curve], list[Curve]]:
    """Return the longest column that is no progress bar for each split and metric; and the other columns.

    A validation loss that is shown in progress bars is left out if another one is logged without them.
    """
    epochs = max((len(curve.rows) for curve in curves if curve.key[0] == "validation"), default=0)
    best: dict[CurveKey, Curve] = {}
    for curve in curves:
        other = best.get(curve.key)
        if other is None or _preference(curve, epochs) > _preference(other, epochs):
            best[curve.key] = curve
    whole = any(_is_loss(curve) and 2 * len(curve.rows) >= epochs for curve in best.values() if not curve.progress)
    kept = [curve for curve in best.values() if not (whole and curve.progress and _is_loss(curve))]
    return kept, [curve for curve in curves if not any(curve is each for each in kept)]


def _is_loss(curve: Curve) -> bool:
    return curve.key[0] == "validation" and direction(curve.key[1]) is False


def _preference(curve: Curve, epochs: int) -> tuple[bool, bool, int]:
    """Order columns of one split and metric: those that are no progress, name the split, and have more values."""
    named = _has_split(curve.name, len(curve.rows), epochs)
    return not curve.progress and len(curve.rows) > 2, named, len(curve.rows)


def _form_preference(column: Column, epochs: int) -> tuple[bool, bool, int]:
    """Order the phrases of one name: those that show no progress, name the split, and have more values."""
    values = len(column.rows)
    return not column.progress and 2 * values >= max(epochs, 2), _has_split(column.form, values, epochs), values


def _has_split(name: str, values: int, epochs: int) -> bool:
    """Return whether a name says its split, in a column of a value for at least every second epoch."""
    return bool((parse(name) or ("", ""))[0]) and 2 * values >= epochs


def _names(canonical: str, *splits: str) -> bool:
    return (parse(canonical) or ("", ""))[0] in splits


def _apart(found: Collector, main: Column, other: Column) -> bool:
    """Return whether two phrases tell of different epochs, or of different parts of the log."""
    first, last = other.rows[0], other.rows[-1]
    if first > main.rows[-1] or last < main.rows[0]:
        return True
    epoch = np.asarray(found.rows.epoch)
    own, others = epoch[np.asarray(main.rows)], epoch[np.asarray(other.rows)]
    return bool(np.isfinite(others).all()) and np.isin(others, own).mean() < 0.1


def _named_scores(found: Collector, columns: Mapping[str, Column]) -> dict[str, Column]:
    """Return columns with an unnamed metric called "score" if it is one.

    It is if the log's own "best" is its highest value, or if it rises in training beside a loss.
    """
    if not (_best_is_highest(found, columns) or ("loss" in columns and _rises(columns.get("train")))):
        return dict(columns)
    unnamed = ("train", "validation", "test")
    return {f"{name}_score" if name in unnamed else name: column for name, column in columns.items()}


def _best_is_highest(found: Collector, columns: Mapping[str, Column]) -> bool:
    validation = columns.get("test") or columns.get("validation")
    if found.best is None or validation is None:
        return False
    highest, lowest = max(validation.values), min(validation.values)
    return abs(found.best - highest) <= abs(found.best - lowest)


def _rises(column: Column | None) -> bool:
    return column is not None and climbs(np.asarray(column.values, np.float64))


def _logs(found: Collector, run: str, curves: list[Curve], other: list[Curve]) -> list[Log]:
    x, curves, notes, axis = _axis(found, curves)
    parts, more = divide(x, [PlacedCurve(curve.key, curve.rows, curve.values) for curve in curves])
    logs = []
    for number, part in enumerate(parts, 1):
        logged = []
        for curve in curves:
            inside = (curve.rows >= part.start) & (curve.rows < part.end)
            if inside.any():
                at = part.x[curve.rows[inside]]
                quiet = curve.progress or curve.key[0] == "train"
                logged.append(LoggedColumn(curve.name, curve.key, at, curve.values[inside], quiet, curve.running))
        name = run if len(parts) == 1 else f"{run} {number}".strip()
        unassigned = {}
        for curve in other:
            inside = (curve.rows >= part.start) & (curve.rows < part.end) & np.isfinite(part.x[curve.rows])
            if inside.any():
                unassigned[curve.name] = last_series(part.x[curve.rows[inside]], curve.values[inside])
        names = [curve.name for curve in other]
        empty = [name for name, present in found.tables.has_value.items() if name and not present]
        log = build_log(found.rows.file, name, 0, logged, names, [*notes, *more], unassigned, empty)
        reader = "text-table" if 2 * found.tables.tabular > found.rows.points else "console"
        logs.append(replace(log, reader=reader, axis=axis))
    return logs


def _axis(found: Collector, curves: list[Curve]) -> tuple[np.ndarray, list[Curve], list[Message], Axis]:
    """Return each row's epoch, step or count, whichever places validation best, and the curves that it places.

    The last value says whether steps are counted.
    """
    judged = [curve for curve in curves if curve.key[0] == "validation"] or curves
    judged = [c for c in judged if direction(c.key[1]) is not None and len(c.rows) > 1] or judged
    axes = {"epoch": found.rows.epoch, "step": found.rows.step, "count": found.rows.count}
    ranked = []
    for order, cells in enumerate(axes.values()):
        x = np.asarray(cells, np.float64)
        lost, total = _lost(x, judged)
        same = order > 0 and all(np.ptp(x[curve.rows]) == 0 for curve in judged)  # Iter [200/200], or 0%
        ranked.append((lost > 0.2 * total or (same and total > len(judged)), order, x))
    bad, order, x = min(ranked, key=lambda each: each[:2])
    axis: Axis = "step" if list(axes)[order] == "step" else "epoch"
    if bad:
        return np.arange(len(found.rows.run), dtype=np.float64), curves, [], "epoch"
    x = np.ceil(_with_begin(x))  # what is logged at 0.25 and at 1.0 belongs to the first epoch
    kept = []
    for curve in curves:
        usable = np.isfinite(x[curve.rows]) & (x[curve.rows] < WHOLE)
        if usable.any():
            kept.append(curve._replace(rows=curve.rows[usable], values=curve.values[usable]))
    return x, kept, [], axis


def _with_begin(x: np.ndarray) -> np.ndarray:
    """Return positions in which rows before the first step stand one step before it, at 0 if it is the first."""
    at = np.flatnonzero(np.isfinite(x))
    if len(at) and at[0] > 0:
        x = x.copy()
        x[: at[0]] = max(x[at[0]] - 1, 0)
    return x


def _lost(x: np.ndarray, judged: list[Curve]) -> tuple[int, int]:
    """Return how many values of the curves have no whole position of their own, and how many there are."""
    lost = total = 0
    for curve in judged:
        at = x[curve.rows]
        usable = np.isfinite(at) & (at == np.floor(at))
        total += len(at)
        lost += int((~usable).sum())
        at, values = at[usable], curve.values[usable]
        if len(at) > 1 and not curve.progress:
            lost += int(((at[1:] == at[:-1]) & (values[1:] != values[:-1])).sum())
    return lost, total
