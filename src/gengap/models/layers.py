"""The few layers that Keras lacks, and a Sequential that mixes labels and gives members their own losses.

Importing this module registers them with Keras as "gengap>...", so that `keras.saving.load_model` finds them.
Studies save models without them: the `plain` of each computes its inference with Keras' own layers.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from scipy.special import betaincinv, ndtr, ndtri

from gengap.data.rows import Rows
from gengap.models.backend import keras

SHARES = 4096
MOST_ROWS = 200_000  # that knots are computed from; of more, evenly spaced ones
registered = keras.saving.register_keras_serializable("gengap")


class PlainLayer(keras.layers.Layer):
    """A layer that a saved model computes with Keras' own ones.

    Outputs have the shape of the inputs, unless a kind of layer says otherwise.
    """

    saved: tuple[str, ...] = ()  # the arguments that Keras saves

    def plain(self, inputs: Any) -> Any:
        """Compute the inference with Keras' own layers and operations."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what Keras saves of the layer."""
        return {**super().get_config(), **{name: getattr(self, name) for name in self.saved}}


@registered
class MixupLayer(PlainLayer):
    """While training, mixes each row (n, ...) with the next one of its batch; see `treatments.Mixup`.

    Batches come in random order, so the next row is any row. The share of the row itself is drawn for each batch
    from Beta(alpha, alpha), the greater part of the two: a mixture of a and b is also one of b and a. It is one of
    SHARES equally likely quantiles, because the usual sampler (by rejection) takes a second to compile.
    """

    saved = ("alpha", "seed")

    def __init__(self, alpha: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.alpha, self.seed = alpha, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        at = (np.arange(SHARES) + 0.5) / SHARES
        self._shares = betaincinv(alpha, alpha, (1 + at) / 2).astype(np.float32)
        self.built = True

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Mix the rows; the state of the seed generator advances once."""
        return self._mixed(inputs) if training else inputs

    def mix_again(self, labels: Any) -> Any:
        """Mix the labels (n, ...) by the share that the last call drew."""
        self._rewind()
        return self._mixed(labels)

    def last_share(self) -> Any:
        """Return the share that the last call drew."""
        self._rewind()
        return self._share()

    def _rewind(self) -> None:
        state = self.seed_generator.state
        state.assign(state - keras.ops.convert_to_tensor(np.array([0, 1]), dtype=state.dtype))

    def _share(self) -> Any:
        drawn = keras.random.uniform((), 0.0, SHARES, seed=self.seed_generator)
        place = keras.ops.minimum(keras.ops.cast(drawn, "int32"), SHARES - 1)
        return keras.ops.take(self._shares, place)

    def _mixed(self, rows: Any) -> Any:
        share = keras.ops.cast(self._share(), rows.dtype)
        return share * rows + (1 - share) * keras.ops.roll(rows, -1, axis=0)

    def plain(self, inputs: Any) -> Any:
        """Return the inputs: rows are mixed in training only."""
        return inputs


def plain_name(layer: keras.layers.Layer) -> str:
    """Return a name for the Keras layer that replaces `layer`: Keras' own names are unique only within a thread."""
    return f"plain_{layer.name}"


@registered
class PeriodicFeatures(PlainLayer):
    """(n, features) to (n, features, 2 frequencies): sines and cosines; see `treatments.Periodic`.

    The learnt weights (features, frequencies) count periods per unit of a feature.
    """

    saved = ("frequencies", "sigma", "seed")

    def __init__(self, frequencies: int, sigma: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.frequencies, self.sigma, self.seed = frequencies, sigma, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Draw the first frequencies."""
        start = keras.initializers.RandomNormal(0.0, self.sigma, seed=self.seed)
        shape = (input_shape[-1], self.frequencies)
        self.weight = self.add_weight(shape=shape, initializer=start, name="frequencies")

    def call(self, inputs: Any) -> Any:
        """Return sines first, then cosines."""
        return _waves(2 * math.pi * inputs[..., None] * self.weight)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the inputs' shape with one more axis."""
        return (*input_shape, 2 * self.frequencies)

    def plain(self, inputs: Any) -> Any:
        """Compute it with a Dense layer for each feature, and Keras' sine and cosine."""
        angles = keras.layers.EinsumDense("nf,fi->nfi", self.weight.shape, name=plain_name(self))
        waves = _waves(angles(inputs))
        angles.set_weights([2 * math.pi * keras.ops.convert_to_numpy(self.weight)])
        return waves


@registered
class QuantileFeatures(PlainLayer):
    """(n, features) to normal scores (n, features), piecewise linear; see `treatments.QuantileNormal`.

    The knots (features, knots) and the scores there are no trainable weights: `adapt` computes them from rows.
    Before it, the layer returns its inputs, limited to -4 to 4.
    """

    saved = ("knots",)

    def __init__(self, knots: int, **options: Any) -> None:
        super().__init__(**options)
        self.knots = knots

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the knots and their scores."""
        line = np.linspace(-4, 4, self.knots, dtype=np.float32) * np.ones((input_shape[-1] or 1, 1), np.float32)
        options = {"shape": line.shape, "trainable": False, "initializer": lambda *_, **__: line}
        self.places = self.add_weight(name="places", **options)
        self.scores = self.add_weight(name="scores", **options)

    def adapt(self, x: np.ndarray) -> None:
        """Compute the knots and scores from rows (n, features)."""
        found = [normal_scores(column, self.knots) for column in np.asarray(x, np.float32).T]
        self.places.assign(np.stack([places for places, _ in found]))
        self.scores.assign(np.stack([scores for _, scores in found]))

    def call(self, inputs: Any) -> Any:
        """Interpolate between the knots; beyond them scores are those of the last ones."""
        places, scores = self.places, self.scores
        widths = places[:, 1:] - places[:, :-1]
        shares = (inputs[..., None] - places[:, :-1]) / keras.ops.where(widths > 0, widths, 1.0)
        rises = keras.ops.clip(shares, 0.0, 1.0) * (scores[:, 1:] - scores[:, :-1])
        return scores[:, 0] + keras.ops.sum(rises, axis=-1)

    def plain(self, inputs: Any) -> Any:
        """Compute it with Keras' own layers: differences from the places, shares up to 1, and their sum."""
        places, scores = (keras.ops.convert_to_numpy(each) for each in (self.places, self.scores))
        widths = np.diff(places)
        scale = 1 / np.where(widths > 0, widths, np.float32(1))
        name, kinds = plain_name(self), keras.layers
        beyond = kinds.EinsumDense("nf,fk->nfk", widths.shape, bias_axes="fk", name=f"{name}_places")
        share = kinds.Rescaling(scale.tolist(), name=f"{name}_widths")
        total = kinds.EinsumDense("nfk,fk->nf", (len(places),), bias_axes="f", name=f"{name}_scores")
        outputs = total(kinds.ReLU(max_value=1.0, name=f"{name}_limit")(share(beyond(inputs))))
        beyond.set_weights([np.ones_like(widths), -places[:, :-1]])
        total.set_weights([np.diff(scores), scores[:, 0]])
        return outputs


def normal_scores(values: np.ndarray, knots: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places in a column's values and the normal scores there.

    A value's score is the normal quantile of the share of values below it; equal values share the middle of their
    ranks. Scores have mean 0 and standard deviation 1 on the values. A column of two values keeps its shape.

    Args:
        values: The column (n,).
        knots: How many places; if there are fewer distinct values, the last one is repeated.

    Returns:
        The places in ascending order and their scores, both (knots,) float32.

    >>> places, scores = normal_scores(np.array([0.0, 1.0, 10.0, 100.0]), 4)
    >>> places.tolist(), [round(float(score), 2) for score in scores]
    ([0.0, 1.0, 10.0, 100.0], [-1.36, -0.38, 0.38, 1.36])
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) == 1:
        return np.full(knots, distinct[0], np.float32), np.zeros(knots, np.float32)
    ranks = (np.cumsum(counts) - counts / 2) / len(values)
    scores, chosen = ndtri(ranks), np.arange(len(distinct))
    if len(distinct) > knots:  # half of the knots at equal shares of the values, half at scores, from both ends
        shares = np.linspace(ranks[0], ranks[-1], knots // 2)
        spaced = ndtr(np.linspace(scores[-1], scores[0], knots - knots // 2))
        middles = (ranks[1:] + ranks[:-1]) / 2
        chosen = np.unique(np.searchsorted(middles, np.concatenate([shares, spaced])))
    between = np.interp(distinct, distinct[chosen], scores[chosen])
    mean = np.average(between, weights=counts)
    deviation = np.average((between - mean) ** 2, weights=counts) ** 0.5
    chosen = np.append(chosen, np.full(knots - len(chosen), chosen[-1]))
    return distinct[chosen].astype(np.float32), ((scores[chosen] - mean) / deviation).astype(np.float32)


def adapt_to_rows(model: keras.Model, train: Rows) -> None:
    """Compute what layers of a model take from the training rows: see `QuantileFeatures.adapt`."""
    for layer in model.layers:
        if isinstance(layer, QuantileFeatures):
            x = train.sample().x
            layer.adapt(x[:: -(-len(x) // MOST_ROWS)])


@registered
class MemberFactors(PlainLayer):
    """(n, width) or (n, members, width) to (n, members, width), times a factor (members, width), plus a bias.

    See `treatments.Ensemble`. Factors start at 1, or with `random` at random signs.
    """

    saved = ("members", "random", "use_bias", "seed")

    def __init__(
        self,
        members: int,
        random: bool = False,
        use_bias: bool = False,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.members, self.random, self.use_bias, self.seed = members, random, use_bias, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the factors and biases."""
        shape = (self.members, input_shape[-1])
        start = keras.initializers.RandomNormal(0.0, 1.0, seed=self.seed) if self.random else "ones"
        self.scale = self.add_weight(shape=shape, initializer=start, name="scale")
        self.bias = self.add_weight(shape=shape, initializer="zeros", name="bias") if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        """Scale the inputs for each member."""
        scaled = (inputs[:, None] if len(inputs.shape) == 2 else inputs) * self.scale
        return scaled if self.bias is None else scaled + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the inputs' shape with the members' axis."""
        return (input_shape[0], self.members, input_shape[-1])

    def plain(self, inputs: Any) -> Any:
        """Compute it with an EinsumDense that sums over no axis."""
        equation = "ni,ki->nki" if len(inputs.shape) == 2 else "nki,ki->nki"
        axes = "ki" if self.use_bias else None
        layer = keras.layers.EinsumDense(equation, self.scale.shape, bias_axes=axes, name=plain_name(self))
        outputs = layer(inputs)
        layer.set_weights(self.get_weights())
        return outputs


@registered
class MemberMean(PlainLayer):
    """Members' outputs (n, members, outputs) to what they say together (n, outputs); while training, left apart.

    `of` is the task's name: probabilities are averaged as probabilities, numbers as numbers.
    """

    saved = ("of",)

    def __init__(self, of: str, **options: Any) -> None:
        super().__init__(**options)
        self.of = of

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """In training the outputs as they are, for `TreatedSequential` to give each member its own loss."""
        return inputs if training else self.plain(inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the function for inference."""
        return (input_shape[0], input_shape[-1])

    def plain(self, inputs: Any) -> Any:
        """Keras' own operations."""
        together = {"binary": mean_logit, "multiclass": mean_logits, "regression": partial(keras.ops.mean, axis=1)}
        return together[self.of](inputs)


@registered
class TreatedSequential(keras.Sequential):
    """A Sequential that mixes labels as its `MixupLayer` mixes rows, and gives each member its own loss.

    For labels (n, outputs). Outside training it does what a Sequential of the same layers does.
    """

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Compute the compiled loss: in training with mixed labels, and as the mean over the members."""
        if training:
            for layer in self.layers:
                if isinstance(layer, MixupLayer):
                    y = layer.mix_again(y)
                    sample_weight = None if sample_weight is None else layer.mix_again(sample_weight)
        if len(y_pred.shape) > len(y.shape):
            y = keras.ops.broadcast_to(y[:, None], keras.ops.shape(y_pred))
            sample_weight = None if sample_weight is None else keras.ops.reshape(sample_weight, (-1, 1))
        return super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Compute the compiled metrics of the members' average."""
        if len(y_pred.shape) > len(y.shape):
            y_pred = next(layer for layer in self.layers if isinstance(layer, MemberMean)).plain(y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)


def mean_logit(logits: Any) -> Any:
    """Return the logit (n, 1) of the mean probability of logits (n, members, 1).

    >>> float(mean_logit(keras.ops.array([[[0.0], [0.0]]]))[0, 0])
    0.0
    """
    return _log_sum(keras.ops.log_sigmoid(logits)) - _log_sum(keras.ops.log_sigmoid(-logits))


def mean_logits(logits: Any) -> Any:
    """Return logits (n, classes) of the mean probabilities of logits (n, members, classes)."""
    return _log_sum(keras.ops.log_softmax(logits, axis=-1))


def _log_sum(logs: Any) -> Any:
    return keras.ops.logsumexp(logs, axis=1)


def _waves(angles: Any) -> Any:
    return keras.ops.concatenate([keras.ops.sin(angles), keras.ops.cos(angles)], axis=-1)
