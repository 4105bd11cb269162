"""Results of a benchmark: goals with their bounds, and tables, printed or written as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

GOALS = ("figure", "measured", "goal", "")


@dataclass(frozen=True)
class Goal:
    """One figure and its bound: an upper bound with `at_most`, otherwise a lower bound."""

    title: str
    value: float
    bound: float
    at_most: bool = False
    unit: str = ""

    @property
    def reached(self) -> bool:
        """Whether the value is within its bound."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def cells(self) -> tuple[str, ...]:
        """The figure's line in the table of goals."""
        bound = f"{'at most' if self.at_most else 'at least'} {self.bound:.3g}{self.unit}"
        return self.title, f"{self.value:.3g}{self.unit}", bound, "reached" if self.reached else "missed"


@dataclass(frozen=True)
class Table:
    """A titled table of text."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""

    def markdown(self) -> str:
        """Return the table under its title, as Markdown."""
        lines = (self.headings, ("---",) * len(self.headings), *self.rows)
        body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return "\n\n".join(part for part in (f"## {self.title}", self.note, body) if part)

    def show(self, console: Console) -> None:
        """Print the table."""
        table = RichTable(*map(escape, self.headings), title=escape(self.title))
        for row in self.rows:
            table.add_row(*map(escape, row))
        console.print(table)


@dataclass(frozen=True)
class Section:
    """The goals and tables of one part of the benchmark."""

    goals: list[Goal] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def __add__(self, other: Section) -> Section:
        return Section(self.goals + other.goals, self.tables + other.tables)

    @property
    def goal_table(self) -> Table:
        """All goals in one table."""
        return Table("Goals", GOALS, [goal.cells() for goal in self.goals])
