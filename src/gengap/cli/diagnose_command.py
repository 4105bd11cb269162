"""The command `gengap diagnose`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from gengap.cli.shared_options import Json, Overwrite
from gengap.options.command_line import MinEffect, choice_option, print_json
from gengap.options.spec import RESTARTS, VerdictName


def diagnose(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Logs of any framework, as text or files, or folders of them; http(s) addresses; - for standard "
            "input.",
            metavar="FILE",
        ),
    ],
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="The curves to judge (default: the loss).")
    ] = None,
    min_effect: MinEffect = 0.01,
    restart: Annotated[
        str,
        choice_option(
            RESTARTS, help="Where epochs start again: continue the run, split it, or decide by its curves."
        ),
    ] = "auto",
    fail_on: Annotated[
        list[str] | None,
        choice_option(get_args(VerdictName), help="Exit with 1 if a run has this verdict; may be repeated."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the curves into a .png, .pdf or .svg.")
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Give the verdict on the training curves in FILE.

    FILE is what you have: console output of any framework, also pasted, a CSV, a model card, a log folder.
    """
    from gengap.diagnose import diagnose_files
    from gengap.files.outputs import PICTURES, check_ending, check_output

    if plot is not None:
        check_ending(plot, PICTURES)
        check_output(plot, "diagnose", files, overwrite=overwrite)
    batch = diagnose_files(files, metric, min_effect, restart)
    if json:
        from gengap.report.verdict_table import verdicts_json

        print_json(verdicts_json(batch.results))
    else:
        from rich.console import Console

        from gengap.report.verdict_table import verdict_details, verdict_table

        if batch.judged:
            console = Console()
            console.print(verdict_table(batch.judged, console.width))
            console.print(verdict_details(verdict for _, verdict in batch.judged))
    for note in batch.notes:
        typer.echo(f"note: {note}", err=True)
    for error in batch.errors:
        typer.echo(f"gengap: {error}", err=True)
    if plot is not None and batch.judged:
        from gengap.report.conclusion_plots import save_verdict_figure

        save_verdict_figure(batch.judged, plot, overwrite=overwrite)
    failed = set(fail_on or ()) & {verdict.verdict for _, verdict in batch.judged}
    if batch.errors or failed:
        raise typer.Exit(1)
