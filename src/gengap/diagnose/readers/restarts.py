"""Where epochs start again, and one value for each epoch of a curve that is logged several times an epoch.

A log may hold training in phases, which goes on, or several runs.

People print the loss of single batches, or its running mean since the epoch began. The mean of batches' losses is
the epoch's loss. Of a running mean, the last value is. The values tell them apart. A running mean changes less and
less within an epoch, and jumps where the next epoch begins: if K values of an epoch are means of independent
batches, the last change has 1/sqrt(K² - 1) times the sd of the jump. Losses of batches change as much as they jump.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gengap.diagnose.metric_names import CurveKey, direction
from gengap.errors import UsageError
from gengap.options.spec import RESTARTS
from gengap.text.catalog import Message

_mode = ContextVar("restart", default="auto")
MIN_ROWS = 2  # of a phase; fewer are no training that starts again
MIN_DIGITS = 2  # behind the point; values of fewer are near many others
FAR = 10  # times smaller or larger than all losses of a phase, another one is not of the same task
LEAST_EPOCHS = 4  # fewer don't tell
LEAST_DIFFERENT = 3  # losses between zeros; fewer may be zeros that were rounded


class PlacedCurve(NamedTuple):
    """A curve in logged order: its key, the rows of its values (n,), and the values (n,)."""

    key: CurveKey
    rows: np.ndarray
    values: np.ndarray


class RunPart(NamedTuple):
    """Rows of one run, from `start` up to `end`; `x` (rows,) has the epochs of all rows of the log."""

    start: int
    end: int
    x: np.ndarray


@contextmanager
def restart_mode(restart: str) -> Iterator[None]:
    """Decide what all readers do where epochs start again: "continue", "split", or "auto" for what the curves say.

    Raises UsageError for another word.
    """
    if restart not in RESTARTS:
        raise UsageError(f"restart is {restart!r}; expected {', '.join(RESTARTS)}")
    token = _mode.set(restart)
    try:
        yield
    finally:
        _mode.reset(token)


def divide(x: np.ndarray, curves: Sequence[PlacedCurve]) -> tuple[list[RunPart], tuple[Message, ...]]:
    """Return the runs of a log whose rows have the epochs `x`, and notes on what was decided.

    Epochs start again where a curve comes back to the first epoch of its phase, to one before it, or to the first
    of epochs that are farther apart than those of its phase. If the curves go on from where they were, it is the
    same run, in phases: later epochs are counted on. If they start again from where the phase before started, or
    with a loss that is `FAR` times smaller or larger than all of that phase, these are several runs. A phase that
    only shows values of the one before is left out.

    Args:
        x: Epoch or step of each row (rows,); NaN where there is none.
        curves: Curves in logged order.
    """
    restart = _mode.get()
    starts = find_restarts(x, curves)
    if not starts:
        return [RunPart(0, len(x), x)], ()
    bounds = [0, *starts, len(x)]
    parts: list[RunPart] = []
    first, counted, phase = 0, x.copy(), slice(0, starts[0])
    notes: list[Message] = []
    for i, start in enumerate(starts, 1):
        after = slice(start, bounds[i + 1])
        repeated = restart != "split" and _is_repeated(x, curves, phase, after)
        phase = phase if repeated else after
        split = restart == "split" or first == start  # behind repeated values
        if repeated or split or (restart == "auto" and _is_new_run(curves, bounds[i - 1], start, bounds[i + 1])):
            parts += [RunPart(first, start, counted)] if first < start else []
            first = after.stop if repeated else start
            continue
        before = counted[first:start]
        last, begin = np.nanmax(before), np.nanmin(x[after])
        gaps = np.diff(np.unique(x[after][np.isfinite(x[after])]))
        counted[after] = x[after] - begin + last + (gaps.min() if len(gaps) else 1)
        notes.append(Message("read-restart-continued", {"epoch": int(begin), "after": int(last)}))
    if first < len(x):
        parts.append(RunPart(first, len(x), counted))
    if len(parts) > 1:
        notes.append(Message("read-restart-split", {"count": len(parts)}))
    return parts, tuple(notes)


def _is_repeated(x: np.ndarray, curves: Sequence[PlacedCurve], before: slice, after: slice) -> bool:
    """Return whether the rows `after` only show values of those `before`, as a table below a log does.

    A table has other digits, or it counts from 0. With the same digits and epochs it is the training, run again.
    """
    shifts, shown, same_digits = {0, 1, -1}, 0, True
    for curve in curves:
        old, new = _points(x, curve, before), _points(x, curve, after)
        if not new or direction(curve.key[1]) is None:
            continue
        if len(new) > max(len(old), 1):
            return False
        if not old:  # a single result
            continue
        digits = [max(map(_decimals, each.values())) for each in (old, new)]
        if digits[0] != digits[1] and min(digits) < MIN_DIGITS:
            return False
        near = 0 if digits[0] == digits[1] else 1.001 * 10.0 ** -min(digits)  # one in the last digit
        shifts = {d for d in shifts if all(abs(v - old.get(at + d, math.nan)) <= near for at, v in new.items())}
        same_digits = same_digits and not near
        shown = max(shown, len(set(new.values())))
    return shown > MIN_ROWS and bool(shifts - {0} if same_digits else shifts)


def _decimals(value: float) -> int:
    """Return the number of digits behind the point."""
    return len(np.format_float_positional(value, trim="-").partition(".")[2])


def _points(x: np.ndarray, curve: PlacedCurve, rows: slice) -> dict[float, float]:
    """Return a curve's values in some rows, by epoch."""
    inside = (curve.rows >= rows.start) & (curve.rows < rows.stop)
    return dict(zip(x[curve.rows[inside]].tolist(), curve.values[inside].tolist(), strict=True))


def find_restarts(x: np.ndarray, curves: Sequence[PlacedCurve]) -> list[int]:
    """Return the rows in which epochs start again."""
    candidates: list[tuple[int, int]] = []  # last row of the old phase, first row of the new one
    for curve in curves:
        candidates += _of_one(x, curve.rows)
    found: list[int] = []
    for before, after in sorted(candidates, key=lambda each: each[1]):
        if not any(before < start <= after for start in found):
            found.append(after)
    return found


def _of_one(x: np.ndarray, rows: np.ndarray) -> list[tuple[int, int]]:
    at = x[rows]
    keep = np.isfinite(at)
    at, rows = at[keep], rows[keep]
    backward = np.flatnonzero(np.diff(at) < 0) + 1
    found, begin = [], 0
    for i in backward.tolist():
        phase = at[begin:i]
        apart = np.diff(np.unique(phase))
        rising = bool((np.diff(phase) >= 0).all())
        gap = at[i + 1] - at[i] if len(at) - i >= MIN_ROWS else -1
        again = at[i] == phase[0] or (at[i] < phase[0] and len(apart) > 1)
        again |= 1 < at[i] <= gap and gap > apart.max(initial=0)  # every 10th epoch of a further run
        if len(apart) + 1 >= MIN_ROWS and rising and again and gap >= 0:
            found.append((int(rows[i - 1]), int(rows[i])))
            begin = i
    return found


def _is_new_run(curves: Sequence[PlacedCurve], start: int, middle: int, end: int) -> bool:
    """Return whether the curves start again from where they started before, and don't go on.

    Those that got worse tell only if none improved: validation comes back to where an overfitted run began.
    """
    votes: dict[bool, list[float]] = {True: [], False: []}  # of curves that improved, and of the others
    for curve in curves:
        old = curve.values[(curve.rows >= start) & (curve.rows < middle)]
        new = curve.values[(curve.rows >= middle) & (curve.rows < end)]
        old, new = old[np.isfinite(old)], new[np.isfinite(new)]
        if len(old) < MIN_ROWS or not len(new) or curve.key[0] == "test" or direction(curve.key[1]) is None:
            continue
        if curve.key[1].endswith("loss") and (0 < FAR * new[0] < old.min() or new[0] > FAR * old.max() > 0):
            return True  # the curves of another task
        weight = 2.0 if curve.key[1] == "loss" else 1.0
        improved = bool(old[-1] > old[0]) == direction(curve.key[1])
        votes[improved].append(weight * np.sign(abs(new[0] - old[-1]) - abs(new[0] - old[0])))
    counted = votes[True] or votes[False]
    return sum(counted) > 0 or not counted


def are_batches(x: np.ndarray, values: np.ndarray) -> bool:
    """Return whether a training curve's values are losses of batches, and no running mean within each epoch.

    Args:
        x: Epoch of each value, in logged order, of shape (n,).
        values: Values of shape (n,).
    """
    starts = np.flatnonzero(np.diff(x) != 0) + 1
    groups = [group for group in np.split(values, starts) if np.isfinite(group).all()]
    if len(groups) < LEAST_EPOCHS or min(map(len, groups[:-1])) < 2:
        return False
    within = np.array([abs(group[-1] - group[-2]) for group in groups[:-1]])
    between = np.array([abs(after[0] - before[-1]) for before, after in pairwise(groups)])
    jump = float(np.median(between))
    usual = float(np.median([len(group) for group in groups[:-1]]))
    if jump == 0:
        return False
    return float(np.median(within)) / jump > (usual**2 - 1) ** -0.25  # between 1 and 1/sqrt(K² - 1), in logarithms


def mean_of_each_epoch(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs, sorted, and the mean of each epoch's finite values (NaN if it has none)."""
    epochs, which = np.unique(x, return_inverse=True)
    finite = np.isfinite(values)
    sums = np.bincount(which[finite], values[finite], len(epochs))
    counts = np.bincount(which[finite], minlength=len(epochs))
    return epochs, np.divide(sums, counts, out=np.full(len(epochs), np.nan), where=counts > 0)


def last_of_each_epoch(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs, sorted, and the last value of each."""
    epochs, last = np.unique(x[::-1], return_index=True)
    return epochs, values[::-1][last]


def epochs_with_loss(values: np.ndarray) -> np.ndarray:
    """Return the positions of the losses (n,) that count: the others are 0 where an epoch had no validation.

    They are if a loss other than 0 comes regularly, every second time or every fifth. The first and the last one
    may come sooner: many programs validate then anyway. Three must differ: 0.01 may stand between losses of 0.00.

    >>> epochs_with_loss(np.array([0, 0.9, 0, 0.7, 0, 0.6])), epochs_with_loss(np.array([0.9, 0, 0.7]))
    (array([1, 3, 5]), array([0, 1, 2]))
    """
    at = np.flatnonzero(values)
    gaps = np.diff(at)
    usual = int(gaps.max(initial=0))
    regular = int((gaps == usual).sum()) > 1 < usual and bool((gaps[1:-1] == usual).all())
    whole = regular and at[0] < usual and len(values) - at[-1] <= usual
    return at if whole and len(np.unique(values[at])) >= LEAST_DIFFERENT else np.arange(len(values))
