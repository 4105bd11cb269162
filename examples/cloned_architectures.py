"""Clone public Keras architectures at three widths and with every treatment, and write the table of the docs.

    python -m examples.cloned_architectures docs/howto/any-model-table.md

Models are built without first weights, so that the whole takes minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gengap import models
from gengap.errors import UsageError
from gengap.models.backend import keras
from gengap.models.clone import scaled
from gengap.models.keras_internals import without_weights
from gengap.models.treated_clone import treat_layers
from gengap.models.widths import WidthPlan

L = keras.layers
WIDTHS = (0.5, 1, 2)
# Each group is one clone: its treatments don't exclude each other.
TREATMENTS: tuple[tuple[models.Treatment, ...], ...] = (
    (
        *(models.L2(0.001), models.Dropout(0.3), models.BatchNorm(), models.WeightDecay(0.01), models.Noise(0.1)),
        *(models.Augment(), models.WordDropout(0.1), models.TimeMask(0.2), models.RecurrentDropout(0.2)),
    ),
    (models.L1(0.001), models.SpatialDropout(0.2), models.LayerNorm(), models.Clip(), models.Mixup()),
    (models.L1L2(0.001, 0.001), models.Freeze(1)),
)
APPLICATIONS = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "ResNet50", "ResNet50V2", "ResNet101"),
    *("DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny", "NASNetMobile", "Xception"),
    *("InceptionV3", "InceptionResNetV2", "VGG16", "VGG19"),
)


def perceptron() -> keras.Model:
    return keras.Sequential([keras.Input((20,)), *[L.Dense(32, "relu") for _ in range(3)], L.Dense(1)])


def digits_cnn() -> keras.Model:
    hidden = [L.Conv2D(16, 3, activation="relu"), L.MaxPooling2D(), L.Flatten(), L.Dense(32, "relu")]
    return keras.Sequential([keras.Input((8, 8, 1)), *hidden, L.Dense(10, "softmax")])


def mixer() -> keras.Model:
    start = keras.Input((32, 32, 3))
    x = L.Reshape((64, 32))(L.Conv2D(32, 4, strides=4)(start))
    for _ in range(2):
        y = L.Permute((2, 1))(L.LayerNormalization()(x))
        x = L.Add()([x, L.Permute((2, 1))(L.Dense(64)(L.Dense(128, "gelu")(y)))])
        x = L.Add()([x, L.Dense(32)(L.Dense(64, "gelu")(L.LayerNormalization()(x)))])
    return keras.Model(start, L.Dense(10)(L.GlobalAveragePooling1D()(x)))


def unet() -> keras.Model:
    start = x = keras.Input((32, 32, 3))
    kept = []
    for filters in (8, 16):
        x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
        kept.append(x)
        x = L.MaxPooling2D()(x)
    x = L.Conv2D(32, 3, padding="same", activation="relu")(x)
    for filters, other in ((16, kept[1]), (8, kept[0])):
        x = L.Concatenate()([L.Conv2DTranspose(filters, 2, strides=2)(x), other])
        x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return keras.Model(start, L.Conv2D(2, 1, activation="softmax")(x))


def transformer() -> keras.Model:
    start = keras.Input((40,), dtype="int32")
    x = L.Embedding(1000, 32)(start)
    for _ in range(2):
        x = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(4, 8)(x, x)]))
        x = L.LayerNormalization()(L.Add()([x, L.Dense(32)(L.Dense(64, "relu")(x))]))
    return keras.Model(start, L.Dense(2, "softmax")(L.GlobalAveragePooling1D()(x)))


def vision_transformer() -> keras.Model:
    start = keras.Input((32, 32, 3))
    x = L.Reshape((64, 32))(L.Conv2D(32, 4, strides=4)(start))
    for _ in range(2):
        y = L.LayerNormalization()(x)
        x = x + L.MultiHeadAttention(4, 8)(y, y)
        x = x + L.Dense(32)(L.Dense(64, "gelu")(L.LayerNormalization()(x)))
    return keras.Model(start, L.Dense(10)(L.Flatten()(L.LayerNormalization()(x))))


def autoencoder() -> keras.Model:
    down = [L.Conv2D(f, 3, strides=2, padding="same", activation="relu") for f in (8, 16)]
    up = [L.Conv2DTranspose(f, 3, strides=2, padding="same", activation="relu") for f in (16, 8)]
    return keras.Sequential([keras.Input((32, 32, 1)), *down, *up, L.Conv2D(1, 3, padding="same")])


def two_inputs() -> keras.Model:
    image, numbers = keras.Input((16, 16, 3), name="image"), keras.Input((5,), name="numbers")
    x = L.GlobalAveragePooling2D()(L.Conv2D(16, 3, activation="relu")(image))
    x = L.Concatenate()([x, L.Dense(8, "relu")(numbers)])
    return keras.Model({"image": image, "numbers": numbers}, L.Dense(1)(L.Dense(16, "relu")(x)))


def siamese() -> keras.Model:
    inner = keras.Sequential([keras.Input((12,)), L.Dense(16, "relu"), L.Dense(8)])
    first, second = keras.Input((12,), name="first"), keras.Input((12,), name="second")
    return keras.Model([first, second], L.Dense(1)(L.Subtract()([inner(first), inner(second)])))


def text_pooling() -> keras.Model:
    start = keras.Input((30,), dtype="int32")
    return keras.Sequential([start, L.Embedding(500, 16), L.GlobalAveragePooling1D(), L.Dense(1, "sigmoid")])


def text_gru() -> keras.Model:
    start = keras.Input((30,), dtype="int32")
    return keras.Sequential([start, L.Embedding(500, 16), L.GRU(16), L.Dense(1, "sigmoid")])


def text_lstm() -> keras.Model:
    inner = [L.Bidirectional(L.LSTM(16, return_sequences=True)), L.Bidirectional(L.LSTM(16))]
    return keras.Sequential([keras.Input((30,), dtype="int32"), L.Embedding(500, 16), *inner, L.Dense(1)])


def series_cnn() -> keras.Model:
    hidden = [L.Conv1D(16, 3, padding="causal", activation="relu", dilation_rate=2**k) for k in range(3)]
    return keras.Sequential([keras.Input((50, 2)), *hidden, L.GlobalAveragePooling1D(), L.Dense(1)])


def sequence_to_sequence() -> keras.Model:
    source, target = keras.Input((None, 20), name="source"), keras.Input((None, 20), name="target")
    _, h, c = L.LSTM(32, return_state=True)(source)
    x = L.LSTM(32, return_sequences=True)(target, initial_state=[h, c])
    return keras.Model([source, target], L.Dense(20, "softmax")(x))


def generator() -> keras.Model:
    first = [L.Dense(4 * 4 * 32), L.Reshape((4, 4, 32)), L.BatchNormalization(), L.LeakyReLU()]
    up = [L.Conv2DTranspose(16, 4, strides=2, padding="same"), L.BatchNormalization(), L.LeakyReLU()]
    last = L.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh")
    return keras.Sequential([keras.Input((16,)), *first, *up, last])


def squeeze_excitation() -> keras.Model:
    start = keras.Input((16, 16, 3))
    x = L.Conv2D(16, 3, padding="same", activation="relu")(start)
    weight = L.Dense(16, "sigmoid")(L.Dense(4, "relu")(L.GlobalAveragePooling2D()(x)))
    x = L.Multiply()([x, L.Reshape((1, 1, 16))(weight)])
    return keras.Model(start, L.Dense(10)(L.GlobalAveragePooling2D()(x)))


class Subclassed(keras.Model):
    """A model whose layers only its code connects."""

    def call(self, x: Any) -> Any:
        return x


EXAMPLES: dict[str, Callable[[], keras.Model]] = {
    "perceptron": perceptron,
    "CNN for digits": digits_cnn,
    "MLP-mixer": mixer,
    "U-Net": unet,
    "transformer for text": transformer,
    "vision transformer": vision_transformer,
    "convolutional autoencoder": autoencoder,
    "two inputs": two_inputs,
    "Siamese network": siamese,
    "embedding and pooling": text_pooling,
    "GRU for text": text_gru,
    "bidirectional LSTMs": text_lstm,
    "dilated convolutions": series_cnn,
    "sequence to sequence": sequence_to_sequence,
    "DCGAN generator": generator,
    "squeeze and excitation": squeeze_excitation,
    "subclassed model": Subclassed,
}


def application(name: str) -> Callable[[], keras.Model]:
    return lambda: getattr(keras.applications, name)(weights=None, input_shape=(96, 96, 3), classes=10)


ARCHITECTURES = EXAMPLES | {name: application(name) for name in APPLICATIONS}


def row(name: str) -> str:
    """Return the table's row of an architecture."""
    with without_weights():
        model = ARCHITECTURES[name]()
        try:
            plan = WidthPlan.of(model) if hasattr(model, "inputs") and model.built else None
            clones = [model if width == 1 else scaled(model, width) for width in WIDTHS]
        except UsageError as fault:
            return f"| {name} | refused | | | {_short(str(fault))} | |"
        assert plan is not None
        counts, left_out = [each.count_params() for each in clones], dict[str, str]()
        for group in TREATMENTS:
            _, _, reasons = treat_layers(model, group, seed=0, learnt=True)
            kinds = {str(each): str(each.__struct_config__.tag) for each in group}
            left_out |= {kinds[each]: why for each, why in reasons.items()}
    numbers = " | ".join(f"{count:,}" for count in counts)
    sized = f"{len(plan.scaled)} of {len(plan.widths)}"
    return f"| {name} | {numbers} | {sized} | {', '.join(left_out) or 'none'} |"


def _short(text: str) -> str:
    return text.partition(". ")[0].partition(": ")[2]


def table(names: list[str]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| architecture | half | parameters | double | layers scaled | treatments left out |"
    yield "|---|---|---|---|---|---|"
    yield from (row(name) for name in names)


PAGE = """# Architectures that can be cloned

Each of these models was cloned at half and at double width and with every treatment, or refused with the reason.
The models of `keras.applications` have inputs of 96 x 96 pixels and 10 classes. The layer whose size is the
model's output always keeps it. `python -m examples.cloned_architectures docs/howto/any-model-table.md` writes this
page.

"""


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(PAGE + "\n".join(table(list(ARCHITECTURES))) + "\n", encoding="utf-8")
