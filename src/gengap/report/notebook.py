"""A study in Jupyter: a table of the trials with their verdicts and curves, and the conclusions.

Histories and verdicts have their own HTML, also made with `gengap.text.markup`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gengap.analysis.summary import StudySummary, TrialSummary
from gengap.history import History
from gengap.report.conclusions import conclusion_messages
from gengap.text.catalog import ENGLISH, Message, catalog
from gengap.text.markup import TRAIN, VALIDATION, Html, bullets, element, sparkline, table
from gengap.text.numbers import fixed, minutes

MOST_TRIALS = 40  # trials shown
COLUMNS = (
    "run",
    "parameters",
    "epochs",
    "best",
    "train loss",
    "val loss",
    "gap",
    "val %",
    "time",
    "verdict",
    "curves",
)


def study_html(summary: StudySummary, histories: Sequence[History]) -> Html:
    """Return the table and conclusions of a study; `histories` are those of its trials, in their order."""
    pairs = list(zip(summary.trials, histories, strict=True))
    seeds = len({trial.seed for trial in summary.trials}) > 1
    rows = (tuple(_cells(trial, history, seeds)) for trial, history in pairs[:MOST_TRIALS])
    rest = f", the first {MOST_TRIALS} of {len(pairs)} trials" if len(pairs) > MOST_TRIALS else ""
    train, validation = (summary.rows.get(split, 0) for split in ("train", "validation"))
    caption = (
        f"{summary.source}, plan {summary.plan}: {train:,} training and {validation:,} validation rows, "
        f"{minutes(summary.seconds)}{rest}"
    )
    messages = [Message("conclusion-interrupted")] * summary.interrupted + conclusion_messages(summary)
    return element("div", table(COLUMNS, rows, caption), bullets(map(catalog(ENGLISH).render, messages)))


def _cells(trial: TrialSummary, history: History, seeds: bool) -> Iterator[object]:
    score = trial.score("validation")
    yield f"{trial.run} seed {trial.seed}" if seeds else trial.run
    yield f"{trial.parameters:,}"
    yield f"{trial.epochs:,}"
    yield "" if trial.best_epoch is None else f"{trial.best_epoch:,}"
    yield fixed(trial.loss("train"))
    yield fixed(trial.loss("validation"))
    yield "" if trial.gap is None else f"{trial.gap:+.3f}"
    yield fixed(None if score is None else 100 * score, 1)
    yield minutes(trial.seconds)
    yield "" if trial.verdict is None else trial.verdict.badge()
    yield _curves(history)


def _curves(history: History) -> Html:
    metric = history.main_metric
    shown = {TRAIN: history.training(metric), VALIDATION: history.series.get(("validation", metric))}
    lines = {colour: series.values for colour, series in shown.items() if series is not None}
    return sparkline(lines, f"training and validation loss of {history.run}")
