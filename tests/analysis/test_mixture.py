"""Weighted means of predictions, on outputs whose quality is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from analysis.outcomes_made import ROWS, Y, logits, outcomes, size_trials
from hypothesis import given
from hypothesis import strategies as st

from gengap.analysis import conclude
from gengap.analysis.mixture import choose_weights, mix, with_mixture
from gengap.analysis.recommend import choose_model, expect
from gengap.analysis.results import Member, OutOfFoldLosses, TrialResults
from gengap.tasks import BINARY, AnyTask, Multiclass, Regression

TREES = "baselines/trees"
TASKS: tuple[AnyTask, ...] = (BINARY, Multiclass(("a", "b", "c")), Regression())


def outputs(task: AnyTask, seed: int, rows: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=3, size=(rows, task.outputs))


def targets(task: AnyTask, rows: int = 6) -> np.ndarray:
    random = np.random.default_rng(9)
    if task.outputs > 1:
        return np.eye(task.outputs)[random.integers(0, task.outputs, rows)]
    return random.integers(0, 2, rows).astype(np.float64) if task.by_class else random.normal(size=rows)


@given(st.sampled_from(TASKS), st.integers(0, 100), st.floats(0.01, 100))
def test_a_mean_is_never_worse_than_the_mean_of_the_losses(task: AnyTask, seed: int, weight: float) -> None:
    """All losses are convex in what is averaged (Jensen's inequality)."""
    both, y = [outputs(task, seed), outputs(task, seed + 1)], targets(task)
    mixed = task.row_losses(task.mix(both, [weight, 1.0]), y)
    apart = [task.row_losses(each, y) for each in both]
    assert (mixed <= (weight * apart[0] + apart[1]) / (weight + 1) + 1e-9).all()
    np.testing.assert_allclose(task.row_losses(task.mix([both[0]] * 3, [1, 2, 3]), y), apart[0])
    np.testing.assert_allclose(task.row_losses(task.mix(both, [1.0, 0.0]), y), apart[0], atol=1e-9)


@pytest.mark.parametrize("task", TASKS)
def test_certain_outputs_stay_finite(task: AnyTask) -> None:
    certain = [np.full((1, task.outputs), value) for value in (-800.0, 800.0)]
    assert np.isfinite(task.mix(certain, [1, 1])).all()


def test_a_useless_model_gets_no_weight_and_equal_ones_share_it() -> None:
    good, useless = logits(1.0)[:, None], 5 * logits(0.0001, 3, noise=1.0)[:, None]
    assert choose_weights(BINARY, [useless, good], Y)[0] == 0
    twins = [(logits(1.0) + 2 * np.random.default_rng(seed).normal(size=ROWS))[:, None] for seed in (1, 2)]
    counts = choose_weights(BINARY, twins, Y)
    assert min(counts) > 0
    losses = [BINARY.row_losses(each, Y).mean() for each in (*twins, mix(BINARY, twins, counts))]
    assert losses[2] < min(losses[:2])


def with_trees(skill: float, noise: float) -> TrialResults:
    """Two networks and trees whose errors differ from those of the networks."""
    trees = logits(skill) + noise * np.random.default_rng(5).normal(size=ROWS)
    made = outcomes(size_trials(0.3, 0.8), seeds=1, baselines={TREES: trees})
    for result in made.trained.values():
        result.outputs[...] += noise * np.random.default_rng(6).normal(size=ROWS)[:, None]
    return replace(made, savable=(TREES,))


def test_a_network_and_trees_that_differ_are_mixed_and_recommended() -> None:
    found = conclude(with_trees(0.8, 0.8), 28, {"train": 1_000, "validation": ROWS, "test": 0}, {})
    kept, (mixture,) = found.recommendation, found.mixtures
    assert kept is not None and kept.run == mixture.run
    assert {each.run for each in kept.members} >= {TREES, "sizes/8"}
    assert sum(each.weight for each in kept.members) == pytest.approx(1)
    best = min(rank.loss for rank in found.ranks if rank.run != mixture.run)
    assert mixture.loss < best and found.ranks[0].run == mixture.run
    assert not any(step.finding.code == "next-beat-baseline" for step in kept.next_steps)


def test_trees_alone_are_recommended_if_they_are_clearly_best() -> None:
    found = conclude(with_trees(2.0, 0.0), 28, {"train": 1_000, "validation": ROWS, "test": 0}, {})
    assert found.recommendation is not None and found.recommendation.run == TREES
    assert found.recommendation.members[0].run == TREES


def test_without_baselines_that_can_be_saved_nothing_is_mixed() -> None:
    made = replace(with_trees(0.8, 0.8), savable=())
    assert with_mixture(made) is made
    found = conclude(made, 28, {"train": 1_000, "validation": ROWS, "test": 0}, {})
    assert found.recommendation is not None and found.recommendation.run == "sizes/8"


def test_weights_are_chosen_on_other_rows_than_those_that_measure_them() -> None:
    """Twenty models of pure noise: on rows that choose the weights the mean looks better than it is."""
    random = np.random.default_rng(1)
    y = (random.random(60) < 0.5).astype(np.float64)
    noise = [random.normal(scale=0.5, size=(60, 1)) for _ in range(20)]
    same = BINARY.row_losses(mix(BINARY, noise, choose_weights(BINARY, noise, y)), y).mean()
    made = outcomes(size_trials(0.3), seeds=1, baselines={})
    names = [f"baselines/{i}" for i in range(20)]
    made = replace(
        made,
        y=Y,
        baselines={name: np.zeros((ROWS, 1)) for name in names},
        savable=tuple(names),
        out_of_fold={name: OutOfFoldLosses.of(BINARY, each, y) for name, each in zip(names, noise, strict=True)},
    )
    found = with_mixture(made)
    (mixture,) = found.mixtures.values()
    assert mixture.out_of_fold is not None
    assert same < 0.66 and mixture.out_of_fold.losses.mean() > same + 0.01


def test_a_model_that_diverged_gets_no_weight() -> None:
    good, wild = outputs(BINARY, 1), np.full((6, 1), np.nan)
    assert choose_weights(BINARY, [good, wild], targets(BINARY), np.ones(6)).tolist()[1] == 0
    assert choose_weights(BINARY, [wild, good], targets(BINARY), np.ones(6)).tolist()[0] == 0


FEW = 60  # rows that choose, of all ROWS


def on_all_rows(seed: int) -> TrialResults:
    """Twelve networks and trees of equal skill, each with errors of its own."""
    trees = logits(0.8, seed) + np.random.default_rng([seed, 99]).normal(size=ROWS)
    made = outcomes(size_trials(*[0.8] * 12), seeds=1, baselines={TREES: trees})
    for i, result in enumerate(made.trained.values()):
        result.outputs[...] += np.random.default_rng([seed, i]).normal(size=(1, ROWS, 1))
    return replace(made, savable=(TREES,))


def on_few_rows(made: TrialResults) -> TrialResults:
    """The same, as far as the first rows show it: which network looks best there is luck."""
    few = {key: each.outputs[:, :FEW] for key, each in made.trained.items()}
    best = {key: int(BINARY.row_losses(each, Y[:FEW]).mean(axis=1).argmin()) for key, each in few.items()}
    trained = {k: replace(each, outputs=few[k], best_epoch=best[k]) for k, each in made.trained.items()}
    baselines = {run: each[:FEW] for run, each in made.baselines.items()}
    return replace(made, y=Y[:FEW], trained=trained, baselines=baselines, constant=None)


def true_loss(whole: TrialResults, few: TrialResults, members: Sequence[Member]) -> float:
    """The loss on the other rows of the mean of these models, at the epochs that the few rows chose."""
    chosen = [
        whole.baselines[each.run]
        if each.run in whole.baselines
        else whole.trained[each.run, 0].outputs[few.trained[each.run, 0].best_epoch or 0]
        for each in members
    ]
    mixed = BINARY.mix([each[FEW:].astype(np.float64) for each in chosen], [each.weight for each in members])
    return float(BINARY.row_losses(mixed, Y[FEW:]).mean())


def test_few_rows_choose_a_mean_in_place_of_the_luckiest_model() -> None:
    gains = []
    for seed in range(12):
        whole = on_all_rows(seed)
        few = with_mixture(on_few_rows(whole))
        chosen = choose_model(few, 28)
        assert chosen is not None
        if chosen.why.code == "conclusion-mixture-is-safer":
            assert chosen.why.parameters["mixed"] < chosen.why.parameters["single"]
            expected = expect(few, chosen.run, chosen.seed, 0)
            assert expected.bounded_loss[1] == pytest.approx(expected.selection_loss)  # it was not lucky
            single = min([*few.ranked, TREES], key=lambda run: few.losses(run).mean())
            gains.append(true_loss(whole, few, [Member(single, 1.0)]) - true_loss(whole, few, chosen.members))
    assert len(gains) >= 3
    assert np.mean(gains) > 0.01


def test_a_mean_that_is_hardly_better_is_no_reason_to_leave_the_simple_model() -> None:
    made = with_trees(0.8, 0.4)
    found = with_mixture(replace(made, baselines={TREES: logits(0.8, 4, noise=0.4)[:, None]}))
    (mixture,) = found.mixtures
    assert 0.998 < found.losses(mixture).mean() / found.losses(TREES).mean() < 1
    chosen = choose_model(found, 28)
    assert chosen is not None and chosen.run == TREES


def test_cross_validation_on_few_rows_chooses_the_mean_too() -> None:
    made = [with_mixture(crossed(on_few_rows(on_all_rows(seed)))) for seed in range(6)]
    codes = [chosen.why.code for each in made if (chosen := choose_model(each, 28)) is not None]
    assert "conclusion-mixture-is-safer" in codes
    for each in made:
        chosen = choose_model(each, 28)
        assert chosen is not None
        if chosen.why.code == "conclusion-mixture-is-safer":
            (mixture,) = each.mixtures
            assert each.pooled_losses(mixture).mean() < chosen.why.parameters["single"]


def crossed(few: TrialResults) -> TrialResults:
    """The same with each model's predictions for as many rows of the training rows."""
    random = np.random.default_rng(3)
    y = (random.random(FEW) < 0.5).astype(np.float64)
    runs = [*few.ranked, *few.savable]
    outputs = {run: 0.8 * (2 * y - 1 + random.normal(size=FEW)) + random.normal(size=FEW) for run in runs}
    return replace(
        few, out_of_fold={run: OutOfFoldLosses.of(BINARY, each[:, None], y) for run, each in outputs.items()}
    )
