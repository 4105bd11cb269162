"""Measure how many logs that nobody saw while the readers were written `gengap diagnose` reads rightly.

    python -m benchmarks.logs [--batch N]... [--failed]

Each batch is a folder of logs in the forms that programs print and save, with `cases.json`: for each file, the
verdicts that an expert accepts, and the points, first and last value of the curve to judge (several where more than
one curve is a right choice). A verdict `error` means that the log holds no validation curve, or is no training log.

A miss is printed as a miss. It is not a failure. Exit status: 0 done, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from gengap.diagnose import every
from gengap.diagnose.verdict import Verdict
from gengap.errors import GengapError

FOLDER = Path(__file__).parent
TOLERANCE = 1e-4  # the logs print four or more digits


class ExpectedCurve(msgspec.Struct, frozen=True):
    """The curve to judge: its number of values, its first and its last one."""

    points: int
    first: float
    last: float


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A log and what an expert reads in it.

    Attributes:
        file: The file or folder within the batch.
        note: Its form.
        verdicts: The verdicts that are right. "error": there is nothing to judge.
        curves: The curves that are right to judge.
        nothing: Whether this is no training log.
        runs: How many runs it holds. Each of them has one of the curves and one of the verdicts.
    """

    file: str
    note: str
    verdicts: tuple[str, ...]
    curves: tuple[ExpectedCurve, ...] = ()
    nothing: bool = False
    runs: int = 1


class Reading(msgspec.Struct, frozen=True):
    """What gengap made of a case.

    Attributes:
        case: The case.
        verdict: The verdict, or "error".
        curve: The curve's points, first and last value, or the error.
        curve_right: Whether the expert judges this curve, or nothing.
        right: Whether curve and verdict are right.
    """

    case: Case
    verdict: str
    curve: str
    curve_right: bool
    right: bool


def read_case(folder: Path, case: Case) -> Reading:
    """Return what gengap makes of one case."""
    try:
        verdicts = every(str(folder / case.file))
    except GengapError as error:
        right = "error" in case.verdicts
        return Reading(case, "error", str(error).removeprefix(f"{folder}/"), right, right)
    except Exception as error:  # a crash is a miss, and the other logs are still measured
        return Reading(case, "crash", f"{type(error).__name__}: {error}", False, False)
    if len(verdicts) != case.runs:
        return Reading(case, "several", f"{len(verdicts)} runs", False, False)
    readings = [_read_verdict(case, verdict) for verdict in verdicts]
    return next((each for each in readings if not each.right), readings[0])


def _read_verdict(case: Case, verdict: Verdict) -> Reading:
    read = verdict.read
    if read is None:
        return Reading(case, verdict.verdict, "", False, False)
    curve_right = any(_equal(read.points, read.first, read.last, curve) for curve in case.curves)
    shown = f"{verdict.metric}: {read.points}, {read.first} to {read.last}"
    return Reading(case, verdict.verdict, shown, curve_right, curve_right and verdict.verdict in case.verdicts)


def _equal(points: int, first: float | None, last: float | None, curve: ExpectedCurve) -> bool:
    near = all(
        a is not None and math.isclose(a, b, rel_tol=TOLERANCE)
        for a, b in ((first, curve.first), (last, curve.last))
    )
    return points == curve.points and near


def read_batch(name: str) -> list[Reading]:
    """Return what gengap makes of each case of a batch, in its order."""
    folder = FOLDER / name
    cases = msgspec.json.decode((folder / "cases.json").read_bytes(), type=list[Case])
    return [read_case(folder, case) for case in cases]


def summarise(readings: Sequence[Reading]) -> str:
    """Return the share of logs read rightly, and how many other files got no verdict."""
    logs = [each for each in readings if not each.case.nothing]
    others = [each for each in readings if each.case.nothing]
    curves, right = sum(each.curve_right for each in logs), sum(each.right for each in logs)
    refused = sum(each.right for each in others)
    return (
        f"{right} of {len(logs)} logs read rightly ({right / max(1, len(logs)):.0%}), curve right in {curves}; "
        f"{refused} of {len(others)} other files got no verdict"
    )


def main() -> int:
    batches = sorted(path.parent.name for path in FOLDER.glob("batch*/cases.json"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logs", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--batch", action="append", choices=[name.removeprefix("batch") for name in batches])
    parser.add_argument("--failed", action="store_true", help="print the misses only")
    options = parser.parse_args()
    console = Console(width=160)
    for name in [f"batch{number}" for number in options.batch] if options.batch else batches:
        readings = read_batch(name)
        table = Table("", "log", "verdict", "accepted", "judged", box=None)
        for each in readings:
            if not (options.failed and each.right):
                accepted = "/".join(each.case.verdicts)
                table.add_row("ok" if each.right else "MISS", each.case.file, each.verdict, accepted, each.curve)
        console.print(table, markup=False) if table.row_count else None
        console.print(f"{name}: {summarise(readings)}", markup=False, highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
