"""One statement on each model: one that is clearly worse than a tied model is not called tied itself.

The tie with the best model is corrected for all comparisons with it. Regularisers are compared with one model
without them, and baselines with the best network. These are fewer comparisons, so they may show a difference that
the tie does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gengap.analysis.effects import RegularizerEffect, SizeAnalysis
from gengap.stats.comparison import LEVEL, Comparison, Rank
from gengap.text.catalog import Message

Pair = tuple[str, str]  # the better run, the worse run


def clear_differences(
    effects: Iterable[RegularizerEffect], baselines: Iterable[Comparison], networks: Sequence[str]
) -> Iterator[Pair]:
    """Yield the pairs of runs that a comparison shows to differ.

    Args:
        effects: Effects of regularisers.
        baselines: Each baseline compared with the best network.
        networks: All networks: a baseline that is better than the best one is better than each.
    """
    for effect in effects:
        if effect.kind != "early-stopping" and effect.loss.adjusted < 1 - LEVEL:
            run, base = effect.run, effect.against
            yield (run, base) if effect.loss.difference < 0 else (base, run)
    for found in baselines:
        if found.adjusted < 1 - LEVEL:
            yield from ((found.a, each) for each in networks) if found.difference < 0 else ((found.b, found.a),)


def separate(ranks: Sequence[Rank], clear: Iterable[Pair]) -> tuple[Rank, ...]:
    """Return the ranks with runs that are clearly worse than a tied one in a group of their own, behind the tie."""
    tied = {rank.run for rank in ranks if rank.group == 1}
    worse = {run for better, run in clear if better in tied and run in tied} - {rank.run for rank in ranks[:1]}
    if not worse:
        return tuple(ranks)
    return tuple(
        msgspec.structs.replace(rank, group=rank.group + (rank.group > 1 or rank.run in worse)) for rank in ranks
    )


def with_doubt(sizes: SizeAnalysis | None, ranks: Iterable[Rank]) -> SizeAnalysis | None:
    """Return the analysis of sizes, which says if the largest is not clearly better than all smaller ones."""
    if sizes is None or not sizes.still_improving:
        return sizes
    tied = {rank.run for rank in ranks if rank.group == 1}
    *smaller, largest = (size.run for size in sizes.results)
    near = tuple(run for run in smaller if run in tied)
    if largest not in tied or not near:
        return sizes
    values = {**sizes.finding.parameters, "near": near}
    return msgspec.structs.replace(sizes, finding=Message("conclusion-size-growing-unsure", values))
