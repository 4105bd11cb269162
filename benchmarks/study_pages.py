"""Run the studies that the pages show, and write what they print, their tables and their pictures into the pages.

    python -m benchmarks.study_pages [--only first|quick|tutorial|full]... [--higgs FILE] [--runs DIR]

A study that is finished in the folder of --runs is not trained again. `tutorial` and `full` need --higgs, the file
HIGGS-16k.csv.gz. What the pages say about the results is written by hand: read it after each run.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
HIGGS = "HIGGS-16k.csv.gz"  # as the pages call it
WIDTH = "80"  # characters of the terminal


class ShownStudy(NamedTuple):
    """A study that pages show.

    Attributes:
        words: What follows `gengap study`.
        folder: Where it lies.
        pages: The pages with a block of what it prints; the block is known by the place of the report.
        pictures: Pictures of the study's folder, and their names in docs/figures.
    """

    words: tuple[str, ...]
    folder: str
    pages: tuple[str, ...] = ()
    pictures: tuple[tuple[str, str], ...] = ()


STUDIES = {
    "first": ShownStudy(
        ("--train", "1000", "--max-epochs", "100", "--only", "sizes/*"), "runs/first", ("docs/start.md",)
    ),
    "quick": ShownStudy((), "runs/collider-quick", ("README.md", "README.ko.md"), (("sizes", "quick-sizes"),)),
    "tutorial": ShownStudy(
        (HIGGS, "--plan", "tutorial", "--test", "4978"),
        "tutorial",
        pictures=(
            ("sizes", "tutorial-sizes"),
            ("regularizers", "tutorial-regularizers"),
            ("learning_rate", "tutorial-learning-rate"),
            ("features", "tutorial-features"),
        ),
    ),
    "full": ShownStudy(
        (HIGGS, "--plan", "full", "--test", "4978"),
        "runs/HIGGS-16k-full",
        ("docs/study.md",),
        tuple((name, name) for name in ("loss-by-size", "loss-by-strength", "loss-by-rows")),
    ),
}


def run(study: ShownStudy, folder: Path) -> str:
    """Run `gengap study` in the folder, and return what it prints."""
    command = [sys.executable, "-m", "gengap", "study", *study.words, "--out", study.folder]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "COLUMNS": WIDTH}, stdout=subprocess.PIPE, text=True, check=True
    )
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.strip().splitlines())


def with_output(page: str, printed: str) -> str:
    """Return the page with the printed text in the place of the block that ends with the same report."""
    report = next(line for line in printed.splitlines() if line.startswith("Report: "))
    blocks = [block for block in re.findall(r"^```text\n(.*?)^```$", page, re.M | re.S) if f"\n{report}\n" in block]
    if len(blocks) != 1:
        raise ValueError(f"{len(blocks)} blocks of the page have the line {report!r}; expected 1")
    return page.replace(blocks[0], printed)


def with_tables(page: str, tables: str) -> str:
    """Return the page with each table in the place of the one with the same first line."""
    for table in tables.strip().split("\n\n"):
        head = table.partition("\n")[0]
        found = re.findall(rf"^{re.escape(head)}\n(?:\|.*\n)+", page, re.M)
        if len(found) != 1:
            raise ValueError(f"{len(found)} tables of the page start with {head!r}; expected 1")
        page = page.replace(found[0], f"{table}\n")
    return page


def write(name: str, runs: Path) -> None:
    """Run a study, and change the pages that show it."""
    study = STUDIES[name]
    printed = run(study, runs)
    for page in (ROOT / name for name in study.pages):
        page.write_text(with_output(page.read_text(encoding="utf-8"), printed), encoding="utf-8")
    if name == "tutorial":
        from examples.tutorial_page import page as tables

        page = ROOT / "docs/tutorial.md"
        found = tables(runs / study.folder, runs / HIGGS)
        page.write_text(with_tables(page.read_text(encoding="utf-8"), found), encoding="utf-8")
    for own, shown in study.pictures:
        shutil.copy(runs / study.folder / "figures" / f"{own}.png", ROOT / "docs/figures" / f"{shown}.png")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study_pages", description="Studies of the pages.")
    parser.add_argument("--only", action="append", choices=STUDIES, help="may be repeated; default: all")
    parser.add_argument("--higgs", type=Path, help="the file HIGGS-16k.csv.gz")
    parser.add_argument("--runs", type=Path, default=Path("runs/pages"), help="folder of the study folders")
    given = parser.parse_args()
    names = given.only or list(STUDIES)
    runs = given.runs.resolve()
    runs.mkdir(parents=True, exist_ok=True)
    if any(HIGGS in STUDIES[name].words for name in names):
        if given.higgs is None:
            parser.error("tutorial and full need --higgs FILE")
        if not (runs / HIGGS).exists():
            (runs / HIGGS).symlink_to(given.higgs.resolve())
    for name in names:
        write(name, runs)


if __name__ == "__main__":
    main()
