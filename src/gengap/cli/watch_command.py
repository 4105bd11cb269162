"""The command `gengap watch`: the page of a study, or the verdict on a log, while it runs."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from time import sleep
from typing import Annotated

import typer

from gengap.cli.shared_options import Language
from gengap.errors import did_you_mean
from gengap.options.command_line import MinEffect, choice_option, number_option

WAIT_SECONDS = 1.0


def watch(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="The folder of a study, such as runs/collider-quick; a log file that grows; - for a pipe's text.",
        ),
    ],
    port: Annotated[
        int | None, number_option("Port on 127.0.0.1 (default: 8642, or a free one).", minimum=1, maximum=65535)
    ] = None,
    lang: Language = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="The curves to judge in a log (default: the loss).")
    ] = None,
    min_effect: MinEffect = 0.01,
    stop_on: Annotated[
        str | None,
        choice_option(("overfit",), help="End with status 1 once a log certainly has this verdict."),
    ] = None,
) -> None:
    """Show a study or a training log while it runs.

    A study's folder is shown in a browser. A log's verdict is kept up to date in the terminal, and text from a pipe
    is passed through: `python train.py | gengap watch -`. Ctrl-C ends it.
    """
    from gengap.diagnose.follow import is_log

    if is_log(str(source)):
        _follow(source, metric, min_effect, stop_on)
    else:
        _watch_study(source, port, lang, browser)


def _follow(source: Path, metric: str | None, min_effect: float, stop_on: str | None) -> None:
    """Follow a log until it ends, Ctrl-C, or the verdict that it is stopped on."""
    from gengap.diagnose.follow import FileLog, StreamLog
    from gengap.report.verdict_line import VerdictLine, close, follow_file, follow_stream

    line = VerdictLine(sys.stderr)
    log = StreamLog(metric, min_effect) if str(source) == "-" else FileLog(source, metric, min_effect)
    stopped = False
    with contextlib.suppress(KeyboardInterrupt):
        if isinstance(log, StreamLog):
            stopped = follow_stream(log, sys.stdin.buffer, sys.stdout.buffer, line, stop_on)
        else:
            if not source.exists():
                typer.echo(f"there is no file {source} yet; waiting for it", err=True)
            follow_file(log, line, stop_on)
            stopped = True
    close(log, line)
    if stopped:
        raise typer.Exit(1)


def _watch_study(folder: Path, port: int | None, lang: str | None, browser: bool) -> None:
    """Serve the page of a study until Ctrl-C."""
    from gengap.study.folder import RESULTS
    from gengap.study.progress import read_status
    from gengap.watch import serve_page

    with contextlib.suppress(KeyboardInterrupt), serve_page(folder, port, lang) as server:
        if not folder.exists():
            hint = did_you_mean(folder.name, [each.name for each in folder.parent.glob("*") if each.is_dir()])
            typer.echo(f"there is no folder {folder} yet: waiting until a study writes into it.{hint}", err=True)
        elif read_status(folder) is None and not (folder / RESULTS).is_file():
            typer.echo(
                f"there is no study in {folder} yet: waiting for one. For logs, use gengap diagnose {folder}",
                err=True,
            )
        typer.echo(f"{server.address} shows {folder} while it runs. Ctrl-C ends it", err=True)
        if browser:
            server.open_browser()
        while True:
            sleep(WAIT_SECONDS)  # on Windows a wait without an end does not hear Ctrl-C
