"""Compare forecasts of the effect of more training rows with the truth: gengap, and least squares with a bootstrap.

    python -m benchmarks.extrapolation [--process NAME]... [--repetitions 50] [--rows N]... [--seed N] [--json FILE]

Each repetition draws new rows of a process and trains a small network on nested subsets: N/16 to N rows, six sizes,
three seeds with their own subsets. N alternates between 1,000, 1,600 and 2,500. The method then states 90%
intervals for 4N and 10N rows. The truth is the mean loss on 100,000 further rows of three networks, each trained on
its own new 4N (10N) rows. Every network has the weights of its best epoch by 1,000 validation rows. For the
forecast, a row's loss is that at the best epoch by the other rows (`cross_fit_rows`). Otherwise it would be lower
than on new rows.

The prior was set on other seeds (9,000 and above), other networks and all eight processes of `judging.processes`.

A missed goal is printed as missed. It is not a failure. Exit status: 0 done, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
from rich.console import Console
from scipy.optimize import nnls

from benchmarks.judging.goal_tables import Goal, Section, Table
from benchmarks.judging.processes import PROCESSES, Process
from gengap.data import collider
from gengap.data.rows import Rows
from gengap.diagnose.trial_verdicts import row_losses
from gengap.models.backend import keras
from gengap.models.mlp import perceptron
from gengap.stats.learning_curve import LearningCurve, cross_fit_rows, fit_curve
from gengap.text.catalog import catalog
from gengap.train.jax import trainer as compiled
from gengap.train.stopping import Stopping
from gengap.train.types import TrainConfig

TIMES = (4, 10)
SIZES, SHRUNK, SEEDS, TRUE_SEEDS = 6, 16, 3, 3
VALIDATION, POPULATION, BLOCK = 1_000, 100_000, 20_000
UNITS, RATE, BATCH, EPOCHS, PATIENCE = (32, 32), 0.001, 100, 200, 40
COVERED = 0.8  # the goal for 90% intervals
BOOTSTRAP = 200
EXPONENTS = np.geomspace(0.05, 2, 40)
OURS, PEER = "gengap", "least squares, bootstrap"
BINARY = ("collider", "teacher", "clusters", "checkerboard")
PRESENT = (1_000, 1_600, 2_500)
SCORES = ("loss covered", "width", "gain covered", "width", "gain stated", "true", "refused")
NOTE = "Widths of 90% intervals, and gains (falls of the loss). Both are medians in percent of the present loss."


@dataclass(frozen=True)
class StatedForecast:
    """One method's 90% intervals (low, middle, high) for one multiple of the rows; None if it refused."""

    loss: tuple[float, ...] | None
    gain: tuple[float, ...] | None
    text: str = ""


@dataclass(frozen=True)
class Repetition:
    """One repetition: measured losses, stated forecasts and the truth, the latter by the multiple of the rows."""

    process: str
    seed: int
    sizes: list[int]
    means: list[float]
    present: float
    truth: dict[int, float]
    stated: dict[str, dict[int, StatedForecast]]
    seconds: float

    def gain(self, times: int) -> float:
        """Return the true fall of the loss on new rows, in percent."""
        return 100 * (1 - self.truth[times] / self.present)


class Task:
    """New rows of one process, and the networks trained on them."""

    def __init__(self, process: Process, rows: int, rng: np.random.Generator) -> None:
        self._rows = Rows(*process.draw(rows + VALIDATION + POPULATION + TRUE_SEEDS * sum(TIMES) * rows, rng))
        self._taken = 0
        self.train, self.validation, self.population = map(self.take, (rows, VALIDATION, POPULATION))

    def take(self, rows: int) -> Rows:
        """Return the next unused rows."""
        self._taken += rows
        return _chosen(self._rows, slice(self._taken - rows, self._taken))

    def fit(self, train: Rows, seed: int) -> tuple[np.ndarray, float]:
        """Train a network. Return its cross-fitted losses of validation rows, and its mean loss on new rows."""
        mean, sd = train.x.mean(axis=0), train.x.std(axis=0)

        def standardised(rows: Rows) -> Rows:
            return Rows((rows.x - mean) / np.where(sd > 1e-3, sd, 1), rows.y)

        model = network(train.x.shape[1], seed)
        job = TrainConfig(
            epochs=EPOCHS, batch=BATCH, stopping=Stopping(patience=PATIENCE, monitor="loss"), seed=seed
        )
        fitted = compiled.fit(model, standardised(train), standardised(self.validation), job)
        by_row = row_losses(fitted.output_epochs, fitted.outputs, self.validation.y).losses
        new = standardised(self.population)
        logits = np.concatenate([np.asarray(model(new.x[i : i + BLOCK])) for i in range(0, len(new), BLOCK)])
        return cross_fit_rows(by_row), float(row_losses(np.zeros(1), logits, new.y).losses.mean())


def _chosen(rows: Rows, which: np.ndarray | slice) -> Rows:
    return Rows(rows.x[which], rows.y[which])


def network(features: int, seed: int) -> keras.Model:
    """Return a network of two hidden layers of 32 units, with Adam at 0.001."""
    model = perceptron(UNITS, features=features, seed=seed)
    model.compile(keras.optimizers.Adam(RATE), keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def fresh(name: str, rng: np.random.Generator) -> Process:
    """Return a process by name. The collider simulates new rows."""
    if name != "collider":
        return PROCESSES[name](rng)
    return Process(name, "binary", 1, lambda rows, rng: collider.events(rows, seed=int(rng.integers(2**31))))


def repetition(name: str, rows: int, seed: int) -> Repetition:
    """Make one forecast and measure the truth."""
    started = time.perf_counter()
    rng = np.random.default_rng([seed, *name.encode()])
    task = Task(fresh(name, rng), rows, rng)
    sizes = np.round(np.geomspace(rows / SHRUNK, rows, SIZES)).astype(np.int64)
    first = int(rng.integers(100_000)) * 10
    orders = [rng.permutation(rows) for _ in range(SEEDS)]
    fits = [[task.fit(_chosen(task.train, order[:n]), first + s) for s, order in enumerate(orders)] for n in sizes]
    curve = LearningCurve(sizes, [np.stack([by_row for by_row, _ in of_size]) for of_size in fits])
    truth = {k: [task.fit(task.take(k * rows), first + SEEDS + s)[1] for s in range(TRUE_SEEDS)] for k in TIMES}
    return Repetition(
        process=name,
        seed=seed,
        sizes=sizes.tolist(),
        means=curve.means.tolist(),
        present=float(np.mean([loss for _, loss in fits[-1]])),
        truth={k: float(np.mean(losses)) for k, losses in truth.items()},
        stated={OURS: gengap_forecasts(curve), PEER: least_squares(curve, rng)},
        seconds=time.perf_counter() - started,
    )


def gengap_forecasts(curve: LearningCurve) -> dict[int, StatedForecast]:
    """Return gengap's forecasts."""
    fit = fit_curve(curve)
    forecasts = {k: fit.forecast(k) for k in TIMES}
    return {
        k: StatedForecast(each.loss, each.better_percent, catalog("en").render(each.finding))
        for k, each in forecasts.items()
    }


def least_squares(curve: LearningCurve, rng: np.random.Generator) -> dict[int, StatedForecast]:
    """Return the peer's forecasts: a + b n^-c by weighted least squares, with resampled seeds and rows."""
    losses, u = np.stack(curve.losses), np.log(curve.sizes / curve.sizes[-1])
    weights = 1 / np.maximum(losses.mean(axis=2).std(axis=1, ddof=1), 1e-3 * curve.means[-1])
    designs = [np.stack([weights, weights * np.exp(-c * u)], axis=1) for c in EXPONENTS]
    drawn: dict[int, list[tuple[float, float]]] = {k: [] for k in TIMES}
    for _ in range(BOOTSTRAP):
        seeds, rows = (rng.integers(size, size=size) for size in losses.shape[1:])
        means = losses[:, seeds].mean(axis=1)[:, rows].mean(axis=1)
        fits = [nnls(design, weights * means) for design in designs]
        best = int(np.argmin([error for _, error in fits]))
        (a, b), c = fits[best][0], EXPONENTS[best]
        for k in TIMES:
            drawn[k].append((a + b * k**-c, 100 * (b - b * k**-c) / (a + b)))
    stated = {k: np.quantile(drawn[k], (0.05, 0.5, 0.95), axis=0).T.tolist() for k in TIMES}
    return {k: StatedForecast(tuple(loss), tuple(gain)) for k, (loss, gain) in stated.items()}


def summary(found: list[Repetition]) -> Section:
    """Return goals for gengap's intervals, both methods' figures, and gengap's by the number of rows."""
    goals, lines, by_rows = [], [], []
    for process in dict.fromkeys(each.process for each in found):
        of = [each for each in found if each.process == process]
        for k in TIMES:
            lines += [(process, f"{k}x", method, *_line(of, k, method)[0]) for method in (OURS, PEER)]
            title = f"{process}, {k} times the rows: 90% intervals that cover the loss"
            goals.append(Goal(title, _line(of, k, OURS)[1], COVERED))
            for rows in sorted({each.sizes[-1] for each in of}):
                some = [each for each in of if each.sizes[-1] == rows]
                by_rows.append((process, f"{k}x", f"{rows:,} ({len(some)})", *_line(some, k, OURS)[0]))
    by_present = Table("gengap's, by the rows at present", ("process", "rows", "present", *SCORES), by_rows, NOTE)
    return Section(goals, [Table("Forecasts", ("process", "rows", "method", *SCORES), lines, NOTE), by_present])


def _line(found: list[Repetition], k: int, method: str) -> tuple[tuple[str, ...], float]:
    answered = [(each, each.stated[method][k]) for each in found if each.stated[method][k].loss]
    refused = f"{1 - len(answered) / len(found):.0%}"
    if not answered:
        return ("-",) * 6 + (refused,), 0.0
    truths = np.array([(each.truth[k], each.gain(k)) for each, _ in answered])
    stated = np.array([(one.loss, one.gain) for _, one in answered], dtype=np.float64)  # (n, 2, 3)
    covered = ((stated[..., 0] <= truths) & (truths <= stated[..., 2])).mean(axis=0)
    present = np.array([each.present for each, _ in answered])
    widths = np.median(np.ptp(stated, axis=2) * np.stack([100 / present, np.ones(len(present))], axis=1), axis=0)
    gains = np.median(stated[:, 1, 1]), np.median(truths[:, 1])
    cells = (f"{covered[0]:.2f}", f"{widths[0]:.1f}", f"{covered[1]:.2f}", f"{widths[1]:.1f}")
    return (*cells, *(f"{gain:.1f}" for gain in gains), refused), float(covered[0])


def measure(options: argparse.Namespace) -> Iterator[Repetition]:
    """Run every repetition of every process, and print each to standard error."""
    for name in options.process:
        for seed in range(options.seed, options.seed + options.repetitions):
            found = repetition(name, options.rows[seed % len(options.rows)], seed)
            truths = ", ".join(f"{k}x {loss:.4f}" for k, loss in found.truth.items())
            texts = "; ".join(one.text for one in found.stated[OURS].values())
            print(f"{name} {seed}, {found.seconds:.0f} s: {texts}; true: {truths}", file=sys.stderr)
            yield found


def main() -> int:
    options = _options()
    found = list(measure(options))
    part = summary(found)
    console = Console(width=None if sys.stdout.isatty() else 200)
    for table in (part.goal_table, *part.tables):
        table.show(console)
    console.print(NOTE)
    if options.json:
        document = {"schema": 1, "repetitions": [asdict(each) for each in found]}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extrapolation", description="Forecasts and truth.")
    parser.add_argument("--process", action="append", choices=BINARY, help="may be repeated; default: the collider")
    parser.add_argument("--repetitions", type=int, default=50, help="forecasts of each process")
    parser.add_argument("--rows", type=int, action="append", help="training rows; may be repeated to alternate")
    parser.add_argument("--seed", type=int, default=0, help="of the first repetition")
    parser.add_argument("--json", type=Path, help="write what was measured here")
    options = parser.parse_args()
    options.process, options.rows = options.process or ["collider"], options.rows or list(PRESENT)
    if options.repetitions < 1 or min(options.rows) < 10 * SHRUNK or options.seed < 0:
        parser.error(f"--repetitions must be at least 1, --rows at least {10 * SHRUNK}, --seed at least 0")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"{options.json}: this folder does not exist; create it first")
    return options


if __name__ == "__main__":
    sys.exit(main())
