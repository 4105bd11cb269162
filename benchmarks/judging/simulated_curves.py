"""The families' part: how often gengap says what each family's verdict is, and how often peers cry overfit."""

from __future__ import annotations

from collections import Counter

from benchmarks.judging.curve_families import FAMILIES, VARIANTS, Family, SampledCurves
from benchmarks.judging.gengap_verdicts import verdicts_on_samples
from benchmarks.judging.goal_tables import Goal, Section, Table
from benchmarks.judging.peer_verdicts import peer_judgements

VERDICTS = ("underfit", "good", "near-overfit", "overfit", "inconclusive")
FOR_PEERS = 100  # at most this many curves per family, because some peers are slow


def measure(count: int, jobs: int, seed: int, python: str) -> Section:
    """Measure `count` curves of each family and half as many of each variant."""
    goals, families = _measure("Families", FAMILIES, count, jobs, seed, python)
    _, variants = _measure("Variants", VARIANTS, max(count // 2, 1), jobs, seed, python)
    return Section(goals, [families, variants])


def _measure(
    title: str, families: tuple[Family, ...], count: int, jobs: int, seed: int, python: str
) -> tuple[list[Goal], Table]:
    """Return a goal and a table row for each family."""
    drawn = [family.sample(count, seed) for family in families]
    predicted = [[verdict.verdict for verdict in verdicts_on_samples(curves, jobs)] for curves in drawn]
    goals = [sample_goal(family, verdicts) for family, verdicts in zip(families, predicted, strict=True)]
    peers = _peers(drawn, python)
    rows: list[tuple[str, ...]] = []
    for i, family in enumerate(families):
        counts = Counter(predicted[i])
        own = [f"{100 * counts[verdict] / count:.0f}" for verdict in VERDICTS]
        expected = f"{family.expected}: {'reached' if goals[i].reached else 'missed'}"
        rows.append((family.name, expected, *own, *(shares[i] for shares in peers.values())))
    reached = sum(goal.reached for goal in goals)
    goal = "at most 5% called overfit, or at least 90% as expected"
    note = f"Percent of {count} curves. For peers: percent called overfit. {reached} of {len(goals)} reach: {goal}."
    return goals, Table(title, ("family", "expected", *VERDICTS, *peers), rows, note)


def sample_goal(family: Family, predicted: list[str]) -> Goal:
    """Compare the share of expected verdicts `predicted` with the family's goal."""
    share = sum(family.holds(one) for one in predicted) / len(predicted)
    if family.expected == "no overfit":
        return Goal(f"{family.name}: called overfit", 100 * (1 - share), 100 * (1 - family.share), True, "%")
    return Goal(f"{family.name}: called {family.expected}", 100 * share, 100 * family.share, unit="%")


def _peers(drawn: list[list[SampledCurves]], python: str) -> dict[str, list[str]]:
    """Return, for each peer, the percentage of each family's first curves called overfit, or - if not measured."""
    asked = [curves[:FOR_PEERS] if not curves[0].higher_is_better else [] for curves in drawn]
    flat = [(None if d.train is None else d.train.tolist(), d.validation.tolist()) for part in asked for d in part]
    shares: dict[str, list[str]] = {}
    for peer, answers in peer_judgements(flat, python).items():
        one = iter(answers)
        parts = [[next(one) for _ in part] for part in asked]
        shares[peer.split()[0]] = [f"{100 * part.count(True) / len(part):.0f}" if part else "-" for part in parts]
    return shares
