"""gengap's verdicts on drawn curves and on corpus runs, from curves alone or with the validation rows."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from benchmarks.judging.corpus import Run
from benchmarks.judging.families import PageDocument
from gengap.diagnose import diagnose
from gengap.diagnose.verdict import Verdict
from gengap.stats.row_losses import RowLosses


def verdict_on_sample(drawn: PageDocument) -> Verdict:
    """The verdict on one synthetic run."""
    name = "accuracy" if drawn.higher_is_better else "loss"
    curves = {f"val_{name}": drawn.validation}
    return diagnose(curves if drawn.train is None else {name: drawn.train, **curves})


def verdict_on_run(run: Run, with_rows: bool) -> Verdict:
    """The verdict on one run: its losses as frameworks log them, and its rows if asked for."""
    rows = RowLosses(run.row_epochs, run.row_losses.astype(np.float32)) if with_rows else None
    return diagnose({"loss": run.train, "val_loss": run.validation}, rows=rows)


def verdicts_on_samples(drawn: Iterable[PageDocument], jobs: int) -> list[Verdict]:
    """One verdict each, in order, on `jobs` processes."""
    return _mapped(verdict_on_sample, list(drawn), jobs)


def verdicts_on_runs(runs: Iterable[Run], with_rows: bool, jobs: int) -> list[Verdict]:
    """One verdict each, in order, on `jobs` processes."""
    return _mapped(partial(verdict_on_run, with_rows=with_rows), list(runs), jobs)


def _mapped(judge, items: list, jobs: int) -> list[Verdict]:
    if jobs == 1:
        return [judge(item) for item in items]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(judge, items, chunksize=8))
