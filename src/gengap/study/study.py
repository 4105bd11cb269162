"""`study()`: the whole story in order. Read this first.

    source -> dataset -> plan -> trainer -> histories -> verdicts -> analysis -> report

Each arrow passes a small value: `load` returns a `Dataset`, `load_plan` a `Plan`, `next_trials` the trials to train
next, `Scheduler` a history and a verdict for each, `conclude` the `Conclusions`. `Study` holds them all.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Unpack

import msgspec

from gengap.analysis import conclude
from gengap.analysis.effects import cross_trial_findings
from gengap.analysis.growth import choose_finalists, next_trials
from gengap.analysis.leak_signs import find_leaks
from gengap.analysis.summary import BudgetSummary, Provenance, StudySummary
from gengap.data.dataset import Dataset, load
from gengap.data.sources.source import is_collider
from gengap.errors import TooFewRowsError, UsageError, did_you_mean
from gengap.files.writing import refuse_links, study_lock
from gengap.interrupts import interrupts_handled
from gengap.models.model_source import find_model
from gengap.models.user_model import ModelFunction
from gengap.options.study_options import DataSpec, RunSpec, StudyOptions
from gengap.plan import Plan
from gengap.presets import load_clones_plan, load_plan
from gengap.study.best_model import save_models
from gengap.study.budget import Budget
from gengap.study.clones import costly_rows, load_for_clones, predict_test_rows
from gengap.study.cross_validation import cross_validate
from gengap.study.folder import StudyFolder
from gengap.study.outcome import Study, TestPredictions, predict_table, with_test_rows, write_results
from gengap.study.progress import Display, ProgressFiles, SilentDisplay
from gengap.study.provenance import study_provenance
from gengap.study.scheduler import Scheduler
from gengap.train.baselines import TREES
from gengap.train.distributed import Cluster

if TYPE_CHECKING:
    from gengap.models.user_model import UserModels

LEAST_VALIDATION_ROWS = 5  # an epoch is chosen in five folds of them


def study(
    source: Any = "collider",
    plan: Plan | str | Path = "quick",
    *,
    data: DataSpec | None = None,
    run: RunSpec | None = None,
    display: Display | None = None,
    groups: Any = None,
    **options: Unpack[StudyOptions],
) -> Study:
    """Train a plan's models on a table, compare them and recommend one.

    Ctrl-C or SIGTERM stops after the epochs that are being trained and returns what is finished. Before the first
    training it raises KeyboardInterrupt. With `out`, a repeated call resumes.

    Args:
        source: The rows: "collider", "higgs", a path or address, `(X, y)`, or a table. See `gengap.load`. For a
            model that is cloned: arrays of any shape `(x, y)` or `(x, y, sample_weight)`, a loader of batches, or
            an .npz file; then `validation` may be rows too.
        plan: "quick", "tutorial", "full", a TOML file, or a `Plan`.
        data: Which rows and columns are used and how. Default: `DataSpec()`.
        run: Which trials are trained, and how and where. Default: `RunSpec()`.
        display: Shows the progress. Default: nothing is shown.
        groups: The group of each row (rows,), such as its patient, for a model that is cloned: rows of one group
            stay in one part. With given validation rows a pair of arrays, of training and of validation rows.
        **options: The fields of `DataSpec` and `RunSpec` in `gengap.options.study_options` as
            keywords: `target`, `rows`, `train`, `validation`, `test`, `task`, `on_bad_row`, `group`, `time`,
            `keep`, `weight`, `class_weight`, `column`, `memory`, `seeds`, `max_epochs`, `only`, `stop`,
            `precision`, `model`, `texts`, `minutes`, `jobs`, `backend`, `address`, `out`. They replace those of
            `data` and `run`.

    Returns:
        The finished trials with their histories, verdicts and conclusions.

    Raises:
        UsageError: An option or the plan is wrong.
        DataError: The rows can't be read or used.
        StudyFolderError: `out` holds a study of another plan or other data, or another study is using it.
        WriteError: A file can't be written.

    >>> found = study("collider", "quick", train=200, validation=50, only="sizes/Tiny", max_epochs=3)
    >>> [(trial.run, trial.parameters, trial.epochs) for trial in found.trials]
    [('sizes/Tiny', 481, 3)]
    """
    started = perf_counter()
    held_out = _given_validation(options)
    data, run = _with_options(data, run, options)
    model = find_model(run.model) if run.model is not None else None
    given = {name: each for name, each in (("validation", held_out), ("groups", groups)) if each is not None}
    provenance = study_provenance(source, plan, data, run, model, given)
    cluster = Cluster.of(run.backend, run.address)
    cloned = model is not None and not isinstance(model, ModelFunction)
    if not cloned:
        _refuse(held_out=held_out, texts=run.texts, groups=groups)
    plan, left_out = _adapt(load_clones_plan(plan) if cloned else load_plan(plan), run, cloned=cloned)
    with contextlib.ExitStack() as stack:
        folder = _open_folder(run, data, plan, stack)
        display = display or SilentDisplay()
        display = stack.enter_context(ProgressFiles(Path(run.out), display)) if run.out else display
        if model is not None and not isinstance(model, ModelFunction):
            dataset, user_models, plan = load_for_clones(source, held_out, data, plan, model, run.texts, groups)
        else:
            data = _with_default(data, source, plan)
            dataset = load(source, data, preparation=plan.preparation, progress=display.reading)
            user_models = _user_models(model, dataset, folder is not None, left_out) if model else None
        _check_validation_rows(dataset, data)
        budget = Budget(run.minutes, started) if run.minutes else None
        all_rows = len(dataset.train)
        dataset = dataset.with_train_rows(budget.most_rows(len(dataset.columns))) if budget else dataset
        plan = plan.adapt_to_task(dataset.task).adapt_to_rows(len(dataset.train))
        plan = plan.with_max_epochs(run.max_epochs) if run.max_epochs else plan
        interrupt = threading.Event()
        scheduler = Scheduler(plan, dataset, run, folder, display, interrupt, user_models, cluster, budget)
        scheduler.check_folder()
        display.begin(plan, dataset, run.seeds, user_models)
        scheduler.fit_baselines()
        stack.enter_context(interruptible(interrupt, display))
        while not interrupt.is_set() and (trials := next_trials(plan, scheduler.results(), len(dataset.train))):
            scheduler.train(trials)
        if not data.extra_columns and groups is None:  # else rows belong together
            _cross_validate_finalists(scheduler)
        found = _conclude(scheduler, run, started, provenance, all_rows)
        return found if folder is None or not found.trials else _saved(found, scheduler, run, folder)


def _refuse(*, held_out: Any, texts: Any, groups: Any) -> None:
    """Raise UsageError for what is given and only a model that is cloned can use."""
    if held_out is not None:
        raise UsageError("validation: expected a number of rows; validation rows are for a model that is cloned")
    if texts is not None:
        raise UsageError(
            "texts: for a model that is cloned. Columns of texts in a table need no layer: leave it out"
        )
    if groups is not None:
        raise UsageError("groups: for a model that is cloned. Of a table, name its column with group")


def _cross_validate_finalists(scheduler: Scheduler) -> None:
    if not scheduler.interrupt.is_set():
        runs = choose_finalists(scheduler.plan, scheduler.results(), len(scheduler.dataset.train))
        scheduler.out_of_fold = cross_validate(scheduler, scheduler.affordable_finalists(runs))


def _given_validation(options: StudyOptions) -> Any:
    """Take given validation rows out of the options; a number of rows stays."""
    value: Any = options.get("validation")
    if value is None or isinstance(value, int) or hasattr(value, "__index__"):
        return None
    del options["validation"]
    return value


def _with_options(data: DataSpec | None, run: RunSpec | None, options: StudyOptions) -> tuple[DataSpec, RunSpec]:
    """Return both specifications with the keywords that replace their fields."""
    known = (*DataSpec.__struct_fields__, *RunSpec.__struct_fields__)
    for name in options:
        if name not in known:
            raise TypeError(f"study() got an unexpected keyword argument {name!r}.{did_you_mean(name, known)}")
    of_data, of_run = (
        {name: value for name, value in options.items() if name in spec.__struct_fields__}
        for spec in (DataSpec, RunSpec)
    )
    return DataSpec.of(data, **of_data), RunSpec.of(run, **of_run)


def _adapt(plan: Plan, run: RunSpec, *, cloned: bool) -> tuple[Plan, tuple[str, ...]]:
    """Return the plan as the options change it, and the runs that a user's models leave out."""
    plan = plan.only(run.only) if run.only else plan
    plan = plan.with_max_epochs(run.max_epochs) if run.max_epochs else plan
    given = {"stop": run.stop, "precision": run.precision}
    plan = plan.with_recipe(**{name: value for name, value in given.items() if value})
    return (plan, ()) if run.model is None or cloned else (plan.without_treatments(), plan.runs_with_treatments)


def _open_folder(run: RunSpec, data: DataSpec, plan: Plan, stack: contextlib.ExitStack) -> StudyFolder | None:
    """Open and lock the study folder. Test rows need a saved model, so they need a folder, if only for now."""
    if run.out is None and not data.test:
        return None
    path = Path(run.out if run.out is not None else stack.enter_context(tempfile.TemporaryDirectory()))
    folder = StudyFolder(path)
    refuse_links(path)
    stack.enter_context(study_lock(path))
    folder.tidy()
    folder.check_trials()
    folder.check_places(plan, run.seeds)
    return folder


def _with_default(data: DataSpec, source: Any, plan: Plan) -> DataSpec:
    """Return the specification with the plan's number of validation rows of the built-in source."""
    built_in = is_collider(source) and data.validation is None and data.rows is None
    return DataSpec.of(data, validation=plan.built_in_validation) if built_in else data


def _check_validation_rows(dataset: Dataset, data: DataSpec) -> None:
    """Check that conclusions are possible. Raises TooFewRowsError if not."""
    rows = len(dataset.validation)
    if rows < LEAST_VALIDATION_ROWS:
        hint = "Use a table with more rows" if data.validation is None else "Ask for more with --validation"
        raise TooFewRowsError(
            f"{dataset.origin}: {rows} validation rows are too few for a study, which needs at least "
            f"{LEAST_VALIDATION_ROWS}. {hint}."
        )


def _user_models(model: ModelFunction, dataset: Dataset, saved: bool, left_out: tuple[str, ...]) -> UserModels:
    from gengap.models.user_model import UserModels

    weighted = dataset.train.weights is not None
    return UserModels(model, len(dataset.columns), dataset.task, saved, left_out, weighted)


def _saved(found: Study, scheduler: Scheduler, run: RunSpec, folder: StudyFolder) -> Study:
    """Save the models and results, and return the study with its figures on the test rows."""
    folder.start_results()
    best = save_models(scheduler, found.summary.recommendation, folder)
    if not found.summary.interrupted:
        found = with_test_rows(found, _predictions(scheduler), best, folder)
    if run.out:
        write_results(found, folder)
    return found


def _predictions(scheduler: Scheduler) -> Callable[[Path], TestPredictions]:
    """Return how a saved model predicts the test rows."""
    from gengap.models.cloned_models import ClonedModels

    models, dataset = scheduler.user_models, scheduler.dataset
    if isinstance(models, ClonedModels):
        return partial(predict_test_rows, dataset, models)
    return partial(predict_table, dataset, scheduler.baselines.get(TREES))


def _conclude(scheduler: Scheduler, run: RunSpec, started: float, provenance: Provenance, all_rows: int) -> Study:
    """Return the finished trials in order, with their summary and conclusions; there are `all_rows` to train on."""
    dataset, finished = scheduler.dataset, scheduler.in_order()
    trials = tuple(each.summary for each in finished)
    verdicts = {trial.run: trial.verdict for trial in reversed(trials) if trial.verdict is not None}
    results, features = scheduler.results(), len(dataset.columns)
    conclusions = conclude(results, features, dataset.row_counts, verdicts)
    findings = cross_trial_findings(results, features)
    models, chosen = scheduler.user_models, conclusions.recommendation
    losses = (chosen.expected.loss[1], chosen.expected.constant_loss) if chosen is not None else (None, None)
    summary = StudySummary(
        source=dataset.origin,
        rows=dataset.row_counts,
        plan=scheduler.plan.name,
        seconds=perf_counter() - started,
        trials=tuple(each.with_finding(findings[each.run]) if each.run in findings else each for each in trials),
        preparation=scheduler.plan.preparation,
        skipped_rows=len(dataset.skipped),
        interrupted=scheduler.interrupt.is_set() or not scheduler.complete,
        columns=dataset.columns,
        target=dataset.target,
        task=dataset.task.name,
        classes=dataset.task.classes,
        seeds=tuple(range(run.seeds)),
        provenance=provenance,
        table=dataset.table,
        budget=_budget_summary(scheduler, all_rows),
        leaks=find_leaks(dataset, *losses),
        costly_rows=costly_rows(results, dataset.validation, models, chosen) if models is not None else None,
        **msgspec.structs.asdict(conclusions),
    )
    histories = tuple(each.result.history for each in finished)
    folder = Path(run.out) if run.out is not None else None
    return Study(scheduler.plan, scheduler.trials, dataset, histories, summary, folder)


def _budget_summary(scheduler: Scheduler, all_rows: int) -> BudgetSummary | None:
    """Return what was left out for lack of time; None if the minutes were not limited."""
    if scheduler.budget is None:
        return None
    used, trained = len(scheduler.dataset.train), {run for run, _ in scheduler.finished}
    left_out = tuple(dict.fromkeys(run for run, _ in scheduler.left_out))
    return BudgetSummary(
        minutes=scheduler.budget.minutes,
        rows=(used, all_rows) if used < all_rows else None,
        left_out=tuple(run for run in left_out if run not in trained),
        fewer_seeds=tuple(run for run in left_out if run in trained),
        shortened=tuple(dict.fromkeys(t.run for t in scheduler.shortened)),
        not_cross_validated=scheduler.not_cross_validated,
    )


@contextlib.contextmanager
def interruptible(event: threading.Event, display: Display) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM set an event, and the second raise KeyboardInterrupt, in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def pressed(signum: int, frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()
        display.interrupted()

    with interrupts_handled(pressed):
        yield
