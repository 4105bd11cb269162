"""Measure the effect of each part of the better recipe: the recipe without it, on HIGGS, over a few seeds.

    python -m examples.better_recipe HIGGS-16k.csv.gz [SEEDS]

prints a Markdown table: the cross-entropy on rows that took no part in training or choices, at the best validation
epoch. Each row is a mean over seeds. Its difference from the whole recipe is paired by seed, ± the standard error
over seeds. The recipe's settings were chosen on the last 2,500 training rows, so the other rows are new.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec
import numpy as np

import gengap
from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.models.saved_model import predict_outputs
from gengap.models.treatments import LabelSmoothing, Mixup, Treatment
from gengap.plan import Recipe, Trial
from gengap.presets import BETTER, better
from gengap.tasks import BINARY
from gengap.train.fitting import train_model
from gengap.train.local import steps_per_epoch
from gengap.train.recipe import Constant, FlatCosine
from gengap.train.types import TrainConfig

MOMENTA = (0.5, 0.8)  # of running means of the weights, by epoch
REST = 4_978  # the rows of HIGGS-16k after the tutorial's 1,000 validation and 10,000 training rows


class RecipeResult(NamedTuple):
    """Result of one trial: cross-entropy on validation and other rows, accuracy there, best epoch, seconds."""

    validation: float
    rest: float
    accuracy: float
    epoch: int
    seconds: float


def variants() -> dict[str, Trial]:
    """Return the whole recipe, the recipe without each of its parts, and with a few others."""
    whole = better()
    found = {"the whole recipe": whole}
    for part in BETTER:
        rest = tuple(t for t in BETTER if t is not part)
        found[f"without {part.__struct_config__.tag}"] = msgspec.structs.replace(whole, treatments=rest)
    assert whole.schedule is not None
    rate = whole.schedule.initial
    found["constant learning rate"] = msgspec.structs.replace(whole, schedule=Constant(rate))
    found["flat-cosine"] = msgspec.structs.replace(whole, schedule=FlatCosine(rate))
    for activation in ("elu", "silu"):
        found[f"{activation} for {whole.activation}"] = msgspec.structs.replace(whole, activation=activation)
    extras: dict[str, Treatment] = {"label smoothing": LabelSmoothing(0.05), "mixup": Mixup(0.2)}
    for name, extra in extras.items():
        found[f"with {name} too"] = msgspec.structs.replace(whole, treatments=(*BETTER, extra))
    bare = msgspec.structs.replace(whole, treatments=(), schedule=Constant(0.001))
    found["none of them (a perceptron, Adam)"] = bare
    return found


class Averages(keras.callbacks.Callback):
    """Average the weights over epochs. At the end `averaged` has the mean with the best validation loss.

    The mean is the plain one at first, as in Izmailov et al. (2018, Averaging weights leads to wider optima and
    better generalization). Later it is a running mean with this momentum.
    """

    def __init__(self, averaged: keras.Model, momentum: float, validation: Rows) -> None:
        super().__init__()
        self.averaged, self.momentum, self.validation = averaged, momentum, validation
        self.loss, self.epoch = np.inf, 0
        self._means: list[np.ndarray] = []
        self._best: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        weights, momentum = self.model.get_weights(), min(self.momentum, 1 - 1 / (epoch + 1))
        means = zip(self._means or weights, weights, strict=True)
        self._means = [momentum * mean + (1 - momentum) * new for mean, new in means]
        self.averaged.set_weights(self._means)
        if (loss := scores(self.averaged, self.validation)[0]) < self.loss:
            self.loss, self.epoch, self._best = loss, epoch, self._means

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.averaged.set_weights(self._best or self._means)


def measure(trial: Trial, dataset: gengap.Dataset, seed: int, momentum: float | None = None) -> RecipeResult:
    """Train the trial and score its best weights by validation, or with `momentum` their best mean."""
    assert dataset.test is not None
    recipe = trial.recipe(Recipe())
    steps = steps_per_epoch(len(dataset.train), recipe.batch)

    def build() -> keras.Model:
        return trial.build(len(dataset.columns), steps, Recipe(), seed)

    model = build()
    averages = Averages(build(), momentum, dataset.validation) if momentum is not None else None
    job = TrainConfig(
        epochs=recipe.max_epochs, batch=recipe.batch, stopping=recipe.stopping, seed=seed, run=trial.run
    )
    job = replace(job, callbacks=(averages,) if averages else ())
    started = time.perf_counter()
    result, _ = train_model(model, dataset.train, dataset.validation, job)
    seconds = time.perf_counter() - started
    if averages:
        return RecipeResult(averages.loss, *scores(averages.averaged, dataset.test), averages.epoch, seconds)
    assert result.best_epoch is not None, "the validation loss was never finite"
    best = result.history["validation", "binary_crossentropy"].at(result.best_epoch)
    return RecipeResult(best, *scores(model, dataset.test), result.best_epoch, seconds)


def scores(model: keras.Model, rows: Rows) -> tuple[float, float]:
    """Return the model's cross-entropy and accuracy on the rows."""
    found = BINARY.scores(predict_outputs(model, rows.x), rows.y)
    return found[BINARY.loss], found[BINARY.score]


def trees(dataset: gengap.Dataset, seed: int) -> float:
    """Return the cross-entropy of scikit-learn's default boosted trees on the other rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import log_loss

    assert dataset.test is not None
    result = HistGradientBoostingClassifier(random_state=seed).fit(dataset.train.x, dataset.train.y)
    return float(log_loss(dataset.test.y, result.predict_proba(dataset.test.x)))


HEAD = "| | validation | other rows | difference | accuracy | best epoch | seconds |\n|---|---|---|---|---|---|---|"


def line(name: str, runs: list[RecipeResult], whole: list[RecipeResult]) -> str:
    """Return one row of the table."""
    mean = np.mean(np.array(runs), axis=0)
    paired = np.array([one.rest - other.rest for one, other in zip(runs, whole, strict=True)])
    spread = f" ± {paired.std(ddof=1) / len(paired) ** 0.5:.4f}" if len(paired) > 1 else ""
    difference = "" if runs is whole else f"{paired.mean():+.4f}{spread}"
    return (
        f"| {name} | {mean[0]:.4f} | {mean[1]:.4f} | {difference} | {mean[2]:.3f} | {mean[3]:.0f} | {mean[4]:.0f} |"
    )


def table(
    dataset: gengap.Dataset, trials: Mapping[str, Trial], seeds: int, momenta: Sequence[float] = ()
) -> list[str]:
    """Print and return the rows of the table. The first of `trials` is the reference.

    The reference is repeated with means of its weights, for each of the `momenta`.
    """
    lines, whole = [HEAD], []
    print(HEAD)
    rows: list[tuple[str, Trial, float | None]] = [(name, trial, None) for name, trial in trials.items()]
    rows += [(f"with mean weights ({momentum:g})", rows[0][1], momentum) for momentum in momenta]
    for name, trial, momentum in rows:
        runs = [measure(trial, dataset, seed, momentum) for seed in range(seeds)]
        whole = whole or runs
        lines.append(line(name, runs, whole))
        print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    higgs = gengap.load(sys.argv[1], test=REST)
    table(higgs, variants(), int(sys.argv[2]) if len(sys.argv) > 2 else 3, MOMENTA)
    print(f"\nBoosted trees (scikit-learn's defaults): {trees(higgs, 0):.4f} on the other rows.")
