"""The tables of the benchmark, for the terminal and for docs/check-results.md."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from benchmarks.checking.scores import Outcome, counted, shares, without_signal

SLOW_SECONDS = 0.5

PAGE = """# How good the verdicts of a check are

Made by `python -m benchmarks.checking --docs FILE`.
[Check an estimator](check.md) explains the verdicts.

{tables}

## How it is measured

- A case is an estimator on 150 to 5,000 rows of one task of a process (`benchmarks/checking/processes.py` and
  `benchmarks/checking/cases.py`). Every estimator is built too simple, about right and too flexible.
- The truth comes from fresh rows. Settings along the whole complexity path are trained on two to six new training
  sets of the same size (more where rows are few), and their loss is measured on 5,000 new rows. If a simpler
  setting (or a constant) is at least 4% better, the truth is overfit. If a more flexible one is, it is underfit; if
  both are, the larger gain decides. If none is more than 1.5% better, the estimator is fine. Cases between are left
  out. Pure noise, and estimators that beat a constant by 1.5% at no setting, are kept apart: the right answers are
  inconclusive and overfit.
- Thresholds may be chosen on the processes "chose", and on seeds of "reported" that an earlier run used. The
  figures to quote are those of "reported" with a new seed.
- The simple rule says overfit if the mean training score is more than 0.1 above the mean validation score (accuracy
  or R2). It has no word for underfit, so it is right on "fine" if it says nothing.
- skore's checks "Potential overfitting" (SKD001) and "Potential underfitting" (SKD002) take five folds too. If both
  are issues, the first one counts.
- The interval is that of the advised gain, for the setting that the advice names. The population's gain is measured
  with training sets of as many rows as a fold trains on (which is what the interval is for), and with all rows.
- Intervals of shares are 95% intervals (Wilson).
- The cost is the CPU time of `gengap.check` divided by that of one 5-fold `cross_val_score`, one after the other in
  one process: its median, and that of cases whose `cross_val_score` takes 0.5 s or more.

{counts}
"""


def page(outcomes: Sequence[Outcome]) -> str:
    """Return the documentation's page."""
    return PAGE.format(tables=summary(outcomes), counts=_counts(outcomes))


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return all tables as Markdown."""
    return "\n\n".join([_verdicts(outcomes), _apart(outcomes), _numbers(outcomes), _wrong(outcomes)])


def _counts(outcomes: Sequence[Outcome]) -> str:
    """Return how many cases there are, and how many are left out."""
    lines = []
    for role, mine in _roles(outcomes).items():
        between = len(mine) - len(counted(mine)) - len(without_signal(mine))
        noise = len(without_signal(mine))
        lines.append(
            f"- {role}: {len(mine)} cases, of them {len(counted(mine))} with a clear truth, {between} between, "
            f"{noise} without a signal."
        )
    return "\n".join(lines)


def _share(right: int, count: int) -> str:
    return f"{right / count:.1%} ({right} of {count})" if count else "-"


def _with_interval(right: int, count: int) -> str:
    """Return a share with its 95% interval (Wilson 1927)."""
    low, high = binomtest(right, count).proportion_ci(method="wilson") if count else (0.0, 1.0)
    return f"{_share(right, count)} [{low:.0%}, {high:.0%}]"


def _roles(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    return {role: [each for each in outcomes if each.role == role] for role in ("chose", "reported")}


def _verdicts(outcomes: Sequence[Outcome]) -> str:
    lines = [
        "## Verdicts",
        "",
        "| processes | rule | right | overfit | underfit | fine |",
        "|---|---|---|---|---|---|",
    ]
    for role, mine in _roles(outcomes).items():
        clear = counted(mine)
        if not clear:
            continue
        found = shares(clear)
        cells = " | ".join(_with_interval(*found[truth]) for truth in ("overfit", "underfit", "fine"))
        whole = _with_interval(sum(each.right for each in clear), len(clear))
        lines.append(f"| {role} | gengap check | {whole} | {cells} |")
        lines.append(_of_rule(role, "training score - validation score > 0.1", [(e.naive, e) for e in clear]))
        by_skore = [(e.skore, e) for e in clear if e.skore is not None]
        if by_skore:
            lines.append(_of_rule(role, "skore's checks SKD001 and SKD002", by_skore))
    return "\n".join(lines)


def _of_rule(role: str, rule: str, answers: Sequence[tuple[str | None, Outcome]]) -> str:
    """Return the row of a simple rule, from its answers."""
    cells = []
    for truth in ("overfit", "underfit", "fine"):
        mine = [answer for answer, each in answers if each.truth.verdict == truth]
        cells.append(_share(sum(answer == truth for answer in mine), len(mine)))
    right = sum(answer == each.truth.verdict for answer, each in answers)
    return f"| {role} | {rule} | {_share(right, len(answers))} | {' | '.join(cells)} |"


def _apart(outcomes: Sequence[Outcome]) -> str:
    """Return what must not happen with pure noise and with default forests."""
    lines = ["## Without a signal, and default forests", "", "| processes | cases | answers |", "|---|---|---|"]
    for role, mine in _roles(outcomes).items():
        noise = without_signal(mine)
        forests = [each for each in mine if each.default_forest]
        fine = [each for each in forests if each.truth.verdict == "fine"]
        good = sum(each.answer == "fine" for each in noise)
        wrong = sum(each.answer == "overfit" and each.truth.verdict != "overfit" for each in noise)
        if noise:
            lines.append(
                f"| {role} | {len(noise)} without a signal | {good} good, {wrong} overfit without being so |"
            )
        if forests:
            false = sum(each.answer == "overfit" and each.truth.gains[0] < 0.04 for each in forests)
            lines.append(
                f"| {role} | {len(forests)} default forests, {len(fine)} of them fine | {false} false overfit |"
            )
    return "\n".join(lines)


def _numbers(outcomes: Sequence[Outcome]) -> str:
    lines = [
        "## Intervals and cost",
        "",
        "| processes | advised gains | covered, fold's rows | covered, all rows | cost, median | from 0.5 s on |",
        "|---|---|---|---|---|---|",
    ]
    for role, mine in _roles(outcomes).items():
        shown = []
        for gains in ([e.fold_gain_percent for e in mine], [e.true_gain_percent for e in mine]):
            pairs = [(e, gain) for e, gain in zip(mine, gains, strict=True) if gain is not None]
            shown.append(_with_interval(sum(bool(e.covers(gain)) for e, gain in pairs), len(pairs)))
        costs = [each.cost for each in mine]
        if costs:
            cells = f"{sum(e.gain_percent is not None for e in mine)} | {' | '.join(shown)}"
            slow = [each.cost for each in mine if each.plain_seconds >= SLOW_SECONDS]
            lines.append(f"| {role} | {cells} | {np.median(costs):.1f} | {_median(slow)} |")
    return "\n".join(lines)


def _median(costs: Sequence[float]) -> str:
    return f"{np.median(costs):.1f} ({len(costs)} cases)" if costs else "-"


def _wrong(outcomes: Sequence[Outcome]) -> str:
    lines = [
        "## Wrong verdicts",
        "",
        "| case | verdict | truth | gain of simpler | gain of more flexible |",
        "|---|---|---|---|---|",
    ]
    for each in counted(outcomes):
        if not each.right and each.role == "reported":
            over, under = each.truth.gains
            lines.append(f"| {each.name} | {each.verdict} | {each.truth.verdict} | {over:.1%} | {under:.1%} |")
    return "\n".join(lines)
