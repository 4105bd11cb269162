"""What `gengap study` prints at its end: one table, what the curves say, the recommendation and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gengap.analysis.summary import StudySummary, TrialSummary
from gengap.report.conclusions import curve_messages, next_step_messages, recommendation_messages
from gengap.report.verdict_table import shorten, verdict_text
from gengap.text.catalog import ENGLISH, Message, catalog
from gengap.text.numbers import MISSING, fixed, minutes, percent

WIDE = 100  # characters of a console with room for wide columns
TABLE_DIGITS = 3  # decimals of losses in the table
INDENT = (0, 0, 0, 2)  # spaces above, right, below and left of the texts under a heading
MIN_NAME = 12  # characters of a run's name that are always shown
Row = tuple[str | Text, ...]


def study_report(summary: StudySummary, folder: Path | None, width: int = 80) -> RenderableType:
    """Return the end of a study for a console of `width` characters; `folder` is where its report lies."""
    english = catalog(ENGLISH)
    parts: list[RenderableType] = ["", Text(_headline(summary))]
    if summary.interrupted:
        parts += ["", Text(english.text("conclusion-interrupted"))]
    parts += ["", results_table(summary, width)]
    if messages := curve_messages(summary):
        parts += _section("What the curves say", messages)
    if (chosen := summary.recommendation) is not None:
        title = english.text("conclusion-recommended", run=chosen.run)
        parts += _section(title, recommendation_messages(summary))
        steps = [Message("conclusion-next", {"step": step}) for step in next_step_messages(summary)]
        parts += [_indented(english.render(step)) for step in steps]
    if folder is not None:
        parts += ["", Text(f"Report: {folder / 'report.html'}")]
        parts += [Text("Figures, models and TensorBoard logs are in the same folder.")]
    return Group(*parts)


def _headline(summary: StudySummary) -> str:
    train, validation = (summary.rows.get(split, 0) for split in ("train", "validation"))
    facts = [summary.source, f"{train:,} training and {validation:,} validation rows"]
    facts += [f"{len(summary.columns):,} features"] * bool(summary.columns)
    return " · ".join([*facts, f"plan {summary.plan}", minutes(summary.seconds)])


def _section(title: str, messages: Sequence[Message]) -> list[RenderableType]:
    texts = map(catalog(ENGLISH).render, messages)
    return ["", Text(title, style="bold"), *map(_indented, texts)]


def _indented(text: str) -> Padding:
    return Padding(Text(text), INDENT, expand=False)


def results_table(summary: StudySummary, width: int = 80) -> Table:
    """Return a table with one line for each trial and baseline, for a console of `width` characters."""
    wide = width >= WIDE
    score = ("R²" if summary.task == "regression" else "accuracy") if wide else "score"
    seeds = len({trial.seed for trial in summary.trials}) > 1
    best = "best epoch" if wide else "best\nepoch"
    columns = ["Model", *["seed"] * seeds, "params", best, "train", "validation", score]
    rows = [*_trial_rows(summary, seeds, wide), *_baseline_rows(summary, seeds)]
    cells = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    titles = [max(map(len, title.split("\n"))) for title in (*columns, "verdict")]
    widths = list(map(max, cells, titles))
    gap = 2 if sum(widths) + 2 * len(columns) <= width else 1
    room = max(width - sum(widths[1:]) - gap * len(columns), MIN_NAME)
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=True, vertical="top")
    table.add_column("verdict")
    lowest = _lowest(summary)
    for (name, *cells), run in zip(rows, _runs(summary), strict=True):
        table.add_row(Text(shorten(str(name), room)), *cells, style="bold green" if run == lowest else "")
    return table


def _runs(summary: StudySummary) -> Iterable[str]:
    return (each.run for each in (*summary.trials, *summary.baselines))


def _lowest(summary: StudySummary) -> str | None:
    """Return the run with the lowest validation loss."""
    losses = {trial.run: loss for trial in summary.trials if (loss := trial.loss("validation")) is not None}
    losses |= {each.run: each.loss for each in summary.baselines}
    return min(losses, key=lambda run: losses[run], default=None)


def _trial_rows(summary: StudySummary, seeds: bool, wide: bool) -> Iterator[Row]:
    errors = {rank.run: rank.error for rank in summary.ranks}
    for trial in summary.trials:
        yield (
            trial.run,
            *[str(trial.seed)] * seeds,
            f"{trial.parameters:,}",
            MISSING if trial.best_epoch is None else f"{trial.best_epoch:,}",
            fixed(trial.loss("train"), TABLE_DIGITS),
            _with_error(trial.loss("validation"), errors.get(trial.run)),
            percent(trial.score("validation"), 1),
            _verdict(trial, wide),
        )


def _baseline_rows(summary: StudySummary, seeds: bool) -> Iterator[Row]:
    errors = {rank.run: rank.error for rank in summary.ranks}
    for each in summary.baselines:
        score = each.r2 if each.accuracy is None else each.accuracy
        empty = [MISSING] * (3 + seeds)
        yield each.run, *empty, _with_error(each.loss, errors.get(each.run)), percent(score, 1), ""


def _with_error(loss: float | None, error: float | None) -> str:
    """Format a loss with its standard error.

    >>> _with_error(0.5587, 0.0061), _with_error(0.5587, None)
    ('0.559 ± .006', '0.559')
    """
    text = fixed(loss, TABLE_DIGITS)
    return text if loss is None or error is None else f"{text} ± {fixed(error, TABLE_DIGITS).removeprefix('0')}"


def _verdict(trial: TrialSummary, wide: bool) -> Text:
    if trial.verdict is None:
        return Text(trial.stopped if trial.best_epoch is None else "")
    text = verdict_text(trial.verdict)
    if wide and trial.verdict.onset_epoch is not None:
        text.append(f", from epoch {trial.verdict.onset_epoch:,}", style="default")
    return text
