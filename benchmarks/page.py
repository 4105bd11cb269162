"""The text of docs/benchmarks.md, filled in whole from one run: no number in it is typed by hand."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks.result import HEADINGS, Result
from gengap.files.limits import usable_cores

PACKAGES = ("keras", "jax", "jaxlib", "tensorflow", "numpy", "pyarrow", "isal")

PAGE = """# Benchmarks

Made by `make bench` (`python -m benchmarks --docs FILE`) from one run; don't edit.

{table}

Machine: {machine}. Trained on {rows}. Seconds for the whole run: {seconds:.0f}.

## How it is measured
- Every program runs in a process of its own, warms up, and then waits. Turns alternate, gengap's and the
  peer's, {pairs} of each; a ratio belongs to one pair of neighbouring turns. Shown are medians, and for what is
  held against the bound also the smallest and the largest.
- Training: 10,000 rows of 28 features, batch 500, validation on 1,000 rows every epoch, Adam with the
  tutorial's decay, a stopping rule that watches validation. gengap also evaluates 1,000 training rows cleanly.
- A turn of training lasts about 1.5 s. Compilation and set-up count on neither side: a Keras turn is timed
  from the end of its first epoch, a gengap turn from the end of its first chunk (one epoch). Figures of
  threads are whole trials, compiled before.
- The tutorial is our rewrite of its code on today's Keras and TensorFlow, with its tf.data pipeline and its
  early stopping and TensorBoard callbacks. Keras on JAX gets arrays and no TensorBoard callback.
- The share of a matrix product counts the floating-point operations of the matrix products only:
  rows trained x (6P - 2F) + rows evaluated x 2P, with P kernel parameters, F of them in the first layer.
- Reading: {csv_rows:,} rows in HIGGS's text format, gzipped, read to the end; the tutorial's rows are taken in
  batches of 500.
- Starting: wall seconds of a whole process, the least of ten, because other load can only add.
"""


def table(results: list[Result]) -> str:
    """A Markdown table."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(result.cells() for result in results)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def machine() -> str:
    """Processor, cores, system, Python and the packages that matter."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{_processor()}, {usable_cores()} cores, {system}, {packages}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
