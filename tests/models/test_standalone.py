"""Saved models: Keras' own layers alone, in front of raw rows, predicting as the trained model does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trainer_table as table

from gengap.models.backend import keras
from gengap.models.saved_model import export_model
from gengap.plan import Recipe
from gengap.presets import better

GENERATOR = np.random.default_rng(5)
RAW = GENERATOR.normal(3, 7, size=(50, 28)).astype(np.float32)
LABELS = (RAW[:, :1] > 3).astype(np.float32)
MEAN, SCALE = RAW.mean(axis=0), RAW.std(axis=0)


SAVED = [name for name in table.TREATED if name not in ("ftrl", "l1_l2 and decay")]  # which are not in the model


@pytest.mark.parametrize("name", [*SAVED, "dropout"])
def test_a_saved_model_is_plain_keras_and_predicts_the_same(name: str, tmp_path: Path) -> None:
    model = table.make(name, seed=2)
    saved = export_model(model, MEAN, SCALE)
    saved.save(tmp_path / "model.keras")
    assert "gengap" not in saved.to_json()
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    prepared = (RAW - MEAN) / SCALE
    expected = np.asarray(model(prepared))
    np.testing.assert_allclose(loaded.predict(RAW, verbose=0), expected, rtol=1e-3, atol=1e-4)
    loss, ours = (
        m.evaluate(*rows, verbose=0)[0] for m, rows in ((loaded, (RAW, LABELS)), (model, (prepared, LABELS)))
    )
    assert loss == pytest.approx(ours, rel=1e-4)


@pytest.mark.slow
def test_models_made_in_another_thread_are_saved_too() -> None:
    """Keras makes up names by counting in each thread, so that two threads' layers can share one."""
    from concurrent.futures import ThreadPoolExecutor

    keras.utils.clear_session()
    with ThreadPoolExecutor(1) as pool:
        models = [pool.submit(better_model, seed).result() for seed in range(2)]
    for model in models:
        saved = export_model(model, MEAN, SCALE)
        expected = np.asarray(model((RAW - MEAN) / SCALE))
        np.testing.assert_allclose(saved.predict(RAW, verbose=0), expected, rtol=1e-3, atol=1e-4)


def better_model(seed: int) -> keras.Model:
    return better().build(28, 10, Recipe(), seed)


@pytest.mark.parametrize("name", ["batch norm, noise and mixup", "dropout"])
def test_parts_for_training_alone_are_dropped_where_they_are_not_keras(name: str) -> None:
    assert type(export_model(table.make(name), MEAN, SCALE)) is keras.Sequential


@pytest.mark.slow
def test_a_model_saved_as_it_trains_loads_once_its_layers_are_registered(tmp_path: Path) -> None:
    model = table.make("everything")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(loaded) is type(model)
    np.testing.assert_allclose(loaded.predict(RAW, verbose=0), model.predict(RAW, verbose=0), rtol=1e-5, atol=1e-6)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
