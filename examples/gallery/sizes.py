"""Four sizes of one model on 500 simulated collisions: larger models turn sooner.

    python -m examples.gallery.sizes docs/figures/gallery-sizes.png

It takes about ten seconds.
"""

from __future__ import annotations

import sys

import gengap

EPOCHS = 100


def main(picture: str) -> gengap.Study:
    """Train the sizes of the plan `quick`, print their results, and draw their curves."""
    plan = gengap.load_plan("quick").only("sizes/*").with_max_epochs(EPOCHS)
    study = gengap.study("collider", plan, train=500, validation=500)
    for trial in study.trials:
        print(trial.run, trial.metrics["validation"]["binary_crossentropy"], trial.verdict)
    figure = study.plot("sizes", log_epochs=True).get_figure(root=True)
    assert figure is not None
    figure.set_size_inches(8, 4)
    figure.savefig(picture, dpi=72)
    return study


if __name__ == "__main__":
    main(sys.argv[1])
