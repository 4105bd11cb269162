"""Four sizes of one model on 500 simulated collisions: the bigger, the sooner validation turns.

    python -m examples.gallery.sizes docs/figures/gallery-sizes.png

It takes some ten seconds.
"""

from __future__ import annotations

import sys

import gengap

EPOCHS = 100


def main(picture: str) -> gengap.Study:
    """Trains the sizes of the plan `quick`, says how each did, and draws their curves."""
    plan = gengap.load_plan("quick").only("sizes/*").capped(EPOCHS)
    found = gengap.study("collider", plan, train=500, validation=500)
    for trial in found.trials:
        print(trial.run, trial.metrics["validation"]["binary_crossentropy"], trial.verdict)
    figure = found.plot("sizes", log_epochs=True).get_figure(root=True)
    assert figure is not None
    figure.set_size_inches(8, 4)
    figure.savefig(picture, dpi=72)
    return found


if __name__ == "__main__":
    main(sys.argv[1])
