"""What a seed decides before anything is trained: the weights at the start, and which rows a share takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gengap.data.rows import Rows
from gengap.models.backend import keras
from gengap.plan import Recipe, Trial
from gengap.study.trial_factory import TrialFactory
from gengap.tasks import BINARY
from gengap.train.local import BuiltTrial

RANDOM = np.random.default_rng(0)
TRAIN = Rows(RANDOM.normal(size=(60, 3)).astype(np.float32), np.arange(60) % 2.0)
VALIDATION = Rows(RANDOM.normal(size=(20, 3)).astype(np.float32), np.arange(20) % 2.0)


def ready(seed: int, **settings: Any) -> BuiltTrial:
    trial = Trial(run="sizes/Tiny", units=(4, 4), **settings)
    return TrialFactory(trial, Recipe(max_epochs=3), seed, BINARY, None)(TRAIN, VALIDATION)


def kernels(model: keras.Model) -> list[np.ndarray]:
    return [np.asarray(each) for each in model.get_weights() if np.ndim(each) == 2]


def test_every_seed_begins_with_weights_and_an_order_of_rows_of_its_own() -> None:
    one, again, other = ready(1), ready(1), ready(2)
    for a, b, c in zip(kernels(one.model), kernels(again.model), kernels(other.model), strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.isclose(a, c).any()
    assert (one.config.seed, other.config.seed) == (1, 2)
    layers = kernels(one.model)
    assert not np.isclose(layers[0][:3, :3], layers[1][:3, :3]).any(), "nor do layers begin alike"


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_every_seed_draws_its_share_of_the_rows(share: float) -> None:
    drawn = [{tuple(row) for row in ready(seed, share=share).train.x.tolist()} for seed in range(6)]
    assert {len(rows) for rows in drawn} == {round(share * len(TRAIN))}
    assert len(set(map(frozenset, drawn))) == len(drawn)
    assert set.union(*drawn) > drawn[0]
    assert ready(3, share=share).train.y.mean() == pytest.approx(0.5, abs=0.05), "every class keeps its own"


def test_less_is_nested_in_more_of_the_same_seed() -> None:
    parts = [{tuple(row) for row in TRAIN.subset(share, 4).x.tolist()} for share in (0.2, 0.5, 0.9, 1.0)]
    assert parts[0] < parts[1] < parts[2] < parts[3]
