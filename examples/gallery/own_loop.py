"""Your own training loop with `Monitor`: the probability of each verdict, epoch by epoch.

    python -m examples.gallery.own_loop docs/figures/gallery-own-loop.png

Least squares by gradient descent in NumPy, on 60 rows of 60 columns, validated on 400.
"""

from __future__ import annotations

import sys

import numpy as np
from matplotlib.figure import Figure

from gengap.callbacks import Monitor

EPOCHS, EVERY = 120, 4
COLOURS = {"underfit": "#0072B2", "good": "#009E73", "near-overfit": "#E69F00", "overfit": "#D55E00"}


def train() -> tuple[Monitor, dict[int, dict[str, float]]]:
    """Return the monitor at the end, and each verdict's probability at every fourth epoch."""
    random = np.random.default_rng(0)
    x, x_validation = random.normal(size=(60, 60)), random.normal(size=(400, 60))
    y, y_validation = (a[:, 0] + 0.5 * random.normal(size=len(a)) for a in (x, x_validation))
    weights, monitor, probabilities = np.zeros(60), Monitor(), {}
    for epoch in range(EPOCHS):
        weights -= 0.05 * x.T @ (x @ weights - y) / len(y)
        rows = (x_validation @ weights - y_validation) ** 2
        monitor.log(epoch, train=np.mean((x @ weights - y) ** 2), rows=rows)
        if epoch >= 8 and epoch % EVERY == 0:
            probabilities[epoch] = monitor.verdict.probabilities
    return monitor, probabilities


def main(picture: str) -> Monitor:
    """Draw the curves, and below them the probabilities at each epoch."""
    monitor, probabilities = train()
    print(monitor.verdict, *monitor.verdict.findings, sep="\n  - ")
    figure = Figure((8, 5), dpi=80, layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    for split, line in (("train", "-"), ("validation", "--")):
        series = monitor.history[split, "loss"]
        above.plot(series.epochs, series.values, line, label=split)
    above.set_ylabel("squared error")
    below.stackplot(
        list(probabilities),
        [[p[name] for p in probabilities.values()] for name in COLOURS],
        colors=COLOURS.values(),
    )
    for name, colour in COLOURS.items():
        below.plot([], [], linewidth=6, color=colour, label=name)
    below.set(xlabel="epoch", ylabel="probability", ylim=(0, 1))
    for ax in (above, below):
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(picture)
    return monitor


if __name__ == "__main__":
    main(sys.argv[1])
