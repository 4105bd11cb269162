"""Warnings as people read them on the command line."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import typer


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Print gengap's warnings as one line each, without the line of code."""
    from gengap.errors import GengapWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", GengapWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *others: Any, **options: Any) -> None:
            if issubclass(category, GengapWarning):
                typer.echo(f"warning: {message}", err=True)
            else:
                usual(message, category, *others, **options)

        warnings.showwarning = show
        yield
