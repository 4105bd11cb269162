"""One figure: measurements of both sides, and their bound."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Result:
    """One figure. `values` are ratios of paired turns, or seconds, and are compared with `bound`.

    `ours` and `theirs` are in `unit`, one value per turn. The headline is the median of `values`, or their
    minimum where other processes can only add time. With `at_most`, the bound is an upper bound.
    """

    name: str
    title: str
    peer: str
    unit: str
    ours: list[float]
    theirs: list[float]
    values: list[float]
    bound: float
    at_most: bool = False
    statistic: Literal["median", "minimum"] = "median"

    @property
    def headline(self) -> float:
        """The number that is compared with the bound."""
        return median(self.values) if self.statistic == "median" else min(self.values)

    @property
    def reached(self) -> bool:
        """Whether the headline is within its bound."""
        return self.headline <= self.bound if self.at_most else self.headline >= self.bound

    def cells(self) -> list[str]:
        """Return the row of the table: figure, gengap, peer, value [min, max], bound, reached."""
        spread = f"{self.headline:.3g} [{min(self.values):.3g}, {max(self.values):.3g}]"
        return [
            self.title,
            f"{_short(median(self.ours))} {self.unit}",
            f"{self.peer}: {_short(median(self.theirs))} {self.unit}",
            f"{spread} (minimum; median {median(self.values):.3g})" if self.statistic == "minimum" else spread,
            f"{'at most' if self.at_most else 'at least'} {self.bound:g}",
            "reached" if self.reached else "missed",
        ]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


HEADINGS = ["figure", "gengap", "peer", "ratio or seconds, median [min, max]", "bound", ""]
