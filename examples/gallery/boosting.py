"""Verdicts on scikit-learn's boosted trees at three learning rates, from their staged losses.

    python -m examples.gallery.boosting docs/figures/gallery-boosting.png

Any list of losses gets a verdict. gengap trains nothing here. One round of boosting counts as an epoch.
"""

from __future__ import annotations

import sys

import numpy as np
from matplotlib.figure import Figure
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import log_loss

import gengap
from gengap.data import collider

ROUNDS, RATES = 120, (0.01, 0.05, 0.5)


def staged_losses(rate: float) -> dict[str, list[float]]:
    """Return training and validation loss after each round."""
    x, y = collider.events(1_500, seed=0)
    train, validation = (x[:500], y[:500]), (x[500:], y[500:])
    model = GradientBoostingClassifier(n_estimators=ROUNDS, learning_rate=rate, random_state=0).fit(*train)
    return {
        name: [float(log_loss(labels, p)) for p in model.staged_predict_proba(rows)]
        for name, (rows, labels) in {"train": train, "validation": validation}.items()
    }


def main(picture: str) -> list[gengap.Verdict]:
    """Draw the curves with their verdicts as titles."""
    figure, verdicts = Figure((10, 3.2), dpi=80, layout="constrained"), []
    for ax, rate in zip(figure.subplots(1, len(RATES), sharey=True), RATES, strict=True):
        losses = staged_losses(rate)
        verdict = gengap.diagnose(losses)
        ax.plot(np.arange(ROUNDS), losses["train"], label="training")
        ax.plot(np.arange(ROUNDS), losses["validation"], "--", label="validation")
        ax.set_title(f"rate {rate}: {verdict.verdict} {verdict.confidence:.0%}")
        ax.set_xlabel("round")
        verdicts.append(verdict)
        print(f"rate {rate}:", *verdict.findings, *verdict.advice, sep="\n  - ")
    figure.axes[0].set_ylabel("cross-entropy")
    figure.axes[0].legend(frameon=False)
    figure.savefig(picture)
    return verdicts


if __name__ == "__main__":
    main(sys.argv[1])
