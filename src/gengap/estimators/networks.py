"""`GengapClassifier` and `GengapRegressor`, and what they share: parameters, training and pickling."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from gengap.data.rows import Rows
from gengap.errors import UsageError, check_count, shown
from gengap.models import backend
from gengap.models.treatment_base import averages_weights
from gengap.models.treatments import Treatment
from gengap.tasks import BINARY, AnyTask, LogScale, Multiclass, Regression

if TYPE_CHECKING:
    import keras

    from gengap.train.types import TrainResult

BLOCK, ROWS_AT_ONCE = 256, 8_192  # rows are predicted in blocks of one of these sizes: each shape compiles once
SEEDS = 2**20  # layers multiply their model's seed, which Keras limits to 32 bits


@dataclass(eq=False, repr=False)
class NetworkEstimator(BaseEstimator):
    """The base of both estimators: parameters, held-out rows, standardising, training and pickling."""

    units: Sequence[int] = (64, 64)
    _: KW_ONLY
    treatments: Sequence[Treatment] = ()
    activation: str = "elu"
    max_epochs: int = 300
    batch_size: int = 64
    patience: int = 20
    learning_rate: float = 0.003
    validation_fraction: float = 0.2
    random_state: Any = None

    def _train(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None, task: AnyTask, strata: Any) -> None:
        """Set every fitted attribute, from X (n, features) and the target's values (n,)."""
        from gengap.diagnose.trial_verdicts import judge_trial
        from gengap.models.layers import adapt_to_rows

        self._check(task)
        seed = int(check_random_state(self.random_state).randint(SEEDS))
        train, held = self._split(len(X), strata, seed)
        self._mean, spread = X[train].mean(axis=0), X[train].std(axis=0)
        constant = spread <= 1e-12 * np.abs(self._mean)
        self._scale = np.where(constant, 1.0, spread)
        if isinstance(task, Regression):
            learnt = y[train]
            task = Regression(float(learnt.mean()), float(learnt.std()) or 1.0, LogScale.of(learnt))
        self._task, y = task, task.encoded(y)
        x = self._prepared(X)
        rows = [Rows(x[part], y[part], None if weights is None else weights[part]) for part in (train, held)]
        self.model_ = self._compiled(task, x.shape[1], seed)
        adapt_to_rows(self.model_, rows[0])
        result = self._train_network(rows[0], rows[1], task, seed)
        self.history_, self.best_epoch_ = result.history, 1 + (result.best_epoch or 0)
        self.n_iter_ = result.history.epochs
        verdict = judge_trial(result, rows[1].y, task, rows[1].weights)
        self.verdict_ = msgspec.structs.replace(verdict, run=result.history.run)

    def _train_network(self, train: Rows, validation: Rows, task: AnyTask, seed: int) -> TrainResult:
        from gengap.train.fitting import train_model
        from gengap.train.stopping import Stopping
        from gengap.train.types import TrainConfig

        rule = Stopping(patience=self.patience, monitor=task.loss)
        options: dict[str, Any] = {"run": type(self).__name__, "averaged": averages_weights(self.treatments)}
        job = TrainConfig(self.max_epochs, self.batch_size, rule, seed, **options)
        result, _ = train_model(self.model_, train, validation, job)
        if result.best_epoch is None:
            raise UsageError(
                f"the validation {task.loss} was never finite; lower learning_rate, which is {self.learning_rate}"
            )
        return result

    def _split(self, rows: int, strata: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the training rows and the held-out rows, with every class in both parts if possible."""
        held = int(np.clip(round(self.validation_fraction * rows), 1, rows - 1))
        if strata is not None:
            counts = np.unique(strata, return_counts=True)[1]
            strata = strata if counts.min() > 1 and len(counts) <= min(held, rows - held) else None
        train, validation = train_test_split(np.arange(rows), test_size=held, stratify=strata, random_state=seed)
        return np.sort(train), np.sort(validation)

    def _compiled(self, task: AnyTask, features: int, seed: int) -> keras.Sequential:
        from gengap.models.mlp import compile_for, perceptron

        model = perceptron(
            self.units, self.treatments, features=features, task=task, activation=self.activation, seed=seed
        )
        compile_for(task, model, self.treatments, self.learning_rate, weighted=True)
        return model

    def _check(self, task: AnyTask) -> None:
        """Raise UsageError for a wrong parameter, and name it."""
        for name in ("max_epochs", "batch_size", "patience"):
            check_count(name, getattr(self, name))
        if not isinstance(self.validation_fraction, Real) or not 0 < float(self.validation_fraction) < 1:
            raise UsageError(f"validation_fraction is {self.validation_fraction!r}; expected one between 0 and 1")
        if not isinstance(self.learning_rate, Real) or not float(self.learning_rate) > 0:
            raise UsageError(f"learning_rate is {self.learning_rate!r}; expected a number above 0")
        widths = self.units if isinstance(self.units, Iterable) else (None,)
        if not all(isinstance(units, Integral) and int(units) > 0 for units in widths):
            raise UsageError(f"units is {self.units!r}; expected the widths of the hidden layers, as in (64, 64)")
        treatments = self.treatments if isinstance(self.treatments, Iterable) else (None,)
        if not all(isinstance(treatment, Treatment) for treatment in treatments):
            raise UsageError(f"treatments is {self.treatments!r}; expected treatments, as in (L2(0.001),)")
        for treatment in self.treatments:
            if treatment.classes_only and not task.by_class:
                raise UsageError(f"treatments has {treatment}, which is for classes only; leave it out")
            if treatment.skewed_numbers_only and task.by_class:
                raise UsageError(f"treatments has {treatment}, which is for numbers only; leave it out")

    def _prepared(self, X: np.ndarray) -> np.ndarray:
        return ((X - self._mean) / self._scale).astype(np.float32)

    def _outputs(self, X: Any) -> np.ndarray:
        """Return the network's outputs (n, outputs) float64 on rows (n, features) as `fit` takes them."""
        check_is_fitted(self)
        with _words_named({"X": X}):
            x = self._prepared(validate_data(self, X, reset=False, dtype=np.float64))
        size, parts = (BLOCK if len(x) <= BLOCK else ROWS_AT_ONCE), []
        for start in range(0, len(x), size):
            part = x[start : start + size]
            padded = np.concatenate([part, np.zeros((size - len(part), x.shape[1]), np.float32)])
            parts.append(backend.keras.ops.convert_to_numpy(self.model_(padded, training=False))[: len(part)])
        return np.concatenate(parts).astype(np.float64)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the network as the bytes of a .keras file."""
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
            from gengap.models.saved_model import load_saved

            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.keras"
                path.write_bytes(state["model_"])
                state = {**state, "model_": load_saved(path)}
        super().__setstate__(state)


WORDS_HINT = {
    "X": "Encode words first, such as with skrub.tabular_pipeline(estimator); gengap.study does it itself",
    "y": "For classes, use GengapClassifier",
}


@contextmanager
def _words_named(values: Mapping[str, Any]) -> Iterator[None]:
    """Say which word is in the place of a number, if scikit-learn refuses values for it."""
    try:
        yield
    except ValueError:
        for name, each in values.items():
            if (word := _first_word(each)) is not None:
                raise UsageError(f"{name} holds {shown(word)}; expected numbers. {WORDS_HINT[name]}") from None
        raise


def _first_word(values: Any) -> str | None:
    """Return the first text that is no number."""
    for each in np.asarray(values, dtype=object).flat:
        if isinstance(each, str):
            try:
                float(each)
            except ValueError:
                return each
    return None


def validate_rows(
    estimator: NetworkEstimator,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    y_numeric: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return X, y and weights as arrays, without the rows of weight 0."""
    with _words_named({"X": X} | ({"y": y} if y_numeric else {})):
        X, y = validate_data(estimator, X, y, dtype=np.float64, ensure_min_samples=2, y_numeric=y_numeric)
        y = y.astype(np.float64) if y_numeric else y
    y = column_or_1d(y, warn=True)
    if sample_weight is None:
        return X, y, None
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    counted = weights > 0
    if counted.sum() < 2:
        raise UsageError(f"sample_weight leaves {counted.sum()} rows; expected at least 2 with a weight above 0")
    return X[counted], y[counted], weights[counted] / weights[counted].mean()


@dataclass(eq=False, repr=False)
class GengapClassifier(ClassifierMixin, NetworkEstimator):
    """A network as a scikit-learn classifier, for two or more classes, with a verdict on its training.

    `fit` holds out some rows of each class, standardises the columns by the other rows, and trains with Adam. The
    weights of the epoch with the lowest cross-entropy on the held-out rows are kept.

    Args:
        units: The widths of the hidden layers.
        treatments: Regularisers and other changes of the network, such as `gengap.models.L2(0.001)`.
        activation: The name of one of Keras' activations.
        max_epochs: The most epochs of training.
        batch_size: Rows of a batch.
        patience: Training ends after this many epochs without a lower loss on the held-out rows.
        learning_rate: Adam's learning rate.
        validation_fraction: The share of the rows that `fit` holds out, between 0 and 1.
        class_weight: None, "balanced", or a dict of weights by class.
        random_state: The same value gives the same network.

    Attributes:
        classes_: The classes, sorted.
        history_: The curves, a `History`.
        verdict_: Whether the network underfits, fits or overfits, a `Verdict`.
        best_epoch_: The epoch whose weights are kept, from 1.
        n_iter_: How many epochs ran.
        model_: The Keras model, on standardised columns.
        n_features_in_: How many columns X has.
        feature_names_in_: Their names, if X was a DataFrame.

    >>> from sklearn.datasets import make_blobs
    >>> X, y = make_blobs(60, centers=[[0, 0], [9, 9]], random_state=0)
    >>> classifier = GengapClassifier((8,), max_epochs=30, random_state=0).fit(X, y)
    >>> classifier.predict([[0, 0], [9, 9]]), classifier.verdict_.verdict
    (array([0, 1]), 'underfit')
    """

    _: KW_ONLY
    class_weight: Any = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GengapClassifier:
        """Train the network.

        Args:
            X: Numbers (n, features).
            y: The classes (n,).
            sample_weight: Weights of the rows (n,); a weight of 0 leaves a row out.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If there are fewer than two classes or rows, or if a value is missing or not a number.
        """
        X, y, weights = validate_rows(self, X, y, sample_weight)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has 1 class, {shown(self.classes_[0])}; expected at least 2 classes")
        if self.class_weight is not None:
            balance = compute_sample_weight(self.class_weight, y)
            weights = balance if weights is None else weights * balance
        task = BINARY if len(self.classes_) == 2 else Multiclass(tuple(map(str, range(len(self.classes_)))))
        self._train(X, codes, weights, task, codes)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return logits: (n,) of the second class for two classes, else (n, classes)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return each class's probability, (n, classes), in the order of `classes_`."""
        logits = self.decision_function(X)
        return softmax(logits, axis=1) if logits.ndim == 2 else np.stack([expit(-logits), expit(logits)], axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most likely class of each row, (n,)."""
        logits = self.decision_function(X)
        return self.classes_[logits.argmax(axis=1) if logits.ndim == 2 else (logits > 0).astype(int)]


class GengapRegressor(RegressorMixin, NetworkEstimator):
    """A network as a scikit-learn regressor for one target, with a verdict on its training.

    Training is that of `GengapClassifier`, with the mean squared error. The target is standardised too; `history_`
    is in units of the standardised target.

    Args:
        units: The widths of the hidden layers.
        treatments: Regularisers and other changes of the network, such as `gengap.models.L2(0.001)`.
        activation: The name of one of Keras' activations.
        max_epochs: The most epochs of training.
        batch_size: Rows of a batch.
        patience: Training ends after this many epochs without a lower loss on the held-out rows.
        learning_rate: Adam's learning rate.
        validation_fraction: The share of the rows that `fit` holds out, between 0 and 1.
        random_state: The same value gives the same network.

    Attributes:
        history_: The curves, a `History`.
        verdict_: Whether the network underfits, fits or overfits, a `Verdict`.
        best_epoch_: The epoch whose weights are kept, from 1.
        n_iter_: How many epochs ran.
        model_: The Keras model, on standardised columns.
        n_features_in_: How many columns X has.
        feature_names_in_: Their names, if X was a DataFrame.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 80)[:, None]
    >>> regressor = GengapRegressor((8,), max_epochs=60, random_state=0).fit(X, 3 * X[:, 0] + 5)
    >>> abs(float(regressor.predict([[0.5]])[0]) - 6.5) < 0.5
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GengapRegressor:
        """Train the network.

        Args:
            X: Numbers (n, features).
            y: The targets (n,), numbers.
            sample_weight: Weights of the rows (n,); a weight of 0 leaves a row out.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If there are fewer than two rows, or if a value is missing or not a number.
        """
        X, y, weights = validate_rows(self, X, y, sample_weight, y_numeric=True)
        self._train(X, y, weights, Regression(), None)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted target of each row, (n,)."""
        outputs = self._outputs(X)
        return self._task.predictions(outputs)["prediction"]
