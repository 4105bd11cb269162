"""Generate the content of docs/reference/cli.md from the commands when the site is built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from gengap.cli import app as commands

PAGE = "reference/cli"


def reference() -> str:
    """Return every command as Markdown: usage, description, arguments and options."""
    group: Any = typer.main.get_command(commands)
    with group.make_context("gengap", [], resilient_parsing=True) as context:
        return "\n".join(line for name in group.commands for line in _command(name, group.commands[name], context))


def _command(name: str, command: Any, above: Any) -> Iterator[str]:
    with command.make_context(name, [], parent=above, resilient_parsing=True) as context:
        usage = " ".join(["gengap", name, *command.collect_usage_pieces(context)])
        yield from (f"## gengap {name}", "", command.help, "", "```text", usage, "```", "")
        yield from ("| | |", "|---|---|")
        for parameter in command.get_params(context):
            if (record := parameter.get_help_record(context)) is not None:
                yield f"| {_option(record[0])} | {_cell(record[1])} |"
        yield ""


def _option(text: str) -> str:
    """Return an option as code, word by word, so that its lines break between words.

    >>> _option("-s, --stop [patience|verdict]")
    '`-s`, `--stop` `patience` or `verdict`'
    """
    names, _, values = text.removesuffix("]").partition(" [")
    words = [f"`{word.rstrip(',')}`" + "," * word.endswith(",") for word in names.split()]
    return " ".join([*words, " or ".join(f"`{value}`" for value in values.split("|"))] if values else words)


def _cell(text: str) -> str:
    """Return the text on one line, with Markdown characters escaped."""
    return re.sub(r"([|<>*_\[\]])", r"\\\1", " ".join(text.split()))


def _fill(app: Any, page: str, source: list[str]) -> None:
    if page == PAGE:
        source[0] += "\n" + reference()


def setup(app: Any) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", _fill)
    app.connect("env-get-outdated", lambda *_: [PAGE])
    return {"parallel_read_safe": True, "parallel_write_safe": True}
