"""The command line: thin commands that call the Python functions of the same names.

The answer goes to standard output: text for people, or one JSON document. Progress, warnings and errors go to
standard error. Exit status: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Annotated, Any, NoReturn, get_args

import typer

from gengap import __version__
from gengap.check.command import check
from gengap.errors import UsageError, counted, did_you_mean
from gengap.options.command_line import (
    PlainCommand,
    choice_option,
    number_option,
    print_json,
    replace_characters,
    spec_of,
    with_options_of,
)
from gengap.options.spec import RESTARTS, VerdictName
from gengap.options.study_options import DataSpec, RunSpec
from gengap.text.catalog import languages

app = typer.Typer(
    name="gengap",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
WAIT_SECONDS = 1.0


SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="collider (built in), higgs, or the path or http(s) address of a .csv, .tsv, .csv.gz, .parquet, "
        ".arrow, .feather or .npz file. With --model also a folder of images.",
    ),
]
PLAN_HELP = "quick, tutorial, full, or a TOML file."
FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The folder of a study, such as runs/collider-quick.")
]
Language = Annotated[str | None, choice_option(languages(), help="Language (default: the locale's).")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the file if it is an input, or not from this command.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gengap {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Tells whether a model underfits, fits or overfits, how certain that is, and what to do next."""


@app.command(cls=PlainCommand)
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
    typer.echo(f"gengap {__version__}: loading libraries, then reading the table", err=True)
    from rich.console import Console

    from gengap.report.console import Terminal
    from gengap.report.study_report import study_report
    from gengap.study import study as run_study
    from gengap.study.provenance import default_study_folder

    folder = Path(options["out"] or default_study_folder(source, plan, options["model"]))
    data, run = spec_of(DataSpec, options), spec_of(RunSpec, options, out=folder)
    page = _live_page(folder) if open_page else contextlib.nullcontext()
    with _interrupt_message(), _plain_warnings(), page, Terminal(verbose=verbose) as terminal:
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


@app.command(cls=PlainCommand)
def report(
    folder: FolderArgument,
    lang: Language = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file to write (default: report.html in FOLDER).")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the finished study in FOLDER as one HTML page.

    It shows verdicts, curves and comparisons, and how to reproduce them.
    """
    from gengap.report.html import write_report
    from gengap.report.page import study_page
    from gengap.study.folder import StudyFolder

    found = StudyFolder(folder).results()
    page = study_page(found.summary, found.histories, found.plan)
    written = write_report(page, out or folder / "report.html", lang, overwrite=overwrite)
    typer.echo(f"{written}: open it in a browser")


@app.command(cls=PlainCommand)
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
    min_effect: Annotated[
        float,
        number_option("The smallest change of the loss that matters; 0.01 is 1%.", whole=False, percent=True),
    ] = 0.01,
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
            stopped = follow_file(log, line, stop_on)
    close(log, line)
    if stopped:
        raise typer.Exit(1)


def _watch_study(folder: Path, port: int | None, lang: str | None, browser: bool) -> None:
    """Serve the page of a study until Ctrl-C."""
    from gengap.watch import serve_page, take_snapshot

    with contextlib.suppress(KeyboardInterrupt), serve_page(folder, port, lang) as server:
        if not folder.exists():
            hint = did_you_mean(folder.name, [each.name for each in folder.parent.glob("*") if each.is_dir()])
            typer.echo(f"there is no folder {folder} yet: waiting until a study writes into it.{hint}", err=True)
        elif take_snapshot(folder).state == "waiting":
            typer.echo(
                f"there is no study in {folder} yet: waiting for one. For logs, use gengap diagnose {folder}",
                err=True,
            )
        typer.echo(f"{server.address} shows {folder} while it runs. Ctrl-C ends it", err=True)
        if browser:
            server.open_browser()
        while True:
            sleep(WAIT_SECONDS)  # on Windows a wait without an end does not hear Ctrl-C


@contextlib.contextmanager
def _live_page(folder: Path) -> Iterator[None]:
    """Serve the report of the study in `folder`, and open it in a browser once the study runs."""
    from gengap.study.progress import is_running
    from gengap.watch import serve_page

    with serve_page(folder) as server:
        typer.echo(f"{server.address} shows the report while trials run", err=True)
        server.open_browser(lambda: is_running(folder))
        yield


@app.command(cls=PlainCommand)
@with_options_of(DataSpec, only=("rows", "target", "on_bad_row"))
def ingest(
    source: SourceArgument,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The Parquet file to write.")],
    overwrite: Overwrite = False,
    **options: Any,
) -> None:
    """Read SOURCE once and write it as a Parquet file."""
    from gengap.data.sources.source import ingest as run

    spec = spec_of(DataSpec, options)
    count = run(source, out, rows=spec.rows, target=spec.target, on_bad_row=spec.on_bad_row, overwrite=overwrite)
    typer.echo(f"{out}: {counted(count, 'row')}")


@app.command(cls=PlainCommand)
def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model of a study, such as runs/.../models/best.")
    ],
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="The rows to predict: a source as for `gengap study`.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="The .parquet, .csv, .arrow or .feather file to write."),
    ],
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="COLUMN", help="A column of TABLE to copy into the result; may be repeated."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Predict every row of TABLE with MODEL.

    The result is probabilities and the most likely class, or a number. TABLE needs no target column.
    """
    from gengap.prediction import model_members, probability_class
    from gengap.prediction import predict as run

    with _plain_warnings():
        count = run(model, table, out, ids=ids or (), overwrite=overwrite)
    typer.echo(f"{out}: {counted(count, 'row')}")
    if members := model_members(model):
        typer.echo(f"model: {', '.join(f'{each} {weight:.0%}' for each, weight in members.items())}")
    if (name := probability_class(model)) is not None:
        typer.echo(f"probability: of class {name!r}; predicted: the more likely class")


@app.command(cls=PlainCommand)
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
    min_effect: Annotated[
        float,
        number_option("The smallest change of the loss that matters; 0.01 is 1%.", whole=False, percent=True),
    ] = 0.01,
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
    from gengap.files.outputs import check_output

    if plot is not None and plot.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise UsageError(f"{plot}: pictures are written as .png, .pdf or .svg; name such a file")
    if plot is not None:
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

        save_verdict_figure(batch.judged, plot)
    failed = set(fail_on or ()) & {verdict.verdict for _, verdict in batch.judged}
    if batch.errors or failed:
        raise typer.Exit(1)


app.command(cls=PlainCommand)(check)


@app.command(cls=PlainCommand)
def plan(name: Annotated[str, typer.Argument(metavar="PLAN", help=PLAN_HELP)] = "quick") -> None:
    """Print a plan as TOML.

    Change it and pass it to `gengap study --plan`.
    """
    from gengap.presets import load_plan

    typer.echo(load_plan(name).to_toml(), nl=False)


@app.command(cls=PlainCommand)
def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", "--no-check", help="Only print what is installed, without the checks.")
    ] = False,
    json: Json = False,
) -> None:
    """Print what is installed and check that training works.

    The checks train, repeat, save and load a model, in under a minute.
    """
    from gengap import doctor as run

    found, checked = run.facts(), []
    if not json:
        typer.echo(run.facts_text(found))
    for each in () if quick else run.checks():
        checked.append(each)
        if not json:
            typer.echo(run.checked_text(each))
    if json:
        print_json(run.document(found, checked).encode())
    if not all(each.ok for each in checked):
        raise typer.Exit(1)


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
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


@contextlib.contextmanager
def _interrupt_message() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        before = {each: signal.signal(each, signal.SIG_IGN) for each in INTERRUPTS}  # one more would cut the line
        typer.echo("gengap: interrupted; finished trials are kept. Run the same command to continue", err=True)
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)
        raise


def _leave() -> NoReturn:
    """Exit at once. An orderly exit would wait for running epochs, and another Ctrl-C would print a traceback."""
    for each in INTERRUPTS:
        signal.signal(each, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def main() -> None:
    """Run the command line. An error that gengap can explain is one line, never a traceback."""
    from gengap.errors import GengapError

    replace_characters(sys.stdout, sys.stderr)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a program that is ended, ends as after Ctrl-C
    try:
        app()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            _leave()
        raise
    except GengapError as error:
        typer.echo(f"gengap: {error}", err=True)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        _leave()
    except OSError as error:
        typer.echo(f"gengap: {error}", err=True)
        sys.exit(1)
