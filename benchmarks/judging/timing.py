"""The timing part: many short curves, and one long one."""

from __future__ import annotations

import time

from benchmarks.judging.curve_families import Family, autoregressive, flat, iid, rising
from benchmarks.judging.gengap_verdicts import verdict_on_sample, verdicts_on_samples
from benchmarks.judging.goal_tables import Goal, Section

MANY, LONG = 1_000, 10_000


def measure(jobs: int, seed: int) -> Section:
    """Measure seconds for MANY curves of 100 epochs, and for one of LONG epochs (worst of four)."""
    half = MANY // 2
    drawn = flat("", autoregressive(0.9, 0.01)).sample(half, seed) + rising("", 0.08, iid(0.006)).sample(half, seed)
    started = time.perf_counter()
    verdicts_on_samples(drawn, jobs)
    many = time.perf_counter() - started
    long_ones = (flat("", autoregressive(0.97, 0.01), LONG), rising("", 0.1, iid(0.01), LONG))
    longest = max(_seconds(family, seed) for family in long_ones for _ in range(2))
    name = f"{MANY:,} curves of 100 epochs, {jobs} process{'es' * (jobs > 1)}"
    return Section([Goal(name, many, 15, True, " s"), Goal(f"a curve of {LONG:,} epochs", longest, 1, True, " s")])


def _seconds(family: Family, seed: int) -> float:
    (drawn,) = family.sample(1, seed)
    started = time.perf_counter()
    verdict_on_sample(drawn)
    return time.perf_counter() - started
