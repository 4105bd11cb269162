"""`GengapClassifier` and `GengapRegressor`: gengap's networks as scikit-learn estimators, with a verdict.

X, y -> a validation part held out -> standardised -> one network trained -> best weights, History and Verdict
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from gengap.data.rows import Rows
from gengap.errors import UsageError
from gengap.models.treatments import Ensemble, LabelSmoothing, Mixup, Treatment

if TYPE_CHECKING:
    import keras

    from gengap.diagnose.rows import RowLosses
    from gengap.train.fitted import Fitted

BLOCK, ROWS_AT_ONCE = (
    256,
    8_192,
)  # rows are predicted in blocks of one of these sizes, so that each shape compiles once
SEEDS = 2**20  # layers multiply their model's seed, and Keras takes 32 bits


class _Task(NamedTuple):
    """What a target asks of a network: `outputs`, and the metric that is watched and judged."""

    outputs: int
    metric: str
    refused: tuple[type[Treatment], ...]


BINARY = _Task(1, "binary_crossentropy", ())
REGRESSION = _Task(1, "mean_squared_error", (Ensemble, LabelSmoothing))


class _Network(BaseEstimator):
    """What both estimators share: parameters, held-out rows, standardising, training, pickling."""

    def __init__(
        self,
        units: Sequence[int] = (64, 64),
        *,
        treatments: Sequence[Treatment] = (),
        activation: str = "elu",
        max_epochs: int = 300,
        batch_size: int = 64,
        patience: int = 20,
        learning_rate: float = 0.003,
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.units, self.treatments, self.activation = units, treatments, activation
        self.max_epochs, self.batch_size, self.patience = max_epochs, batch_size, patience
        self.learning_rate, self.validation_fraction = learning_rate, validation_fraction
        self.random_state = random_state

    def _train(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None, task: _Task, strata: Any) -> None:
        """Sets every fitted attribute, from X (n, features) and the targets (n,) of the network."""
        self._check(task)
        seed = int(check_random_state(self.random_state).randint(SEEDS))
        train, held = self._split(len(X), strata, seed)
        self._mean, spread = X[train].mean(axis=0), X[train].std(axis=0)
        constant = spread <= 1e-12 * np.abs(self._mean)
        self._scale = np.where(constant, 1.0, spread)
        x = self._prepared(X)
        rows = [Rows(x[part], y[part], None if weights is None else weights[part]) for part in (train, held)]
        self.model_ = self._compiled(task, x.shape[1], seed)
        fitted = self._fitted(rows[0], rows[1], task, seed)
        self.history_, self.best_epoch_ = fitted.history, fitted.best_epoch
        self.n_iter_ = fitted.history.epochs
        self.verdict_ = _judged(fitted, rows[1], task)

    def _fitted(self, train: Rows, validation: Rows, task: _Task, seed: int) -> Fitted:
        from gengap.train import trainer
        from gengap.train.fitted import Job
        from gengap.train.stopping import Stopping

        rule = Stopping(patience=self.patience, monitor=task.metric)
        job = Job(self.max_epochs, self.batch_size, rule, seed, run=type(self).__name__)
        fitted = trainer().fit(self.model_, train, validation, job)
        if fitted.best_epoch is None:
            raise UsageError(
                f"the validation {task.metric} was never finite; lower learning_rate, which is {self.learning_rate}"
            )
        return fitted

    def _split(self, rows: int, strata: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Which rows are trained on and which are held out, with every class in both parts if it can be."""
        held = int(np.clip(round(self.validation_fraction * rows), 1, rows - 1))
        if strata is not None:
            counts = np.unique(strata, return_counts=True)[1]
            strata = strata if counts.min() > 1 and len(counts) <= min(held, rows - held) else None
        train, validation = train_test_split(np.arange(rows), test_size=held, stratify=strata, random_state=seed)
        return np.sort(train), np.sort(validation)

    def _compiled(self, task: _Task, features: int, seed: int) -> keras.Sequential:
        from gengap.models.backend import keras
        from gengap.models.mlp import perceptron

        model = perceptron(self.units, self.treatments, features=features, activation=self.activation, seed=seed)
        if task.outputs > 1:
            head = keras.layers.Dense(task.outputs, kernel_initializer=keras.initializers.GlorotUniform(seed))
            model = keras.Sequential([keras.Input((features,)), *model.layers[:-1], head])
        loss, metrics = _objective(task, max((t.label_smoothing() for t in self.treatments), default=0.0))
        own = (o for t in self.treatments if (o := t.optimizer(self.learning_rate)) is not None)
        model.compile(next(own, keras.optimizers.Adam(self.learning_rate)), loss, weighted_metrics=metrics)
        return model

    def _check(self, task: _Task) -> None:
        """Raises UsageError for a parameter that can't be used, naming it."""
        for name in ("max_epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or int(value) < 1:
                raise UsageError(f"{name} is {value!r}; expected a whole number of at least 1")
        if not 0 < self.validation_fraction < 1:
            raise UsageError(f"validation_fraction is {self.validation_fraction!r}; expected one between 0 and 1")
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate is {self.learning_rate!r}; expected a number above 0")
        if not all(isinstance(units, Integral) and int(units) > 0 for units in self.units):
            raise UsageError(f"units is {self.units!r}; expected the widths of the hidden layers, as in (64, 64)")
        for treatment in self.treatments:
            if isinstance(treatment, task.refused):
                raise UsageError(f"treatments has {treatment}, which is for two classes alone; leave it out")

    def _prepared(self, X: np.ndarray) -> np.ndarray:
        return ((X - self._mean) / self._scale).astype(np.float32)

    def _outputs(self, X: Any) -> np.ndarray:
        """The network's outputs (n, outputs) float64 on rows (n, features) as they were given to `fit`."""
        from gengap.models.backend import keras

        check_is_fitted(self)
        x = self._prepared(validate_data(self, X, reset=False, dtype=np.float64))
        size, found = (BLOCK if len(x) <= BLOCK else ROWS_AT_ONCE), []
        for start in range(0, len(x), size):
            part = x[start : start + size]
            padded = np.concatenate([part, np.zeros((size - len(part), x.shape[1]), np.float32)])
            found.append(keras.ops.convert_to_numpy(self.model_(padded, training=False))[: len(part)])
        return np.concatenate(found).astype(np.float64)

    def __getstate__(self) -> dict[str, Any]:
        """With the network as the bytes of a .keras file."""
        state = dict(super().__getstate__())
        if "model_" in state:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.keras"
                state["model_"].save(path)
                state["model_"] = path.read_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "model_" in state:
            from gengap.models import layers  # noqa: F401 - registers gengap's own
            from gengap.models.saved import load_saved

            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.keras"
                path.write_bytes(state["model_"])
                state = {**state, "model_": load_saved(path)}
        super().__setstate__(state)


class GengapClassifier(ClassifierMixin, _Network):
    """A network of gengap's as a scikit-learn classifier, for two classes or more, that judges its own training.

    `units` are the widths of the hidden layers, `treatments` what is put round them (`gengap.models.L2` and others;
    `Ensemble`, `LabelSmoothing` and `Mixup` are for two classes), `activation` the name of one of Keras'. `fit`
    holds out `validation_fraction` of the rows, of each class as much, standardises columns as the other rows say,
    and trains with Adam on batches of `batch_size` until the cross-entropy of the rows held out hasn't improved for
    `patience` epochs, `max_epochs` at most; the best epoch's weights are kept. `class_weight` is None, "balanced"
    or a dict of weights by class. The same `random_state` gives the same network.

    Fitted attributes: `classes_`, `history_` (a History), `verdict_` (a Verdict), `best_epoch_`, `n_iter_` (epochs
    run), `model_` (the Keras model, on standardised columns), `n_features_in_`, `feature_names_in_`.

    >>> from sklearn.datasets import make_blobs
    >>> X, y = make_blobs(60, centers=[[0, 0], [9, 9]], random_state=0)
    >>> classifier = GengapClassifier((8,), max_epochs=30, random_state=0).fit(X, y)
    >>> classifier.predict([[0, 0], [9, 9]]), classifier.verdict_.verdict
    (array([0, 1]), 'inconclusive')
    """

    def __init__(
        self,
        units: Sequence[int] = (64, 64),
        *,
        treatments: Sequence[Treatment] = (),
        activation: str = "elu",
        max_epochs: int = 300,
        batch_size: int = 64,
        patience: int = 20,
        learning_rate: float = 0.003,
        validation_fraction: float = 0.2,
        class_weight: Any = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            units,
            treatments=treatments,
            activation=activation,
            max_epochs=max_epochs,
            batch_size=batch_size,
            patience=patience,
            learning_rate=learning_rate,
            validation_fraction=validation_fraction,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GengapClassifier:
        """Trains on X (n, features) of numbers and classes y (n,); `sample_weight` (n,) of 0 leaves a row out.

        Raises ValueError if there are fewer than two classes or rows, or if something is missing or no number.
        """
        X, y, weights = _checked(self, X, y, sample_weight)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has 1 class, {self.classes_[0]!r}; expected at least 2 classes to tell apart")
        if self.class_weight is not None:
            balance = compute_sample_weight(self.class_weight, y)
            weights = balance if weights is None else weights * balance
        several = _Task(len(self.classes_), "sparse_categorical_crossentropy", (Ensemble, LabelSmoothing, Mixup))
        binary = len(self.classes_) == 2
        self._train(
            X, codes.astype("float32" if binary else "int32"), weights, BINARY if binary else several, codes
        )
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Logits: (n,) of the second class for two classes, else (n, classes)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict_proba(self, X: Any) -> np.ndarray:
        """Each class's probability, (n, classes), in the order of `classes_`."""
        logits = self.decision_function(X)
        return softmax(logits, axis=1) if logits.ndim == 2 else np.stack([expit(-logits), expit(logits)], axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each row, (n,)."""
        logits = self.decision_function(X)
        return self.classes_[logits.argmax(axis=1) if logits.ndim == 2 else (logits > 0).astype(int)]


class GengapRegressor(RegressorMixin, _Network):
    """A network of gengap's as a scikit-learn regressor for one target, that judges its own training.

    Parameters as for `GengapClassifier`, without `class_weight`. The target is standardised too, and the mean
    squared error of the rows held out decides when to stop; `history_` is in units of that standardised target.

    Fitted attributes: those of `GengapClassifier`, without `classes_`.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 80)[:, None]
    >>> regressor = GengapRegressor((8,), max_epochs=60, random_state=0).fit(X, 3 * X[:, 0] + 5)
    >>> abs(float(regressor.predict([[0.5]])[0]) - 6.5) < 0.5
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GengapRegressor:
        """Trains on X (n, features) and targets y (n,), all numbers; `sample_weight` (n,) may leave rows out by 0.

        Raises ValueError if there are fewer than two rows, or if something is missing or no number.
        """
        X, y, weights = _checked(self, X, y, sample_weight, y_numeric=True)
        y = y.astype(np.float64)
        self._centre, self._spread = float(y.mean()), float(y.std()) or 1.0
        self._train(X, ((y - self._centre) / self._spread).astype(np.float32), weights, REGRESSION, None)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The target of each row, (n,)."""
        return self._outputs(X)[:, 0] * self._spread + self._centre


def _checked(
    estimator: _Network,
    X: Any,
    y: Any,
    sample_weight: Any,
    **options: Any,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """X, y and weights as arrays, without the rows of no weight."""
    X, y = validate_data(estimator, X, y, dtype=np.float64, ensure_min_samples=2, **options)
    y = column_or_1d(y, warn=True)
    if sample_weight is None:
        return X, y, None
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    kept = weights > 0
    if kept.sum() < 2:
        raise UsageError(f"sample_weight leaves {kept.sum()} rows; expected at least 2 with a weight above 0")
    return X[kept], y[kept], weights[kept] / weights[kept].mean()


def _objective(task: _Task, smoothing: float) -> tuple[Any, list[Any]]:
    """The loss and metrics of a task."""
    from gengap.models.backend import keras

    if task == REGRESSION:
        return "mean_squared_error", [keras.metrics.MeanSquaredError(name=task.metric)]
    if task == BINARY:
        return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing), [
            keras.metrics.BinaryCrossentropy(from_logits=True, name=task.metric),
            keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy"),
        ]
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True), [
        keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name=task.metric),
        keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
    ]


def _judged(fitted: Fitted, validation: Rows, task: _Task) -> Any:
    from gengap.diagnose.trials import curves_of
    from gengap.diagnose.verdict import judge

    return judge(curves_of(fitted.history, task.metric), _row_losses(fitted, validation, task))


def _row_losses(fitted: Fitted, validation: Rows, task: _Task) -> RowLosses | None:
    """Each validation row's weighted loss at the epochs whose outputs were kept; None of a single row."""
    from gengap.diagnose.rows import RowLosses
    from gengap.diagnose.trials import cross_entropies
    from gengap.train.fitted import kept_rows

    kept = kept_rows(len(validation))
    if len(kept) < 2:
        return None
    y, outputs = validation.y[kept], fitted.outputs.astype(np.float64)
    if task == BINARY:
        losses = cross_entropies(outputs[..., 0], y)
    elif task == REGRESSION:
        losses = np.square(outputs[..., 0] - y)
    else:
        picked = np.take_along_axis(outputs, y[None, :, None].astype(int), axis=-1)[..., 0]
        losses = np.logaddexp.reduce(outputs, axis=-1) - picked
    weights = 1.0 if validation.weights is None else validation.weights[kept] / validation.weights[kept].mean()
    return RowLosses(fitted.output_epochs, losses * weights)
