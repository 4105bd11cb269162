"""Seeds trained as one program give what each gives alone, but for rounding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainer_table import make

import gengap
from gengap.data.dataset import load
from gengap.train.checkpoint import CheckpointFile, PartialResult
from gengap.train.jax import trainer as compiled
from gengap.train.jax import trainer as together
from gengap.train.stopping import Stopping
from gengap.train.types import Progress, TrainConfig, TrainResult

DATA = load("collider", train=640, validation=300)  # five batches: a smaller last one compiles as much again
SEEDS = (0, 1, 2)


def jobs(**options: Any) -> list[TrainConfig]:
    given = {"epochs": 12, "batch": 128, "stopping": Stopping(patience=200)} | options
    return [TrainConfig(seed=seed, **given) for seed in SEEDS]


def assert_close(one: TrainResult, other: TrainResult) -> None:
    assert (one.best_epoch, one.stopped) == (other.best_epoch, other.stopped)
    assert one.history.series.keys() == other.history.series.keys()
    for key, series in one.history.series.items():
        np.testing.assert_allclose(series.values, other.history.series[key].values, rtol=2e-5, atol=2e-6)
    assert one.output_epochs.tolist() == other.output_epochs.tolist()
    np.testing.assert_allclose(one.outputs, other.outputs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["Small", "batch norm, noise and mixup"])
def test_as_each_alone(name: str) -> None:
    models = [make(name, seed) for seed in SEEDS]
    found = together.fit_seeds(models, DATA.train, DATA.validation, jobs())
    for seed, job, model, one in zip(SEEDS, jobs(), models, found, strict=True):
        alone = make(name, seed)
        assert_close(one, compiled.fit(alone, DATA.train, DATA.validation, job))
        for ours, theirs in zip(model.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_each_stops_when_it_would_alone() -> None:
    def certain(known: PartialResult) -> bool:
        return known.history.seed == 1

    given = jobs(epochs=40, stopping=Stopping(patience=6), is_settled=certain)
    found = together.fit_seeds([make("Small", seed) for seed in SEEDS], DATA.train, DATA.validation, given)
    for seed, job, one in zip(SEEDS, given, found, strict=True):
        assert_close(one, compiled.fit(make("Small", seed), DATA.train, DATA.validation, job))
    assert len({one.history.epochs for one in found}) > 1  # some went on when others had stopped


def test_goes_on_from_where_one_was_kept(tmp_path: Path) -> None:
    class Once:
        told = False

        def is_set(self) -> bool:
            return self.told

        def tell(self, _: Progress) -> None:
            self.told = True

    whole = together.fit_seeds([make("Small", seed) for seed in SEEDS], DATA.train, DATA.validation, jobs())
    again, once = jobs(), Once()
    again[1] = replace(again[1], checkpoints=CheckpointFile(tmp_path / "one.npz", "print"))
    stopped: Any = {"interrupt": once, "on_progress": once.tell}
    broken = compiled.fit(make("Small", 1), DATA.train, DATA.validation, replace(again[1], **stopped))
    assert (broken.stopped, broken.history.epochs) == ("interrupted", 1)
    found = together.fit_seeds([make("Small", seed) for seed in SEEDS], DATA.train, DATA.validation, again)
    for one, other in zip(found, whole, strict=True):
        assert_close(one, other)


@pytest.mark.slow
def test_a_study_uses_it_where_the_device_gains(monkeypatch: pytest.MonkeyPatch) -> None:
    options: Any = {"plan": "quick", "only": "sizes/Tiny", "train": 300, "validation": 100, "seeds": 2}
    alone = gengap.study("collider", max_epochs=8, **options)
    fit, used = together.fit_seeds, []

    def noted(models: Any, *given: Any) -> list[TrainResult]:
        used.append(len(models))
        return fit(models, *given)

    monkeypatch.setattr(together, "seeds_are_faster", lambda: True)
    monkeypatch.setattr(together, "fit_seeds", noted)
    found = gengap.study("collider", max_epochs=8, **options)
    assert used == [2]
    for one, other in zip(found.histories, alone.histories, strict=True):
        for key, series in one.series.items():
            np.testing.assert_allclose(series.values, other.series[key].values, rtol=2e-5, atol=2e-6)
