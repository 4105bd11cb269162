"""The text of docs/benchmarks.md. Every number in it comes from one run."""

from __future__ import annotations

import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.speed_result import HEADINGS, Result
from gengap.files.limits import usable_cores

PACKAGES = ("keras", "jax", "jaxlib", "tensorflow", "numpy", "pyarrow", "isal")

PAGE = """# Benchmarks

Made by `make bench` (`python -m benchmarks --docs FILE`) from one run. Don't edit it.

{table}

Machine: {machine}. Trained on {rows}. Seconds for the whole run: {seconds:.0f}.

## How it is measured
- Every program runs in its own process and warms up. Then gengap and the peer take turns, {pairs} of each. A
  ratio compares two neighbouring turns. The table shows medians, and for ratios with a bound also the smallest and
  the largest.
- Training: 10,000 rows of 28 features, batch 500, validation on 1,000 rows every epoch, Adam with the
  tutorial's decay, a stopping rule on validation. gengap also evaluates 1,000 training rows in inference mode.
- A turn of training takes about 1.5 s, without compilation and set-up. A Keras turn is timed from the end of its
  first epoch, a gengap turn from the end of its first chunk (one epoch). Figures for threads are whole trials,
  compiled before.
- The tutorial is our rewrite of its code for today's Keras and TensorFlow, with its tf.data pipeline and its
  early-stopping and TensorBoard callbacks. Keras on JAX gets arrays and no TensorBoard callback.
- The CNN has 1,437 images of 8 x 8 pixels, shifted anew in every batch of 32; the GRU has 1,600 texts of 50 words.
  `fit` doesn't compile models that hold Keras' augmentation layers. Here it may, else it is over 100 times slower.
- The share of a matrix product counts only the floating-point operations of matrix products:
  trained rows x (6P - 2F) + evaluated rows x 2P, with P kernel parameters, F of them in the first layer.
- bfloat16 products, on CPUs that have them: `--precision bfloat16` against `--precision float32` in the same
  program. What they change in losses and verdicts: `python -m benchmarks.precision`.
- Reading: {csv_rows:,} rows in HIGGS's text format, gzipped, read to the end. The tutorial reads
  batches of 500.
- Starting: wall seconds of a whole process, the minimum of ten, because other load can only add.
"""


def table(results: list[Result]) -> str:
    """A Markdown table."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(result.cells() for result in results)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def machine() -> str:
    """Processor, cores, system, Python and the packages that matter."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES if find_spec(name))
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{_processor()}, {usable_cores()} cores, {system}, {packages}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
