"""A study's conclusions in a terminal: regularisers in a table, and what to keep in a few sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gengap.analysis.evaluation import Evaluation
from gengap.analysis.recommend import ExpectedScores, Recommendation
from gengap.analysis.regularizers import RegularizerEffect
from gengap.analysis.summary import StudySummary, first_of
from gengap.stats.comparison import Rank
from gengap.tasks import LOSSES, SCORES
from gengap.text.catalog import ENGLISH, catalog

FIRST = 3  # of the group of equals, how many are named

BASELINE_PHRASES = {  # by (is the baseline better, can the rows not tell)
    (True, True): "better than every network, but these rows can't tell it from the best of them",
    (True, False): "better than every network: a sign that they underfit, whatever their own curves say",
    (False, True): "the best network is better, but these rows can't tell the two apart",
    (False, False): "the best network is better",
}


english = catalog(ENGLISH)
EFFECTS = {"early-stopping": "early stopping", "smaller-model": "smaller: {}"}


def conclusions(summary: StudySummary) -> RenderableType:
    """Everything that the study concludes, top to bottom."""
    parts: list[RenderableType] = []
    if summary.regularizers:
        parts.append(regularizers_table(summary.regularizers))
    lines = list(conclusion_sentences(summary))
    if summary.interrupted:
        parts.insert(0, Text(lines.pop(0)))
    parts.append(Text("\n".join(lines)))
    return Group(*parts)


def regularizers_table(effects: Iterable[RegularizerEffect]) -> Table:
    """What each treatment does beside the untreated model: negative losses and smaller gaps are better."""
    effects = list(effects)
    title = f"Beside {effects[-1].against}: validation loss, paired by row, and the gap"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in ("treatment", "loss", "90% interval", "p", "gap", "time"):
        table.add_column(
            column, justify="left" if column == "treatment" else "right", no_wrap=column != "treatment"
        )
    for effect in effects:
        table.add_row(
            Text(EFFECTS.get(effect.kind, effect.treatment).format(effect.run)),
            f"{effect.loss.difference:+.4f}",
            Text(_interval(effect.loss.interval)),
            p_value(effect.loss.adjusted),
            f"{effect.gap_without:+.3f} > {effect.gap:+.3f}",
            f"{effect.cost:.1f}x",
            style="bold green" if effect.loss.interval[1] < 0 else "",
        )
    return table


def conclusion_sentences(summary: StudySummary) -> Iterator[str]:
    """The conclusions in words, a line each."""
    if summary.interrupted:
        yield "The study was interrupted: all this is from the finished trials alone."
    if summary.sizes is not None:
        yield f"Size: {english.render(summary.sizes.finding)}"
    if summary.more_rows is not None:
        for forecast in summary.more_rows.forecasts:
            yield f"Rows: {english.render(forecast.finding)}"
    yield from _standing(summary)
    if found := summary.cross_validation:
        named = ", ".join(f"{each.run} ({each.loss[1]:.4f})" for each in found[:FIRST])
        yield f"Finalists: cross-validated on {found[0].rows:,} rows, the lowest losses have {named}."
    if summary.recommendation is not None:
        yield from _kept(summary.recommendation)
    if summary.test is not None:
        yield from _tested(summary.test)


def _standing(summary: StudySummary) -> Iterator[str]:
    """Who can't be told apart from the best, and where the baselines stand."""
    first = [rank.run for rank in summary.ranks if rank.group == 1]
    if len(first) > 1:
        named = ", ".join(first[:FIRST]) + (f" and {len(first) - FIRST} more" if len(first) > FIRST else "")
        of = f"{len(first)} of {len(summary.ranks)}"
        rows = summary.rows.get("validation", 0)
        yield f"Equals: {of} can't be told apart on {rows:,} validation rows: {named}."
    networks = [rank for rank in summary.ranks if not rank.run.startswith("baselines/")]
    if not networks:
        return
    best = min(networks, key=lambda rank: rank.loss)
    for baseline in summary.baselines:
        beside = BASELINE_PHRASES[baseline.loss < best.loss, _alike(summary.ranks, baseline.run, best.run)]
        yield f"Beside: {baseline.run} has validation loss {baseline.loss:.4f}; {beside}."


def _alike(ranks: Sequence[Rank], one: str, other: str) -> bool:
    """Whether both are in one group and one of them is its best: only that one was compared with the others."""
    groups = {rank.run: rank.group for rank in ranks}
    leader = next((rank.run for rank in ranks if rank.group == groups.get(one)), None)
    return groups.get(one) == groups.get(other) and leader in (one, other)


def _kept(kept: Recommendation) -> Iterator[str]:
    low, middle, high = kept.expected.loss
    yield f"Recommended: {kept.run}. {english.render(kept.why)}"
    yield (
        f"  On new rows expect loss {middle:.4f} [{low:.4f}, {high:.4f}]{_score(kept.expected)}; on the rows it "
        f"was picked by it has {kept.expected.picked_loss:.4f}."
    )
    if kept.expected.no_lower_than_constant:
        constant = kept.expected.constant_loss
        ranking = ", though it ranks them better than chance" * kept.learnt
        yield f"  That loss is no lower than the same answer for every row has, {constant:.4f}{ranking}."
    for step in kept.next_steps:
        gain = "" if step.gain_percent is None else f" ({step.gain_percent:+.1f}% of the loss)"
        yield f"  > {english.render(step.finding)}{gain}"


def _score(expected: ExpectedScores) -> str:
    """Accuracy or R², whichever is there."""
    for name, interval in (("accuracy", expected.accuracy), ("R²", expected.r2)):
        if interval is not None:
            low, middle, high = (100 * value for value in interval)
            return f" and {name} {middle:.1f}% [{low:.1f}, {high:.1f}]"
    return ""


def _tested(test: Evaluation) -> Iterator[str]:
    loss = next((c for c in test.comparisons if c.metric in LOSSES), None)
    name = "R²" if "r2" in test.metrics else "accuracy"
    (ours, our_score), (theirs, their_score) = (
        (first_of(metrics, LOSSES) or 0.0, 100 * (first_of(metrics, SCORES) or 0.0))
        for metrics in (test.metrics, test.baseline_metrics)
    )
    yield (
        f"Test: on {test.rows:,} rows that no trial saw, {test.run} has loss {ours:.4f} and {name} "
        f"{our_score:.1f}%, {test.baseline} {theirs:.4f} and {their_score:.1f}%"
        + (f"; loss differs by {loss.difference:+.4f} {_interval(loss.interval)}." if loss else ".")
    )
    if test.note:
        yield f"  {english.render(test.note)}"


def _interval(interval: tuple[float, float]) -> str:
    return f"[{interval[0]:+.4f}, {interval[1]:+.4f}]"


def p_value(value: float) -> str:
    """A probability; below a hundredth its digits say nothing more.

    >>> p_value(0.2), p_value(0.0001), p_value(float("nan"))
    ('0.20', '<0.01', '–')
    """
    if not math.isfinite(value):
        return "–"
    return f"{value:.2f}" if value >= 0.005 else "<0.01"
