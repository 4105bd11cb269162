"""Weighted rows: linearised values have the weighted mean and its sampling error, areas are scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score

from gengap.stats.comparison import compare
from gengap.stats.paired import auc_components, delong, linearise, mcnemar
from gengap.tasks import BINARY, Multiclass, Regression

seeds = st.integers(0, 10**6)


@given(seeds, st.integers(3, 60), st.floats(0.01, 100))
def test_the_mean_is_the_weighted_one_whatever_the_unit_of_weights(seed: int, rows: int, unit: float) -> None:
    random = np.random.default_rng(seed)
    values, weights = random.normal(3, 2, size=(2, 5, rows)), random.gamma(1, size=rows)
    found = linearise(values, weights)
    np.testing.assert_allclose(found.mean(axis=-1), np.average(values, axis=-1, weights=weights))
    np.testing.assert_allclose(linearise(values, unit * weights), found)
    np.testing.assert_allclose(linearise(values[0] - values[1], weights), found[0] - found[1], atol=1e-12)
    np.testing.assert_allclose(linearise(values, np.full(rows, unit)), values)


@given(seeds, st.integers(3, 40), st.integers(1, 40))
def test_rows_of_no_weight_are_as_if_they_were_not_there(seed: int, some: int, others: int) -> None:
    values = np.random.default_rng(seed).normal(size=some + others)
    found = linearise(values, np.arange(some + others) < some)
    errors = [each.std(ddof=1) / np.sqrt(len(each)) for each in (found, values[:some])]
    rows = some + others  # but for the degrees of freedom, which count all
    assert errors[0] == pytest.approx(errors[1] * np.sqrt(rows * (some - 1) / ((rows - 1) * some)))


def test_the_error_is_the_spread_of_weighted_means_of_new_rows() -> None:
    random = np.random.default_rng(0)
    weights = random.gamma(0.5, size=(4_000, 300)) + 0.01
    values = random.normal(size=weights.shape) + 0.3 * weights  # heavy rows lose more
    means = np.average(values, axis=1, weights=weights)
    found = [linearise(*each) for each in zip(values[:400], weights[:400], strict=True)]
    error = np.mean([each.var(ddof=1) / 300 for each in found]) ** 0.5
    assert error == pytest.approx(means.std(), rel=0.1)
    assert means.std() > 1.3 * values.std() / 300**0.5  # which ignoring the weights would say


@given(seeds, st.integers(5, 60), st.booleans())
def test_areas_are_those_of_scikit_learn(seed: int, rows: int, ties: bool) -> None:
    random = np.random.default_rng(seed)
    y, scores, weights = np.arange(rows) % 2, random.normal(size=(2, rows)), random.integers(0, 4, rows)
    scores = np.round(scores) if ties else scores
    assume(weights[y == 1].any() and weights[y == 0].any())
    found = auc_components(scores, y, weights.astype(float))
    expected = np.mean([roc_auc_score(y, each, sample_weight=weights) for each in scores])
    assert found.area == pytest.approx(expected) == pytest.approx(found.negatives.mean())
    again = auc_components(np.repeat(scores, weights, axis=1), np.repeat(y, weights))
    assert again.area == pytest.approx(expected)
    plain, alike = auc_components(scores, y), auc_components(scores, y, np.full(rows, 2.0))
    np.testing.assert_allclose(plain.positives, alike.positives)
    assert plain.area == pytest.approx(np.mean([roc_auc_score(y, each) for each in scores]))


def test_comparisons_of_weighted_rows_are_of_weighted_means_and_wider() -> None:
    random = np.random.default_rng(0)
    y, weights = np.arange(500) % 2, random.gamma(0.3, size=500)
    logits = {run: (y - 0.5) * skill + random.normal(size=(1, 500)) for run, skill in (("a", 1.0), ("b", 1.3))}
    losses = {run: BINARY.row_losses(each[..., None], y) for run, each in logits.items()}
    plain = compare(losses, logits, y, against="a")
    weighed = compare(
        {run: linearise(each, weights) for run, each in losses.items()}, logits, y, against="a", weights=weights
    )
    scores = {run: BINARY.scores(each[0][:, None], y, weights) for run, each in logits.items()}
    for before, now in zip(plain, weighed, strict=True):
        assert now.difference == pytest.approx(scores["b"][now.metric] - scores["a"][now.metric])
        assert now.interval[1] - now.interval[0] > 1.2 * (before.interval[1] - before.interval[0])
    assert plain[1].p_value == mcnemar(*((logits[run][0] > 0) == (y == 1) for run in "ba"))
    b, a = (auc_components(logits[run], y, weights) for run in "ba")
    assert delong(b, a)[0] == pytest.approx(weighed[2].difference)


@given(seeds)
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    weights, outputs = random.gamma(1, size=60), random.normal(size=(60, 3))
    y = np.arange(60) % 2
    binary = BINARY.scores(outputs[:, :1], y, weights)
    shares = 1 / (1 + np.exp(-outputs[:, 0]))
    assert binary["binary_crossentropy"] == pytest.approx(log_loss(y, shares, sample_weight=weights))
    assert binary["accuracy"] == pytest.approx(accuracy_score(y, shares > 0.5, sample_weight=weights))
    assert binary["auc"] == pytest.approx(roc_auc_score(y, shares, sample_weight=weights))
    classes = Multiclass(("a", "b", "c"))
    codes = np.arange(60) % 3
    several = classes.scores(outputs, np.eye(3)[codes], weights)
    assert several["accuracy"] == pytest.approx(accuracy_score(codes, outputs.argmax(1), sample_weight=weights))
    numbers = random.normal(5, 2, size=60)
    task = Regression().standardised_by(numbers, "here", weights)
    constant = task.scores(np.zeros((60, 1)), task.encoded(numbers), weights)
    assert constant["mean_squared_error"] == pytest.approx(1, rel=1e-5)  # what the mean alone reaches
    found = task.scores(outputs[:, :1], task.encoded(numbers), weights)
    assert found["r2"] == pytest.approx(r2_score(task.encoded(numbers), outputs[:, 0], sample_weight=weights))
