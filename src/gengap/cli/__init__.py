"""The command line: thin commands that call the Python functions of the same names.

The answer goes to standard output: text for people, or one JSON document. Progress, warnings and errors go to
standard error. Exit status: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from gengap import __version__
from gengap.check.command import check
from gengap.cli.diagnose_command import diagnose
from gengap.cli.plain_warnings import plain_warnings
from gengap.cli.shared_options import PLAN_HELP, FolderArgument, Json, Language, Overwrite, SourceArgument
from gengap.cli.study_command import study
from gengap.cli.watch_command import watch
from gengap.errors import counted
from gengap.interrupts import INTERRUPTED, leave
from gengap.options.command_line import PlainCommand, print_json, replace_characters, spec_of, with_options_of
from gengap.options.study_options import DataSpec

WrongWords: Any = typer.BadParameter.__base__  # Typer has no public name for it

app = typer.Typer(
    name="gengap",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gengap {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Tells whether a model underfits, fits or overfits, how certain that is, and what to do next."""


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

    with plain_warnings():
        count = run(model, table, out, ids=ids or (), overwrite=overwrite)
    typer.echo(f"{out}: {counted(count, 'row')}")
    if members := model_members(model):
        typer.echo(f"model: {', '.join(f'{each} {weight:.0%}' for each, weight in members.items())}")
    if (name := probability_class(model)) is not None:
        typer.echo(f"probability: of class {name!r}; predicted: the more likely class")


def plan(name: Annotated[str, typer.Argument(metavar="PLAN", help=PLAN_HELP)] = "quick") -> None:
    """Print a plan as TOML.

    Change it and pass it to `gengap study --plan`.
    """
    from gengap.presets import load_plan

    typer.echo(load_plan(name).to_toml(), nl=False)


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


def _say_usage(error: Any) -> NoReturn:
    """Print what is wrong with the words of the command line in one line; without any words, print the help."""
    if "\n" in (message := error.format_message()):
        error.show()
    else:
        command = error.ctx.command_path if error.ctx is not None else "gengap"
        typer.echo(
            f"gengap: {message}{'' if message.endswith(('.', '?')) else '.'} For help: {command} -h", err=True
        )
    sys.exit(error.exit_code)


for command in (study, report, watch, ingest, predict, diagnose, check, plan, doctor):
    app.command(cls=PlainCommand)(command)


def main() -> None:
    """Run the command line. An error that gengap can explain is one line, never a traceback.

    `gengap.__main__` handles Ctrl-C and SIGTERM.
    """
    from gengap.errors import GengapError

    replace_characters(sys.stdout, sys.stderr)
    try:
        if status := app(standalone_mode=False):
            leave() if status == INTERRUPTED else sys.exit(status)
        sys.exit(0)
    except WrongWords as error:
        _say_usage(error)
    except GengapError as error:
        typer.echo(f"gengap: {error}", err=True)
        sys.exit(error.exit_status)
    except OSError as error:
        place = "" if error.filename is None else f"{error.filename}: "
        typer.echo(f"gengap: {place}{error.strerror or error}", err=True)
        sys.exit(1)
