"""Format a check for the terminal: the verdict, the path as a table, the findings and the advice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gengap.check.result import change_text
from gengap.errors import counted
from gengap.report.verdict_table import verdict_details, verdict_text
from gengap.text.catalog import ENGLISH, catalog
from gengap.text.numbers import fixed, minutes

if TYPE_CHECKING:
    from gengap.check.result import CheckResult


def result_text(result: CheckResult) -> RenderableType:
    """Return the verdict, the path and the reference models, the findings and the advice."""
    facts, verdict = result.facts, result.verdict
    head = Text.assemble(f"{verdict.run} · ", verdict_text(verdict))
    rows = facts.walk.evaluator.inputs.rows
    about = (verdict.metric, f"{rows:,} rows", counted(facts.walk.evaluator.fits, "fit"), minutes(result.seconds))
    note = [Text(catalog(ENGLISH).text("check-given-up"))] if result.some_given_up else []
    return Group(head, Text(" · ".join(about)), Text(""), _path_table(result), *note, verdict_details([verdict]))


def _path_table(result: CheckResult) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    english = catalog(ENGLISH)
    table.add_column(english.text("check-setting"), overflow="fold")
    for column in ("check-rows", "page-loss", "check-change"):
        table.add_column(english.text(column), justify="right", no_wrap=True)
    for row in result.path.to_dict("records"):
        own = row["side"] == "as-is"
        name = Text(row["setting"], style="bold" if own else "")
        table.add_row(name, f"{row['rows']:,}", fixed(row["loss"]), "" if own else change_text(row))
    table.add_section()
    for row in result.references.to_dict("records"):
        name = english.text(f"check-reference-{row['model']}")
        table.add_row(Text(name, style="italic"), f"{row['rows']:,}", fixed(row["loss"]), change_text(row))
    return table
