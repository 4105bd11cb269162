"""The command `gengap study`."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gengap import __version__
from gengap.cli.plain_warnings import plain_warnings
from gengap.cli.shared_options import PLAN_HELP, Json, SourceArgument
from gengap.interrupts import INTERRUPTED, INTERRUPTS
from gengap.options.command_line import print_json, spec_of, with_options_of
from gengap.options.study_options import DataSpec, RunSpec
from gengap.presets import load_plan


@with_options_of(DataSpec, RunSpec)
def study(
    source: SourceArgument = "collider",
    plan: Annotated[str, typer.Option(metavar="PLAN", help=PLAN_HELP)] = "quick",
    *,
    json: Json = False,
    open_page: Annotated[
        bool, typer.Option("--open", help="Show the report in a browser while trials train.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show each model's Keras summary.")] = False,
    **options: Any,
) -> None:
    """Train models on SOURCE, compare them and recommend one.

    PLAN says which models. The results are saved in a folder; the same command again resumes.
    """
    data, run = spec_of(DataSpec, options), spec_of(RunSpec, options)
    load_plan(plan)  # so that a wrong plan fails before libraries load
    with _interrupt_message():
        typer.echo(f"gengap {__version__}: loading libraries, then reading the table", err=True)
        from rich.console import Console

        from gengap.report.console import Terminal
        from gengap.report.study_report import study_report
        from gengap.study import study as run_study
        from gengap.study.provenance import default_study_folder

        folder = Path(run.out or default_study_folder(source, plan, run.model))
        run = RunSpec.of(run, out=folder)
        page = _live_page(folder) if open_page else contextlib.nullcontext()
        with plain_warnings(), page, Terminal(verbose=verbose) as terminal:
            found = run_study(source, plan, data=data, run=run, display=terminal)
    console = terminal.console if json else Console()
    if found.trials:
        console.print(study_report(found.summary, folder, console.width))
    if json:
        print_json(found.summary.to_json())
    if found.summary.interrupted:
        if not found.trials:
            typer.echo("interrupted: no trial is finished; run the same command to continue", err=True)
        raise typer.Exit(INTERRUPTED)


@contextlib.contextmanager
def _interrupt_message() -> Iterator[None]:
    """Say after Ctrl-C that finished trials are kept."""
    try:
        yield
    except KeyboardInterrupt:
        before = {each: signal.signal(each, signal.SIG_IGN) for each in INTERRUPTS}  # one more would cut the line
        typer.echo("gengap: interrupted; finished trials are kept. Run the same command to continue", err=True)
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)
        raise


@contextlib.contextmanager
def _live_page(folder: Path) -> Iterator[None]:
    """Serve the report of the study in `folder`, and open it in a browser once the study runs."""
    from gengap.study.progress import is_running
    from gengap.watch import serve_page

    with serve_page(folder) as server:
        typer.echo(f"{server.address} shows the report while trials run", err=True)
        server.open_browser(lambda: is_running(folder))
        yield
