"""Jupyter notebooks as console text: the outputs of their cells, in order. Nothing in a notebook is run.

Printed text and errors are taken as they are. Tables in HTML (fastai, the Trainer in notebooks, data frames) become
rows of cells between bars. Pictures, widgets and the code itself are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from gengap.diagnose.readers.console import read_console
from gengap.diagnose.readers.literals import has_literals, read_literals
from gengap.diagnose.readers.log_table import check_points
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError

SIGN = re.compile(r'\s*\{\s*"cells"\s*:\s*\[')


def is_notebook(head: str, suffix: str) -> bool:
    """Return whether a text is a notebook: by its ending, or by what it begins with."""
    return SIGN.match(head) is not None or (suffix == ".ipynb" and head.lstrip().startswith("{"))


def read_notebook(text: str, file: str) -> list[Log]:
    """Return the runs in a notebook's outputs. Raises DataError if there is no curve in them."""
    check_points(file, sum(map(text.count, "[{,")))
    try:
        document = json.loads(text)
        cells = document["cells"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise DataError(f"{file}: this is no whole notebook. Save it again.") from None
    shown = "\n".join([*_outputs(cells), ""])  # no line of a notebook is cut off
    logs = read_console([shown], file)
    if not _validated(logs) and has_literals(shown):
        with suppress(DataError):
            logs = read_literals(shown, file) or logs
    if not logs:
        raise DataError(
            f"{file}: no training curve is in the outputs of this notebook's cells. Run the cell that trains, and "
            "save the notebook with its outputs."
        )
    return [replace(log, reader="notebook") for log in logs]


def _validated(logs: list[Log]) -> bool:
    return any(split == "validation" for log in logs for split, _ in log.history.series)


def _outputs(cells: Any) -> Iterator[str]:
    """Yield the text of each output of each cell."""
    for cell in cells if isinstance(cells, list) else ():
        outputs = cell.get("outputs") if isinstance(cell, Mapping) else None
        for output in outputs if isinstance(outputs, list) else ():
            if isinstance(output, Mapping):
                yield _text(output)


def _text(output: Mapping[str, Any]) -> str:
    if "text" in output:  # what was printed
        return _joined(output["text"])
    data = output.get("data")
    if not isinstance(data, Mapping):
        return ""
    page = _joined(data.get("text/html", ""))
    return table_text(page) if "<td" in page.lower() else _joined(data.get("text/plain", ""))


def _joined(lines: Any) -> str:
    """Return text that a notebook stores as one string or as a list of lines."""
    listed = lines if isinstance(lines, list) else [lines]
    return "".join(line for line in listed if isinstance(line, str))


class _Tables(HTMLParser):
    """Collects the rows of tables; text outside of them is kept as lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._cells: list[str] | None = None
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self._cells = []
        elif tag in ("td", "th") and self._cells is not None:
            self._cells.append("")
        elif tag in ("style", "script"):
            self._hidden += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr" and self._cells is not None:
            self.lines.append(f"| {' | '.join(cell.strip() for cell in self._cells)} |")
            self._cells = None
        elif tag in ("style", "script"):
            self._hidden = max(self._hidden - 1, 0)

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if self._cells:
            self._cells[-1] += " ".join(data.split())
        elif self._cells is None and data.strip():
            self.lines.append(data.strip())


def table_text(page: str) -> str:
    """Return the rows of the tables in HTML as lines of cells between bars, and other text as it is."""
    parser = _Tables()
    parser.feed(page)
    parser.close()
    return "\n".join(parser.lines)
