"""The values of a verdict: its thresholds, its findings, and the verdict itself.

Findings and advice are codes with numbers. Their texts are in the catalogues of `gengap.text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Annotated, Literal, cast, get_args

import msgspec

from gengap.errors import UsageError, shown
from gengap.options.spec import VerdictName
from gengap.text.catalog import ENGLISH, Message, catalog, default_language
from gengap.text.markup import Html, badge, bullets, element

Severity = Literal["info", "warning", "problem"]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Interval = tuple[float, float, float]  # low, middle, high
Parameter = None | int | float | str | Message | tuple[int | float | str | Message, ...]
Axis = Literal["epoch", "step"]  # what the positions of curves count
AXES: tuple[Axis, ...] = get_args(Axis)


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a verdict requires.

    Attributes:
        min_effect: The smallest change that matters, as a share of the loss.
        fit_probability: Probability from which the verdict is a fit (good or near-overfit).
        overfit_probability: Probability from which it is overfit.
        underfit_probability: Probability from which it is underfit: to train longer costs little and may gain much.
        interval: Probability that intervals cover.
    """

    min_effect: Share = 0.01
    fit_probability: Share = 0.5
    overfit_probability: Share = 0.4
    underfit_probability: Share = 0.25
    interval: Share = 0.9


def make_thresholds(min_effect: float) -> Thresholds:
    """Return the thresholds with this smallest change. Raises UsageError if it is no share."""
    if not isinstance(min_effect, Real) or not 0 < min_effect < 1:
        value = f"{min_effect:g}" if isinstance(min_effect, Real) else shown(min_effect)
        raise UsageError(f"min_effect is {value}; expected a share of the loss between 0 and 1, as in 0.01")
    return Thresholds(min_effect=min_effect)


class Finding(msgspec.Struct, frozen=True):
    """One fact behind a verdict. `str()` of it is its English text.

    Attributes:
        code: Its name, explained in docs/verdicts.md.
        severity: "problem" for what should be changed, "warning" for what to look at, "info" for the rest.
        parameters: Its numbers, names and intervals (low, middle, high), by name.
        remedy: Codes of the advice that it leads to, the most promising first.
    """

    code: str
    severity: Severity
    parameters: Mapping[str, Parameter] = {}
    remedy: tuple[str, ...] = ()

    @property
    def message(self) -> Message:
        """The text of the finding, before it is written in a language."""
        return Message(f"finding-{self.code}", dict(self.parameters))

    def __str__(self) -> str:
        return str(self.message)


class LogSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a log.

    Attributes:
        reader: The kind of source, for example "csv".
        validation: The validation column that was judged, as its source called it.
        train: The training column, if there is one.
        not_judged: The other columns that are curves of a known split.
        points: Number of validation values.
        first: The first of them that is finite; None if none is.
        last: The last of them that is finite.
        notes: What the reader had to decide.
        axis: What best_epoch and the other epochs of the verdict count: "epoch" or "step".
    """

    reader: str
    validation: str
    train: str | None
    not_judged: tuple[str, ...] = ()
    points: int
    first: float | None
    last: float | None
    notes: tuple[Message, ...] = ()
    axis: Axis = "epoch"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one run underfits, fits or overfits, and how certain that is.

    Attributes:
        run: Name of the run.
        metric: Name of the validation column that was judged.
        verdict: "underfit", "good", "near-overfit", "overfit" or "inconclusive".
        confidence: Probability of the verdict; 0 for "inconclusive".
        probabilities: Probability of each verdict but "inconclusive".
        best_epoch: Epoch, as it was logged, of the best logged validation value.
        onset_epoch: Epoch where validation turned; None unless the run overfits.
        onset_interval: First and last epoch where it may have turned (90% interval).
        rise_percent: How far validation ends above its lowest point, in percent: (low, middle, high).
        ahead_percent: How far twice as many epochs would lower validation further, in percent: (low, middle, high).
        gap_percent: How far validation ends above training, in percent.
        read: What was read of the log; None for curves that were not read from one.
        findings: The facts behind the verdict, the most important first.
        advice: What to try next, the most promising first.
    """

    run: str
    metric: str
    verdict: VerdictName
    confidence: float
    probabilities: dict[str, float]
    best_epoch: int | None = None
    onset_epoch: int | None = None
    onset_interval: tuple[int, int] | None = None
    rise_percent: Interval | None = None
    ahead_percent: Interval | None = None
    gap_percent: float | None = None
    read: LogSummary | None = None
    findings: tuple[Finding, ...] = ()
    advice: tuple[Message, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the findings."""
        return tuple(finding.code for finding in self.findings)

    @property
    def runner_up(self) -> VerdictName | None:
        """The most probable other verdict, if this one has a probability below 0.5."""
        if self.verdict == "inconclusive" or self.confidence >= 0.5:
            return None
        others = {name: p for name, p in self.probabilities.items() if name != self.verdict}
        return cast(VerdictName, max(others, key=lambda name: others[name])) if others else None

    @property
    def with_runner_up(self) -> tuple[tuple[VerdictName, float], ...]:
        """This verdict, then its runner-up, if there is one, with their probabilities."""
        other = self.runner_up
        stated = (self.verdict, self.confidence)
        return (stated,) if other is None else (stated, (other, self.probabilities[other]))

    def badge(self, lang: str = ENGLISH) -> Html:
        """Return the verdict with its probability, and with its runner-up, as HTML for notebooks."""
        texts = catalog(lang)
        shown = texts.text(f"verdict-{self.verdict}")
        if self.verdict != "inconclusive":
            shown += f" {self.confidence:.0%}"
        if (other := self.runner_up) is not None:
            numbers = {"verdict": texts.text(f"verdict-{other}"), "probability": self.probabilities[other]}
            shown += f" {texts.text('page-or-verdict', **numbers)}"
        return badge(self.verdict, shown)

    def __str__(self) -> str:
        probability = "" if self.verdict == "inconclusive" else f" ({self.confidence:.0%})"
        return f"{self.run}: {self.verdict}{probability}"

    def _repr_html_(self) -> str:
        """Return what Jupyter shows, in the locale's language: the verdict, its findings with codes, the advice."""
        texts = catalog(default_language())
        findings = (
            element("span", texts.render(each.message), " ", element("code", each.code)) for each in self.findings
        )
        title = element("p", element("b", self.run), " ", self.badge(texts.code), f" · {self.metric}")
        return element("div", title, bullets(findings), bullets(map(texts.render, self.advice), "›"))
