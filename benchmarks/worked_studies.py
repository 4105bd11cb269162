"""Studies of generated images, texts and series: is the recommended treatment right on fresh rows?

    python -m benchmarks.worked_studies [seeds]

Every seed draws other rows. The truth is measured on 4,000 fresh rows: a treatment helps if it lowers the loss of
the same model by at least 3%. The study is right if the treatment that it finds best is one that helps.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import gengap
from gengap import Plan, Trial, models
from gengap.models.backend import keras
from gengap.models.row_losses import RowValues, guess_loss
from gengap.plan import Recipe
from gengap.train.recipe import Constant
from gengap.train.stopping import Stopping

L = keras.layers
Rows = tuple[np.ndarray, np.ndarray]
FRESH = 4_000
HELPS = 0.03  # of the loss


class Process(NamedTuple):
    """Rows that can be drawn again, a model for them, and treatments to try."""

    draw: Callable[[np.random.Generator, int], Rows]
    model: Callable[[], keras.Model]
    treatments: tuple[models.Treatment, ...]
    rows: int
    validation: int = 300


def images(random: np.random.Generator, rows: int) -> Rows:
    """Draw images of two shapes, a cross or a square, anywhere in 10 x 10 pixels, with noise."""
    y = random.integers(2, size=rows)
    cross, square = np.zeros((4, 4)), np.zeros((4, 4))
    cross[1:3] = cross[:, 1:3] = 1
    square[[0, 3]] = square[:, [0, 3]] = 1
    x = 0.4 * random.normal(size=(rows, 10, 10, 1))
    for image, label, (row, column) in zip(x, y, random.integers(7, size=(rows, 2)), strict=True):
        image[row : row + 4, column : column + 4, 0] += (cross, square)[label]
    return x.astype("float32"), y


def image_model() -> keras.Model:
    hidden = [L.Conv2D(8, 3, activation="relu"), L.Flatten(), L.Dense(32, "relu")]
    return keras.Sequential([keras.Input((10, 10, 1)), *hidden, L.Dense(2, "softmax")])


def texts(random: np.random.Generator, rows: int) -> Rows:
    """Draw texts of 20 words: a few words of each class among 300 that say nothing."""
    y = random.integers(2, size=rows)
    x = random.integers(21, 321, size=(rows, 20))
    said = random.random(size=x.shape) < 0.15
    x[said] = (1 + random.integers(10, size=x.shape) + 10 * y[:, None])[said]
    return x, y.astype("float32")[:, None]


def text_model() -> keras.Model:
    start = keras.Input((20,), dtype="int32")
    hidden = [L.Embedding(321, 16), L.GlobalAveragePooling1D(), L.Dense(32, "relu")]
    return keras.Sequential([start, *hidden, L.Dense(1, "sigmoid")])


def orders(random: np.random.Generator, rows: int) -> Rows:
    """Draw texts of 20 words in which a word of one group comes before one of another, or after it: the class."""
    y = random.integers(2, size=rows)
    x = random.integers(21, 121, size=(rows, 20))
    places = np.sort(np.argsort(random.random(x.shape), 1)[:, :2], 1)
    groups = np.stack([y, 1 - y], 1)
    np.put_along_axis(x, places, 1 + random.integers(10, size=places.shape) + 10 * groups, 1)
    return x, y.astype("float32")[:, None]


def order_model() -> keras.Model:
    start = keras.Input((20,), dtype="int32")
    hidden = [L.Embedding(121, 8), L.GRU(16)]
    return keras.Sequential([start, *hidden, L.Dense(1, "sigmoid")])


def series(random: np.random.Generator, rows: int) -> Rows:
    """Draw two noisy series of 20 steps; the target is the difference of their means."""
    means = random.normal(size=(rows, 1, 2))
    x = means + random.normal(size=(rows, 20, 2))
    return x.astype("float32"), (means[:, 0, :1] - means[:, 0, 1:]).astype("float32")


def series_model() -> keras.Model:
    return keras.Sequential([keras.Input((20, 2)), L.Flatten(), L.Dense(64, "relu"), L.Dense(1)])


PROCESSES = {
    "images": Process(images, image_model, (models.L2(0.001), models.Dropout(0.3), models.Augment(shift=0.2)), 80),
    "texts": Process(
        texts, text_model, (models.L2(0.01), models.Dropout(0.5), models.WordDropout(0.3), models.Noise(0.1)), 150
    ),
    "orders": Process(
        orders,
        order_model,
        (models.L2(0.01), models.Dropout(0.3), models.WordDropout(0.2), models.RecurrentDropout(0.3)),
        600,
    ),
    "series": Process(series, series_model, (models.L2(0.01), models.Dropout(0.3), models.Noise(0.5)), 80),
}


class Answer(NamedTuple):
    """The treatment that a study finds best, and by how much each lowers the loss on fresh rows (as a share)."""

    best: str
    gains: dict[str, float]

    @property
    def right(self) -> bool:
        """Whether the best treatment helps; true as well if none helps and the study takes none."""
        if not any(gain >= HELPS for gain in self.gains.values()):
            return True
        return self.gains.get(self.best, 0.0) >= HELPS


def plan_of(process: Process) -> Plan:
    treated = tuple(
        Trial(run=f"regularizers/{each.__struct_config__.tag}", treatments=(each,))  # pyright: ignore
        for each in process.treatments
    )
    recipe = Recipe(batch=20, max_epochs=150, schedule=Constant(0.003), stopping=Stopping(patience=25))
    trials = (Trial(run="sizes/1x", aliases=("regularizers/none",)), *treated)
    return Plan(name="worked", trials=trials, recipe=recipe)


def study(name: str, seed: int) -> Answer:
    """Study fresh rows of a process, and measure the truth."""
    process, random = PROCESSES[name], np.random.default_rng((seed, len(name)))
    train, held_out, fresh = (process.draw(random, n) for n in (process.rows, process.validation, FRESH))
    with tempfile.TemporaryDirectory() as folder:
        found = gengap.study(train, plan_of(process), validation=held_out, model=process.model, out=folder)
        losses = {}
        for trial in found.trials:
            model = keras.saving.load_model(Path(folder) / "models" / f"{trial.run}.keras")
            outputs = model.predict(fresh[0], batch_size=FRESH, verbose=0)
            losses[trial.run] = float(np.mean(RowValues(guess_loss(model, fresh[1])).losses(outputs, fresh[1])))
    validation = {trial.run: trial.loss("validation") or np.inf for trial in found.trials}
    plain = losses["sizes/1x"]
    gains = {run: 1 - loss / plain for run, loss in losses.items() if run != "sizes/1x"}
    return Answer(min(validation, key=lambda run: validation[run]), gains)


if __name__ == "__main__":
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for name in sys.argv[2:] or PROCESSES:
        answers = [study(name, seed) for seed in range(seeds)]
        for answer in answers:
            print(name, answer.best, {run: f"{gain:+.0%}" for run, gain in answer.gains.items()}, answer.right)
        helped = [answer for answer in answers if any(gain >= HELPS for gain in answer.gains.values())]
        print(
            f"{name}: right in {sum(a.right for a in helped)} of {len(helped)} seeds where a treatment helps",
            flush=True,
        )
