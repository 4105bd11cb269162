"""The command `gengap check`: a table and the name of an estimator become a check."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from gengap.errors import DataError
from gengap.options.command_line import (
    MinEffect,
    choice_option,
    number_option,
    print_json,
    spec_of,
    with_options_of,
)
from gengap.options.spec import VerdictName
from gengap.options.study_options import DataSpec, RunSpec
from gengap.text.catalog import languages

if TYPE_CHECKING:
    from gengap.data.dataset import WholeTable

COLUMNS = ("target", "rows", "task", "on_bad_row", "group", "time", "weight", "keep", "column")
TABLE_HELP = "The table: a source as for `gengap study`."
ESTIMATOR_HELP = "The estimator, or a function that returns one, as sklearn.ensemble:RandomForestClassifier."
COMPLEXITY_HELP = "The parameter to change, or NAME=V1,V2,... from the simplest to the most flexible value."


@with_options_of(DataSpec, only=COLUMNS)
@with_options_of(RunSpec, only=("backend", "address"))
def check(
    table: Annotated[str, typer.Argument(metavar="TABLE", help=TABLE_HELP)],
    *,
    estimator: Annotated[str, typer.Option(metavar="MODULE:NAME", help=ESTIMATOR_HELP)],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter; may be repeated.")
    ] = None,
    complexity: Annotated[str | None, typer.Option(metavar="NAME", help=COMPLEXITY_HELP)] = None,
    cv: Annotated[
        int | None, number_option("Number of folds (default: 10 with 50 to 300 rows, 5 otherwise).", minimum=2)
    ] = None,
    scoring: Annotated[
        str | None, typer.Option(metavar="NAME", help="A scikit-learn scorer (default: log loss or squared error).")
    ] = None,
    min_effect: MinEffect = 0.01,
    jobs: Annotated[int | None, number_option("Fit N models at the same time; -1 for all cores.")] = None,
    seed: Annotated[int, number_option("Seed of the folds and of the estimator.", minimum=0)] = 0,
    fail_on: Annotated[
        list[str] | None,
        choice_option(get_args(VerdictName), help="Exit with 1 on this verdict; may be repeated."),
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an .html page.")] = None,
    lang: Annotated[
        str | None, choice_option(languages(), help="Language of the page (default: the locale's).")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is not from this command.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
    **options: Any,
) -> None:
    """Tell whether an estimator under- or overfits TABLE.

    Simpler and more flexible settings of it are compared on the same rows. A setting that does better is named.
    """
    from gengap.check.importing import import_estimator, parse_complexity
    from gengap.check.run import run_check

    spec, run = spec_of(DataSpec, options), spec_of(RunSpec, options)
    if report is not None:
        _check_page(report, table, overwrite)
    made, path = import_estimator(estimator, settings or ()), parse_complexity(complexity)
    with ExitStack() as stack:
        _use_cluster(run, stack)
        progress = _progress(stack)
        rows = _read(table, spec, made, seed)
        result = run_check(
            made,
            rows.x,
            rows.y,
            cv=cv,
            scoring=scoring,
            complexity=path,
            min_effect=min_effect,
            n_jobs=jobs,
            seed=seed,
            progress=progress,
            **_extra(rows, spec),
        )
    if json:
        print_json(result.to_json())
    else:
        from rich.console import Console

        from gengap.check.check_console import result_text

        Console().print(result_text(result))
    if report is not None:
        typer.echo(f"{result.report(report, lang, overwrite=overwrite)}: open it in a browser", err=True)
    if result.interrupted:
        raise typer.Exit(130)
    if result.verdict.verdict in (fail_on or ()):
        raise typer.Exit(1)


def _check_page(report: Path, table: str, overwrite: bool) -> None:
    """Raise UsageError for a page that is no .html, and PlaceError for a file that should stay."""
    from gengap.files.outputs import PAGES, check_ending, check_output

    check_ending(report, PAGES)
    check_output(report, "check", [table], overwrite=overwrite)


def _read(source: str, spec: DataSpec, estimator: Any, seed: int) -> WholeTable:
    """Read the table. Raises DataError if the estimator does not fit the kind of target."""
    from sklearn.base import is_classifier, is_regressor

    from gengap.data.dataset import load_whole

    rows = load_whole(source, spec, seed=seed)
    if rows.task.by_class and is_regressor(estimator):
        raise DataError(
            f"{rows.origin}: the target has classes, but {type(estimator).__name__} predicts numbers. Use a "
            "classifier, or say --task regression if they are numbers"
        )
    if not rows.task.by_class and is_classifier(estimator):
        raise DataError(
            f"{rows.origin}: the target is a number, but {type(estimator).__name__} predicts classes. Use a "
            "regressor, or say --task multiclass if its values are classes"
        )
    return rows


def _extra(rows: WholeTable, spec: DataSpec) -> dict[str, Any]:
    """Return groups, times and weights as keywords of a check."""
    from gengap.data.split import check_weights, comparable_times

    found: dict[str, Any] = {}
    if spec.group is not None:
        found["groups"] = rows.extra[spec.group].to_numpy()
    if spec.time is not None:
        found["time"] = comparable_times(rows.extra[spec.time], rows.origin, spec.time)[0]
    if spec.weight is not None:
        found["sample_weight"] = check_weights(rows.extra[spec.weight], rows.origin, spec.weight, ())
    return found


def _progress(stack: ExitStack) -> Any:
    """Show what runs on standard error, and return the function that reports progress; None without a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        return None
    status = stack.enter_context(console.status("reading the table"))
    return lambda fits, doing: status.update(f"{fits} fits · {doing} · Ctrl-C keeps what is done")


def _use_cluster(run: RunSpec, stack: ExitStack) -> None:
    """Run fits on a Dask or Ray cluster, by joblib's backends of the same names."""
    from gengap.train.distributed import Cluster

    cluster = Cluster.of(run.backend, run.address)
    if cluster is None:
        return
    from joblib import parallel_config

    if cluster.backend == "dask":
        from distributed import Client

        stack.enter_context(Client(cluster.address))
    else:
        import ray
        from ray.util.joblib import register_ray

        ray.init(address=cluster.address, ignore_reinit_error=True, log_to_driver=False)
        register_ray()
    stack.enter_context(parallel_config(cluster.backend, n_jobs=-1))
