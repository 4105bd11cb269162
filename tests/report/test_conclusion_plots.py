"""The pictures of a study's conclusions: no legend covers what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from report.page_made import comparison, study_made

from gengap.analysis.effects import RegularizerEffect, SizeAnalysis, SizeResult
from gengap.models import L1, L2, Dropout, LabelSmoothing, Mixup, Noise, WeightDecay
from gengap.models.treatments import AnyTreatment
from gengap.report.conclusion_plots import plot_learning_curve, plot_sizes, plot_strengths
from gengap.text.catalog import Message

TREATMENTS: tuple[Callable[[float], AnyTreatment], ...] = (
    L1,
    L2,
    Dropout,
    WeightDecay,
    Noise,
    Mixup,
    LabelSmoothing,
)


def effects() -> Iterator[RegularizerEffect]:
    for i, kind in enumerate(TREATMENTS):
        for strength in (1e-4, 1e-3, 1e-2, 0.1, 0.9):
            loss = comparison(f"{kind}", "b", 0.05 * (i % 3 - 1))  # no corner is free
            yield RegularizerEffect(
                run=loss.a, against="b", kind="treatment", treatments=(kind(strength),), loss=loss,
                gap=0.1, gap_without=0.2, seconds=1, cost=1,
            )  # fmt: skip


def sizes() -> SizeAnalysis:
    results = tuple(
        SizeResult(
            run=f"{i}", parameters=10**i, train=(loss - 0.01, loss, loss + 0.01), validation=(0.5, 0.55, 0.6)
        )
        for i, loss in enumerate(np.linspace(0.6, 0.4, 7).tolist())
    )
    finding = Message("conclusion-size-best", {"run": "3", "parameters": 1000, "smaller": False})
    return SizeAnalysis(results=results, smallest="3", best="3", still_improving=False, finding=finding)


def forecast(ax: Axes | None = None) -> Axes:
    curve = study_made()[0].more_rows
    assert curve is not None
    return plot_learning_curve(curve, ax)


def points(ax: Axes) -> np.ndarray:
    """All points of lines and ends of error bars, (points, 2) in pixels."""
    lines = [np.asarray(line.get_xydata()) for line in ax.get_lines() if line.get_transform() == ax.transData]
    bars = [
        np.asarray(s) for each in ax.collections if isinstance(each, LineCollection) for s in each.get_segments()
    ]
    return ax.transData.transform(np.concatenate(lines + bars))


PLOTS = {
    "sizes": partial(plot_sizes, sizes()),
    "strengths": partial(plot_strengths, tuple(effects())),
    "rows": forecast,
}


@pytest.mark.parametrize("kind", PLOTS)
def test_the_legend_covers_no_point_and_is_in_the_picture(kind: str) -> None:
    ax = PLOTS[kind]()
    figure, legend = ax.get_figure(root=True), ax.get_legend()
    assert figure is not None and legend is not None
    figure.draw_without_rendering()
    box, whole, drawn = legend.get_window_extent(), figure.bbox, points(ax)
    assert len(drawn) >= 5 and not [at for at in drawn if box.contains(*at)]
    assert whole.x0 <= box.x0 and whole.y0 <= box.y0 and box.x1 <= whole.x1 and box.y1 <= whole.y1
