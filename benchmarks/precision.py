"""Compare studies with bfloat16 products and with float32: best validation losses, verdicts, and time.

    python -m benchmarks.precision [--plan PLAN] [--seeds K] [--only GLOB] [--max-epochs N] [--out DIR] ...

Every trial is trained with each seed in both precisions. bfloat16 does no harm if the best validation losses differ
from float32's by less than a quarter of the spread between seeds, and if verdicts agree as often as those of two
float32 seeds. Small models have float32 products in either case, so `--only` may leave them out. The studies are
saved in DIR: the same command again resumes, and K may grow. The default plan takes hours.

GENGAP_HIGGS names a HIGGS csv.gz to train on. Without it, rows are simulated.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from statistics import mean, median, stdev
from typing import Literal

import gengap
from gengap.analysis.summary import TrialSummary
from gengap.errors import GengapError, UsageError

PRECISIONS: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
BOUND = 0.25  # of the spread between seeds


@dataclass(frozen=True)
class Harm:
    """What bfloat16 changes in one trial.

    Attributes:
        run: The trial.
        loss: Mean best validation loss in float32.
        spread: Standard deviation of that loss between seeds.
        shift: Mean over the seeds of bfloat16's loss minus float32's.
        distance: Mean over the seeds of the absolute difference.
        agreement: Share of seeds with the same verdict in both precisions.
        seeds_agreement: Share of pairs of float32 seeds with the same verdict.
        speed: Epochs per second, bfloat16's divided by float32's, median over the seeds, not measured in turns.
    """

    run: str
    loss: float
    spread: float
    shift: float
    distance: float
    agreement: float
    seeds_agreement: float
    speed: float

    @property
    def harmless(self) -> bool:
        """Whether the losses and the verdicts are within their bounds."""
        return self.distance < BOUND * self.spread and self.agreement >= self.seeds_agreement


def compare(run: str, plain: Sequence[TrialSummary], rounded: Sequence[TrialSummary]) -> Harm:
    """Compare a trial's seeds (at least two) in float32 with the same seeds in bfloat16."""
    ours, theirs = ([_loss(each) for each in trials] for trials in (rounded, plain))
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    verdicts = [(_verdict(a), _verdict(b)) for a, b in zip(plain, rounded, strict=True)]
    pairs = combinations([_verdict(each) for each in plain], 2)
    speeds = [(b.epochs / b.seconds) / (a.epochs / a.seconds) for a, b in zip(plain, rounded, strict=True)]
    return Harm(
        run=run,
        loss=mean(theirs),
        spread=stdev(theirs),
        shift=mean(differences),
        distance=mean(map(abs, differences)),
        agreement=mean(a == b for a, b in verdicts),
        seeds_agreement=mean(a == b for a, b in pairs),
        speed=median(speeds),
    )


def _loss(trial: TrialSummary) -> float:
    loss = trial.loss("validation")
    if loss is None:
        raise GengapError(f"{trial.run} diverged with seed {trial.seed}, so it has no best loss to compare")
    return loss


def _verdict(trial: TrialSummary) -> str:
    return trial.verdict.verdict if trial.verdict is not None else ""


def train(options: argparse.Namespace) -> dict[str, list[TrialSummary]]:
    """Train seed after seed in both precisions, so that what an interrupt leaves can be compared."""
    source = os.environ.get("GENGAP_HIGGS", "collider")
    chosen = {"only": options.only, "max_epochs": options.max_epochs, "stop": options.stop}
    found: dict[str, list[TrialSummary]] = {}
    for seeds in range(1, options.seeds + 1):
        for precision in PRECISIONS:
            folder = options.out / precision
            study = gengap.study(source, options.plan, seeds=seeds, precision=precision, out=folder, **chosen)
            if study.summary.interrupted:
                return found
            found[precision] = list(study.summary.trials)
            print(f"{seeds} of {options.seeds} seeds, {precision}: {study.summary.seconds:.0f} s", file=sys.stderr)
    return found


def table(harms: Sequence[Harm]) -> str:
    """Return one line for each trial."""
    head = "trial                 loss   spread    shift  |shift|  verdicts agree  of two seeds  speed"
    lines = [
        f"{h.run:20} {h.loss:.4f} {h.spread:8.5f} {h.shift:+8.5f} {h.distance:8.5f} {h.agreement:15.0%}"
        f" {h.seeds_agreement:13.0%} {h.speed:6.2f}  {'harmless' if h.harmless else 'not shown'}"
        for h in harms
    ]
    return "\n".join((head, *lines))


def main() -> int:
    options = _options()
    try:
        if options.seeds < 2:
            raise UsageError(f"--seeds is {options.seeds}, expected at least 2: the spread between seeds is needed")
        found = train(options)
        seeds = min((len({t.seed for t in trials}) for trials in found.values()), default=0)
        if len(found) < len(PRECISIONS) or seeds < 2:
            raise GengapError(
                "interrupted before two seeds were trained in both precisions; run it again to resume"
            )
        by_run = {
            run: [[t for t in found[p] if t.run == run and t.seed < seeds] for p in PRECISIONS]
            for run in dict.fromkeys(t.run for t in found["float32"])
        }
        harms = [compare(run, *trials) for run, trials in by_run.items()]
    except GengapError as error:
        print(f"benchmarks.precision: {error}", file=sys.stderr)
        return error.exit_status
    print(table(harms))
    if options.json:
        options.json.write_text(json.dumps([asdict(h) | {"harmless": h.harmless} for h in harms], indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.precision", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--plan", default="tutorial", help="the plan (default tutorial)")
    parser.add_argument("--seeds", type=int, default=5, help="seeds of every trial (default 5)")
    parser.add_argument("--only", help="only trials whose name matches")
    parser.add_argument("--max-epochs", type=int, help="train no trial longer")
    parser.add_argument("--stop", choices=("patience", "verdict"), help="when a trial ends (default: the plan's)")
    parser.add_argument("--out", type=Path, default=Path("runs/precision"), help="folder of the studies")
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
