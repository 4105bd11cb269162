"""From tables to runs: wide tables have a column for each metric, long tables a row for each value.

Every reader ends here. Columns' names say which are curves. Curves are sorted by epoch (or step), each with its own
epochs. What the reader had to decide is noted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gengap.diagnose.metric_names import AVERAGED, SPLITS, CurveKey, assign, direction, parse, rank_in
from gengap.diagnose.readers.file_names import name_by_file, split_by_run, with_splits_of_runs
from gengap.diagnose.readers.log_table import MAX_RUNS, LogTable, check_points, number, numbers, split_word
from gengap.diagnose.readers.restarts import (
    PlacedCurve,
    are_batches,
    divide,
    epochs_with_loss,
    last_of_each_epoch,
    mean_of_each_epoch,
)
from gengap.diagnose.run_curves import Log
from gengap.diagnose.verdict import AXES, Axis
from gengap.errors import DataError, printable, shown
from gengap.history import History, Series
from gengap.text.catalog import Message

FIRST_SET = re.compile(r"validation_0(?![0-9])")  # XGBoost's first set: a second one would make it training
SETTING = re.compile(r"(rank|params?)(_|$)")  # columns of a search, with a row for each setting
ITEM = re.compile(
    r"(.*/)?((model|method|classifier|algorithm|file|image|sample|patient|subject|student|participant)"
    r"([ _]?(name|id))?|ids?)"
)
TIME = re.compile(r"\d[-/:.]\d+[-/:]\d")
MOMENT = re.compile(r"epoch|step|iter|ckpt|checkpoint", re.IGNORECASE)
GAPS = 1 / 3  # of a curve's values that are NaN, from which on they are no signs of divergence
TRUE_ZEROS = ("err", "error", "wer", "cer", "eer", "ler")  # rates of errors, which may be 0 in an epoch
WHOLE = 2.0**53  # below it, a float64 tells whole numbers apart


class LoggedColumn(NamedTuple):
    """One column's values in logged order: whole epochs or steps `x` (n,), and `y` (n,).

    `often` says that it is logged several times an epoch, as by a progress bar, so that the last value counts;
    `running` that its values are running means.
    """

    name: str
    key: CurveKey
    x: np.ndarray
    y: np.ndarray
    often: bool = False
    running: bool = False


def read_log_table(table: LogTable) -> list[Log]:
    """Return the runs in a table, in the order in which they begin. Raises DataError for text in a curve."""
    if not len(table):
        raise DataError(f"{table.file}: there are no rows in it. Give a log of at least one epoch.")
    tables = [name_by_file(each) for each in split_by_run(table)]
    return [replace(log, part=each.part) for each in tables for log in _logs(each)]


def _logs(table: LogTable) -> list[Log]:
    table = with_splits_of_runs(table)
    roles = table.roles()
    long = "metric" in roles and "value" in roles
    read = _long if long else _wide
    if not any(split_word(cell).lower() in SPLITS for cell in table.columns.get(roles.get("split", ""), ())):
        roles.pop("split", None)  # a column of data sets' names, or the like
    if "split" in roles and not long:
        table = _pivoted(table, roles)
    groups: dict[tuple[str, int], list[int]] = {}
    runs = table.columns[roles["run"]] if "run" in roles else None
    seeds = table.columns[roles["seed"]] if "seed" in roles else None
    for i in range(len(table)):
        run = table.run if runs is None or runs[i] is None else str(runs[i])
        groups.setdefault((run, 0 if seeds is None else _seed(table, seeds[i], i)), []).append(i)
        if len(groups) > MAX_RUNS:
            raise DataError(f"{table.file}: holds more than {MAX_RUNS:,} runs. Give fewer of them in one file.")
    return [log for (run, seed), rows in groups.items() for log in read(table, roles, run, seed, rows)]


def _seed(table: LogTable, cell: object, i: int) -> int:
    try:
        return int(number(cell) or 0)
    except (ValueError, TypeError, OverflowError):
        raise DataError(
            f"{table.file}, {table.place(i)}, column 'seed': {shown(cell)}, expected a whole number."
        ) from None


def _pivoted(table: LogTable, roles: Mapping[str, str]) -> LogTable:
    """Return a table with a row for each split as one with a column for each split, named split/metric."""
    splits = list(map(split_word, table.columns[roles["split"]]))
    if len(unknown := set(splits) - SPLITS.keys() - {""}) == 1 and all(SPLITS.get(s) != "train" for s in splits):
        splits = ["train" if s in unknown else s for s in splits]  # MACE's "opt" beside "eval"
    columns: dict[str, Sequence[object]] = {}
    check_points(table.file, len(set(splits)) * len(table) * (len(table.columns) - len(roles)))
    for name, cells in table.columns.items():
        if name in roles.values():
            columns[name] = cells
            continue
        for split in dict.fromkeys(splits):
            logged = [c if s == split else None for s, c in zip(splits, cells, strict=True)]
            if any(cell is not None for cell in logged):
                columns[f"{split}/{name}"] = logged
    return replace(table, columns=columns, ragged=True)


def _wide(table: LogTable, roles: Mapping[str, str], run: str, seed: int, rows: list[int]) -> list[Log]:
    places = {roles.get(role) for role in ("run", "seed", "epoch", "step", "split")}
    metrics = [name for name in table.columns if name not in places]
    if "epoch" not in roles and "step" not in roles and (named := _names_of_rows(table)) is not None:
        raise DataError(
            f"{table.file}: no column counts epochs or steps, and {printable(named)!r} tells rows apart, as in "
            "a table of models or settings. Give a log of one training run."
        )
    keys = assign(metrics)
    found, notes = {}, list(table.notes)
    for name in keys:
        at, values, fault = numbers(table, name, rows)
        if fault and not len(at):
            notes.append(Message("read-text-column", fault._asdict()))
        elif fault:
            raise DataError(f"{table.file}, {fault}. Put a number there, or leave it empty.")
        if len(at):
            found[name] = _without_gaps(at, values)
    x, axis, axis_note = _positions(table, roles, rows, [at for at, _ in found.values()])
    notes = [*axis_note, *notes]
    other = [name for name in metrics if name not in found]
    empty = [name for name in other if all(cell is None or cell == "" for cell in table.columns[name])]
    unassigned = _unassigned(table, [name for name in other if name not in empty], rows)
    parts, more = divide(x, [PlacedCurve(keys[name], at, values) for name, (at, values) in found.items()])
    logs = []
    for i, part in enumerate(parts, 1):
        inside = {name: (part.start <= at) & (at < part.end) for name, (at, _) in found.items()}
        curves = [
            LoggedColumn(name, keys[name], part.x[at[inside[name]]], values[inside[name]])
            for name, (at, values) in found.items()
            if inside[name].any()
        ]
        diverged: list[Message] = []
        if not table.ragged:
            curves, diverged = _diverged(curves, part.x[part.start : part.end])
        title = run if len(parts) == 1 else f"{run} {i}".strip()
        inner = {
            name: last_series(part.x[at[mine]], values[mine])
            for name, (at, values) in unassigned.items()
            if (mine := (part.start <= at) & (at < part.end) & np.isfinite(part.x[at])).any()
        }
        decided = [*notes, *more, *diverged]
        log = build_log(table.file, title, seed, curves, other, decided, inner, empty)
        logs.append(replace(log, axis=axis))
    return logs


def _without_gaps(at: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve without the NaN between its values, where MATLAB has no validation.

    NaN for longer than between any two values is kept at the end: the run diverged. Two values show no gaps
    that recur.
    """
    finite = np.flatnonzero(np.isfinite(values))
    gaps = np.diff(finite)
    if len(gaps) < 2 or len(finite) > (1 - GAPS) * len(values):
        return at, values
    last = finite[-1]
    diverged = np.arange(last + 1, len(values)) if len(values) - last > gaps.max() else finite[:0]
    kept = np.append(finite, diverged)
    return at[kept], values[kept]


def _names_of_rows(table: LogTable) -> str | None:
    """Return the column that shows that rows are no epochs: one of a search, or a first one of different names."""
    setting = next((name for name in table.columns if SETTING.match(name.lower())), None)
    items = (name for name in table.columns if ITEM.fullmatch(name.lower()) and _are_different(table, name))
    found = setting or next(items, None)
    if found is not None or table.ragged:
        return found
    name, cells = next(iter(table.columns.items()))
    texts = (cell.strip() for cell in cells if isinstance(cell, str))
    named = all(text[:1].isalpha() and not TIME.search(text) and not MOMENT.search(text) for text in texts)
    return name if named and _are_different(table, name) else None


def _are_different(table: LogTable, name: str) -> bool:
    """Return whether each cell of a column is a text of its own, with letters, that names no checkpoint."""
    cells = table.columns[name]
    texts = {cell.strip() for cell in cells if isinstance(cell, str) and re.search("[A-Za-z]", cell)}
    return len(texts) == len(cells) > 2 and not any(map(MOMENT.search, texts))


def _unassigned(table: LogTable, names: list[str], rows: list[int]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return rows and values of those columns of numbers that are no known curve."""
    found = {}
    for name in names:
        at, values, fault = numbers(table, name, rows)
        if len(at) and not fault:
            found[name] = at, values
    return found


def _positions(
    table: LogTable, roles: Mapping[str, str], rows: list[int], logged: list[np.ndarray]
) -> tuple[np.ndarray, Axis, list[Message]]:
    """Return each row's epoch, or its step if steps repeat less (several a epoch), or its number; which; and notes.

    `logged` are the rows of each curve. An epoch of Hugging Face is not whole, so steps are used.
    """
    usable: dict[Axis, np.ndarray] = {}
    for role in AXES:
        if role in roles:
            at, values, _ = numbers(table, roles[role], rows)
            x = np.full(len(rows), np.nan)
            x[at] = values
            needed = np.concatenate([x[:0], *(x[curve] for curve in logged)])
            if np.all(np.abs(needed) < WHOLE) and np.all(needed == np.floor(needed)):
                usable[role] = x
    if usable:
        repeats = {role: sum(len(at) - len(np.unique(x[at])) for at in logged) for role, x in usable.items()}
        chosen: Axis = min(usable, key=lambda role: repeats[role])
        x = usable[chosen]
        if len(usable) > 1 and _are_steps_of_epochs(usable["epoch"], usable["step"], logged):
            return np.arange(len(rows), dtype=np.float64), "epoch", [Message("read-steps-of-epochs")]
        return np.where(np.abs(x) < WHOLE, x, WHOLE), chosen, []  # rows without a curve may lack it
    named = [roles[role] for role in ("epoch", "step") if role in roles]
    notes = [Message("read-not-whole", {"columns": tuple(named)})] if named else []
    return np.arange(len(rows), dtype=np.float64), "epoch", notes


def _are_steps_of_epochs(epoch: np.ndarray, step: np.ndarray, logged: list[np.ndarray]) -> bool:
    """Return whether steps start again each epoch, and every curve has several values an epoch, one for each step.

    A curve with one value an epoch counts epochs, so its epochs are positions for all.
    """

    def several(at: np.ndarray) -> bool:
        again = len(np.unique(epoch[at])) < len(at) > len(np.unique(step[at]))
        in_order = bool((np.diff(epoch[at]) >= 0).all())
        return again and in_order and len(np.unique(np.stack([epoch[at], step[at]]), axis=1).T) == len(at)

    return bool(logged) and all(map(several, logged))


def _diverged(curves: list[LoggedColumn], x: np.ndarray) -> tuple[list[LoggedColumn], list[Message]]:
    """Return the curves with NaN for cells that stay empty to the end, and notes: the run diverged.

    pandas and others write divergence like this. Gaps elsewhere are not divergence: training and validation may
    have separate rows, or a test comes last. `x` (rows,) are all rows' epochs.
    """
    every = np.unique(x[x < WHOLE])
    ends, notes = {}, []
    for metric in {curve.key[1] for curve in curves}:
        logged = np.unique(np.concatenate([curve.x for curve in curves if curve.key[1] == metric]))
        later = every[every > logged[-1]]
        if len(later) and 1 < len(logged) == len(every) - len(later):
            ends[metric] = later
    for metric, later in sorted(ends.items()):
        notes.append(Message("read-diverged", {"metric": metric, "epoch": int(later[0])}))
    longer = []
    for curve in curves:
        later = ends.get(curve.key[1], every[:0])
        nan = np.full(len(later), np.nan)
        longer.append(curve._replace(x=np.append(curve.x, later), y=np.append(curve.y, nan)))
    return longer, notes


def _long(table: LogTable, roles: Mapping[str, str], run: str, seed: int, rows: list[int]) -> list[Log]:
    at, values, fault = numbers(table, roles["value"], rows)
    if fault:
        raise DataError(f"{table.file}, {fault}. Put a number there, or leave it empty.")
    metrics = table.columns[roles["metric"]]
    splits = table.columns[roles["split"]] if "split" in roles else None
    places: dict[tuple[str, str], list[int]] = {}
    for j, k in enumerate(at.tolist()):
        split = "" if splits is None else split_word(splits[rows[k]])
        places.setdefault((split, str(metrics[rows[k]]).strip()), []).append(j)
    of_rows = {key: at[js] for key, js in places.items()}
    x, axis, notes = _positions(table, roles, rows, list(of_rows.values()))
    by_name = assign(metric for split, metric in places if not split)
    curves, other = [], []
    for (split, metric), js in places.items():
        known = _key_of(split, metric)
        key = known or (by_name.get(metric) if not split else None)
        if key is None:
            other.append(f"{split}/{metric}" if split else metric)
        else:
            name = column_name(key) if split else metric
            curves.append(LoggedColumn(name, key, x[of_rows[split, metric]], values[js]))
    return [replace(build_log(table.file, run, seed, curves, other, [*notes, *table.notes]), axis=axis)]


def _key_of(split: str, metric: str) -> CurveKey | None:
    """Return the key of a curve whose split a column names.

    A split in the metric's name counts more: Comet's column says which part of the program logged val_loss.
    """
    own, bare = parse(metric) or ("", "")
    known = (own if bare else "") or SPLITS.get(split.lower())
    return (known, bare if own == known and bare else metric) if known and split else None


def build_log(
    file: str,
    run: str,
    seed: int,
    curves: Iterable[LoggedColumn],
    other: Iterable[str] = (),
    notes: Iterable[Message] = (),
    unassigned: Mapping[str, Series] | None = None,
    empty: Iterable[str] = (),
) -> Log:
    """Return one run with its curves sorted by epoch. Of values for the same epoch one counts, with a note.

    Of two columns for one split and metric the longer one is used, and the first of equally long ones.
    """
    left_out, decided, tested = list(other), list(notes), list[str]()
    series: dict[CurveKey, Series] = {}
    names: dict[CurveKey, str] = {}
    for curve in curves:
        x, values, note = _one_each(curve)
        decided += [note] if note else []
        loss = curve.key[0] == "validation" and direction(curve.key[1]) is False
        if loss and rank_in(curve.key[1], TRUE_ZEROS) is None and len(at := epochs_with_loss(values)) < len(values):
            decided.append(Message("read-zeros", {"column": curve.name, "count": len(values) - len(at)}))
            x, values = x[at], values[at]
        if curve.key[0] == "validation" and (parse(curve.name) or ("", ""))[0] == "test":
            tested.append(printable(curve.name))
        if curve.key[0] == "validation" and FIRST_SET.match(curve.name):
            decided.append(Message("read-set-alone", {"column": curve.name}))
        key = curve.key[0], printable(curve.key[1])
        if key in series and len(series[key]) >= len(x):
            left_out.append(curve.name)
            continue
        if key in series:
            left_out.append(names[key])
        series[key] = Series(x.astype(np.int64), values)
        names[key] = printable(curve.name)
    if tested:
        decided.append(Message("read-test-as-validation", {"columns": tuple(tested), "count": len(tested)}))
    title = printable(f"{file}:{run}" if run and file else file or run)
    shown = tuple(dict.fromkeys(printable(name) for name in left_out))
    return Log(
        History(title, seed, series),
        names,
        shown,
        tuple(map(_printable, decided)),
        unassigned={printable(name): curve for name, curve in (unassigned or {}).items()},
        empty=tuple(map(printable, empty)),
    )


def tracked_axis(log: Log) -> Axis:
    """Return what a tracker's steps count: epochs, if each is one more than the last."""
    positions = [series.epochs for (split, _), series in log.history.series.items() if split == "validation"]
    return "step" if any((np.diff(each) > 1).any() for each in positions) else "epoch"


def _one_each(curve: LoggedColumn) -> tuple[np.ndarray, np.ndarray, Message | None]:
    """Return a column's epochs and one value for each; and a note if there were several, on which one was taken."""
    x, values = last_of_each_epoch(curve.x, curve.y)
    again = len(curve.x) - len(x)
    if not again:
        return x, values, None
    trained = curve.key[0] == "train"
    numbers = {"column": curve.name, "count": again}
    running = curve.running or AVERAGED.search(curve.name.lower())
    if trained and not running and are_batches(curve.x, curve.y):
        return *mean_of_each_epoch(curve.x, curve.y), Message("read-epoch-mean", numbers)
    if trained and curve.often and 2 * len(x) <= len(curve.x):
        return x, values, Message("read-epoch-last", numbers)
    return x, values, None if curve.often else Message("read-repeated", numbers)


def last_series(x: np.ndarray, values: np.ndarray) -> Series:
    """Return a curve sorted by epoch; of values for the same epoch the last counts."""
    epochs, last = last_of_each_epoch(x, values)
    return Series(epochs.astype(np.int64), last)


def _printable(note: Message) -> Message:
    """Return a note whose texts have no control characters."""
    values = {
        name: printable(value) if isinstance(value, str) else value for name, value in note.parameters.items()
    }
    return Message(note.code, values)


def column_name(key: CurveKey) -> str:
    """Return Keras' name of a series: loss, val_loss, test_loss."""
    split, metric = key
    return {"train": metric, "validation": f"val_{metric}"}.get(split, f"{split}_{metric}")
