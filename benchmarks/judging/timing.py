"""The timing part: many short curves, and one long one."""

from __future__ import annotations

import time

from benchmarks.judging.families import Family, autoregressive, flat, iid, rising
from benchmarks.judging.judged import verdict_on_sample, verdicts_on_samples
from benchmarks.judging.tables import Goal, Part

MANY, LONG = 1_000, 10_000


def measure(jobs: int, seed: int) -> Part:
    """Seconds for MANY curves of 100 epochs on `jobs` processes, and for a curve of LONG epochs: worst of four."""
    half = MANY // 2
    drawn = flat("", autoregressive(0.9, 0.01)).sample(half, seed) + rising("", 0.08, iid(0.006)).sample(half, seed)
    started = time.perf_counter()
    verdicts_on_samples(drawn, jobs)
    many = time.perf_counter() - started
    long_ones = (flat("", autoregressive(0.97, 0.01), LONG), rising("", 0.1, iid(0.01), LONG))
    longest = max(_seconds(family, seed) for family in long_ones for _ in range(2))
    name = f"{MANY:,} curves of 100 epochs, {jobs} process{'es' * (jobs > 1)}"
    return Part([Goal(name, many, 180, True, " s"), Goal(f"a curve of {LONG:,} epochs", longest, 1, True, " s")])


def _seconds(family: Family, seed: int) -> float:
    (drawn,) = family.sample(1, seed)
    started = time.perf_counter()
    verdict_on_sample(drawn)
    return time.perf_counter() - started
