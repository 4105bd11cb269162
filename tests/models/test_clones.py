"""Clones of a user's model: other widths and depths, and treatments that equal the same model written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gengap
from gengap import models
from gengap.data.rows import Rows
from gengap.errors import UsageError
from gengap.models.backend import keras
from gengap.models.clone import clone, scaled
from gengap.models.depth import repetitions
from gengap.models.keras_internals import without_weights
from gengap.models.own_compile import treated_loss, treated_optimizer, why_not_compiled
from gengap.models.treated_clone import for_inference, treat_layers, treated
from gengap.models.widths import WidthPlan
from gengap.train import keras_loop
from gengap.train.jax import trainer
from gengap.train.stopping import NEVER, Stopping
from gengap.train.types import TrainConfig

L = keras.layers
Build = Callable[[], keras.Model]


def image_model() -> keras.Model:
    """Two convolutions, the second without an activation of its own."""
    second = [L.Conv2D(4, 3, use_bias=False), L.BatchNormalization(), L.ReLU()]
    return keras.Sequential(
        [keras.Input((8, 8, 1)), L.Conv2D(4, 3, activation="relu"), *second, L.Flatten(), L.Dense(3)]
    )


def text_model() -> keras.Model:
    start = keras.Input((6,), dtype="int32")
    return keras.Sequential([start, L.Embedding(20, 4), L.GRU(3), L.Dense(1, "sigmoid")])


def series_model() -> keras.Model:
    start = keras.Input((10, 2), name="series")
    x = L.Conv1D(4, 3, padding="same", activation="relu")(start)
    x = L.GlobalAveragePooling1D()(x)
    return keras.Model(start, L.Dense(1)(x))


def residual_model() -> keras.Model:
    start = keras.Input((8, 8, 3))
    x = L.Conv2D(8, 3, padding="same")(start)
    for _ in range(2):
        y = L.Conv2D(16, 3, padding="same", groups=4, activation="relu")(x)
        x = L.Add()([x, L.GroupNormalization(4)(L.Conv2D(8, 1)(y))])
    x = L.Concatenate()([L.GlobalAveragePooling2D()(x), L.GlobalMaxPooling2D()(x)])
    x = L.Multiply()([x, L.Dense(16, "sigmoid")(x)])
    return keras.Model(start, L.Dense(2)(x))


def transformer() -> keras.Model:
    start = keras.Input((6,), dtype="int32")
    x = L.Embedding(20, 8)(start)
    x = L.LayerNormalization()(x + L.MultiHeadAttention(2, 4)(x, x))
    x = L.LayerNormalization()(x + L.Dense(8)(L.Dense(16, "gelu")(x)))
    return keras.Model(start, L.Dense(2)(L.GlobalAveragePooling1D()(x)))


def mixer() -> keras.Model:
    """Dense layers along both axes."""
    start = keras.Input((5, 6))
    x = L.Dense(8)(start)
    x = x + L.Permute((2, 1))(L.Dense(5)(L.Dense(12, "gelu")(L.Permute((2, 1))(x))))
    return keras.Model(start, L.Dense(2)(L.GlobalAveragePooling1D()(x)))


def two_inputs() -> keras.Model:
    first, second = keras.Input((5,), name="first"), keras.Input((3,), name="second")
    shared = L.Dense(3, "relu")
    x = L.Concatenate()([shared(L.Dense(4)(first)), shared(L.Dense(4)(second))])
    return keras.Model({"first": first, "second": second}, [L.Dense(1)(x), L.Dense(2)(x)])


def nested() -> keras.Model:
    inner = keras.Sequential([keras.Input((8,)), L.Dense(4, "relu", name="inner")])
    start = keras.Input((5,))
    return keras.Model(start, L.Dense(1)(inner(L.Dense(8)(start))))


def without_values(build: Build) -> keras.Model:
    """Build without drawing first weights, which takes most of the time."""
    with without_weights():
        return build()


def widths(model: keras.Model, factor: float) -> list[int]:
    with without_weights():
        found = scaled(model, factor)
    return [weight.shape[-1] for weight in found.trainable_variables if "kernel" in weight.name]


BUILDERS: list[tuple[Build, list[int]]] = [  # and the last sizes of the kernels at twice the width
    (image_model, [8, 8, 3]),
    (text_model, [18, 18, 1]),
    (series_model, [8, 1]),
    (residual_model, [16, 32, 16, 32, 16, 32, 2]),
    (transformer, [4, 4, 4, 16, 32, 16, 2]),
    (mixer, [16, 24, 5, 2]),
    (two_inputs, [8, 8, 6, 1, 2]),
    (nested, [16, 8, 1]),
]


@pytest.mark.parametrize(("build", "doubled"), BUILDERS)
def test_widths_are_scaled_and_joined_ones_stay_equal(build: Build, doubled: list[int]) -> None:
    model = without_values(build)
    assert sorted(widths(model, 2)) == sorted(doubled)
    now = [weight.shape[-1] for weight in model.trainable_variables if "kernel" in weight.name]
    assert sum(widths(model, 0.125)) < sum(now) < sum(doubled)
    with without_weights():
        small = scaled(model, 0.3)
    ends = [[tensor.shape for tensor in (*each.inputs, *each.outputs)] for each in (model, small)]
    assert ends[0] == ends[1]


def test_what_keeps_its_size_is_named() -> None:
    plan = WidthPlan.of(without_values(mixer))
    (why,) = {why for why in plan.unscaled.values() if "input" not in why and "output" not in why} or {""}
    assert len(plan.unscaled) == 2 and len(plan.scaled) == 2, why

    class Own(L.Layer):
        def call(self, x: Any) -> Any:
            return x

    start = keras.Input((3,))
    own = keras.Model(start, L.Dense(1)(Own(name="own")(L.Dense(4, name="hidden")(start))))
    assert WidthPlan.of(own).unscaled["hidden"] == "gengap doesn't know the sizes of own (Own)"
    with pytest.raises(UsageError, match=r"no layer can be scaled \(hidden: gengap doesn't know the sizes of own"):
        scaled(own, 2)


def test_a_clone_of_width_one_is_the_model_itself() -> None:
    for build in (image_model, text_model, two_inputs, nested):
        model = build()
        same = scaled(model)
        assert same is not model and type(same) is type(model)
        for ours, theirs in zip(same.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_blocks_are_repeated_more_or_less_often() -> None:
    def deep() -> keras.Model:
        return keras.Sequential([keras.Input((7,)), *[L.Dense(5, "relu") for _ in range(4)], L.Dense(1)])

    model = without_values(deep)
    assert [len(each.blocks) for each in repetitions(model)] == [4]
    residual = without_values(residual_model)
    assert [each.names for each in repetitions(residual)] == [("add", "add_1")] or len(repetitions(residual)) == 1
    with without_weights():
        counts = [len(scaled(model, depth=depth).layers) for depth in (0.1, 0.5, 2)]
        assert counts == [2, 3, 9]
        once, twice = scaled(residual, depth=0.5), scaled(residual, depth=2)
        assert len(scaled(residual, 0.5, 2).layers) == len(twice.layers)
    more = twice.count_params() - residual.count_params()
    assert more == 2 * (residual.count_params() - once.count_params())
    with pytest.raises(UsageError, match="no block of layers repeats"):
        scaled(without_values(text_model), depth=2)


def test_a_subclassed_model_is_told_to_bring_a_function() -> None:
    class Own(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(UsageError, match=r"is a subclassed model.*build\(size, features, outputs\)"):
        scaled(Own(), 2)


def by_hand_image() -> keras.Model:
    penalty = keras.regularizers.L2(0.01)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            L.RandomFlip("horizontal", seed=1),
            L.RandomTranslation(0.1, 0.1, fill_mode="nearest", seed=2),
            L.Conv2D(4, 3, use_bias=False, kernel_regularizer=penalty),
            L.BatchNormalization(momentum=0.9),
            L.Activation("relu"),
            L.Dropout(0.3, seed=2),
            L.Conv2D(4, 3, use_bias=False, kernel_regularizer=penalty),
            L.BatchNormalization(),
            L.ReLU(),
            L.Dropout(0.3, seed=3),
            L.Flatten(),
            L.Dense(3, kernel_regularizer=penalty),
        ]
    )


def by_hand_text() -> keras.Model:
    from gengap.models.input_layers import WordDropoutLayer

    return keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            WordDropoutLayer(0.2, seed=1, dtype="int32"),
            L.Embedding(20, 4),
            L.SpatialDropout1D(0.2, seed=2),
            L.GRU(3, recurrent_dropout=0.3, seed=3),
            L.Dropout(0.1, seed=4),
            L.Dense(1, "sigmoid"),
        ]
    )


def by_hand_series() -> keras.Model:
    from gengap.models.input_layers import TimeMaskLayer

    start = keras.Input((10, 2), name="series")
    x = TimeMaskLayer(0.4, seed=1)(start)
    x = L.GaussianNoise(0.1, seed=2)(x)
    x = L.Conv1D(4, 3, padding="same", kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02))(x)
    x = L.Activation("relu")(L.LayerNormalization()(x))
    x = L.GlobalAveragePooling1D()(x)
    return keras.Model(start, L.Dense(1, kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02))(x))


random = np.random.default_rng(0)
IMAGES = (random.normal(size=(60, 8, 8, 1)).astype("float32"), random.integers(3, size=60))
TEXTS = (random.integers(20, size=(60, 6)), random.integers(2, size=(60, 1)))
SERIES = (random.normal(size=(60, 10, 2)).astype("float32"), random.normal(size=(60, 1)).astype("float32"))
image_treatments = [models.Augment("horizontal", 0.1), models.L2(0.01), models.BatchNorm(), models.Dropout(0.3)]
text_treatments = [
    *(models.WordDropout(0.2), models.SpatialDropout(0.2), models.RecurrentDropout(0.3), models.Dropout(0.1)),
    models.WeightDecay(0.1),
]
series_treatments = [models.TimeMask(0.4), models.Noise(0.1), models.L1L2(0.01, 0.02), models.LayerNorm()]
sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
CASES: dict[str, tuple[Build, list[models.Treatment], Build, Any, tuple[Any, Any]]] = {
    "images": (image_model, image_treatments, by_hand_image, sparse, IMAGES),
    "texts": (text_model, text_treatments, by_hand_text, "binary_crossentropy", TEXTS),
    "series": (series_model, series_treatments, by_hand_series, "mean_squared_error", SERIES),
}


def compiled(model: keras.Model, treatments: list[models.Treatment], loss: Any) -> keras.Model:
    model.compile(treated_optimizer(keras.optimizers.Adam(0.01), treatments), treated_loss(loss, treatments))
    return model


def compiled_by_hand(model: keras.Model, treatments: list[models.Treatment], loss: Any) -> keras.Model:
    optimizer = keras.optimizers.Adam(0.01)
    if any(isinstance(each, models.WeightDecay) for each in treatments):
        optimizer = keras.optimizers.Adam(0.01, weight_decay=0.1)
        optimizer.exclude_from_weight_decay(var_names=["bias", "embeddings"])
    model.compile(optimizer, loss)
    return model


@pytest.mark.parametrize("name", CASES)
def test_a_treatment_by_cloning_equals_the_model_written_by_hand(name: str) -> None:
    build, treatments, by_hand, loss, (x, y) = CASES[name]
    found = treated(build(), treatments)
    assert not found.left_out and set(found.acted) == {str(each) for each in treatments}
    cloned, written = compiled(found.model, treatments, loss), compiled_by_hand(by_hand(), treatments, loss)
    written.set_weights(cloned.get_weights())
    train, validation = (x[:40], y[:40]), (x[40:], y[40:])
    ours, theirs = (gengap.fit(model, train, validation, epochs=4, batch_size=10) for model in (cloned, written))
    assert set(ours.series) == set(theirs.series)
    for key, series in ours.series.items():
        np.testing.assert_allclose(series.values, theirs[key].values, rtol=1e-5, err_msg=str(key))
    plain = for_inference(cloned).model
    assert len(plain.layers) < len(cloned.layers)
    np.testing.assert_allclose(plain(x[40:]), cloned(x[40:], training=False), rtol=1e-4, atol=1e-6)


def test_a_treated_clone_trains_as_by_keras() -> None:
    build, _, _, loss, (x, y) = CASES["images"]
    treatments = [models.Augment("horizontal", 0.1), models.Mixup(0.4)]
    rows = Rows(x[:40], y[:40]), Rows(x[40:], y[40:])
    first = build()
    job = TrainConfig(3, 10, stopping=Stopping(patience=NEVER, monitor="loss", restore_best=False))
    histories = [
        fit(compiled(treated(first, treatments).model, [], loss), *rows, job).history
        for fit in (trainer.fit, keras_loop.fit)
    ]
    for key, series in histories[0].series.items():
        np.testing.assert_allclose(series.values, histories[1][key].values, rtol=1e-3, err_msg=str(key))


def test_mixed_labels_have_the_loss_of_both() -> None:
    model = compiled(treated(image_model(), [models.Mixup(0.4)]).model, [], sparse)
    model(IMAGES[0], training=True)
    (mixing,) = (layer for layer in model.layers if hasattr(layer, "last_share"))
    share = float(mixing.last_share())
    outputs = model(IMAGES[0], training=False)
    y = IMAGES[1]
    expected = share * sparse(y, outputs) + (1 - share) * sparse(np.roll(y, -1), outputs)
    found = model.compute_loss(y=keras.ops.convert_to_tensor(y), y_pred=outputs, training=True)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def left_out(build: Build, treatment: models.Treatment, learnt: bool = False) -> str:
    with without_weights():
        _, acted, reasons = treat_layers(build(), [treatment], seed=0, learnt=learnt)
    assert not acted
    return reasons[str(treatment)]


@pytest.mark.parametrize(
    ("build", "treatment", "why"),
    [
        (text_model, models.Augment(), "no input is an image"),
        (text_model, models.Noise(0.1), "no input holds numbers"),
        (text_model, models.Mixup(), "tokens can't be mixed"),
        (two_inputs, models.Mixup(), "one input with the labels of one output"),
        (image_model, models.WordDropout(0.1), "no Embedding reads an input"),
        (image_model, models.TimeMask(0.1), "no input is a sequence"),
        (image_model, models.RecurrentDropout(0.1), "no layer is an LSTM, GRU or SimpleRNN"),
        (image_model, models.Freeze(1), "starts from random weights"),
        (image_model, models.Ensemble(), "gengap's own networks"),
        (image_model, models.LogTarget(), "the loss of your model is kept"),
        (image_model, models.QuantileNormal(), "gengap's own networks"),
        (image_model, models.Periodic(), "no input is a row of numbers"),
        (two_inputs, models.SpatialDropout(0.1), "no convolution or embedding"),
        (text_model, models.BatchNorm(), "no hidden layer is without a normalisation"),
    ],
)
def test_a_treatment_that_does_not_apply_says_why(build: Build, treatment: models.Treatment, why: str) -> None:
    assert why in left_out(build, treatment)


def test_optimizers_and_losses_that_lack_a_treatment_say_so() -> None:
    adam, smoothing = keras.optimizers.Adam(0.3), models.LabelSmoothing(0.1)
    assert "one-hot labels" in why_not_compiled(smoothing, adam, "sparse_categorical_crossentropy")
    assert "has no label_smoothing" in why_not_compiled(smoothing, adam, "mean_squared_error")
    assert not why_not_compiled(smoothing, adam, "categorical_crossentropy")
    smoothed = treated_loss("categorical_crossentropy", [smoothing])
    assert smoothed.get_config()["label_smoothing"] == 0.1
    averaged = treated_optimizer(adam, [models.WeightAverage(0.9)]).get_config()
    assert (averaged["use_ema"], averaged["ema_momentum"], averaged["weight_decay"]) == (True, 0.9, None)
    assert not adam.use_ema
    decayed = treated_optimizer(adam, [models.WeightDecay(0.2)])
    assert (decayed.weight_decay, decayed.get_config()["learning_rate"]) == (0.2, pytest.approx(0.3))
    assert type(treated_optimizer(adam, [models.Ftrl()])).__name__ == "Ftrl"


def test_frozen_layers_keep_their_weights() -> None:
    model = image_model()
    found = treated(model, [models.Freeze(1)], learnt=True)
    names = tuple(layer.name for layer in model.layers if layer.weights)
    assert found.acted["only the last 1 trained"] == names[:-1]
    assert len(found.model.trainable_variables) == 2
    for ours, theirs in zip(found.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_layers_that_have_their_own_keep_it() -> None:
    start, penalty = keras.Input((4,)), keras.regularizers.L1(0.1)
    hidden = L.Dense(3, "relu", kernel_regularizer=penalty, name="hidden")
    model = keras.Model(start, L.Dense(1, name="last")(L.Dropout(0.1)(hidden(start))))
    with without_weights():
        _, acted, reasons = treat_layers(model, [models.L2(0.1), models.Dropout(0.5)], seed=0, learnt=False)
    assert acted == {"l2 0.1": ("last",)}
    assert "dropout" in reasons["dropout 0.5"]


def test_what_was_adapted_is_shared_with_the_original() -> None:
    scale = L.Normalization()
    scale.adapt(np.arange(12.0).reshape(4, 3))
    model = keras.Sequential([keras.Input((3,)), scale, L.Dense(2)])
    assert clone(model).model.layers[0] is scale


def test_gengaps_own_networks_refuse_what_they_lack() -> None:
    with pytest.raises(ValueError, match=r"augmentation by shift 0\.1: for models of your own"):
        models.tiny(treatments=[models.Augment()])
