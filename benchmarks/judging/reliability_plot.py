"""The reliability figure: stated probabilities compared with observed frequencies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.judging.scores import Reliability


def draw(curves: Mapping[tuple[str, str], Reliability], path: Path) -> None:
    """One panel for each probability, one line for each judge; dots grow with the runs in a bin."""
    names = list(dict.fromkeys(name for _, name in curves))
    figure = Figure(figsize=(4.2 * len(names), 4.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
        for judge, of in curves:
            if of == name:
                curve = curves[judge, of]
                filled = curve.counts > 0
                label = f"{judge.removeprefix('gengap, ')} (error {curve.expected_error:.3f})"
                (line,) = axes.plot(curve.stated[filled], curve.observed[filled], linewidth=1, label=label)
                sizes = 6 + 3 * curve.counts[filled]
                axes.scatter(curve.stated[filled], curve.observed[filled], sizes, color=line.get_color(), alpha=0.6)
        axes.set(
            xlabel=f"stated probability of {name}", ylabel=f"share truly {name}", xlim=(0, 1), ylim=(-0.02, 1.02)
        )
        axes.legend(loc="upper left", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
