"""Studies of models with several outputs: the loss of a row is the sum that `compile` trains."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gengap
from gengap import Plan, Trial
from gengap.data.rows import Rows
from gengap.errors import GengapWarning, UsageError
from gengap.models import L2, Dropout
from gengap.models.backend import keras
from gengap.models.cloned_models import ClonedModels
from gengap.models.model_source import ModelSource
from gengap.plan import Recipe
from gengap.train.fitting import train_model
from gengap.train.stopping import Stopping
from gengap.train.types import TrainConfig

L = keras.layers
random = np.random.default_rng(0)
X = random.normal(size=(120, 6)).astype("float32")
KIND, SIZE = X[:, :3].argmax(axis=1), X[:, 3:4] * 2
WEIGHTS = (1.0, 0.25)
TRIALS = (Trial(run="sizes/1x"), Trial(run="regularizers/both", treatments=(L2(0.01), Dropout(0.2))))
PLAN = Plan(name="two", trials=TRIALS, recipe=Recipe(batch=40, max_epochs=3))
TARGETS: dict[str, Any] = {
    "list": [KIND, SIZE[:, 0]],
    "dict": {"size": SIZE, "kind": KIND},
}


def two_outputs(form: str, *, compiled: bool = True) -> keras.Model:
    start = keras.Input((6,))
    hidden = L.Dense(8, "relu", name="hidden")(start)
    kind, size = L.Dense(3, "softmax", name="kind")(hidden), L.Dense(1, name="size")(hidden)
    model = keras.Model(start, [kind, size] if form == "list" else {"kind": kind, "size": size})
    names = {"kind": keras.losses.SparseCategoricalCrossentropy(), "size": keras.losses.MeanSquaredError()}
    weights: Any = dict(zip(names, WEIGHTS, strict=True))
    if compiled:
        both = ([*names.values()], [*WEIGHTS]) if form == "list" else (names, weights)
        model.compile("adam", loss=both[0], loss_weights=both[1])
    return model


def expected_losses(model: keras.Model, rows: slice, weights: tuple[float, float]) -> np.ndarray:
    kind, size = keras.tree.flatten(model.predict(X[rows], verbose=0))
    entropy = -np.log(kind[np.arange(len(kind)), KIND[rows]])
    return weights[0] * entropy + weights[1] * (size - SIZE[rows])[:, 0] ** 2


@pytest.mark.parametrize("form", TARGETS)
@pytest.mark.parametrize("compiled", [True, False])
def test_the_verdict_is_on_the_sum_that_is_trained(form: str, compiled: bool, tmp_path: Path) -> None:
    def part(rows: slice) -> Any:
        return X[rows], keras.tree.map_structure(lambda array: array[rows], TARGETS[form])

    found = gengap.study(
        part(slice(80)),
        PLAN,
        validation=part(slice(80, 120)),
        model=lambda: two_outputs(form, compiled=compiled),
        out=tmp_path,
    )
    assert [trial.run for trial in found.trials] == ["sizes/1x", "regularizers/both"]
    assert [each.run for each in found.summary.baselines] == ["baselines/constant", "baselines/linear"]
    for trial in found.trials:
        model = keras.saving.load_model(tmp_path / "models" / f"{trial.run}.keras")
        losses = expected_losses(model, slice(80, 120), WEIGHTS if compiled else (1, 1))
        assert trial.metrics["validation"]["row_loss"] == pytest.approx(losses.mean(), rel=1e-4)
        assert trial.verdict is not None
        assert "size_row_loss_1" in {metric for _, metric in found.histories[0].series}
    costly = found.summary.costly_rows
    assert costly is not None and costly.rows[0].target == ""
    constant = found.summary.baselines[0].loss
    shares = np.bincount(KIND[:80]) / 80
    middles = (SIZE[:80].mean(), np.median(SIZE[:80]))
    errors = min(float(((SIZE[80:] - middle) ** 2).mean()) for middle in middles)
    assert constant == pytest.approx(
        -np.log(shares[KIND[80:]]).mean() + (0.25 if compiled else 1) * errors, rel=1e-4
    )


@pytest.mark.parametrize("form", TARGETS)
def test_a_compiled_program_logs_what_keras_own_loop_logs(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Rows(X, TARGETS[form], np.linspace(0, 2, 120, dtype="float32"))
    models = ClonedModels(ModelSource("two", None, two_outputs(form)), rows, weighted=True)
    rows, config = models.sample, TrainConfig(2, 40, Stopping(patience=9, monitor="row_loss"))
    results = []
    for slower in ("", "the test says so"):
        if slower:
            monkeypatch.setattr("gengap.train.fitting._why_slower", lambda *_, why=slower: why)
        model = models.build_trial(TRIALS[0], 0.001, 0)
        result, why = train_model(model, rows, rows, config)
        assert (why or "") == slower
        results.append(result.history.series)
    assert results[0].keys() == results[1].keys()
    for key, series in results[0].items():
        np.testing.assert_allclose(series.values, results[1][key].values, rtol=2e-4, err_msg=str(key))


def test_targets_that_do_not_fit_the_outputs_say_why() -> None:
    said = r"train: the model has the outputs kind, size; expected y as a list of 2 arrays .* dict of these names"
    for y in (KIND, [KIND], {"kind": KIND, "other": SIZE}):
        with pytest.raises(UsageError, match=said):
            gengap.study((X, y), PLAN, model=lambda: two_outputs("list"))
    model = two_outputs("dict")
    model.compile("adam", loss={"kind": "sparse_categorical_crossentropy"})
    with pytest.raises(UsageError, match="its output size has no loss"):
        gengap.study((X, TARGETS["dict"]), PLAN, model=model)
    with warnings.catch_warnings():
        warnings.simplefilter("error", GengapWarning)
        found = gengap.study((X, TARGETS["dict"]), PLAN, model=lambda: two_outputs("list"), only="sizes/1x")
    assert len(found.trials) == 1
