"""What the terminal shows of a study before its end: the plan, and the progress of its trials.

A terminal gets a live display with a line for every running trial; other output gets a line for each trial and
100 epochs. Everything goes to standard error: standard output is for the answer.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from gengap.analysis.summary import TrialSummary
from gengap.errors import counted, first_few
from gengap.report.study_report import WIDE
from gengap.report.verdict_table import MIN_NAME, shorten
from gengap.tasks import BINARY, Regression
from gengap.text.catalog import catalog
from gengap.text.numbers import fixed, minutes

if TYPE_CHECKING:
    from gengap.data.dataset import Dataset
    from gengap.data.table_summary import TableSummary
    from gengap.models.cloned_models import ClonedModels, TrialModels
    from gengap.plan import Growth, Plan, Trial
    from gengap.train.types import Progress

LINE_EPOCHS = 100
FACTS_WIDTH = 58  # characters of a running trial's bar and facts on a narrow console
SHOWN_CLASSES = SHOWN_LEFT_OUT = 6
SHOWN_ROWS, SHOWN_COLUMNS = 10, 20
READING, FOLDS = ("", -1), ("", -2)  # keys of the bars for rows and folds; trials have their own


def plan_table(plan: Plan, features: int, outputs: int = 1, user_models: TrialModels | None = None) -> Table:
    """Return the plan as a table: each trial with its size, treatments, epochs and patience."""
    trials = (*(plan.growth.size_trials() if plan.growth else ()), *plan.trials)
    grows = " and what they lead to" if plan.growth else ""
    count = counted(len(trials), "trial")
    preparation = "standardised" if plan.preparation == "standardise" else plan.preparation
    title = f"Plan {plan.name}: {count}{grows}, {preparation} features"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0), pad_edge=False)
    size = "size" if user_models is not None and user_models.clones else "hidden layers"
    for column in ("run", size, "treatments"):
        table.add_column(column, no_wrap=column != "treatments")
    for column in ("parameters", "epochs", "patience"):
        table.add_column(column, justify="right", no_wrap=True)
    for trial in trials:
        recipe = trial.recipe(plan.recipe)
        patience = recipe.stopping.patience
        known = user_models.known_trial(trial).parameters if user_models else None
        parameters = trial.parameters(features, outputs) if known is None else known
        table.add_row(
            Text(trial.run),
            size_text(trial),
            Text(" + ".join(map(str, trial.treatments))),
            f"{parameters:,}",
            f"{recipe.max_epochs:,}",
            f"{patience:,}" if patience < recipe.max_epochs else "",
        )
        for alias in trial.aliases:
            table.add_row(Text(alias), Text(f"same as {trial.run}"))
    table.caption, table.caption_justify = growth_text(plan.growth) if plan.growth else None, "left"
    return table


def size_text(trial: Trial) -> str:
    """Return the hidden layers of a trial, or the factors on the width and depth of a clone."""
    if trial.units:
        return "-".join(map(str, trial.units))
    return f"{trial.width:g}x" + (f", {trial.depth:g}x deep" if trial.depth != 1 else "")


def cloned_models_text(models: ClonedModels) -> str:
    """Return which model is cloned, what keeps its size, on which layers treatments act, and what is left out."""
    lines = [f"clones of {models.name}, loss {models.row_values.name}"]
    if models.unscaled:
        layers = [f"{name} ({why})" for name, why in models.unscaled.items()]
        lines.append(f"layers that keep their size: {first_few(layers, SHOWN_LEFT_OUT)}")
    lines += [f"{name} acts on {first_few(layers, SHOWN_LEFT_OUT)}" for name, layers in models.acted.items()]
    lines += [f"{name} is left out: {why}" for name, why in models.reasons.items()]
    return "\n".join(lines)


def user_model_text(user_models: TrialModels) -> str:
    """Return which function builds the models, and which trials are left out."""
    from gengap.models.cloned_models import ClonedModels

    if isinstance(user_models, ClonedModels):
        return cloned_models_text(user_models)
    left = first_few(user_models.left_out, SHOWN_LEFT_OUT)
    without = f"; left out, since treatments are for gengap's own networks: {left}" if left else ""
    return f"models built by {user_models.name}{without}"


def growth_text(growth: Growth) -> str:
    """Return how a plan grows beyond the trials that it names."""
    parts: list[str] = []
    if growth.sizes or growth.widths:
        parts.append("sizes are tried from small to large, until two in a row bring nothing")
    if growth.regularizers:
        parts.append(f"then {len(growth.regularizers)} treatments on the first of the two")
    if growth.shares:
        shares = ", ".join(f"1/{round(1 / share)}" for share in growth.shares)
        parts.append(f"then the best model on {shares} of the rows")
    if growth.folds:
        parts.append("with few validation rows, the best models are cross-validated")
    return "; ".join(parts)


def target_text(dataset: Dataset) -> str:
    """Return how the target was read, and the option that changes it."""
    if isinstance(dataset.task, Regression):
        return f"target {dataset.target}: a number (--task multiclass if its values are classes)"
    classes = dataset.task.classes
    shown = ", ".join(classes[:SHOWN_CLASSES]) + (", …" if len(classes) > SHOWN_CLASSES else "")
    whole = len(classes) > 2 and all(name.lstrip("-").isdecimal() for name in classes)
    numbers = " (--task regression if they are a number)" if whole else ""
    return f"target {dataset.target}: {len(classes)} classes, {shown}{numbers}"


class Terminal:
    """A `gengap.study.Display` on a console; use it as a context manager around the study."""

    def __init__(self, console: Console | None = None, *, verbose: bool = False) -> None:
        self.console = console or Console(file=sys.stderr)
        self._verbose = verbose
        self._lock = threading.Lock()
        self._bars: dict[tuple[str, int], TaskID] = {}
        self._lines: dict[tuple[str, int], int] = {}
        self._seeds = 1
        self._progress = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[facts]}"),
            console=self.console,
            auto_refresh=False,
        )
        self._live: Live | None = None

    def __enter__(self) -> Terminal:
        if self.console.is_terminal:
            self._live = Live(self._progress, console=self.console, refresh_per_second=8, transient=True)
            self._live.start()
            self._bar(READING, "reading", None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def reading(self, done: int, expected: int | None) -> None:
        """Show how many rows, or bytes of a download, are read."""
        of = f" of {expected:,}" if expected else ""
        with self._lock:
            if self._live is not None:
                bar = self._bar(READING, "reading", expected)
                self._progress.update(bar, total=expected, completed=done, facts=f"{done:,}{of}")

    def begin(self, plan: Plan, dataset: Dataset, seeds: int, user_models: TrialModels | None = None) -> None:
        """Print the rows, the plan and, if verbose, every model."""
        self._seeds = seeds
        self._remove(READING)
        rows = f"{len(dataset.train):,} training and {len(dataset.validation):,} validation rows"
        test = f", {len(dataset.test):,} test rows held out" if dataset.test else ""
        of_seeds = f", {seeds} seeds" if seeds > 1 else ""
        count = len(dataset.columns)
        features = f", {counted(count, 'feature')}" if count else ""
        texts = [f"{dataset.origin}: {rows}{test}{features}{of_seeds}"]
        if dataset.task != BINARY and dataset.columns:
            texts.append(target_text(dataset))
        if dataset.skipped:
            texts.append(skipped_rows_text(dataset.skipped))
        self.console.print(*texts, table_text(dataset.table), sep="\n", markup=False)
        self.console.print(plan_table(plan, len(dataset.columns), dataset.task.outputs, user_models))
        if user_models is not None:
            self.console.print(user_model_text(user_models), markup=False)
        for trial in plan.trials if self._verbose else ():
            self.console.print(trial.run, markup=False)
            if user_models is not None:
                model = user_models.build_trial(trial, 0.001, 0)
            else:
                model = trial.build(len(dataset.columns), 1, plan.recipe, 0, dataset.task)
            model.summary(print_fn=lambda text: self.console.print(Text.from_ansi(text)))
        with self._lock:
            if self._live is not None:
                self._bar(READING, "fitting baselines", None)
            else:
                self.console.print("fitting baselines")

    def starting(self, run: str, seed: int) -> None:
        """Show a trial that is built and compiled, before its first epoch."""
        name = self._name(run, seed)
        self._remove(READING)
        with self._lock:
            if self._live is not None:
                self._progress.update(self._bar((run, seed), name, None), facts="compiling")
            else:
                self.console.print(f"{name}: compiling", markup=False, soft_wrap=True)

    def progress(self, progress: Progress) -> None:
        """Show the epochs of one trial; without a terminal, a line for each hundred."""
        key, name = (progress.run, progress.seed), self._name(progress.run, progress.seed)
        facts = _facts(progress, wide=self._live is None or self.console.width >= WIDE)
        with self._lock:
            if self._live is not None:
                bar = self._bar(key, name, progress.max_epochs)
                self._progress.update(bar, total=progress.max_epochs, completed=progress.epoch, facts=facts)
            elif progress.epoch // LINE_EPOCHS > self._lines.get(key, 0):
                self._lines[key] = progress.epoch // LINE_EPOCHS
                self.console.print(f"{name}: {facts}", markup=False, soft_wrap=True)

    def finished(self, trial: TrialSummary, reused: bool) -> None:
        """Print a line for a finished trial."""
        self._remove((trial.run, trial.seed))
        how = "finished before" if reused else f"{trial.stopped}, {minutes(trial.seconds)}"
        best = "no best epoch" if trial.best_epoch is None else f"best epoch {trial.best_epoch:,}"
        verdict = f", {trial.verdict.verdict}" if trial.verdict else ""
        facts = f"{trial.epochs:,} epochs, {best}, val {fixed(trial.loss('validation'))}{verdict} ({how})"
        with self._lock:
            self.console.print(f"{self._name(trial.run, trial.seed)}: {facts}", markup=False, soft_wrap=True)

    def cross_validating(self, done: int, of: int) -> None:
        """Show the progress of cross-validation: `done` of `of` fits."""
        with self._lock:
            if self._live is not None:
                bar = self._bar(FOLDS, "cross-validating", of)
                self._progress.update(bar, completed=done, facts=f"{done:,} of {of:,} trainings")
            elif done == of:
                self.console.print(f"cross-validated the finalists: {of:,} trainings")

    def interrupted(self) -> None:
        """Print that the study stops after Ctrl-C."""
        self.console.print("stopping after the epochs at hand; press Ctrl-C again to stop at once", markup=False)

    def _name(self, run: str, seed: int) -> str:
        return f"{run} seed {seed}" if self._seeds > 1 else run

    def _bar(self, key: tuple[str, int], name: str, total: int | None) -> TaskID:
        if key not in self._bars:
            room = max(self.console.width - FACTS_WIDTH, MIN_NAME)
            shown = shorten(name, room).replace("[", r"\[")
            self._bars[key] = self._progress.add_task(shown, total=total, facts="")
        return self._bars[key]

    def _remove(self, key: tuple[str, int]) -> None:
        with self._lock:
            if key in self._bars:
                self._progress.remove_task(self._bars.pop(key))


def _facts(progress: Progress, *, wide: bool) -> str:
    """Return how far a trial is; epochs count from 1."""
    rate = progress.epoch / max(progress.seconds, 1e-9)
    left = minutes((progress.max_epochs - progress.epoch) / rate)
    validation, best = fixed(progress.validation), fixed(progress.best)
    if not wide:
        return f"{progress.epoch:,}/{progress.max_epochs:,} val {validation} best {best}, {left} left"
    return (
        f"epoch {progress.epoch:,}/{progress.max_epochs:,}  {rate:,.1f}/s  at most {left} left  "
        f"train {fixed(progress.train)}  val {validation}  best {best}"
    )


def table_text(table: TableSummary) -> str:
    """Return how rows were split, how columns other than plain numbers are used, notes and warnings."""
    write = catalog("en").render
    columns = [column for column in table.columns if not column.plain]
    lines = [
        f"  {column.name} ({column.kind}): {'; '.join(map(write, filter(None, (column.how, column.gaps))))}"
        for column in columns[:SHOWN_COLUMNS]
    ]
    if len(columns) > SHOWN_COLUMNS:
        lines.append(f"  … and {len(columns) - SHOWN_COLUMNS} more, in the report")
    notes = [f"note: {write(note)}" for note in table.notes]
    notes += [f"warning: {write(warning)}" for warning in table.warnings]
    weights = [f"weights: {write(message)}" for message in table.weighting]
    return "\n".join([f"split: {write(table.split)}", *weights, *["columns:"] * bool(lines), *lines, *notes])


def skipped_rows_text(skipped: Sequence[tuple[int, str | None, str]]) -> str:
    """Return how many rows were skipped, and the first few with their reasons."""
    lines = [
        f"  row {row}{f', column {column}' if column else ''}: {problem}"
        for row, column, problem in skipped[:SHOWN_ROWS]
    ]
    more = [f"  … and {len(skipped) - SHOWN_ROWS} more"] if len(skipped) > SHOWN_ROWS else []
    return "\n".join([f"skipped {len(skipped)} bad rows:", *lines, *more])
