"""From the losses along the path to a verdict: probabilities, findings and advice with numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gengap.check.gains import Gain, LossUnits, best_gain, gain
from gengap.check.more_rows import RowsCurve
from gengap.check.ranking import ranking_test
from gengap.check.references import ReferenceName
from gengap.check.setting_losses import Evaluation
from gengap.check.walk import SideResult, Walk
from gengap.diagnose.verdict import Finding, Verdict
from gengap.errors import plain
from gengap.options.spec import VerdictName
from gengap.text.catalog import Message
from gengap.text.numbers import significant

STATED = 0.5  # probability from which a verdict is stated
CLEAR = 0.95  # probability of `underfit` from which it is stated without a signal, too
SIGNAL = 0.975  # probability of being better than a constant, below which the ranking of rows decides
REFERENCE = 0.95  # probability from which another kind of model is better: its 90% interval is above `min_effect`
AHEAD = (0.1, 0.3)  # training ahead of validation, as a share of its loss: not at all, and far
SMALL = 0.01  # smallest forecast gain of twice the rows that advice mentions


@dataclass(frozen=True, eq=False)
class Facts:
    """What a verdict is made from; `chosen_by` is the class of a search that chose the parameters on all rows."""

    name: str
    walk: Walk
    units: LossUnits
    min_effect: float
    references: Mapping[ReferenceName, Evaluation]
    rows: RowsCurve | None
    leaks: tuple[Finding, ...]
    interrupted: bool = False
    chosen_by: str | None = None

    @property
    def loss(self) -> float:
        """The validation loss of the given estimator."""
        return self.units.mean(self.walk.base.losses)

    @property
    def constant_gain(self) -> Gain | None:
        """How far the best setting is better than a constant; None if the constant was not measured."""
        constant = self.references.get("constant")
        settings = [each.losses for each in (self.walk.base, *self.walk.found)]
        return None if constant is None else best_gain(settings, constant.losses, self.units)[1]

    @cached_property
    def learns(self) -> bool:
        """Whether the best setting is clearly better than a constant, or seems so and a setting ranks rows well."""
        better, walk = self.constant_gain, self.walk
        if better is None or better.above(0) >= SIGNAL:
            return True
        outputs = [each.outputs for each in (walk.base, *walk.found) if each.outputs is not None]
        return better.mean > 0 and ranking_test(outputs, walk.evaluator.inputs, self.units).learnt


def judge(facts: Facts) -> Verdict:
    """Return the verdict with its findings and advice."""
    simpler, flexible = facts.walk.result("simpler"), facts.walk.result("flexible")
    probabilities = _probabilities(facts, simpler, flexible)
    name: VerdictName = "inconclusive"
    known = simpler is not None or flexible is not None
    if known:
        name = _stated(probabilities)
        clear = name == "overfit" or (name == "underfit" and probabilities[name] >= CLEAR)
        if not clear and not facts.learns:
            name = "inconclusive"
    findings = tuple(_findings(facts, name, simpler, flexible, probabilities))
    better = simpler if name == "overfit" else flexible
    ahead = facts.walk.ahead
    return Verdict(
        run=facts.name,
        metric=facts.walk.evaluator.loss.label,
        verdict=name,
        confidence=probabilities.get(name, 0.0),
        probabilities=probabilities,
        rise_percent=None if simpler is None else _rise(simpler.gain),
        ahead_percent=None if flexible is None else flexible.gain.percent,
        gap_percent=None if ahead >= 1 else 100 * ahead / (1 - ahead),
        findings=findings,
        advice=tuple(_advice(facts, name, better, findings)),
    )


def _probabilities(facts: Facts, simpler: SideResult | None, flexible: SideResult | None) -> dict[str, float]:
    """Return the probability of each verdict except `inconclusive`; they sum to 1."""
    if simpler is None and flexible is None:
        return dict.fromkeys(("underfit", "good", "near-overfit", "overfit"), 0.25)
    over = 0.0 if simpler is None else simpler.probability
    under = 0.0 if flexible is None else flexible.probability
    both = over * under  # both sides are better: the larger gain decides
    share = 0.5
    if simpler is not None and flexible is not None and both:
        error = (simpler.gain.error**2 + flexible.gain.error**2) ** 0.5
        share = Gain(simpler.gain.mean - flexible.gain.mean, error, simpler.gain.freedom).above(0)
    fit = (1 - over) * (1 - under)
    low, high = AHEAD
    near = min(max((facts.walk.ahead - low) / (high - low), 0.0), 1.0)
    return {
        "underfit": under - both * share,
        "good": fit * (1 - near),
        "near-overfit": fit * near,
        "overfit": over - both * (1 - share),
    }


def _stated(probabilities: Mapping[str, float]) -> VerdictName:
    if probabilities["overfit"] >= STATED:
        return "overfit"
    if probabilities["underfit"] >= STATED:
        return "underfit"
    if probabilities["good"] + probabilities["near-overfit"] < STATED:
        return "inconclusive"
    return "good" if probabilities["good"] >= probabilities["near-overfit"] else "near-overfit"


def _rise(better: Gain) -> tuple[float, float, float]:
    """Return how far the loss is above that of a better setting, in percent of the latter."""
    low, middle, high = (each / 100 for each in better.percent)
    shares = [100 * each / (1 - min(each, 0.999)) for each in (low, middle, high)]
    return shares[0], shares[1], shares[2]


def _findings(
    facts: Facts,
    name: VerdictName,
    simpler: SideResult | None,
    flexible: SideResult | None,
    probabilities: Mapping[str, float],
) -> Iterator[Finding]:
    """Yield the findings, the most important first."""
    limit = 100 * facts.min_effect
    walk = facts.walk
    if facts.interrupted:
        yield Finding("interrupted", "warning", {"fits": walk.evaluator.fits})
    if facts.interrupted and walk.ladders and simpler is None and flexible is None:
        return  # no other setting was finished
    if simpler is None and flexible is None:
        yield Finding("unknown-path", "warning", {"estimator": facts.name}, ("name-complexity",))
    elif name in ("overfit", "underfit") and (better := simpler if name == "overfit" else flexible) is not None:
        yield _better("simpler-better" if name == "overfit" else "flexible-better", better, facts)
        if not facts.learns:  # the better setting is not worth using
            yield from _nothing_learnt(facts)
    elif not facts.learns:
        yield from _nothing_learnt(facts)
    elif name == "inconclusive":
        numbers = {
            "rows": int(facts.units.tested.sum()),
            **{k.replace("-", "_"): p for k, p in probabilities.items()},
        }
        yield Finding("undecided", "warning", numbers, ("add-rows-or-folds",))
    else:
        sides = {"simpler": simpler, "flexible": flexible}
        tried = {side: 0 if found is None else found.tried for side, found in sides.items()}
        yield Finding("nothing-better", "info", tried | {"limit_percent": limit})
    if name == "near-overfit":
        yield Finding("training-ahead", "info", {"ahead_percent": 100 * walk.ahead}, ("keep-estimator",))
    yield from _remarks(facts, name)


def _better(code: str, side: SideResult, facts: Facts) -> Finding:
    numbers = {
        "changes": changed(side.best.setting.changes, facts.walk.evaluator.estimator),
        "better_percent": side.gain.percent,
        "tried": side.tried,
        "probability": side.probability,
        "limit_percent": 100 * facts.min_effect,
    }
    return Finding(code, "problem", numbers)


def _nothing_learnt(facts: Facts) -> Iterator[Finding]:
    better = facts.constant_gain
    if better is not None:
        yield Finding("no-better-than-constant", "problem", {"better_percent": better.percent}, ("check-signal",))


def _remarks(facts: Facts, name: VerdictName) -> Iterator[Finding]:
    """Yield what else a reader should know."""
    yield from facts.leaks
    yield from _other_kind(facts)
    walk = facts.walk
    if facts.chosen_by is not None:
        yield Finding("chosen-on-all-rows", "info", {"search": facts.chosen_by})
    if walk.evaluator.unfinished:
        yield Finding("unfinished", "warning", {"estimator": facts.name}, ("train-to-convergence",))
    kind = walk.evaluator.loss.name
    if kind in ("calibrated-log-loss", "zero-one"):
        yield Finding("loss-kind", "info", {"kind": kind})
    if facts.rows is not None and facts.rows.forecast is not None:
        first = facts.rows.forecast.forecasts[0]
        if first.better_percent is not None and name != "underfit":
            numbers = {"times": first.times, "rows": first.rows, "better_percent": first.better_percent}
            yield Finding("more-rows", "info", numbers)


def _other_kind(facts: Facts) -> Iterator[Finding]:
    """Yield the finding that a reference model is better than all settings by more than `min_effect`."""
    walk, units = facts.walk, facts.units
    own, others = walk.best().losses, {k: each for k, each in facts.references.items() if k != "constant"}
    found = {name: gain(each.losses, own, units) for name, each in others.items()}
    better = {name: each for name, each in found.items() if each.above(facts.min_effect) >= REFERENCE}
    if better:
        name = max(better, key=lambda each: better[each].mean)
        numbers = {"model": name, "better_percent": better[name].percent}
        yield Finding("other-kind-better", "warning", numbers, ("try-other-kind",))


def _advice(
    facts: Facts, name: VerdictName, better: SideResult | None, findings: tuple[Finding, ...]
) -> Iterator[Message]:
    """Yield what to do next: remove leaks, then the better setting with its gain, then the other remedies."""
    yield from _remedies(facts.leaks)
    if name in ("overfit", "underfit") and better is not None:
        changes = changed(better.best.setting.changes, facts.walk.evaluator.estimator)
        yield Message("advice-set-parameters", {"changes": changes, "better_percent": better.gain.percent})
    yield from _remedies(each for each in findings if each not in facts.leaks)
    rows = facts.rows.forecast.forecasts[0] if facts.rows is not None and facts.rows.forecast is not None else None
    if rows is not None and rows.better_percent is not None and rows.better_percent[1] >= 100 * SMALL:
        numbers = {"times": rows.times, "rows": rows.rows, "better_percent": rows.better_percent}
        yield Message("advice-train-on-more-rows", numbers)


def _remedies(findings: Iterable[Finding]) -> Iterator[Message]:
    for finding in findings:
        for code in finding.remedy:
            yield Message(f"advice-{code}", dict(finding.parameters))


def changed(changes: Mapping[str, Any], estimator: Any) -> tuple[str | Message, ...]:
    """Return changed parameters with their present values, as in "max_depth=3 (now None)".

    CatBoost tells only the parameters that are set. A change of "" replaces the whole estimator.
    """
    now = estimator.get_params()
    return tuple(
        Message("changed-parameter", {"change": _change(name, value), "now": value_text(now[name])})
        if name in now
        else _change(name, value)
        for name, value in changes.items()
    )


def changes_text(changes: Mapping[str, Any]) -> str:
    """Return changed parameters without their present values, as in "max_depth=3"."""
    return ", ".join(_change(name, value) for name, value in changes.items())


def _change(name: str, value: Any) -> str:
    return f"{name}={value_text(value)}" if name else value_text(value)


def value_text(value: Any) -> str:
    """Return a parameter's value in few characters.

    >>> value_text(0.30000000000000004), value_text(None), value_text("scale")
    ('0.3', 'None', "'scale'")
    """
    if isinstance(value, float):
        return significant(value, 3) if value == value and abs(value) != float("inf") else str(value)
    return " ".join(repr(plain(value)).split())
