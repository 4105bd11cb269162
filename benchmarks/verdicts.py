"""Compare the verdicts of gengap and six other tools on simulated curves and on trained runs with known truth.

    python -m benchmarks.verdicts [--corpus FILE] [--only PART]... [--python PYTHON] [--docs FILE]

The parts are families, runs (needs --corpus; `python -m benchmarks.judging.corpus` makes one) and timing. A missed
goal is printed as missed. It is not a failure. Exit status: 0 done, 1 the peers' process failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from benchmarks.judging import simulated_curves, timing, trained_runs
from benchmarks.judging.goal_tables import Section
from benchmarks.judging.trained_run import load_corpus

PARTS = ("families", "runs", "timing")
FIGURE = "figures/verdict-reliability.png"

PAGE = """# How good the verdicts are

Made by `python -m benchmarks.verdicts --corpus FILE --docs FILE` from one run. Don't edit it.
[What a verdict says](verdicts.md) explains the verdicts.

The judge's thresholds and priors were set on runs of these processes, with other seeds. The figures on
[processes that chose nothing](verdicts-kinds.md) are lower. The corpus of this page was made by
`python -m benchmarks.judging.corpus --runs 420 --seed 21 --out FILE`.

{tables}

## How it is measured
- Families: {count} curves each, half as many of each variant, drawn by
  `benchmarks/judging/curve_families.py` with seed {seed}.
- Real runs: perceptrons of 1-4 layers of 8-256 units on 50-4,000 rows of eight processes (binary, several classes,
  regression), Adam, AdamW or SGD, constant or scheduled rates, dropout, L2 or none, 10-600 epochs, 200-1,000
  validation rows. Each tool sees the validation loss, and the training loss averaged over each epoch with dropout
  and penalties. The truth comes from 100,000 further rows and from three times as many epochs
  (`benchmarks/judging/truth.py`).
- Peers use their default thresholds. A finding of overfitting counts at any severity. No peer has a verdict of
  underfit, so "not overfit" counts as good.
- ± is one standard error. Balanced accuracy is the mean of two shares: runs that overfit and are
  found, others that are left alone.

Machine: {machine}. Seconds for the whole run: {seconds:.0f}.
"""


def main() -> int:
    options = _options()
    started = time.perf_counter()
    try:
        measured = measure(options)
    except subprocess.CalledProcessError as error:
        print(f"verdicts: the peers' process failed with status {error.returncode}", file=sys.stderr)
        return 1
    tables = [measured.goal_table, *measured.tables]
    for table in tables:
        table.show(Console(width=None if sys.stdout.isatty() else 200))
    if options.docs:
        text = "\n\n".join(table.markdown() for table in tables)
        if "runs" in options.only:
            text += f"\n\n![Stated probabilities and observed frequencies]({FIGURE})"
        facts = {"count": options.count, "seed": options.seed, "machine": _machine()}
        seconds = time.perf_counter() - started
        options.docs.write_text(PAGE.format(tables=text, seconds=seconds, **facts), encoding="utf-8")
    return 0


def measure(options: argparse.Namespace) -> Section:
    """Measure the chosen parts, one after the other."""
    measured = Section()
    if "runs" in options.only:
        figure = options.docs.parent / FIGURE if options.docs else None
        measured += trained_runs.measure(load_corpus(options.corpus), options.jobs, options.python, figure)
    if "families" in options.only:
        measured += simulated_curves.measure(options.count, options.jobs, options.seed, options.python)
    if "timing" in options.only:
        measured += timing.measure(options.jobs, options.seed)
    return measured


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("gengap", "numpy", "scipy"))
    system = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
    return f"{system}, Python {platform.python_version()}, {packages}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description="Verdicts side by side.")
    parser.add_argument(
        "--corpus", type=Path, help="real runs of known truth, as benchmarks.judging.corpus makes them"
    )
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; again for more; all without it")
    parser.add_argument("--count", type=int, default=200, help="curves of each family")
    parser.add_argument("--seed", type=int, default=0, help="of the families")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes to judge with")
    parser.add_argument("--python", default=sys.executable, help="the Python that has the peers")
    parser.add_argument("--docs", type=Path, help="the page to write")
    options = parser.parse_args()
    options.only = options.only or [part for part in PARTS if part != "runs" or options.corpus]
    if "runs" in options.only and not (options.corpus and options.corpus.is_file()):
        parser.error("the part `runs` needs --corpus FILE; python -m benchmarks.judging.corpus --out FILE makes it")
    if min(options.count, options.jobs) < 1:
        parser.error("--count and --jobs must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
