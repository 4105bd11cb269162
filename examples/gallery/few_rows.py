"""The same training, validated on 50 to 12,800 rows: few rows show little.

    python -m examples.gallery.few_rows docs/figures/gallery-few-rows.png

Least squares by gradient descent in NumPy. The expected error on new rows follows from the weights.
"""

from __future__ import annotations

import sys

import numpy as np
from matplotlib.figure import Figure

from gengap.callbacks import Monitor
from gengap.diagnose.verdict import Verdict

EPOCHS, COLUMNS = 150, 60
COUNTS = (50, 200, 800, 3_200, 12_800)


def table(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = random.normal(size=(rows, COLUMNS))
    return x, x[:, 0] + 0.5 * random.normal(size=rows)


def train() -> np.ndarray:
    """Return the weights after each epoch, (epochs, columns)."""
    x, y = table(np.random.default_rng(0), 120)
    weights, by_epoch = np.zeros(COLUMNS), []
    for _ in range(EPOCHS):
        weights = weights - 0.05 * x.T @ (x @ weights - y) / len(y)
        by_epoch.append(weights)
    return np.array(by_epoch)


def verdict_with(weights: np.ndarray, rows: int) -> Verdict:
    """Return the verdict of a monitor with this number of validation rows."""
    x, y = table(np.random.default_rng(rows), rows)
    monitor = Monitor(run=f"{rows:,} rows")
    for epoch, at in enumerate(weights):
        monitor.log(epoch, rows=(x @ at - y) ** 2)
    return monitor.verdict


def main(picture: str) -> list[Verdict]:
    """Draw each verdict's interval of the rise and the truth."""
    weights = train()
    true = 0.25 + ((weights - np.eye(COLUMNS)[0]) ** 2).sum(axis=1)  # the expected squared error of new rows
    rise = 100 * (true[-1] / true.min() - 1)
    verdicts = [verdict_with(weights, rows) for rows in COUNTS]
    figure = Figure((8, 3.4), dpi=80, layout="constrained")
    ax = figure.add_subplot()
    for i, verdict in enumerate(verdicts):
        assert verdict.rise_percent is not None
        low, middle, high = verdict.rise_percent
        ax.errorbar([middle], [i], xerr=[[middle - low], [high - middle]], fmt="o", capsize=4, color="#D55E00")
        print(verdict, verdict.rise_percent)
    ax.axvline(rise, color="black", linestyle="--", label=f"truth: {rise:.1f}%")
    ax.set_yticks(range(len(verdicts)), [str(verdict) for verdict in verdicts])
    ax.set_xlabel("rise of validation loss from its lowest point to the end, in percent")
    ax.legend(frameon=False)
    figure.savefig(picture)
    return verdicts


if __name__ == "__main__":
    main(sys.argv[1])
