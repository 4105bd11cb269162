"""Measure `gengap check`: its verdicts against the truth on fresh rows, its intervals, and its cost.

    python -m benchmarks.checking [--role ROLE] [--first N] [--seed N ...]
        [--truths FILE] [--json FILE] [--docs FILE]

`--first 10` takes a few minutes, all cases about an hour on two cores. Exit status: 0 done, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads that wait for each other would be measured, not the work

import msgspec
import numpy as np

from benchmarks.checking.cases import cases
from benchmarks.checking.page import page, summary
from benchmarks.checking.scores import Outcome, Truths, run

ROLES = ("chose", "reported")


def main() -> int:
    options = _options()
    truths, outcomes = Truths(options.truths), _kept(options.json)
    done = {(each.name, each.seed) for each in outcomes}
    for role in [options.role] if options.role else ROLES:
        chosen = [case for seed in options.seed for case in cases(role, options.passes, seed)]
        order = np.random.default_rng(0).permutation(len(chosen))  # so that the first ones are of all kinds
        for at, case in enumerate(chosen[each] for each in order[: options.first]):
            if (case.name, case.seed) in done:
                continue
            outcome = run(case, truths.of(case))
            outcomes.append(outcome)
            if options.json:
                options.json.write_bytes(msgspec.json.encode(outcomes))
            print(f"{at + 1} {_line(outcome)}", file=sys.stderr, flush=True)
    print(summary(outcomes))
    if options.docs:
        options.docs.write_text(page(outcomes), encoding="utf-8")
    return 0


def _kept(path: Path | None) -> list[Outcome]:
    """Return the outcomes that an earlier run wrote."""
    if path is None or not path.exists():
        return []
    return msgspec.json.decode(path.read_bytes(), type=list[Outcome])


def _line(each: Outcome) -> str:
    over, under = each.truth.gains
    truth = f"{each.truth.verdict} ({over:+.1%} simpler, {under:+.1%} flexible)"
    mark = "  " if each.truth.verdict is None else "ok" if each.right else "no"
    chances = " ".join(f"{p:.2f}" for p in each.probabilities.values())
    gain = (
        "" if each.gain_percent is None else f" gain {each.gain_percent[1]:.0f} true {each.true_gain_percent:.0f}"
    )
    return f"{mark} {each.name}: {each.verdict} [{chances}], truth {truth}{gain}, cost {each.cost:.1f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.checking", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--role", choices=ROLES, help="only the processes of this role")
    parser.add_argument("--first", type=int, help="use only the first N cases of each role, of all kinds")
    parser.add_argument("--passes", type=int, default=1, help="how often every estimator and level is drawn")
    parser.add_argument("--seed", type=int, nargs="+", default=[0], help="seeds of the tasks and their rows")
    parser.add_argument("--truths", type=Path, help="keep the measured truths in this JSON file")
    parser.add_argument("--json", type=Path, help="keep the raw outcomes in this file; the same command continues")
    parser.add_argument("--docs", type=Path, help="write the documentation's page here")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
