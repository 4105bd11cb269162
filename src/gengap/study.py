"""`study()`: the whole story in order. Read this first.

    source -> dataset -> plan -> trainer -> histories -> verdicts -> summary, pictures, TensorBoard logs, files

Each arrow hands over a small value: `load` gives a `Dataset`, `load_plan` a `Plan`, the trainer a `History`
and the weights for each trial, `verdict_of` its `Verdict`, and `Study` holds what was found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from gengap.data.dataset import Dataset, load
from gengap.diagnose.names import Curves
from gengap.diagnose.trials import curves_of, is_certain, verdict_of
from gengap.diagnose.verdict import Verdict
from gengap.errors import UsageError
from gengap.folder import StudyFolder, fingerprint
from gengap.history import History, write_histories
from gengap.plan import Plan, Stop, Trial, load_plan
from gengap.report.summary import StudySummary, TrialSummary, metrics_at
from gengap.train import keras_backend
from gengap.train.fitted import Job, Progress
from gengap.train.trials import Finished, Ready, Task, run_tasks, steps_per_epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gengap.data.blocks import OnBadRow


class Display(Protocol):
    """Whoever shows a study while it runs. Called from several threads, one call at a time a trial."""

    def reading(self, done: int, expected: int | None) -> None:
        """Rows (or bytes of a download) so far."""

    def begin(self, plan: Plan, dataset: Dataset, seeds: int) -> None:
        """The rows are read and the trials are about to start."""

    def progress(self, progress: Progress) -> None:
        """A chunk of one trial's epochs is done."""

    def finished(self, trial: TrialSummary, kept: bool) -> None:
        """A trial is finished now, or (`kept`) was already."""

    def interrupted(self) -> None:
        """Ctrl-C was pressed: trials end after their chunk."""


class Silent:
    """Shows nothing."""

    def reading(self, done: int, expected: int | None) -> None:
        """Nothing."""

    def begin(self, plan: Plan, dataset: Dataset, seeds: int) -> None:
        """Nothing."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def finished(self, trial: TrialSummary, kept: bool) -> None:
        """Nothing."""

    def interrupted(self) -> None:
        """Nothing."""


@dataclass(frozen=True, eq=False)
class Study:
    """A plan's finished trials. `histories` holds one `History` a trial and seed, in the plan's order."""

    plan: Plan
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

    def judged(self) -> list[tuple[Curves, Verdict]]:
        """Each trial's curves with the verdict on them."""
        pairs = zip(self.histories, self.trials, strict=True)
        return [(curves_of(history), trial.verdict) for history, trial in pairs if trial.verdict is not None]

    def groups(self) -> dict[str, list[History]]:
        """The histories (of the first seed) by group: the part of the run's name before "/"."""
        also = {trial.run: trial.also for trial in self.trials}
        found: dict[str, list[History]] = {}
        for history in self.histories:
            if history.seed == self.histories[0].seed:
                for run in (history.run, *also[history.run]):
                    found.setdefault(run.split("/")[0], []).append(history.renamed(run))
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
    stop: Stop | None = None,
    out: str | Path | None = None,
    on_bad_row: OnBadRow = "fail",
    display: Display | None = None,
) -> Study:
    """Trains the plan's models on `source` and gathers what they did.

    `source` and `target`, `rows`, `train`, `validation`, `test`, `on_bad_row`: see `gengap.load`. `plan` is
    "quick", "tutorial", a TOML file or a `Plan`; `only` (a shell pattern) and `max_epochs` cut it down.
    `seeds` trains every trial so many times; `jobs` small trials run side by side (default: every core).
    `stop` says when trials end: by "patience" alone, or once their "verdict" is certain (default: as planned).
    With `out`, everything is kept in that folder, and the same call again resumes. Ctrl-C stops after the
    chunk of epochs at hand and returns what is finished. Raises UsageError (PlanError), DataError,
    StudyFolderError.

    >>> found = study("collider", "quick", train=200, validation=50, only="sizes/Tiny", max_epochs=3)
    >>> [(trial.run, trial.parameters, trial.epochs) for trial in found.trials]
    [('sizes/Tiny', 481, 3)]
    """
    started = time.perf_counter()
    display = display or Silent()
    for name, number in (("seeds", seeds), ("max_epochs", max_epochs), ("jobs", jobs)):
        if number is not None and number < 1:
            raise UsageError(f"{name} is {number}, expected a whole number of at least 1")
    plan = load_plan(plan)
    plan = plan.only(only) if only else plan
    plan = plan.capped(max_epochs) if max_epochs else plan
    plan = plan.stopped_by(stop) if stop else plan
    folder = StudyFolder(Path(out)) if out is not None else None
    dataset = load(
        source,
        target=target,
        rows=rows,
        train=train,
        validation=validation,
        test=test,
        preparation=plan.preparation,
        on_bad_row=on_bad_row,
        progress=display.reading,
    )
    display.begin(plan, dataset, seeds)
    with interruptible(display) as interrupt:
        results = _train(plan, dataset, seeds, jobs, folder, display, interrupt)
    found = _gathered(plan, dataset, seeds, results, time.perf_counter() - started, folder)
    if folder is not None and found.trials:
        write_results(found, folder)
    return found


def _gathered(
    plan: Plan, dataset: Dataset, seeds: int, results: Results, seconds: float, folder: StudyFolder | None
) -> Study:
    """The finished trials in the plan's order, and their summary."""
    wanted = [(trial.run, seed) for seed in range(seeds) for trial in plan.trials]
    in_order = [results[key] for key in wanted if key in results]
    summary = StudySummary(
        source=dataset.origin,
        rows={name: 0 if rows is None else len(rows) for name, rows in _splits(dataset)},
        plan=plan.name,
        seconds=seconds,
        trials=tuple(trial for _, trial in in_order),
        preparation=plan.preparation,
        skipped_rows=len(dataset.skipped),
        interrupted=len(in_order) < len(wanted),
    )
    histories = tuple(history for history, _ in in_order)
    return Study(plan, dataset, histories, summary, folder.path if folder else None)


Results = dict[tuple[str, int], tuple[History, TrialSummary]]


def _train(
    plan: Plan,
    dataset: Dataset,
    seeds: int,
    jobs: int | None,
    folder: StudyFolder | None,
    display: Display,
    interrupt: threading.Event,
) -> Results:
    """Every trial and seed: those that the folder already holds, and the others trained now."""
    results: Results = {}
    tasks, prints = [], {}
    for seed in range(seeds):
        for trial in plan.trials:
            key = (trial.run, seed)
            recipe = trial.recipe(plan.recipe)
            prints[key] = fingerprint(
                trial.units, trial.treatments, recipe, plan.preparation, seed, dataset.digest, keras_backend()
            )
            kept = folder.finished(*key, prints[key]) if folder else None
            if kept:
                results[key] = kept
                display.finished(kept[1], kept=True)
            else:
                tasks.append(_task(trial, seed, plan, dataset, display, interrupt))
    trials = {trial.run: trial for trial in plan.trials}
    for finished in run_tasks(tasks, dataset.train, dataset.validation, jobs, interrupt):
        if finished.fitted.stopped == "interrupted":
            continue
        summary = _summarise(finished, trials[finished.task.run], dataset)
        key = (summary.run, summary.seed)
        if folder is not None:
            from gengap.models.standalone import standalone

            model = standalone(finished.model, dataset.mean, dataset.scale)
            folder.keep(finished.fitted, summary, prints[key], model)
        results[key] = (finished.fitted.history, summary)
        display.finished(summary, kept=False)
    return results


def _task(
    trial: Trial, seed: int, plan: Plan, dataset: Dataset, display: Display, interrupt: threading.Event
) -> Task:
    recipe = trial.recipe(plan.recipe)
    features = len(dataset.columns)

    def prepare() -> Ready:
        steps = steps_per_epoch(len(dataset.train), recipe.batch)
        job = Job(
            epochs=recipe.max_epochs,
            batch=recipe.batch,
            stopping=recipe.stopping,
            seed=seed,
            run=trial.run,
            on_progress=display.progress,
            interrupt=interrupt,
            certain=is_certain(dataset.validation.y, recipe.stopping.patience)
            if recipe.stop == "verdict"
            else None,
        )
        return Ready(trial.build(features, steps, plan.recipe, seed), job)

    return Task(trial.run, seed, trial.parameters(features), prepare)


def _summarise(finished: Finished, trial: Trial, dataset: Dataset) -> TrialSummary:
    history, fitted = finished.fitted.history, finished.fitted
    return TrialSummary(
        run=trial.run,
        also=trial.also,
        seed=history.seed,
        parameters=finished.model.count_params(),
        epochs=history.epochs,
        best_epoch=fitted.best_epoch,
        metrics=metrics_at(history, fitted.best_epoch),
        stopped=fitted.stopped,
        seconds=fitted.seconds,
        began=time.time() - fitted.seconds,
        verdict=verdict_of(fitted, dataset.validation.y),
    )


def _splits(dataset: Dataset) -> list[tuple[str, Any]]:
    return [("train", dataset.train), ("validation", dataset.validation), ("test", dataset.test)]


def write_results(found: Study, folder: StudyFolder) -> None:
    """Histories, pictures, TensorBoard logs and the best model; study.json goes first and comes back last."""
    from gengap.report import plots, tensorboard

    folder.path.mkdir(parents=True, exist_ok=True)
    (folder.path / "study.json").unlink(missing_ok=True)
    write_histories(found.histories, folder.path / "histories.parquet")
    groups = found.groups()
    for history, trial in zip(found.histories, found.trials, strict=True):
        span = (trial.began, trial.began + trial.seconds)
        for run in (trial.run, *trial.also):
            name = run if history.seed == found.histories[0].seed else f"{run}.seed{history.seed}"
            tensorboard.write(history.renamed(name), folder.path / "tensorboard", span=span)
    if (best := found.summary.best) is not None:
        folder.copy_model(best.run, best.seed, "best")
    x = found.dataset.train.x * found.dataset.scale + found.dataset.mean
    plots.save_figures(groups, folder.path / "figures", x=x, best=found.best_epochs())
    folder.write("study.json", found.summary.to_json())


def default_folder(source: str | os.PathLike[str], plan: str | Path) -> Path:
    """Where the command line keeps a study: runs/<source>-<plan>.

    >>> default_folder("data/HIGGS-16k.csv.gz", "quick").as_posix()
    'runs/HIGGS-16k-quick'
    """
    from gengap.data.files import short_name

    return Path("runs") / f"{short_name(os.fspath(source))}-{Path(plan).stem}"


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


class _CallableModule(ModuleType):
    """`gengap.study` names both this module and its function; so the module can be called like the function."""

    __call__ = staticmethod(study)


sys.modules[__name__].__class__ = _CallableModule
