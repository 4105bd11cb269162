"""Docstrings are plain text with `code`: an asterisk outside of code is one, and no mark-up of Sphinx'."""

from __future__ import annotations

import re
from typing import Any

ASTERISK = re.compile(r"`[^`]*`|^\s*(?:>>>|\.\.\. ).*$|(\*)", re.MULTILINE)


def _escape(app: Any, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    lines[:] = ASTERISK.sub(lambda found: "\\*" if found[1] else found[0], "\n".join(lines)).split("\n")


def setup(app: Any) -> dict[str, bool]:
    """Sphinx' hook."""
    app.connect("autodoc-process-docstring", _escape)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
