"""Losses of batches are averaged over their epoch; of a running mean the last value counts."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.diagnose import diagnose
from gengap.diagnose.readers.console import read_console
from gengap.diagnose.readers.restarts import are_batches, mean_of_each_epoch
from gengap.diagnose.run_curves import choose_curves

EPOCHS = 12


def batch_losses(each: int, noise: float, seed: int) -> np.ndarray:
    """Losses (EPOCHS, each) of batches in a training that learns."""
    random = np.random.default_rng(seed)
    fall = 0.3 + 1.5 * np.exp(-np.arange(EPOCHS * each) / (3 * each))
    return (fall * np.exp(noise * random.normal(size=EPOCHS * each))).reshape(EPOCHS, each)


def running_means(losses: np.ndarray) -> np.ndarray:
    return np.cumsum(losses, axis=1) / np.arange(1, losses.shape[1] + 1)


@pytest.mark.parametrize("each", [5, 30])
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_the_values_tell_batches_from_running_means(each: int, noise: float) -> None:
    x = np.repeat(np.arange(EPOCHS), each)
    runs = [batch_losses(each, noise, seed) for seed in range(40)]
    assert np.mean([are_batches(x, losses.ravel()) for losses in runs]) >= 0.85
    assert np.mean([are_batches(x, running_means(losses).ravel()) for losses in runs]) <= 0.15


def test_too_few_epochs_or_one_value_each_tell_nothing() -> None:
    assert not are_batches(np.arange(9), np.random.default_rng(0).normal(size=9))
    assert not are_batches(np.repeat(np.arange(3), 5), np.random.default_rng(0).normal(size=15))
    assert mean_of_each_epoch(np.array([1, 1, 2]), np.array([1.0, np.nan, np.nan]))[1].tolist()[0] == 1.0


@pytest.mark.parametrize("running", [False, True])
def test_a_console_log_says_which_value_counts(running: bool) -> None:
    losses = batch_losses(10, 0.1, 0).round(4)
    printed = running_means(losses).round(4) if running else losses
    lines = []
    for epoch, values in enumerate(printed):
        lines += [f"epoch {epoch} batch {i}/10 loss {value}" for i, value in enumerate(values)]
        lines += [f"epoch {epoch} val_loss {0.5 + 1 / (epoch + 1):.4f}"]
    (log,) = read_console(["\n".join(lines)], "log")
    found = choose_curves(log)
    assert found.train is not None and len(found.train) == EPOCHS
    expected = printed[:, -1] if running else printed.mean(axis=1)
    assert found.train.values == pytest.approx(expected)
    assert [note.code for note in log.notes] == ["read-epoch-last" if running else "read-epoch-mean"]


def test_the_noise_of_single_batches_is_not_the_models() -> None:
    random = np.random.default_rng(1)
    epochs = np.arange(24)
    validation = 0.2 + np.exp(-epochs / 3) + 0.006 * random.normal(size=24)
    train = (0.1 + np.exp(-epochs / 3)) * np.exp(0.15 * random.normal(size=24))
    named = {"epoch": epochs.tolist(), "val_loss": validation.tolist()}
    averaged = diagnose({**named, "train_loss": train.tolist()})
    single = diagnose({**named, "train_loss_step": train.tolist()})
    assert single.probabilities["overfit"] < averaged.probabilities["overfit"]
