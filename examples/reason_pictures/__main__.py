"""Draw the figures of docs/explain/reasons.md: where the numbers of each finding come from.

    python -m examples.reason_pictures docs/figures

The curves are simulated, mostly by `examples.verdict_gallery`, so the truth is known. Writes verdict-*.png.
"""

from __future__ import annotations

import sys
from pathlib import Path

from examples.reason_pictures.others import compared, disagree, refused, sampling_error
from examples.reason_pictures.own_curves import learns_on, level, recovered, rise, spikes, too_few_epochs

PICTURES = {
    "rise": rise,
    "learns-on": learns_on,
    "disagree": disagree,
    "too-few-epochs": too_few_epochs,
    "level": level,
    "recovered": recovered,
    "spikes": spikes,
    "sampling-error": sampling_error,
    "refused": refused,
    "beside": compared,
}


def main(folder: Path) -> None:
    """Write every figure into the folder."""
    for name, draw in PICTURES.items():
        draw().savefig(folder / f"verdict-{name}.png")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m examples.reason_pictures FOLDER")
    main(Path(sys.argv[1]))
