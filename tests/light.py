"""How the tests save time: each of these is off where a test is about it.

Programs run for moments, so XLA's optimiser takes more time than it saves. Boosted trees and pictures of curves
take half of a small study's time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gengap.report import plots
from gengap.train import baselines

ITERATIONS = 10  # of boosted trees, and number of extra trees
EXTRA = dict(baselines.EXTRA)
_trees, _save_figures = baselines._trees, plots.save_figures  # pyright: ignore[reportPrivateUsage]


def _few_trees(task: Any, settings: Any, seed: int) -> Any:
    return _trees(task, {**settings, "max_iter": ITERATIONS}, seed)


@contextmanager
def light_studies() -> Iterator[None]:
    """Let studies fit few trees and draw no curves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "_trees", _few_trees)
        patch.setitem(baselines.EXTRA, "n_estimators", ITERATIONS)
        patch.setattr(baselines, "has_catboost", lambda: False)  # whether it is installed or not
        patch.setattr(plots, "save_figures", lambda *_, **__: [])
        yield


@contextmanager
def studies_as_for_users() -> Iterator[None]:
    """Let studies fit all trees and draw all curves, as for a user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "_trees", _trees)
        patch.setattr(baselines, "EXTRA", EXTRA)
        patch.setattr(plots, "save_figures", _save_figures)
        yield


@contextmanager
def optimised() -> Iterator[None]:
    """Compile as for a user, with XLA's optimiser."""
    import jax

    from gengap.train.jax import compilation

    before = jax.config.read("jax_disable_most_optimizations")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compilation, "_programs", OrderedDict())
        jax.config.update("jax_disable_most_optimizations", False)
        try:
            yield
        finally:
            jax.config.update("jax_disable_most_optimizations", before)
