"""The results of a study for people: what `gengap study` prints at its end, and the table of a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gengap.analysis.summary import StudySummary, TrialSummary
from gengap.errors import counted
from gengap.history import History
from gengap.report.conclusions import (
    conclusion_messages,
    curve_messages,
    leak_messages,
    next_step_messages,
    recommendation_messages,
)
from gengap.report.verdict_table import MIN_NAME, shorten_runs, verdict_text
from gengap.text.catalog import ENGLISH, Catalog, Message, catalog, default_language
from gengap.text.markup import TRAIN, VALIDATION, Html, bullets, element, sparkline, table
from gengap.text.numbers import MISSING, fixed, minutes, percent, units

WIDE = 100  # characters of a console with room for wide columns
TABLE_DIGITS = 3  # decimals of losses in the table
INDENT = (0, 0, 0, 2)  # spaces above, right, below and left of the texts under a heading
MOST_TRIALS = 40  # trials shown in a notebook
COLUMNS = (  # of a notebook's table: their texts
    *(
        "page-run",
        "page-parameters",
        "page-epochs",
        "page-best-epoch",
        "page-training-loss",
        "page-validation-loss",
    ),
    *("page-gap", "notebook-score", "page-time", "page-verdict", "page-curves"),
)
Row = tuple[str | Text, ...]


def study_report(summary: StudySummary, folder: Path | None, width: int = 80) -> RenderableType:
    """Return the end of a study for a console of `width` characters; `folder` is where its report lies."""
    english = catalog(ENGLISH)
    parts: list[RenderableType] = ["", Text(_headline(summary))]
    if summary.interrupted:
        parts += ["", Text(english.text("conclusion-interrupted"))]
    if summary.budget is not None and summary.budget.findings:
        parts += ["", Text(" ".join(map(english.render, summary.budget.findings)))]
    parts += ["", results_table(summary, width)]
    if messages := leak_messages(summary):
        parts += _section(english.text("page-leaks-title"), messages)
    if messages := curve_messages(summary):
        parts += _section("What the curves say", messages)
    if (chosen := summary.recommendation) is not None:
        title = english.text("conclusion-recommended", run=chosen.run)
        parts += _section(title, recommendation_messages(summary))
        steps = next_step_messages(summary)
        parts += [_indented(english.text("conclusion-next", step=step)) for step in steps]
    if folder is not None:
        parts += ["", Text(f"Report: {folder / 'report.html'}")]
        parts += [Text("Figures, models and TensorBoard logs are in the same folder.")]
    return Group(*parts)


def _headline(summary: StudySummary) -> str:
    train, validation = (summary.rows.get(split, 0) for split in ("train", "validation"))
    facts = [summary.source, f"{train:,} training and {validation:,} validation rows"]
    count = len(summary.columns)
    facts += [counted(count, "feature")] * bool(count)
    return " · ".join([*facts, f"plan {summary.plan}", minutes(summary.seconds)])


def _section(title: str, messages: Sequence[Message]) -> list[RenderableType]:
    texts = map(catalog(ENGLISH).render, messages)
    return ["", Text(title, style="bold"), *map(_indented, texts)]


def _indented(text: str) -> Padding:
    return Padding(Text(text), INDENT, expand=False)


def results_table(summary: StudySummary, width: int = 80) -> Table:
    """Return a table with one line for each trial, baseline and mixture, for a console of `width` characters."""
    wide = width >= WIDE
    score = "R²" if summary.task == "regression" else "accuracy" if wide else "score"
    seeds = len({trial.seed for trial in summary.trials}) > 1
    best = "best epoch" if wide else "best\nepoch"
    numbers = ["RMSE", "MAE"] * (summary.task == "regression")
    columns = ["Model", *["seed"] * seeds, "params", best, "train", "validation", *numbers, score]
    rows = list(_rows(summary, seeds, wide))
    titled = zip((*columns, "verdict"), *rows, strict=True)
    widths = [max(len(line) for cell in column for line in str(cell).splitlines()) for column in titled]
    gap = 2 if sum(widths) + 2 * len(columns) <= width else 1
    room = max(width - sum(widths[1:]) - gap * len(columns), MIN_NAME)
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=True, vertical="top")
    table.add_column("verdict")
    lowest = _lowest(summary)
    runs = [each.run for each in (*summary.trials, *summary.baselines, *summary.mixtures)]
    names = shorten_runs([str(name) for name, *_ in rows], room)
    for name, (_, *cells), run in zip(names, rows, runs, strict=True):
        table.add_row(Text(name), *cells, style="bold green" if run == lowest else "")
    return table


def _lowest(summary: StudySummary) -> str | None:
    """Return the run with the lowest validation loss."""
    losses = {trial.run: loss for trial in summary.trials if (loss := trial.loss("validation")) is not None}
    losses |= {each.run: each.loss for each in (*summary.baselines, *summary.mixtures)}
    return min(losses, key=lambda run: losses[run], default=None)


def _rows(summary: StudySummary, seeds: bool, wide: bool) -> Iterator[Row]:
    """Yield the cells of each trial, then those of each baseline and mixture."""
    errors = {rank.run: rank.error for rank in summary.ranks}
    names = _names(summary)
    for trial in summary.trials:
        yield (
            trial.run,
            *[str(trial.seed)] * seeds,
            f"{trial.parameters:,}",
            MISSING if trial.best_epoch is None else f"{trial.best_epoch:,}",
            fixed(trial.loss("train"), TABLE_DIGITS),
            _with_error(trial.loss("validation"), errors.get(trial.run)),
            *_in_units(summary, trial.metrics.get("validation", {})),
            percent(trial.score("validation"), 1),
            _verdict(trial, wide),
        )
    for each in (*summary.baselines, *summary.mixtures):
        score = each.r2 if each.accuracy is None else each.accuracy
        empty = [MISSING] * (3 + seeds)
        loss = _with_error(each.loss, errors.get(each.run))
        yield (
            names[each.run],
            *empty,
            loss,
            *_in_units(summary, {"rmse": each.rmse, "mae": each.mae}),
            percent(score, 1),
            "",
        )


def _names(summary: StudySummary) -> dict[str, str]:
    """Return how the table names each baseline and mixture: a mean with a long name is called one."""
    names = {each.run: each.run for each in (*summary.trials, *summary.baselines)}
    longest, chosen = max(map(len, names), default=0), summary.recommendation
    for each in summary.mixtures:
        count = f"{len(chosen.members)}" if chosen is not None and chosen.run == each.run else "several"
        names[each.run] = each.run if len(each.run) <= longest else f"mean of {count} models"
    return names


def _in_units(summary: StudySummary, metrics: Mapping[str, float | None]) -> tuple[str, ...]:
    """Return the cells of errors in the target's units; none for classes."""
    return tuple(units(metrics.get(name)) for name in ("rmse", "mae")) if summary.task == "regression" else ()


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
    text = verdict_text(trial.verdict, " or " if wide else "\nor ")  # narrow, so that names have room
    if wide and trial.verdict.onset_epoch is not None:
        text.append(f", from epoch {trial.verdict.onset_epoch:,}", style="default")
    return text


def study_html(summary: StudySummary, histories: Sequence[History]) -> Html:
    """Return the table and conclusions of a study in the locale's language.

    `histories` are those of its trials, in their order.
    """
    texts = catalog(default_language())
    pairs = list(zip(summary.trials, histories, strict=True))
    seeds = len({trial.seed for trial in summary.trials}) > 1
    rows = (tuple(_cells(trial, history, seeds, texts)) for trial, history in pairs[:MOST_TRIALS])
    counts = {split: summary.rows.get(split, 0) for split in ("train", "validation")}
    facts = {"source": summary.source, "plan": summary.plan, "time": minutes(summary.seconds)}
    caption = texts.text("notebook-study", **facts, **counts)
    if len(pairs) > MOST_TRIALS:
        caption += texts.text("notebook-first-trials", shown=MOST_TRIALS, all=len(pairs))
    score = texts.text("page-score-r2" if summary.task == "regression" else "page-score-accuracy")
    columns = [texts.text(id, **{"score": score} if id == "notebook-score" else {}) for id in COLUMNS]
    messages = [Message("conclusion-interrupted")] * summary.interrupted
    messages += [*(summary.budget.findings if summary.budget else ()), *conclusion_messages(summary)]
    return element("div", table(columns, rows, caption), bullets(map(texts.render, messages)))


def _cells(trial: TrialSummary, history: History, seeds: bool, texts: Catalog) -> Iterator[object]:
    score = trial.score("validation")
    yield f"{trial.run} {texts.text('page-seed')} {trial.seed}" if seeds else trial.run
    yield f"{trial.parameters:,}"
    yield f"{trial.epochs:,}"
    yield "" if trial.best_epoch is None else f"{trial.best_epoch:,}"
    yield fixed(trial.loss("train"))
    yield fixed(trial.loss("validation"))
    yield "" if trial.gap is None else f"{trial.gap:+.3f}"
    yield fixed(None if score is None else 100 * score, 1)
    yield minutes(trial.seconds)
    yield "" if trial.verdict is None else trial.verdict.badge(texts.code)
    metric = history.main_metric
    shown = {TRAIN: history.training(metric), VALIDATION: history.series.get(("validation", metric))}
    lines = {colour: series.values for colour, series in shown.items() if series is not None}
    yield sparkline(lines, f"{texts.text('page-sparkline')}: {history.run}")
