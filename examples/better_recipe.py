"""What each part of the better recipe brings: the recipe without it, on HIGGS, over a few seeds.

    python -m examples.better_recipe HIGGS-16k.csv.gz [SEEDS]

prints Markdown: the cross-entropy on rows that nobody trained on or chose by, at the epoch that validation picks. A
row of the table is a mean over the seeds; its difference from the whole recipe is paired by seed, ± the standard
error over seeds. The recipe's numbers were chosen on the last 2,500 of the training rows, so the others are fresh.
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
from gengap.plan import Constant, FlatCosine, Recipe, Trial
from gengap.presets import BETTER, better
from gengap.tasks import BINARY
from gengap.train import trainer
from gengap.train.local import steps_per_epoch
from gengap.train.types import TrainConfig

MOMENTA = (0.5, 0.8)  # of running means of the weights, by epoch
REST = 4_978  # the rows of HIGGS-16k after the tutorial's 1,000 validation and 10,000 training rows


class Measured(NamedTuple):
    """One trained trial: cross-entropy on validation and other rows, accuracy there, its best epoch, seconds."""

    validation: float
    rest: float
    accuracy: float
    epoch: int
    seconds: float


def variants() -> dict[str, Trial]:
    """The whole recipe, the recipe without each of its parts, and with a few others."""
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
    """Running means of the weights over epochs, of which `averaged` is left with the best by validation.

    At first the plain mean, as in Izmailov et al. (2018, Averaging weights leads to wider optima and better
    generalization), until an epoch's `1 - momentum` is more than its share of that.
    """

    def __init__(self, averaged: keras.Model, momentum: float, validation: Rows) -> None:
        super().__init__()
        self.averaged, self.momentum, self.validation = averaged, momentum, validation
        self.loss, self.epoch = np.inf, 0
        self._means: list[np.ndarray] = []
        self._best: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        weights, kept = self.model.get_weights(), min(self.momentum, 1 - 1 / (epoch + 1))
        means = zip(self._means or weights, weights, strict=True)
        self._means = [kept * mean + (1 - kept) * new for mean, new in means]
        self.averaged.set_weights(self._means)
        if (loss := scores(self.averaged, self.validation)[0]) < self.loss:
            self.loss, self.epoch, self._best = loss, epoch, self._means

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.averaged.set_weights(self._best or self._means)


def measure(trial: Trial, dataset: gengap.Dataset, seed: int, momentum: float | None = None) -> Measured:
    """Trains the trial and scores it with the weights, or with a `momentum` their mean, that validation picked."""
    assert dataset.test is not None
    recipe = trial.recipe(Recipe())
    steps = steps_per_epoch(len(dataset.train), recipe.batch)

    def built() -> keras.Model:
        return trial.build(len(dataset.columns), steps, Recipe(), seed)

    model = built()
    averages = Averages(built(), momentum, dataset.validation) if momentum is not None else None
    job = TrainConfig(
        epochs=recipe.max_epochs, batch=recipe.batch, stopping=recipe.stopping, seed=seed, run=trial.run
    )
    job = replace(job, callbacks=(averages,) if averages else ())
    started = time.perf_counter()
    fitted = trainer().fit(model, dataset.train, dataset.validation, job)
    seconds = time.perf_counter() - started
    if averages:
        return Measured(averages.loss, *scores(averages.averaged, dataset.test), averages.epoch, seconds)
    best = fitted.history["validation", "binary_crossentropy"].at(fitted.best_epoch)
    return Measured(best, *scores(model, dataset.test), fitted.best_epoch, seconds)


def scores(model: keras.Model, rows: Rows) -> tuple[float, float]:
    """The model's cross-entropy and accuracy on the rows."""
    found = BINARY.scores(predict_outputs(model, rows.x), rows.y)
    return found[BINARY.loss], found[BINARY.score]


def trees(dataset: gengap.Dataset, seed: int) -> float:
    """The cross-entropy of boosted trees as scikit-learn sets them, on the other rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import log_loss

    assert dataset.test is not None
    fitted = HistGradientBoostingClassifier(random_state=seed).fit(dataset.train.x, dataset.train.y)
    return float(log_loss(dataset.test.y, fitted.predict_proba(dataset.test.x)))


HEAD = "| | validation | other rows | difference | accuracy | best epoch | seconds |\n|---|---|---|---|---|---|---|"


def line(name: str, runs: list[Measured], whole: list[Measured]) -> str:
    """One row of the table."""
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
    """The rows of the table, printed as they are ready; the first of `trials` is the one to compare with.

    That one comes again with means of its weights, for each of the `momenta`.
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
