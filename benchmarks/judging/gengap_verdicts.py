"""gengap's verdicts on simulated curves and on trained runs, from curves alone or with row losses."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from benchmarks.judging.curve_families import SampledCurves
from benchmarks.judging.trained_run import TrainedRun
from gengap.diagnose import diagnose
from gengap.diagnose.verdict import Verdict
from gengap.stats.curves import RowLosses


def verdict_on_sample(drawn: SampledCurves) -> Verdict:
    """Return the verdict on one simulated run."""
    name = "accuracy" if drawn.higher_is_better else "loss"
    curves = {f"val_{name}": drawn.validation}
    return diagnose(curves if drawn.train is None else {name: drawn.train, **curves})


def verdict_on_run(run: TrainedRun, with_rows: bool) -> Verdict:
    """Return the verdict on one run, from its losses as frameworks log them, with or without row losses."""
    rows = RowLosses(run.row_epochs, run.row_losses.astype(np.float32)) if with_rows else None
    return diagnose({"loss": run.train, "val_loss": run.validation}, rows=rows)


def verdicts_on_samples(drawn: Iterable[SampledCurves], jobs: int) -> list[Verdict]:
    """Return one verdict each, in order, from `jobs` processes."""
    return _map(verdict_on_sample, list(drawn), jobs)


def verdicts_on_runs(runs: Iterable[TrainedRun], with_rows: bool, jobs: int) -> list[Verdict]:
    """Return one verdict each, in order, from `jobs` processes."""
    return _map(partial(verdict_on_run, with_rows=with_rows), list(runs), jobs)


def _map(judge, items: list, jobs: int) -> list[Verdict]:
    if jobs == 1:
        return [judge(item) for item in items]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(judge, items, chunksize=8))
