"""Measure the figures, print the table, and write raw figures or the documentation page on request.

    python -m benchmarks [--only NAME]... [--pairs N] [--json FILE] [--docs FILE]

A missed bound is printed as missed. It is not a failure. Exit status: 0 done, 1 a program failed, 2 wrong usage.
GENGAP_HIGGS names a HIGGS csv.gz to train on. Without it, rows are simulated.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks import speed_page as page
from benchmarks.inputs import CSV_ROWS, rows_used, write_arrays
from benchmarks.speed_figures import BY_TENSORFLOW, FIGURES, BenchmarkInputs
from benchmarks.speed_result import HEADINGS, Result
from gengap.errors import GengapError, UsageError

PAIRS = 7


def main() -> int:
    options = _options()
    started = time.perf_counter()
    try:
        _check(options)
        results = measure(options.only or list(FIGURES), options.pairs)
    except GengapError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return error.exit_status
    seconds = time.perf_counter() - started
    _show(results)
    if options.json:
        _write(options.json, _as_json(results, options.pairs, seconds))
    if options.docs:
        details = {"rows": rows_used(), "csv_rows": CSV_ROWS, "pairs": options.pairs, "seconds": seconds}
        _write(options.docs, page.PAGE.format(table=page.table(results), machine=page.machine(), **details))
    return 0


def measure(names: list[str], pairs: int) -> list[Result]:
    """Measure the named figures in order. Raises GengapError when a program fails."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="gengap-bench-") as folder:
        run = BenchmarkInputs(write_arrays(Path(folder, "arrays.npz")), pairs, Path(folder))
        for name in names:
            started = time.perf_counter()
            results.extend(FIGURES[name](run))
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return results


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", action="append", choices=FIGURES, help="measure this figure; may be repeated")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"pairs of turns per figure (default {PAIRS})")
    parser.add_argument("--json", type=Path, help="write the raw figures here")
    parser.add_argument("--docs", type=Path, help="write the documentation's page here; needs all figures")
    return parser.parse_args()


def _check(options: argparse.Namespace) -> None:
    if options.pairs < 1:
        raise UsageError(f"--pairs is {options.pairs}, expected at least 1 (at least 5 for figures to publish).")
    if options.docs and (options.only or options.pairs < 5):
        raise UsageError("--docs needs every figure and at least 5 pairs: leave --only and --pairs out.")
    for file in (options.json, options.docs):
        if file and not file.absolute().parent.is_dir():
            raise UsageError(f"{file}: this folder does not exist. Create it first.")
    if not find_spec("tensorflow") and BY_TENSORFLOW & set(options.only or FIGURES):
        raise UsageError("TensorFlow, the peer, is not installed here: pip install -e '.[bench]'")


def _show(results: list[Result]) -> None:
    table = Table(*map(escape, HEADINGS))  # rich would read [min, max] as markup
    for result in results:
        table.add_row(*map(escape, result.cells()), style=None if result.reached else "bold red")
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _as_json(results: list[Result], pairs: int, seconds: float) -> str:
    document = {
        "schema": 1,
        "machine": page.machine(),
        "rows": rows_used(),
        "pairs": pairs,
        "seconds": seconds,
        "figures": [asdict(r) | {"headline": r.headline, "reached": r.reached} for r in results],
    }
    return json.dumps(document, indent=1) + "\n"


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main())
