"""What a study concludes, as messages: the terminal, the notebook and the page write them in their language."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import msgspec

from gengap.analysis.effects import RegularizerEffect
from gengap.analysis.recommend import Recommendation
from gengap.analysis.summary import StudySummary, first_of
from gengap.diagnose.verdict import Verdict
from gengap.stats.comparison import LEVEL
from gengap.tasks import LOSSES, SCORES
from gengap.text.catalog import Message
from gengap.text.numbers import units

MAX_NAMES = 3  # names of a group of runs that are listed
MAX_EFFECTS = 3  # regularisers that are listed
SHORT_OF_EPOCHS = ("underfit", "inconclusive")  # more epochs may show what such a network misses now
MAX_VERDICTS = 6  # regularised models whose verdicts are listed


def conclusion_messages(summary: StudySummary) -> list[Message]:
    """Return all conclusions of a study, the recommendation last."""
    chosen = summary.recommendation
    title = [Message("conclusion-recommended", {"run": chosen.run})] if chosen is not None else []
    recommended = [*title, *recommendation_messages(summary), *next_step_messages(summary)]
    return [*leak_messages(summary), *curve_messages(summary), *recommended]


def curve_messages(summary: StudySummary) -> list[Message]:
    """Return what the trials show: groups of rows, sizes, regularisers, ties, baselines, finalists, more rows."""
    sizes = summary.sizes
    return [
        *([summary.units.finding] if summary.units is not None else []),
        *story_messages(summary),
        *([sizes.finding] if sizes is not None and sizes.still_improving else []),
        *_regularizers(summary),
        *_tie(summary),
        *_baselines(summary),
        *_finalists(summary),
        *_more_rows(summary),
    ]


def leak_messages(summary: StudySummary) -> list[Message]:
    """Return what hints at a leak of the target, each with what to look at."""
    remedies = [Message(f"advice-{each.remedy[0]}", dict(each.parameters)) for each in summary.leaks]
    pairs = zip(summary.leaks, remedies, strict=True)
    return [Message("conclusion-leak", {"finding": each.message, "remedy": remedy}) for each, remedy in pairs]


def recommendation_messages(summary: StudySummary) -> list[Message]:
    """Return why the recommended model was chosen, what to expect of it, and what the test rows show."""
    chosen = summary.recommendation
    if chosen is None:
        return []
    reasons = [chosen.why, *([] if chosen.doubt is None else [chosen.doubt])]
    return [*reasons, *_smallest_size(summary), *_members(chosen), *_expected(chosen), *_test(summary)]


def next_step_messages(summary: StudySummary) -> list[Message]:
    """Return what to try next, the most promising first."""
    steps = summary.recommendation.next_steps if summary.recommendation is not None else ()
    return [
        Message("conclusion-next-step", {"step": step.finding, "gain_percent": step.gain_percent}) for step in steps
    ]


def story_messages(summary: StudySummary) -> list[Message]:
    """Return the tutorial's three conclusions with the numbers of this study, those that it allows.

    Larger models overfit sooner; regularised ones overfit less; together the regularisers are best.
    """
    return [*_sizes(summary), *_regularised(summary), *_together(summary)]


def _regularised(summary: StudySummary) -> Iterator[Message]:
    """Yield the verdicts on the regularised versions of a model beside its own."""
    verdicts = {trial.run: trial.verdict for trial in reversed(summary.trials) if trial.verdict is not None}
    treated = [each for each in summary.regularizers if each.kind == "treatment" and each.run in verdicts]
    if not 0 < len(treated) <= MAX_VERDICTS or treated[0].against not in verdicts:
        return
    own, *others = (_run_verdict(verdicts[run]) for run in (treated[0].against, *(each.run for each in treated)))
    overfit = [each.parameters["verdict"] == "overfit" for each in (own, *others)]
    less = overfit[0] and not any(overfit[1:])
    yield Message("conclusion-regularised", {"own": own, "verdicts": tuple(others), "less": less})


def _run_verdict(verdict: Verdict) -> Message:
    values = {"run": verdict.run, "verdict": verdict.verdict, "probability": verdict.confidence}
    return Message("conclusion-run-verdict", values)


def _together(summary: StudySummary) -> Iterator[Message]:
    """Yield that several treatments together have the lowest loss of all versions of a model, if they do."""
    treated = [each for each in summary.regularizers if each.kind == "treatment"]
    best = min(treated, key=lambda each: each.loss.difference, default=None)
    if best is None or len(best.treatments) < 2 or best.loss.difference >= 0:
        return
    low, high = best.loss.interval
    values = {"run": best.run, "treatment": best.treatment, "against": best.against, "clear": high < 0}
    yield Message("conclusion-together", values | {"lower": (-high, -best.loss.difference, -low)})


def _sizes(summary: StudySummary) -> Iterator[Message]:
    """Yield at which epochs the sizes turn."""
    if summary.sizes is None:
        return
    verdicts = {trial.run: trial.verdict for trial in reversed(summary.trials)}
    turning: list[tuple[int, Message]] = []
    for size in reversed(summary.sizes.results):
        verdict = verdicts.get(size.run)
        if verdict is not None and verdict.onset_epoch is not None and verdict.onset_interval is not None:
            low, high = verdict.onset_interval
            values = {"run": size.run, "onset": (low, verdict.onset_epoch, high)}
            turning.append((verdict.onset_epoch, Message("conclusion-turn", values)))
    epochs = [epoch for epoch, _ in turning]
    if turning:
        sooner = len(epochs) > 1 and all(larger <= smaller for larger, smaller in pairwise(epochs))
        yield Message("conclusion-turns", {"larger_sooner": sooner, "turns": tuple(text for _, text in turning)})


def _smallest_size(summary: StudySummary) -> Iterator[Message]:
    """Yield which size is enough, unless larger sizes are better or a size is the recommended model."""
    sizes, chosen = summary.sizes, summary.recommendation
    if sizes is None or chosen is None or sizes.still_improving:
        return
    if chosen.why.code != "conclusion-nothing-learnt" and chosen.run not in {each.run for each in sizes.results}:
        yield sizes.finding


def _regularizers(summary: StudySummary) -> Iterator[Message]:
    effects = summary.regularizers
    if not effects:
        return
    losses = {rank.run: rank.loss for rank in summary.ranks}
    helps = [each for each in effects if each.loss.difference < 0 and each.loss.adjusted < 1 - LEVEL]
    clear = sorted(helps, key=lambda each: each.loss.difference)
    against = effects[-1].against
    helping: list[Message] = []
    for each in clear[:MAX_EFFECTS]:
        if each.run in losses:
            values = {"kind": each.kind, "treatment": each.treatment, "run": each.run}
            helping.append(Message("conclusion-effect", values | {"lower_percent": _percent(each, losses)}))
    yield Message("conclusion-effects", {"run": against, "effects": tuple(helping) or None})


def _percent(effect: RegularizerEffect, losses: dict[str, float]) -> tuple[float, float, float]:
    """Return by how much a regulariser lowers the loss, in percent of the loss without it: (low, middle, high)."""
    share = -100 / (losses[effect.run] - effect.loss.difference)
    low, high = effect.loss.interval
    return share * high, share * effect.loss.difference, share * low


def _tie(summary: StudySummary) -> Iterator[Message]:
    tied = [rank.run for rank in summary.ranks if rank.group == 1]
    if len(tied) > 1:
        values = {"count": len(tied), "all": len(summary.ranks), "rows": summary.rows.get("validation", 0)}
        more = max(len(tied) - MAX_NAMES, 0)
        yield Message("conclusion-tie", values | {"names": tuple(tied[:MAX_NAMES]), "more": more})


def _baselines(summary: StudySummary) -> Iterator[Message]:
    baselines = {each.run: each for each in summary.baselines}
    missing = summary.recommendation is not None and summary.recommendation.learnt is not False
    short = {trial.run for trial in summary.trials if trial.verdict and trial.verdict.verdict in SHORT_OF_EPOCHS}
    places: dict[str, list[Message]] = {}
    for found in summary.baseline_comparisons:
        place = "maybe-" * (found.adjusted >= 1 - LEVEL) + ("lower" if found.difference < 0 else "higher")
        values = {"run": found.a, "loss": baselines[found.a].loss}
        places.setdefault(place, []).append(Message("conclusion-run-loss", values))
        missing = missing and found.b not in short
    for place, (*others, last) in places.items():
        values = {"others": tuple(others) or None, "last": last, "place": place, "missing": missing}
        yield Message("conclusion-baseline", values)


def _finalists(summary: StudySummary) -> Iterator[Message]:
    if found := summary.cross_validation:
        shown = tuple(
            Message("conclusion-run-loss", {"run": each.run, "loss": each.loss[1]}) for each in found[:MAX_NAMES]
        )
        yield Message("conclusion-finalists", {"rows": found[0].rows, "finalists": shown})


def _more_rows(summary: StudySummary) -> Iterator[Message]:
    """Yield the forecasts, except one that is a next step already."""
    if summary.more_rows is None:
        return
    steps = summary.recommendation.next_steps if summary.recommendation is not None else ()
    shown = {step.finding.parameters.get("times") for step in steps if step.finding.code == "next-more-rows"}
    for forecast in summary.more_rows.forecasts:
        if forecast.finding.parameters.get("times") not in shown:
            yield forecast.finding


def _members(chosen: Recommendation) -> Iterator[Message]:
    if len(chosen.members) > 1:
        parts = (Message("conclusion-member", msgspec.structs.asdict(each)) for each in chosen.members)
        yield Message("conclusion-members", {"members": tuple(parts)})


def _expected(chosen: Recommendation) -> Iterator[Message]:
    expected = chosen.expected
    if expected.loss[0] is None:  # too few groups for a statement about new rows
        yield Message("conclusion-loss-here", {"loss": expected.selection_loss})
        return
    score = "accuracy" if expected.accuracy is not None else "r2" if expected.r2 is not None else None
    value = expected.accuracy if expected.accuracy is not None else expected.r2
    yield Message("conclusion-expected", {"loss": expected.loss, "score": score, "value": value})
    if expected.rmse is not None and expected.mae is not None:
        errors = {"rmse": _units_text(expected.rmse), "mae": _units_text(expected.mae)}
        yield Message("conclusion-expected-units", errors)
    yield Message("conclusion-selection-loss", {"loss": expected.selection_loss, "mean": len(chosen.members) > 1})
    if expected.no_lower_than_constant:
        values = {"loss": expected.constant_loss, "learnt": chosen.learnt}
        yield Message("conclusion-no-lower-than-constant", values)


def _units_text(values: tuple[float, float, float]) -> str:
    low, middle, high = map(units, values)
    return f"{middle} [{low}, {high}]"


def _test(summary: StudySummary) -> Iterator[Message]:
    test = summary.test
    if test is None:
        return
    loss = next((each for each in test.comparisons if each.metric in LOSSES), None)
    low, high = loss.interval if loss is not None else (None, None)
    compared = test.run != test.baseline  # the trees may be the recommended model
    share = first_of(test.metrics, SCORES)
    score = "none" if share is None else "r2" if "r2" in test.metrics else "accuracy"
    yield Message(
        "conclusion-test",
        {
            "compared": compared,
            "rows": test.rows,
            "run": test.run,
            "score": score,
            "loss": first_of(test.metrics, LOSSES),
            "share": share,
            "baseline": test.baseline,
            "baseline_loss": first_of(test.baseline_metrics, LOSSES),
            "baseline_share": first_of(test.baseline_metrics, SCORES),
            "difference": None if loss is None else (low, loss.difference, high),
        },
    )
    if "rmse" in test.metrics and "rmse" in test.baseline_metrics:
        ours = {name: units(test.metrics.get(name)) for name in ("rmse", "mae")}
        theirs = {f"baseline_{name}": units(test.baseline_metrics.get(name)) for name in ("rmse", "mae")}
        names = {"run": test.run, "baseline": test.baseline, "compared": compared}
        yield Message("conclusion-test-units", ours | theirs | names)
    if test.note is not None:
        yield test.note
