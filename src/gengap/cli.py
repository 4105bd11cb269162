"""The command line: thin commands over the Python calls of the same names.

People-facing text goes to standard error, results asked for as data to standard output. Exit status: 0 done,
1 the work failed, 2 the call was wrong, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from time import sleep
from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    name="gengap",
    help="Tells whether a model underfits, fits or overfits, how sure that is, and what to do about it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

INTERRUPTED = 130
WAIT_SECONDS = 1.0


class Stated(StrEnum):
    """A verdict, as an option's value."""

    underfit = "underfit"
    good = "good"
    near_overfit = "near-overfit"
    overfit = "overfit"
    inconclusive = "inconclusive"


class Task(StrEnum):
    """What the target is, as an option's value."""

    binary = "binary"
    multiclass = "multiclass"
    regression = "regression"


class ClassWeight(StrEnum):
    """How classes count in training, as an option's value."""

    balanced = "balanced"


class Backend(StrEnum):
    """Whose cluster trains, as an option's value."""

    dask = "dask"
    ray = "ray"


class Stop(StrEnum):
    """When a trial ends, as an option's value."""

    patience = "patience"
    verdict = "verdict"


SourceArgument = Annotated[
    str,
    typer.Argument(
        help="collider (built in), higgs, or the path or http(s) address of a .csv, .tsv, .csv.gz, .parquet, "
        ".arrow, .feather or .npz file."
    ),
]
Rows = Annotated[int | None, typer.Option(min=1, help="Use only the first so many rows.")]
Target = Annotated[str | None, typer.Option(help="The label column; HIGGS-like tables know theirs.")]
Group = Annotated[str | None, typer.Option(help="A column: rows that share its value stay on one side.")]
Time = Annotated[str | None, typer.Option(help="A column: the earliest rows train, later ones validate and test.")]
Keep = Annotated[
    list[str] | None, typer.Option(help="A column to use though it looks like an identifier; may be repeated.")
]
Column = Annotated[
    list[str] | None,
    typer.Option(
        help="What a column is: category, number, text or date, or drop to leave it out; may be repeated.",
        metavar="NAME=KIND",
    ),
]
Weight = Annotated[str | None, typer.Option(help="A column with the rows' weights, numbers of 0 or more.")]
ClassWeights = Annotated[
    ClassWeight | None, typer.Option(help="balanced: classes count alike in the loss that training minimises.")
]
Memory = Annotated[
    float | None,
    typer.Option(
        help="GiB that the rows may take; more of them stay on disk (default: a quarter of the machine's)."
    ),
]
OnBadRow = Annotated[str, typer.Option(help="fail, or skip bad rows and say which.")]


@app.command()
def study(
    source: SourceArgument = "collider",
    plan: Annotated[str, typer.Option(help="quick, tutorial, full, or a TOML file.")] = "quick",
    target: Target = None,
    rows: Rows = None,
    validation: Annotated[int | None, typer.Option(min=1, help="Validation rows.")] = None,
    train: Annotated[int | None, typer.Option(min=1, help="Training rows.")] = None,
    test: Annotated[int, typer.Option(min=0, help="Further rows that no trial sees.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Train every trial so many times.")] = 1,
    max_epochs: Annotated[int | None, typer.Option(min=1, help="No trial longer than this.")] = None,
    only: Annotated[str | None, typer.Option(help='Only trials whose name matches, as in "sizes/*".')] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Small trials side by side (default: every core).")
    ] = None,
    backend: Annotated[Backend | None, typer.Option(help="Train on a cluster's machines: whose it is.")] = None,
    address: Annotated[
        str | None,
        typer.Option(help="The cluster's, as tcp://host:8786 for Dask (Ray: default this machine's)."),
    ] = None,
    stop: Annotated[
        Stop | None, typer.Option(help="When trials end: by patience alone, or as soon as the verdict is settled.")
    ] = None,
    task: Annotated[Task | None, typer.Option(help="What the target is (default: what it looks like).")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Your own models: module:function of a build(size, features, outputs) that returns a Keras model.",
            metavar="MODULE:FUNCTION",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Study folder (default: runs/<source>-<plan>).")] = None,
    on_bad_row: OnBadRow = "fail",
    group: Group = None,
    time: Time = None,
    keep: Keep = None,
    column: Column = None,
    weight: Weight = None,
    class_weight: ClassWeights = None,
    memory: Memory = None,
    json: Annotated[bool, typer.Option("--json", help="Print study.json to standard output.")] = False,
    open_page: Annotated[
        bool, typer.Option("--open", help="Show the report live in a browser while trials run.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show each model's Keras summary.")] = False,
) -> None:
    """Train the plan's models on SOURCE, compare their curves, keep it all in a folder."""
    from gengap.data.spec import parse_column_options
    from gengap.report.console import Terminal
    from gengap.report.study_report import study_report
    from gengap.study import study as run
    from gengap.study.study import default_study_folder

    folder = out or default_study_folder(source, plan, model)
    shown = _shown_live(folder) if open_page else contextlib.nullcontext()
    with _interrupts_told(), shown, Terminal(verbose=verbose) as terminal:
        found = run(
            source,
            plan,
            target=target,
            rows=rows,
            train=train,
            validation=validation,
            test=test,
            seeds=seeds,
            max_epochs=max_epochs,
            only=only,
            jobs=jobs,
            backend=backend.value if backend else None,
            address=address,
            stop=stop.value if stop else None,
            task=task.value if task else None,
            out=folder,
            on_bad_row=on_bad_row,  # pyright: ignore[reportArgumentType]  # checked where it is used
            group=group,
            time=time,
            keep=keep or (),
            weight=weight,
            class_weight=class_weight.value if class_weight else None,
            column=parse_column_options(column or ()),  # pyright: ignore[reportArgumentType]  # checked where it is used
            memory=memory,
            model=model,
            display=terminal,
        )
    console = terminal.console
    if found.trials:
        console.print(study_report(found.summary, folder, console.width))
    if json:
        sys.stdout.write(found.summary.to_json().decode())
    if found.summary.interrupted:
        if not found.trials:
            console.print("interrupted: no trial is finished; run the same command to continue", markup=False)
        raise typer.Exit(INTERRUPTED)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a finished study, as runs/collider-quick.")],
    lang: Annotated[str | None, typer.Option(help="en or ko (default: the locale's language).")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write (default: report.html in FOLDER).")] = None,
) -> None:
    """Write FOLDER's study as one self-contained HTML page: verdicts, curves, comparisons and how it was made."""
    from gengap.report.html import write_report
    from gengap.report.page import study_page
    from gengap.study.folder import StudyFolder

    found = StudyFolder(folder).results()
    written = write_report(
        study_page(found.summary, found.histories, found.plan), out or folder / "report.html", lang
    )
    typer.echo(f"{written}: open it in a browser", err=True)


@app.command()
def watch(
    folder: Annotated[Path, typer.Argument(help="A study's folder, as runs/collider-quick; it may come later.")],
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port on 127.0.0.1 (default: 8642, or else a free one).")
    ] = None,
    lang: Annotated[str | None, typer.Option(help="en or ko (default: the locale's language).")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Show FOLDER's report live in a browser while its study runs, until Ctrl-C."""
    from gengap.watch.server import serve_page

    with contextlib.suppress(KeyboardInterrupt), serve_page(folder, port, lang) as server:
        typer.echo(f"{server.address} shows {folder} live; Ctrl-C ends it", err=True)
        if browser:
            server.open_browser()
        while True:
            sleep(WAIT_SECONDS)  # on Windows a wait without an end does not hear Ctrl-C


@contextlib.contextmanager
def _shown_live(folder: Path) -> Iterator[None]:
    """Around a study in `folder`: its page, in a browser once the study is under way."""
    from gengap.study.progress import is_running
    from gengap.watch.server import serve_page

    with serve_page(folder) as server:
        typer.echo(f"{server.address} shows the report while trials run", err=True)
        server.open_browser(lambda: is_running(folder))
        yield


@app.command()
def ingest(
    source: SourceArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="The Parquet file to write.")],
    rows: Rows = None,
    target: Target = None,
    on_bad_row: OnBadRow = "fail",
) -> None:
    """Read SOURCE once and write it as a Parquet file."""
    from gengap.data.sources.source import ingest as run

    count = run(source, out, rows=rows, target=target, on_bad_row=on_bad_row)  # pyright: ignore[reportArgumentType]
    typer.echo(f"{out}: {count:,} rows", err=True)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A model of a study, such as runs/.../models/best.keras.")],
    table: Annotated[str, typer.Argument(help="The rows to predict: whatever `gengap study` takes as SOURCE.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .parquet, .csv, .arrow or .feather file to write.")],
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="A column of TABLE to copy, as a key; may be repeated.")
    ] = None,
) -> None:
    """Predict every row of TABLE with MODEL: probabilities and the most likely class, or a number.

    TABLE may be with or without the target column."""
    from gengap.errors import GengapWarning
    from gengap.prediction import predict as run
    from gengap.prediction import probability_class

    with warnings.catch_warnings():
        warnings.simplefilter("default", GengapWarning)
        warnings.showwarning = lambda message, *_, **__: typer.echo(f"warning: {message}", err=True)
        count = run(model, table, out, ids=ids or ())
    typer.echo(f"{out}: {count:,} rows", err=True)
    if (name := probability_class(model)) is not None:
        typer.echo(f"probability: of class {name!r}; predicted: the more likely class", err=True)


@app.command()
def diagnose(
    files: Annotated[
        list[str], typer.Argument(help="Logs of any framework, or folders of them.", metavar="FILE...")
    ],
    metric: Annotated[str | None, typer.Option(help="The curves to judge (default: the loss).")] = None,
    min_effect: Annotated[
        float, typer.Option(help="The smallest change that matters, as a share of the loss.")
    ] = 0.01,
    fail_on: Annotated[
        list[Stated] | None, typer.Option(help="Exit with 1 if a run has this verdict; may be repeated.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves into a .png, .pdf or .svg.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON to standard output.")] = False,
) -> None:
    """Give the verdict on the training curves in FILE: Keras, TensorBoard, Lightning, Hugging Face, XGBoost, ..."""
    from gengap.diagnose.batch import diagnose_files

    answers = diagnose_files(files, metric, min_effect)
    if json:
        from gengap.report.verdict_table import verdicts_json

        sys.stdout.write(verdicts_json(answers.in_order).decode())
    else:
        from rich.console import Console

        from gengap.report.verdict_table import verdict_details, verdict_table

        if answers.judged:
            console = Console()
            console.print(verdict_table(answers.judged, console.width))
            console.print(verdict_details(verdict for _, verdict in answers.judged))
    for note in answers.notes:
        typer.echo(f"note: {note}", err=True)
    for fault in answers.faults:
        typer.echo(f"gengap: {fault['error']}", err=True)
    if plot is not None and answers.judged:
        from gengap.report.verdict_plot import save_verdict_figure

        save_verdict_figure(answers.judged, plot)
    failed = {wanted.value for wanted in fail_on or []} & {verdict.verdict for _, verdict in answers.judged}
    if answers.faults or failed:
        raise typer.Exit(1)


@app.command()
def plan(name: Annotated[str, typer.Argument(help="quick, tutorial, full, or a TOML file.")] = "quick") -> None:
    """Print a plan as TOML, to change and give to `gengap study --plan`."""
    from gengap.presets import load_plan

    typer.echo(load_plan(name).to_toml(), nl=False)


@app.command()
def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", "--no-check", help="Only say what is installed; try nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print it as one JSON document to standard output.")] = False,
) -> None:
    """Say what is installed here, and try in under a minute whether it trains, repeats, saves and loads."""
    from gengap import doctor as run

    found, checked = run.facts(), []
    if not json:
        typer.echo(run.facts_text(found))
    for each in () if quick else run.checks():
        checked.append(each)
        if not json:
            typer.echo(run.checked_text(each))
    if json:
        sys.stdout.write(run.document(found, checked))
    if not all(each.ok for each in checked):
        raise typer.Exit(1)


@contextlib.contextmanager
def _interrupts_told() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # one more would cut the line off
        typer.echo("gengap: interrupted; finished trials are kept, the same call goes on", err=True)
        signal.signal(signal.SIGINT, before)
        raise


def _leave() -> NoReturn:
    """Ends at once: an orderly end would wait for the epochs at hand, and one more Ctrl-C would be a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def main() -> None:
    """Runs the command line; a fault that gengap can explain is one line, never a traceback."""
    from gengap.errors import GengapError

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
