"""The speed figures. Each is a small function from the inputs to results. `FIGURES` names them in order.

Training is measured in paired turns of about 1.5 s, without compilation and the first epochs of either side.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from benchmarks.inputs import TRAIN_ROWS, VALIDATION_ROWS, write_csv
from benchmarks.peers.matmul import ROWS, WIDTH
from benchmarks.speed_result import Result
from benchmarks.turns import Peer
from gengap.train.precision import cpu_multiplies_bfloat16

STARTS = 10
LARGE = (28, 512, 512, 512, 512, 1)  # features, hidden units, output
TUTORIAL = "tutorial on Keras/TensorFlow"
BY_TENSORFLOW = {"tiny-tutorial", "medium-tutorial", "large-tutorial", "csv"}  # figures with a peer on TensorFlow


@dataclass(frozen=True)
class BenchmarkInputs:
    """Inputs of every figure: the file of arrays, the number of pairs of turns, and a folder to write in."""

    arrays: Path
    pairs: int
    folder: Path


def training(name: str, size: str, module: str, peer: str, floor: float, run: BenchmarkInputs) -> list[Result]:
    """Compare the training of one size with a peer: ms per epoch, and how many times faster gengap is."""
    backend = "tensorflow" if module.endswith("tensorflow") else "jax"
    with Peer("gengap_training", run.arrays, size) as us, Peer(module, run.arrays, size, backend=backend) as them:
        epochs, their_epochs = us.warm_up(), them.warm_up()
        ours, theirs = _alternate(run.pairs, lambda: us.turn(epochs), lambda: them.turn(their_epochs))
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return [Result(name, f"{size}, time per epoch", peer, "ms", _ms(ours), _ms(theirs), ratios, floor)]


def any_model(name: str, title: str, floor: float, run: BenchmarkInputs) -> list[Result]:
    """Compare the training of a user's own model with Keras' `fit`; the title has the time of the first epoch."""
    with Peer("gengap_any_model", name) as us, Peer("keras_any_model", name) as them:
        first, their_first = us.turn(1), them.turn(1)  # with compilation
        epochs, their_epochs = us.warm_up(), them.warm_up()
        ours, theirs = _alternate(run.pairs, lambda: us.turn(epochs), lambda: them.turn(their_epochs))
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    title = f"{title}, time per epoch (the first one with compilation: {first:.1f} s, Keras {their_first:.1f} s)"
    return [Result(name, title, "Keras fit on JAX", "ms", _ms(ours), _ms(theirs), ratios, floor)]


def flops_per_epoch(widths: tuple[int, ...] = LARGE) -> int:
    """Count the floating-point operations of an epoch's matrix products.

    With P kernel parameters and F in the first kernel: a training row costs 2P forward, 2P for the weights'
    gradients and 2(P - F) for the inputs' (features need none). An evaluated row costs 2P. An epoch trains on
    10,000 rows and evaluates 2,000: 1,000 for validation, 1,000 for the clean training sample. Biases,
    activations and the optimizer are not counted, but their time is included.
    """
    kernels = [a * b for a, b in pairwise(widths)]
    total = sum(kernels)
    return TRAIN_ROWS * (6 * total - 2 * kernels[0]) + 2 * VALIDATION_ROWS * 2 * total


def matmul(run: BenchmarkInputs) -> list[Result]:
    """Measure Large's GFLOP/s as a share of a plain matrix product's, in NumPy and in JAX."""
    shares = []
    with Peer("gengap_training", run.arrays, "Large") as us, Peer("matmul") as them:
        epochs = us.warm_up()
        for library in ("numpy", "jax"):
            ours, theirs = _alternate(run.pairs, lambda: us.turn(epochs), partial(them.turn, library))
            speeds = [flops_per_epoch() / s / 1e9 for s in ours]
            plain = [2 * ROWS * WIDTH**2 / s / 1e9 for s in theirs]
            ratios = [a / b for a, b in zip(speeds, plain, strict=True)]
            title, peer = "Large, share of a matrix product", f"{library} {ROWS}x{WIDTH} @ {WIDTH}x{WIDTH}"
            shares.append(Result("large-matmul", title, peer, "GFLOP/s", speeds, plain, ratios, 0.85))
    return shares


def dropout(run: BenchmarkInputs) -> list[Result]:
    """Measure the cost of dropout 0.5 after every hidden layer of Large."""
    with (
        Peer("gengap_training", run.arrays, "Large", 0.5) as dropped,
        Peer("gengap_training", run.arrays, "Large") as plain,
    ):
        epochs = min(dropped.warm_up(), plain.warm_up())
        ours, theirs = _alternate(run.pairs, lambda: dropped.turn(epochs), lambda: plain.turn(epochs))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    title, peer = "Large + dropout 0.5, time per epoch", "gengap, Large"
    return [Result("dropout", title, peer, "ms", _ms(ours), _ms(theirs), ratios, 1.15, at_most=True)]


def bfloat16(name: str, rate: float, run: BenchmarkInputs) -> list[Result]:
    """Compare the training of Large with bfloat16 products and with float32, without or with dropout."""
    large = ("gengap_training", run.arrays, "Large", rate)
    with Peer(*large, "bfloat16") as us, Peer(*large, "float32") as them:
        epochs = min(us.warm_up(), them.warm_up())
        ours, theirs = _alternate(run.pairs, lambda: us.turn(epochs), lambda: them.turn(epochs))
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    title = f"Large{f' + dropout {rate}' if rate else ''}, bfloat16 products, time per epoch"
    return [Result(name, title, "gengap, float32", "ms", _ms(ours), _ms(theirs), ratios, 1.8)]


def threads(size: str, run: BenchmarkInputs) -> list[Result]:
    """Measure two trials in two threads: epochs per second, compared with one trial alone."""
    with Peer("gengap_training", run.arrays, size) as us:
        epochs = us.warm_up()
        two, one = _alternate(run.pairs, lambda: us.turn(f"{epochs} 2"), lambda: us.turn(f"{epochs} 1"))
    ours, theirs = [2 * epochs / s for s in two], [epochs / s for s in one]
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    title, peer = f"two {size} trials in two threads, throughput", "one trial"
    return [Result(f"threads-{size.lower()}", title, peer, "epochs/s", ours, theirs, ratios, 1.6)]


def csv(run: BenchmarkInputs) -> list[Result]:
    """Measure rows per second of a csv.gz in the format of HIGGS, read to its end."""
    path = write_csv(run.folder / "HIGGS-like.csv.gz")
    with Peer("csv_gengap", path) as us, Peer("csv_tensorflow", path, backend="tensorflow") as them:
        us.turn()  # the first turns warm up
        them.turn()
        ours, theirs = _alternate(run.pairs, us.turn, them.turn)
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return [Result("csv", "reading csv.gz", "tutorial's CsvDataset", "rows/s", ours, theirs, ratios, 9)]


def start(name: str, title: str, command: list[str], run: BenchmarkInputs) -> list[Result]:
    """Measure wall seconds of a whole process and of a bare Python: the minimum of ten, because load only adds."""
    ours, theirs = _alternate(STARTS, lambda: _wall(command), lambda: _wall(["-c", "pass"]))
    return [Result(name, title, "python -c pass", "s", ours, theirs, ours, 0.3, at_most=True, statistic="minimum")]


def _wall(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _alternate(
    pairs: int, ours: Callable[[], float], theirs: Callable[[], float]
) -> tuple[list[float], list[float]]:
    turns = [(ours(), theirs()) for _ in range(pairs)]
    return [a for a, _ in turns], [b for _, b in turns]


def _ms(seconds: list[float]) -> list[float]:
    return [1e3 * s for s in seconds]


FIGURES: dict[str, Callable[[BenchmarkInputs], list[Result]]] = {
    "tiny-tutorial": partial(training, "tiny-tutorial", "Tiny", "tutorial_tensorflow", TUTORIAL, 50),
    "tiny-keras-jax": partial(training, "tiny-keras-jax", "Tiny", "keras_jax", "Keras fit on JAX", 6),
    "medium-tutorial": partial(training, "medium-tutorial", "Medium", "tutorial_tensorflow", TUTORIAL, 4.5),
    "large-tutorial": partial(training, "large-tutorial", "Large", "tutorial_tensorflow", TUTORIAL, 1.4),
    "large-matmul": matmul,
    "dropout": dropout,
    "threads-tiny": partial(threads, "Tiny"),
    "threads-medium": partial(threads, "Medium"),
    "digits": partial(any_model, "digits", "CNN for digits with augmentation", 3),
    "gru": partial(any_model, "gru", "GRU for texts with word dropout", 2),
    "csv": csv,
    "import": partial(start, "import", "import gengap", ["-c", "import gengap"]),
}
if cpu_multiplies_bfloat16():
    FIGURES["bfloat16"] = partial(bfloat16, "bfloat16", 0.0)
    FIGURES["bfloat16-dropout"] = partial(bfloat16, "bfloat16-dropout", 0.5)
if find_spec("gengap.__main__"):
    FIGURES["help"] = partial(start, "help", "gengap --help", ["-m", "gengap", "--help"])
