"""Baselines for rows of any shape: one answer for all rows, and a linear model on flattened or pooled inputs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import logit

from gengap.data.rows import Rows, list_arrays
from gengap.models.backend import keras
from gengap.models.row_losses import RowValues
from gengap.models.total_loss import TotalValues
from gengap.train.baselines import LINEAR, Baseline

CONSTANT = "baselines/constant"
MOST_FEATURES = 1_024  # of the linear model; larger inputs are pooled
MOST_ROWS = 10_000  # training rows of the linear model
LEAST_SHARE = 1e-6  # no class has the probability 0


def fit_own_baselines(train: Rows, validation: Rows, values: RowValues, tokens: set[int]) -> Iterator[Baseline]:
    """Fit both baselines and yield each; its outputs are the values of the validation rows.

    `values` is the loss of the user's model. The linear model counts the tokens of the inputs with the numbers
    `tokens`.
    """
    if isinstance(values, TotalValues):
        yield from _of_outputs(train, validation, values, tokens)
        return
    started = time.perf_counter()
    if (answers := _constants(train.y, validation.y, values)) is not None:
        found = min((_values(values, validation, answer) for answer in answers), key=lambda each: each[:, 0].mean())
        yield Baseline(CONSTANT, lambda x: found, time.perf_counter() - started)
    started = time.perf_counter()
    linear = _linear(train, validation, values, tokens)
    if linear is not None:
        yield Baseline(LINEAR, lambda x: linear, time.perf_counter() - started)


def _of_outputs(train: Rows, validation: Rows, values: TotalValues, tokens: set[int]) -> Iterator[Baseline]:
    """Yield the baselines that all of several outputs have, with their total loss."""
    found: dict[str, list[Baseline]] = {}
    targets = zip(values.parts, keras.tree.flatten(train.y), keras.tree.flatten(validation.y), strict=True)
    for part, y, held_out in targets:
        for each in fit_own_baselines(Rows(train.x, y), Rows(validation.x, held_out), part, tokens):
            found.setdefault(each.run, []).append(each)
    for run, parts in found.items():
        if len(parts) == len(values.parts):
            each = np.stack([part.outputs(validation.x)[:, :2] for part in parts])
            total = np.stack([np.tensordot(values.weights, each[..., 0], 1), each[..., 1].mean(axis=0)], axis=1)
            yield Baseline(run, lambda x, total=total: total, sum(part.seconds for part in parts))


def _values(values: RowValues, rows: Rows, outputs: np.ndarray) -> np.ndarray:
    if outputs.shape[0] != len(rows):
        outputs = np.broadcast_to(outputs, (len(rows), *outputs.shape[1:]))
    y = rows.shaped_like(outputs.shape).y
    return np.asarray(keras.ops.convert_to_numpy(values(outputs.astype(np.float32), y)))


def _constants(y: Any, validated: Any, values: RowValues) -> list[np.ndarray] | None:
    """Return answers (1, ...) for all rows: shares of the classes, or the mean and the median of numbers.

    The validation targets may have further classes.
    """
    if not isinstance(y, np.ndarray):
        return None
    if values.kind == "sparse":
        classes = _class_count(y, validated)
        shares = np.bincount(y.reshape(-1).astype(np.int64), minlength=classes) / y.size
        places = y.shape[1:-1] if y.ndim > 1 and y.shape[-1] == 1 else y.shape[1:]
        return [_as_outputs(np.broadcast_to(shares, (1, *places, classes)), values)]
    if values.kind == "one-hot":
        return [_as_outputs(y.mean(axis=0, keepdims=True), values)]
    if values.kind == "two":
        share = y.mean(axis=0, keepdims=True, dtype=np.float64)
        return [_as_outputs(share[:, None] if y.ndim == 1 else share, values)]
    middles = (y.mean(axis=0, keepdims=True), np.median(y, axis=0, keepdims=True))
    return [each[:, None] if y.ndim == 1 else each for each in middles]


def _class_count(y: np.ndarray, validated: np.ndarray) -> int:
    """Return how many classes the labels of both parts need: validation rows may have further ones."""
    return max(int(y.max()), int(validated.max())) + 1


def _as_outputs(shares: np.ndarray, values: RowValues) -> np.ndarray:
    """Return probabilities of the classes, or of the second one of two, as what the loss takes."""
    if values.kind == "two":
        share = np.clip(shares, LEAST_SHARE, 1 - LEAST_SHARE)
        return logit(share) if values.from_logits else share
    shares = np.maximum(shares, LEAST_SHARE)
    return np.log(shares) if values.from_logits else shares / shares.sum(axis=-1, keepdims=True)


def _linear(train: Rows, validation: Rows, values: RowValues, tokens: set[int]) -> np.ndarray | None:
    """Return the values of a logistic or ridge regression; None if targets are neither classes nor numbers."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    y = train.y
    if not isinstance(y, np.ndarray) or y.ndim > 2 or (y.ndim == 2 and y.shape[1] > 1 and values.kind != "one-hot"):
        return None
    sizes = _vocabularies(train, tokens)
    few = np.random.default_rng(0).permutation(len(train))[:MOST_ROWS]
    x, held_out = _features(train.take(few), sizes), _features(validation, sizes)
    y = y[few]
    if not values.kind:
        model = make_pipeline(StandardScaler(), Ridge()).fit(x, y.reshape(-1))
        return _values(values, validation, model.predict(held_out).reshape(-1, 1))
    labels = (y.argmax(axis=1) if values.kind == "one-hot" else y.reshape(-1)).astype(np.int64)
    if len(np.unique(labels)) < 2:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(x, labels)
    known, found = model.predict_proba(held_out), model.classes_
    if values.kind == "two":
        return _values(values, validation, _as_outputs(known[:, -1:], values))
    classes = y.shape[1] if values.kind == "one-hot" else _class_count(train.y, validation.y)
    shares = np.zeros((len(known), classes))
    shares[:, found] = known
    return _values(values, validation, _as_outputs(shares, values))


def _vocabularies(rows: Rows, tokens: set[int]) -> dict[int, int]:
    """Return how many tokens each input of tokens has, at most `MOST_FEATURES`."""
    arrays = list_arrays(rows.x)
    return {place: min(int(arrays[place].max()) + 1, MOST_FEATURES) for place in tokens}


def _features(rows: Rows, vocabularies: dict[int, int]) -> np.ndarray:
    """Return all inputs as rows of numbers: tokens are counted, large arrays pooled."""
    found = []
    for place, array in enumerate(list_arrays(rows.x)):
        if (size := vocabularies.get(place)) is not None:
            flat = np.clip(array.reshape(len(array), -1).astype(np.int64), 0, size - 1)
            counts = np.zeros((len(array), size), np.float32)
            np.add.at(counts, (np.arange(len(array))[:, None], flat), 1)
            found.append(counts)
        else:
            found.append(_pooled(array.astype(np.float32)).reshape(len(array), -1))
    return np.concatenate(found, axis=1)


def _pooled(array: np.ndarray) -> np.ndarray:
    """Average neighbours along the longest axis until there are few values."""
    while array.ndim > 1 and np.prod(array.shape[1:]) > MOST_FEATURES:
        axis = 1 + int(np.argmax(array.shape[1:]))
        pairs = array.shape[axis] // 2
        array = np.moveaxis(array, axis, 1)[:, : 2 * pairs]
        array = np.moveaxis(array.reshape(len(array), pairs, 2, *array.shape[2:]).mean(axis=2), 1, axis)
    return array
