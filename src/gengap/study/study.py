"""`study()`: the whole story in order. Read this first.

    source -> dataset -> plan -> trainer -> histories -> verdicts -> conclusions -> pictures, logs, files

Each arrow hands over a small value: `load` gives a `Dataset`, `load_plan` a `Plan`, `next_trials` the trials that
are due, `Scheduler` a `TrainResult` history and a verdict for each, `conclude` the `Conclusions`; `Study` holds it
all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from gengap.analysis import conclude
from gengap.analysis.cross_trial import cross_trial_findings
from gengap.analysis.evaluation import digest_of, evaluate_on_test_rows
from gengap.analysis.finalists import finalists
from gengap.analysis.growth import next_trials
from gengap.analysis.summary import PLAN_FILE, Provenance, StudySummary, TrialSummary
from gengap.data.dataset import Dataset, load
from gengap.data.stored_rows import sample_in_memory
from gengap.diagnose.run_curves import MetricCurves
from gengap.diagnose.trial_verdicts import trial_curves
from gengap.diagnose.verdict import Verdict
from gengap.errors import UsageError
from gengap.files.atomic import refuse_links
from gengap.files.lock import study_lock
from gengap.history import History, write_histories
from gengap.models.model_function import ModelFunction
from gengap.models.saved_model import load_saved, predict_outputs
from gengap.plan import Plan, Stop, Trial
from gengap.presets import load_plan
from gengap.study.cross_validation import cross_validate
from gengap.study.display import Display, SilentDisplay
from gengap.study.folder import HISTORIES, RESULTS, StudyFolder
from gengap.study.progress import ProgressFiles
from gengap.study.provenance import study_provenance
from gengap.study.scheduler import Scheduler
from gengap.tasks import TaskName
from gengap.text.catalog import Message
from gengap.train.baselines import TREES, Baseline, fit_baselines
from gengap.train.distributed import Cluster

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gengap.data.spec import ClassWeight, ColumnKind, OnBadRow
    from gengap.models.user_model import UserModels


@dataclass(frozen=True, eq=False)
class Study:
    """A plan's finished trials. `histories` holds one `History` a trial and seed, in the plan's order.

    `planned` holds what was tried by run: the plan's own trials, and those that it grew.
    """

    plan: Plan
    planned: Mapping[str, Trial]
    dataset: Dataset
    histories: tuple[History, ...]
    summary: StudySummary
    folder: Path | None

    @property
    def trials(self) -> tuple[TrialSummary, ...]:
        """The finished trials' summaries, in the plan's order."""
        return self.summary.trials

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Each trial's verdict by run, for the first seed."""
        return {trial.run: trial.verdict for trial in reversed(self.trials) if trial.verdict is not None}

    def judged(self) -> list[tuple[MetricCurves, Verdict]]:
        """Each trial's curves with the verdict on them."""
        pairs = zip(self.histories, self.trials, strict=True)
        return [(trial_curves(history), trial.verdict) for history, trial in pairs if trial.verdict is not None]

    def groups(self) -> dict[str, list[History]]:
        """The histories of the first seed by group, the part of the run's name before "/"; epochs count from 1."""
        also = {trial.run: trial.also for trial in self.trials}
        found: dict[str, list[History]] = {}
        for history in self.histories:
            if history.seed == self.histories[0].seed:
                for run in (history.run, *also[history.run]):
                    found.setdefault(run.split("/")[0], []).append(history.renamed(run).counted_from_one())
        return found

    def best_epochs(self) -> dict[str, int]:
        """Each shown run's best epoch, for the first seed."""
        return {
            run: trial.best_epoch
            for trial in reversed(self.trials)
            if trial.best_epoch is not None
            for run in (trial.run, *trial.also)
        }

    def plot(self, group: str | None = None, ax: Axes | None = None, **options: Any) -> Axes:
        """Training (solid) and validation (dashed) curves of a group's runs, by default of the first group."""
        from gengap.report import plots

        groups = self.groups()
        chosen = group or next(iter(groups))
        if chosen not in groups:
            raise UsageError(f"there is no group {chosen!r}; the study has {', '.join(groups)}")
        return plots.curves(groups[chosen], best=self.best_epochs(), ax=ax, **options)

    def __repr__(self) -> str:
        return f"<Study of {self.summary.source}, plan {self.plan.name}: {len(self.trials)} trials>"

    def _repr_html_(self) -> str:
        """What Jupyter shows."""
        from gengap.report.notebook import study_html

        return study_html(self.summary, self.histories)

    def report(self, path: str | Path, lang: str | None = None) -> Path:
        """Writes the study as one self-contained HTML page, in "en" or "ko" (default: the locale's language)."""
        from gengap.report.html import write_report
        from gengap.report.page import study_page

        return write_report(study_page(self.summary, self.histories, self.plan.to_toml()), Path(path), lang)


def study(
    source: Any = "collider",
    plan: Plan | str | Path = "quick",
    *,
    target: str | None = None,
    rows: int | None = None,
    train: int | None = None,
    validation: int | None = None,
    test: int = 0,
    seeds: int = 1,
    max_epochs: int | None = None,
    only: str | None = None,
    jobs: int | None = None,
    backend: str | None = None,
    address: str | None = None,
    stop: Stop | None = None,
    out: str | Path | None = None,
    task: TaskName | None = None,
    on_bad_row: OnBadRow = "fail",
    group: str | None = None,
    time: str | None = None,
    keep: Sequence[str] = (),
    weight: str | None = None,
    class_weight: ClassWeight | None = None,
    column: Mapping[str, ColumnKind] | None = None,
    memory: float | None = None,
    model: str | Callable[..., Any] | None = None,
    display: Display | None = None,
) -> Study:
    """Trains the plan's models on `source` and gathers what they did.

    `source` and `target`, `rows`, `train`, `validation`, `test`, `task`, `on_bad_row`, `group`, `time`, `keep`,
    `weight`, `class_weight`, `column`, `memory`: see `gengap.load`. `plan` is "quick", "tutorial", a TOML file or a
    `Plan`; `only` (a shell pattern) and `max_epochs` cut it down.
    `seeds` trains every trial so many times; `jobs` small trials run side by side (default: every core).
    With a `backend`, "dask" or "ray", trials run on the machines of the cluster at `address`.
    `model` builds your own Keras models instead of gengap's: `build(size, features, outputs)`, or its
    "module:function", returns one for the widths of a trial's hidden layers. Trials with treatments are left out.
    `stop` says when trials end: by "patience" alone, or once their "verdict" is settled (default: as planned).
    With `out`, everything is kept in that folder, and the same call again resumes. Ctrl-C stops after the
    chunk of epochs at hand and returns what is finished. Raises UsageError (PlanError), DataError,
    StudyFolderError, WriteError.

    >>> found = study("collider", "quick", train=200, validation=50, only="sizes/Tiny", max_epochs=3)
    >>> [(trial.run, trial.parameters, trial.epochs) for trial in found.trials]
    [('sizes/Tiny', 481, 3)]
    """
    started = perf_counter()
    display = display or SilentDisplay()
    options = {"target": target, "rows": rows, "train": train, "validation": validation, "test": test}
    options |= {"seeds": seeds, "max_epochs": max_epochs, "only": only, "stop": stop}
    options |= {"task": task, "on_bad_row": on_bad_row, "group": group, "time": time, "keep": tuple(keep)}
    options |= {"weight": weight, "class_weight": class_weight, "column": dict(column or {}), "memory": memory}
    builder = ModelFunction.of(model) if model is not None else None
    how = study_provenance(
        source, plan, options | {"model": builder and (builder.name if builder.importable else model)}
    )
    for name, number in (("seeds", seeds), ("max_epochs", max_epochs), ("jobs", jobs)):
        if number is not None and number < 1:
            raise UsageError(f"{name} is {number}, expected a whole number of at least 1")
    cluster = Cluster.of(backend, address)
    plan = load_plan(plan)
    plan = plan.only(only) if only else plan
    plan = plan.capped(max_epochs) if max_epochs else plan
    plan = plan.with_stop(stop) if stop else plan
    plan, left_out = (plan.untreated(), plan.treated) if builder else (plan, ())
    with contextlib.ExitStack() as stack:
        # Test rows are for a saved model: without a folder to keep, there is one for as long as this takes.
        place = out or (stack.enter_context(tempfile.TemporaryDirectory()) if test else None)
        folder = StudyFolder(Path(place)) if place is not None else None
        if folder is not None:
            refuse_links(folder.path)
            stack.enter_context(study_lock(folder.path))
            folder.tidy()
        display = stack.enter_context(ProgressFiles(Path(out), display)) if out is not None else display
        dataset = load(
            source,
            target=target,
            rows=rows,
            train=train,
            validation=validation,
            test=test,
            preparation=plan.preparation,
            task=task,
            on_bad_row=on_bad_row,
            group=group,
            time=time,
            keep=keep,
            weight=weight,
            class_weight=class_weight,
            column=column,
            memory=memory,
            progress=display.reading,
        )
        plan = plan.for_task(dataset.task)
        own = _own_models(builder, dataset, folder is not None, left_out) if builder else None
        display.begin(plan, dataset, seeds, own)
        interrupt = stack.enter_context(interruptible(display))
        baselines = list(fit_baselines(sample_in_memory(dataset.train), dataset.task))
        training = Scheduler(plan, dataset, seeds, jobs, folder, display, interrupt, baselines, own, cluster)
        while not interrupt.is_set() and (trials := next_trials(plan, training.outcomes(), len(dataset.train))):
            training.train(trials)
        if not interrupt.is_set():
            runs = finalists(plan, training.outcomes(), len(dataset.train))
            training.out_of_fold = cross_validate(training, runs)
        found = _gathered(training, Path(out) if out is not None else None, started, how)
        if folder is not None:
            found = found if found.summary.interrupted else _with_test_rows(found, baselines, folder)
            if out is not None and found.trials:
                write_results(found, folder)
    return found


def _own_models(builder: ModelFunction, dataset: Dataset, saved: bool, left_out: tuple[str, ...]) -> UserModels:
    from gengap.models.user_model import UserModels

    weighted = dataset.train.weights is not None
    return UserModels(builder, len(dataset.columns), dataset.task, saved, left_out, weighted)


def _with_test_rows(found: Study, baselines: Sequence[Baseline], folder: StudyFolder) -> Study:
    """The study with what its test rows say, which are used once: what they said then is what they say again."""
    rows, kept = found.dataset.test, found.summary.recommendation
    trees = next((each for each in baselines if each.run == TREES), None)
    if rows is None or kept is None or trees is None:
        return found
    held_out = folder.held_out(digest_of(rows))
    if held_out is not None:
        note = Message("conclusion-test-rows-reused", {"day": held_out.used, "run": held_out.run})
        held_out = msgspec.structs.replace(held_out, note=note)
    else:
        model = load_saved(folder.model_file(kept.run, kept.seed))
        task, x = found.dataset.task, rows.x * found.dataset.scale + found.dataset.mean
        outputs, theirs = predict_outputs(model, x), trees.outputs(rows.x)
        held_out = evaluate_on_test_rows(rows, task, kept.run, kept.seed, outputs, trees.run, theirs)
        folder.write_evaluation(held_out)
    tested = (held_out.run, held_out.seed)
    trials = tuple(
        trial.with_test(held_out.metrics) if (trial.run, trial.seed) == tested else trial for trial in found.trials
    )
    return replace(found, summary=msgspec.structs.replace(found.summary, trials=trials, test=held_out))


def _gathered(training: Scheduler, folder: Path | None, started: float, how: Provenance) -> Study:
    """The finished trials in order, their summary, and what they say together."""
    dataset, finished = training.dataset, training.in_order()
    trials = tuple(each.summary for each in finished)
    verdicts = {trial.run: trial.verdict for trial in reversed(trials) if trial.verdict is not None}
    rows = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    counts = {name: 0 if each is None else len(each) for name, each in rows.items()}
    outcomes, features = training.outcomes(), len(dataset.columns)
    conclusions = conclude(outcomes, features, counts, verdicts)
    beside = cross_trial_findings(outcomes, features)
    trials = tuple(trial.with_finding(beside[trial.run]) if trial.run in beside else trial for trial in trials)
    summary = StudySummary(
        source=dataset.origin,
        rows=counts,
        plan=training.plan.name,
        seconds=perf_counter() - started,
        trials=trials,
        preparation=training.plan.preparation,
        skipped_rows=len(dataset.skipped),
        interrupted=training.interrupt.is_set() or not training.complete,
        columns=dataset.columns,
        target=dataset.target,
        task=dataset.task.name,
        classes=dataset.task.classes,
        seeds=tuple(range(training.seeds)),
        made=how,
        table=dataset.table,
        **msgspec.structs.asdict(conclusions),
    )
    histories = tuple(each.fitted.history for each in finished)
    return Study(training.plan, training.trials, dataset, histories, summary, folder)


def write_results(found: Study, folder: StudyFolder) -> None:
    """Histories, pictures, TensorBoard logs, the best model and the report; study.json goes first, comes last."""
    from gengap.report import conclusion_plots, plots, tensorboard, tensorboard_hparams

    folder.path.mkdir(parents=True, exist_ok=True)
    (folder.path / RESULTS).unlink(missing_ok=True)
    write_histories(found.histories, folder.path / HISTORIES)
    groups, logs, figures = found.groups(), folder.path / "tensorboard", folder.path / "figures"
    sessions = []
    for history, trial in zip(found.histories, found.trials, strict=True):
        span = (trial.began, trial.began + trial.seconds)
        seed = "" if history.seed == found.histories[0].seed else f".seed{history.seed}"
        for run in (trial.run, *trial.also):
            tensorboard.write(history.renamed(run + seed), logs, span=span)
        planned = found.planned[trial.run]
        sessions.append(tensorboard_hparams.hparams_session(trial.run + seed, planned, found.plan.recipe, trial))
    tensorboard_hparams.write_sessions(sessions, logs)
    if (kept := found.summary.recommendation) is not None:
        folder.copy_model(kept.run, kept.seed, "best")
    x = sample_in_memory(found.dataset.train).x * found.dataset.scale + found.dataset.mean
    pictures = plots.save_figures(groups, figures, x=x, best=found.best_epochs())
    pictures += conclusion_plots.save_conclusion_plots(found.summary, figures)
    tensorboard.write_images(pictures, logs)
    folder.write(PLAN_FILE, found.plan.to_toml().encode())
    found.report(folder.path / "report.html")
    folder.write(RESULTS, found.summary.to_json())


def default_study_folder(source: str | os.PathLike[str], plan: str | Path, model: str | None = None) -> Path:
    """Where the command line keeps a study: runs/<source>-<plan>, and -<module>.<function> of an own model.

    >>> default_study_folder("data/HIGGS-16k.csv.gz", "quick").as_posix()
    'runs/HIGGS-16k-quick'
    >>> default_study_folder("https://host/table.csv?signature=secret", "full").as_posix()
    'runs/table-full'
    >>> default_study_folder("table.csv", "quick", "my_models:build").as_posix()
    'runs/table-quick-my_models.build'
    """
    from gengap.data.sources.source_names import short_name

    own = f"-{model.replace(':', '.')}" if model else ""
    return Path("runs") / f"{short_name(os.fspath(source))}-{Path(plan).stem}{own}"


@contextlib.contextmanager
def interruptible(display: Display) -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second raises KeyboardInterrupt. Only in the main thread."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def pressed(signum: int, frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()
        display.interrupted()

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
