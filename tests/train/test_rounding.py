"""Products with operands rounded to bfloat16: against an own rounding, and the laws of the trainers with them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trainer_table as table

import gengap
from gengap import models
from gengap.data.rows import Rows
from gengap.errors import GengapError, UsageError
from gengap.models.backend import keras
from gengap.plan import Plan, Recipe, Trial
from gengap.train import precision
from gengap.train.checkpoint import CheckpointFile
from gengap.train.jax import rounding
from gengap.train.jax import trainer as compiled
from gengap.train.precision import cpu_multiplies_bfloat16, resolve_precision
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import Progress, TrainConfig, TrainResult

WIDTHS = (256, 256, 256)  # just above SMALL parameters
JOB = TrainConfig(epochs=6, batch=55, stopping=Stopping(patience=NEVER), seed=3, precision="bfloat16")
LOSSES = [("train", "loss"), ("validation", "loss"), ("train", "clean_loss")]


@pytest.fixture(scope="module")
def rows() -> tuple[Rows, Rows]:
    generator = np.random.default_rng(7)
    x = generator.normal(size=(245, 28)).astype(np.float32)
    y = (x[:, 0] - x[:, 1] + generator.normal(size=245) > 0).astype(np.float32)
    return Rows(x[:165], y[:165]), Rows(x[165:], y[165:])


def wide() -> keras.Model:
    return table.compile_model(models.perceptron(WIDTHS, [models.Dropout(0.2)], seed=0))


def rounded(values: Any) -> Any:
    """To the nearest bfloat16, ties to even, by the bits; as float32."""
    bits = jax.lax.bitcast_convert_type(values, jnp.uint32)
    bits = bits + jnp.uint32(0x7FFF) + ((bits >> 16) & 1)
    return jax.lax.bitcast_convert_type(bits & jnp.uint32(0xFFFF0000), jnp.float32)


@jax.custom_vjp
def oracle(x: Any, kernel: Any) -> Any:
    return rounded(x) @ rounded(kernel)


def _gradients(operands: tuple[Any, Any], g: Any) -> tuple[Any, Any]:
    x, kernel = map(rounded, operands)
    return rounded(g) @ kernel.T, x.T @ rounded(g)


oracle.defvjp(lambda x, kernel: (oracle(x, kernel), (x, kernel)), _gradients)
NATIVE = pytest.param(
    True, marks=pytest.mark.skipif(not cpu_multiplies_bfloat16(), reason="the CPU has no bfloat16"), id="native"
)


@pytest.mark.parametrize("native", [NATIVE, pytest.param(False, id="emulated")])
@pytest.mark.parametrize("sides", [(55, 256, 256), (33, 129, 160), (500, 512, 32), (1, 128, 128)])
def test_products_and_their_gradients_have_rounded_operands(native: bool, sides: tuple[int, int, int]) -> None:
    random, (n, a, b) = np.random.default_rng(0), sides
    x, kernel, g = (jnp.asarray(random.normal(size=s), jnp.float32) for s in ((n, a), (a, b), (n, b)))
    for one, other, plain in zip(
        *(
            jax.tree.leaves(jax.jit(lambda f=f: (*jax.vjp(f, x, kernel)[1](g), f(x, kernel)))())
            for f in (partial(rounding.product, native=native), oracle, jnp.matmul)
        ),
        strict=True,
    ):
        assert one.dtype == jnp.float32
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
        assert np.abs(one - plain).max() > 2e-3


@contextlib.contextmanager
def dense_by_oracle(model: keras.Model, batch: int) -> Iterator[None]:
    """Replace `rounded_products`: the two inner layers of `wide` compute what Keras' Dense does, rounded."""
    inner = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][1:-1]

    def call_of(layer: Any) -> Callable[..., Any]:
        def call(inputs: Any, training: bool | None = None) -> Any:
            return layer.activation(oracle(inputs, layer.kernel.value) + layer.bias.value)

        return call

    for layer in inner:
        layer.call = call_of(layer)
    yield
    for layer in inner:
        del layer.call


def train(trainer: str, rows: tuple[Rows, Rows], **changed: Any) -> tuple[keras.Model, TrainResult]:
    model = wide()
    return model, table.TRAINERS[trainer](model, *rows, replace(JOB, **changed))


@pytest.fixture(scope="module")
def whole(rows: tuple[Rows, Rows]) -> dict[str, tuple[keras.Model, TrainResult]]:
    return {trainer: train(trainer, rows) for trainer in table.TRAINERS}


@pytest.fixture(scope="module")
def expected(rows: tuple[Rows, Rows]) -> tuple[TrainResult, TrainResult]:
    """Keras' own loop with operands rounded by the oracle, and with float32."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounding, "rounded_products", dense_by_oracle)
        by_oracle = train("keras", rows)[1]
    return by_oracle, train("keras", rows, precision="float32")[1]


@pytest.mark.parametrize("trainer", table.TRAINERS)
def test_equals_keras_with_rounded_operands(
    trainer: str, whole: dict[str, tuple[keras.Model, TrainResult]], expected: tuple[TrainResult, TrainResult]
) -> None:
    for key in LOSSES:
        ours, theirs, float32 = (each.history[key].values for each in (whole[trainer][1], *expected))
        # A sum that differs in its last digit may round to the next bfloat16, so differences grow with the epochs.
        np.testing.assert_allclose(ours[0], theirs[0], rtol=5e-5, err_msg=str(key))
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, err_msg=str(key))
        assert abs(theirs[0] - float32[0]) > 2 * abs(ours[0] - theirs[0])


@pytest.mark.parametrize("trainer", table.TRAINERS)
def test_same_seed_same_history_and_parameters_in_float32(
    trainer: str, rows: tuple[Rows, Rows], whole: dict[str, tuple[keras.Model, TrainResult]]
) -> None:
    model, result = whole[trainer]
    again = train(trainer, rows)[1]
    for key, series in result.history.series.items():
        np.testing.assert_array_equal(series.values, again.history[key].values)
    assert {str(v.dtype) for v in model.weights} == {"float32"}
    assert not any("call" in vars(layer) for layer in model.layers)


def test_resumed_equals_uninterrupted(
    rows: tuple[Rows, Rows],
    whole: dict[str, tuple[keras.Model, TrainResult]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept, pressed = CheckpointFile(tmp_path / "trial.npz", "same"), threading.Event()
    monkeypatch.setattr(compiled, "CHUNK_SECONDS", 0.0)  # an epoch at a time

    def press(progress: Progress) -> None:
        if progress.epoch == 2:
            pressed.set()

    part = train("compiled", rows, checkpoints=kept, on_progress=press, interrupt=pressed)[1]
    assert (part.stopped, part.history.epochs) == ("interrupted", 2)
    model, rest = train("compiled", rows, checkpoints=kept)
    for key, series in whole["compiled"][1].history.series.items():
        np.testing.assert_array_equal(series.values, rest.history[key].values)
    for ours, theirs in zip(model.get_weights(), whole["compiled"][0].get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_fit_takes_the_precision(
    rows: tuple[Rows, Rows], whole: dict[str, tuple[keras.Model, TrainResult]]
) -> None:
    x, y = rows[0].x, rows[0].y[:, None]
    validation = (rows[1].x, rows[1].y[:, None])
    history = gengap.fit(wide(), (x, y), validation, epochs=1, batch_size=55, seed=3, precision="bfloat16")
    assert history["train", "loss"].values[0] == whole["compiled"][1].history["train", "loss"].values[0]


def test_small_models_and_small_batches_keep_float32() -> None:
    assert rounding.rounded_layers(models.medium(), 500) == []
    model = wide()
    assert rounding.rounded_layers(model, rounding.LEAST_BATCH - 1) == []
    inner = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][1:-1]
    assert rounding.rounded_layers(model, rounding.LEAST_BATCH) == inner


def test_layers_that_read_rows_keep_float32() -> None:
    a, b = keras.Input((200,)), keras.Input((300,))
    both = keras.layers.Concatenate()([keras.layers.Dense(256)(a), keras.layers.Dense(256)(b)])
    last = keras.layers.Dense(512, dtype="mixed_bfloat16")(keras.layers.Dense(512, name="only")(both))
    model = keras.Model([a, b], last)
    assert [layer.name for layer in rounding.rounded_layers(model, 500)] == ["only"]


@pytest.mark.parametrize(
    ("information", "fast"),
    [
        ("model name\t: x\nflags\t\t: fpu avx512f avx512_bf16 rdpid\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("flags\t\t: fpu avx2 avx512f\nbugs\t: avx512_bf16\n", False),
        ("Features\t: fp asimd bf16\n", False),
        (None, False),
    ],
)
def test_the_cpu_is_known_by_its_flags(
    information: str | None, fast: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "CPU_INFORMATION", file)
    if information is not None:
        file.write_text(information)
    assert cpu_multiplies_bfloat16.__wrapped__() == fast


@pytest.mark.parametrize(
    ("requested", "backend", "fast", "expected"),
    [
        ("auto", "jax", True, "bfloat16"),
        ("auto", "jax", False, "float32"),
        ("auto", "torch", True, "float32"),
        ("float32", "jax", True, "float32"),
        ("bfloat16", "jax", False, "bfloat16"),
        ("bfloat16", "torch", True, "needs JAX"),
        ("half", "jax", True, "expected 'auto', 'float32' or 'bfloat16'"),
    ],
)
def test_auto_is_bfloat16_only_where_the_cpu_gains(
    requested: Any, backend: str, fast: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "keras_backend", lambda: backend)
    monkeypatch.setattr(precision, "cpu_multiplies_bfloat16", lambda: fast)
    if " " in expected:
        with pytest.raises(UsageError, match=expected):
            resolve_precision(requested)
    else:
        assert resolve_precision(requested) == expected


def test_a_study_says_the_precision_and_resumes_only_with_the_same(tmp_path: Path) -> None:
    trials = (Trial(run="sizes/wide", units=WIDTHS), Trial(run="sizes/narrow", units=(8,)))
    plan = Plan(name="two", trials=trials, recipe=Recipe(max_epochs=2, precision="bfloat16"))
    options: Any = {"train": 200, "validation": 50, "out": tmp_path}
    found = gengap.study("collider", plan, **options)
    assert {trial.run: trial.precision for trial in found.trials} == {
        "sizes/wide": "bfloat16",
        "sizes/narrow": "float32",
    }
    saved = json.loads((tmp_path / "study.json").read_text())
    assert [trial["precision"] for trial in saved["trials"]] == [trial.precision for trial in found.trials]
    assert "sums in float32: sizes/wide" in (tmp_path / "report.html").read_text()
    with pytest.raises(GengapError, match=r"precision bfloat16 \(now float32\)"):
        gengap.study("collider", plan, precision="float32", **options)
    narrow = gengap.study("collider", plan, precision="float32", only="sizes/narrow", **options)
    assert narrow.trials[0].seconds == found.trials[1].seconds  # the saved one, not trained again
