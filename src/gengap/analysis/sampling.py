"""How many independent rows the validation rows count as, if they come in groups or blocks of time."""

from __future__ import annotations

import msgspec

from gengap.analysis.results import TrialResults
from gengap.data.units import MIN_UNITS, UnitKind
from gengap.stats.unit_values import effective_rows
from gengap.text.catalog import Message


class UnitSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Groups or blocks of time of the validation rows.

    Attributes:
        count: Number of groups or blocks.
        effective_rows: How many independent rows would give the loss of the recommended model the same standard
            error. None if there are too few groups for that.
        enough: Whether there are enough groups or blocks for statements about new rows.
    """

    kind: UnitKind
    column: str
    rows: int
    count: int
    effective_rows: int | None
    enough: bool
    finding: Message


def analyse_units(results: TrialResults) -> UnitSummary | None:
    """Return how many independent rows the validation rows count as; None if each is drawn alone."""
    units = results.units
    if units is None:
        return None
    values = {"kind": units.kind, "column": units.column, "rows": len(results.y), "count": len(units)}
    effective = None
    if units.enough and results.ranked:
        effective = round(effective_rows(results.row_losses(results.ranked[0]).mean(axis=0), units))
    if units.drifts:
        finding = Message("conclusion-units-drift", values)
    elif not units.enough:
        finding = Message("conclusion-units-few", values | {"effective": units.effective, "least": MIN_UNITS})
    else:
        finding = Message(
            "conclusion-units", values | {"effective": effective, "alike": (effective or 0) < len(results.y)}
        )
    return UnitSummary(
        kind=units.kind,
        column=units.column,
        rows=len(results.y),
        count=len(units),
        effective_rows=effective,
        enough=units.enough,
        finding=finding,
    )
