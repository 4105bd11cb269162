"""Tables with a cell on each line, as forums and chats keep a table that was copied from a notebook."""

from __future__ import annotations

import re

from gengap.diagnose.readers.console.number_forms import VALUE
from gengap.diagnose.readers.console.phrases import counter, is_metric
from gengap.diagnose.readers.console.table_reader import NONE

MOST_COLUMNS = 12
LEAST_ROWS = 2
HEADER = re.compile(
    r"^[ \t]*(?:epoch|step)[ \t]*\n(?:[ \t]*[A-Za-z][\w @./-]{0,60}\n){1,11}[ \t]*\d+(?:\.\d*)?[ \t]*\n",
    re.I | re.M,
)


def rows_of_cells(text: str) -> str | None:
    r"""Return a text whose table has a cell on each line with the table's rows as lines; None if there is no table.

    >>> print(rows_of_cells("Epoch\nLoss\n1\n0.9\n2\n0.8\n"))
    | Epoch | Loss |
    | 1 | 0.9 |
    | 2 | 0.8 |
    """
    found = HEADER.search(text)
    if found is None:
        return None
    names = [line.strip() for line in found[0].splitlines()[:-1]]
    if len(names) > MOST_COLUMNS or counter(names[0]) is None or not any(map(is_metric, names)):
        return None
    lines = text[found.start() :].splitlines()[len(names) :]
    cells = [line.strip() for line in lines if line.strip()]
    end = next((i for i, cell in enumerate(cells) if not _is_cell(cell)), len(cells))
    rows = [cells[i : i + len(names)] for i in range(0, end - len(names) + 1, len(names))]
    if len(rows) < LEAST_ROWS:
        return None
    table = [f"| {' | '.join(row)} |" for row in (names, *rows)]
    return "\n".join([*text[: found.start()].splitlines(), *table, *cells[len(rows) * len(names) :]])


def _is_cell(line: str) -> bool:
    return VALUE.fullmatch(line) is not None or line.lower() in NONE
