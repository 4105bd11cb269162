"""How the tests save time: each of these is off where a test is about it.

Programs run for moments, so XLA's optimiser takes more time than it saves. Boosted trees and pictures take half of
a small study's time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gengap.report import conclusion_plots, plots
from gengap.train import baselines

FEW = {"HistGradientBoosting": {"max_iter": 10}, "ExtraTrees": {"n_estimators": 10}}
_trees = baselines._trees  # pyright: ignore[reportPrivateUsage]
_save_figures, _save_plots = plots.save_figures, conclusion_plots.save_conclusion_plots


def _few_trees(kind: str, task: Any, settings: Any, seed: int) -> Any:
    return _trees(kind, task, {**settings, **FEW[kind]}, seed)


@contextmanager
def light_studies() -> Iterator[None]:
    """Let studies fit few trees and draw nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "_trees", _few_trees)
        patch.setattr(baselines, "has_catboost", lambda: False)  # whether it is installed or not
        patch.setattr(plots, "save_figures", lambda *_, **__: [])
        patch.setattr(conclusion_plots, "save_conclusion_plots", lambda *_: [])
        yield


@contextmanager
def studies_as_for_users() -> Iterator[None]:
    """Let studies fit all trees and draw all pictures, as for a user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "_trees", _trees)
        patch.setattr(plots, "save_figures", _save_figures)
        patch.setattr(conclusion_plots, "save_conclusion_plots", _save_plots)
        yield


@contextmanager
def fusion_emitters() -> Iterator[None]:
    """Compile with XLA's fusion emitters: with them two programs of the same sums give the same bits."""
    from gengap.train.jax import compilation

    options = compilation.compiler_options

    def with_emitters(parameters: int, short: bool) -> dict[str, Any]:
        return {**options(parameters, short), "xla_cpu_use_fusion_emitters": True}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compilation, "_programs", OrderedDict())
        patch.setattr(compilation, "compiler_options", with_emitters)
        yield


@contextmanager
def optimised() -> Iterator[None]:
    """Compile as for a user, with XLA's optimiser and its fusion emitters."""
    import jax

    before = jax.config.read("jax_disable_most_optimizations")
    with fusion_emitters():
        jax.config.update("jax_disable_most_optimizations", False)
        try:
            yield
        finally:
            jax.config.update("jax_disable_most_optimizations", before)
