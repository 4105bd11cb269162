"""Saved models: export with preparation, the card that says what a model reads and predicts, and loading.

A .keras file is a zip archive; the card is one more member of it, which Keras leaves alone, so that the model stays
a single file that any Keras loads.
"""

from __future__ import annotations

import errno
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import numpy as np

from gengap.data.encoding import Encoding
from gengap.errors import GengapError, SourceError, UsageError, reason
from gengap.files.checksums import check_unchanged
from gengap.files.limits import LARGEST_CARD, check_archive
from gengap.models import backend
from gengap.options.spec import TaskName
from gengap.tasks import BINARY, AnyTask, Binary, Multiclass, Regression

if TYPE_CHECKING:
    import keras

CARD_FILE = "gengap.json"
ENDINGS = (".keras", ".skops", ".zip")  # of a network, a model of scikit-learn, and the mean of several


class SavedMember(msgspec.Struct, frozen=True):
    """A part of a saved model: the run that trained it, its weight, and its file in a .zip."""

    run: str
    weight: float = 1.0
    file: str = ""


class ModelCard(msgspec.Struct, frozen=True):
    """What a model reads and predicts.

    Attributes:
        encoding: How a table's columns become the model's inputs.
        target: Name of the target that it was trained on.
        mean: Mean of a target that is a number.
        scale: What such a target was divided by.
        members: The models whose predictions are averaged.
    """

    encoding: Encoding
    target: str
    task: TaskName = "binary"
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    members: tuple[SavedMember, ...] = ()

    @classmethod
    def of(cls, encoding: Encoding, target: str, task: AnyTask, run: str = "") -> ModelCard:
        """Return the card of a run's model for a task."""
        members = (SavedMember(run),) if run else ()
        if isinstance(task, Regression):
            return cls(encoding, target, task.name, (), task.mean, task.scale, members)
        return cls(encoding, target, task.name, task.classes, members=members)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that it reads."""
        return self.encoding.columns

    @property
    def features(self) -> int:
        """Number of the model's inputs."""
        return len(self.encoding.features)

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each run in the prediction; the seeds and folds of a run together."""
        found: dict[str, float] = {}
        for each in self.members:
            found[each.run] = found.get(each.run, 0.0) + each.weight
        return found

    def as_task(self) -> Binary | Multiclass | Regression:
        """Return the task that the model was trained for."""
        if self.task == "regression":
            return Regression(self.mean, self.scale)
        if self.task == "multiclass":
            return Multiclass(self.classes)
        return Binary(self.classes) if self.classes else BINARY

    def predictions(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Convert the outputs (rows, outputs) to predictions by column; numbers in the target's units."""
        return self.as_task().predictions(outputs)


def write_card(path: Path, card: ModelCard) -> None:
    """Add the card to a saved model that has none."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(CARD_FILE, msgspec.json.encode(card))


def resolve(path: Path) -> Path:
    """Return the file of a model that is named without its ending, such as models/best; else the path."""
    named = [path.with_name(path.name + ending) for ending in ENDINGS if path.name]
    return next((each for each in (path, *named) if _exists(each)), path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # no file can have such a name
            return False
        raise SourceError(f"{path}: can't be read ({error.strerror})") from None


def saved_target(path: Path) -> str:
    """Return the name of the target of a saved model; "" if it is not known."""
    try:
        return read_card(path).target
    except GengapError:
        return ""


def read_card(path: Path) -> ModelCard:
    """Read a saved model's card. Raises SourceError if no file can be read, UsageError for one of others."""
    path = resolve(path)
    if not _exists(path):
        raise SourceError(f"{path}: there is no such file. Check the path")
    try:
        if path.is_dir() and any((path / "models").glob("best.*")):
            best = path / "models" / "best"
            raise UsageError(f"{path}: this is a study's folder, expected a model. Name its best, {best}")
        check_unchanged(path)
        check_archive(path, str(path))
        with zipfile.ZipFile(path) as archive, archive.open(CARD_FILE) as member:
            return msgspec.json.decode(_bounded(member), type=ModelCard)
    except GengapError:
        raise
    except OSError as error:
        why = str(error.strerror or error)
    except zipfile.BadZipFile:
        why = "it is no model file"
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{path}: can't be used to predict ({error} in its {CARD_FILE}); an earlier gengap may have saved it. "
            "Train it again with this one"
        ) from None
    except Exception:  # on a damaged archive zipfile and its unpackers raise almost anything
        why = "it does not say which columns it reads"
    raise UsageError(f"{path}: can't be used to predict ({why}); expected a model that `gengap study` saved")


def _bounded(member: IO[bytes]) -> bytes:
    content = member.read(LARGEST_CARD + 1)
    if len(content) > LARGEST_CARD:
        raise ValueError(f"it is longer than {LARGEST_CARD:,} bytes")
    return content


def load_saved(path: Path) -> keras.Model:
    """Load a saved model in Keras' safe mode. Raises UsageError if Keras can't load it."""
    import gengap.models  # noqa: F401 - registers gengap's own layers

    if path.suffix != ".keras":  # Keras goes by the name, and other formats have no safe mode
        raise UsageError(f"{path}: this is no .keras file; expected a model that `gengap study` saved")
    try:
        return backend.keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a model may be made of anything, and fail in any of its parts
        raise UsageError(f"{path}: Keras can't load this model ({reason(error)})") from None


def predict_outputs(model: keras.Model, x: np.ndarray, task: AnyTask = BINARY) -> np.ndarray:
    """Return the outputs (n, outputs) float64 of a model of `export_model` for raw features (n, columns).

    Numbers are standardised, as they were learnt: in their own units, 32 bits may not tell them apart.
    """
    if isinstance(task, Regression):  # the last layer converts to the target's own units
        model = backend.keras.Model(model.inputs, model.layers[-1].input)
    return np.asarray(model.predict(x, batch_size=8_192, verbose=0), np.float64)  # pyright: ignore[reportArgumentType]


def export_clone(model: keras.Model) -> keras.Model:
    """Return a trained clone of a user's model as it is saved: without layers that act in training only."""
    from gengap.models.keras_internals import loss_weights_of
    from gengap.models.treated_clone import for_inference

    with backend.BUILD_LOCK:
        plain = for_inference(model).model
    weights = {"loss_weights": loss_weights_of(model)} if len(model.outputs) > 1 else {}
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    plain.compile(optimizer=optimizer, loss=model.loss, **weights)
    plain.optimizer.build(plain.trainable_variables)  # so that the file holds all that Keras loads
    return plain


def export_model(model: keras.Model, mean: np.ndarray, scale: np.ndarray, task: AnyTask = BINARY) -> keras.Model:
    """Return a model for raw rows: layers that subtract `mean` and divide by `scale` (features,), then `model`.

    Keras' layers are shared with `model`, and gengap's own replaced by Keras' with the same weights, so that
    `keras.saving.load_model` needs nothing of gengap. Of a model that is no plain Sequential a copy is one layer in
    it. It is compiled with the same loss and metrics: `keras.saving.load_model(...).evaluate(raw_x, y)` gives the
    logged loss. A model of a number (a `task` that is a Regression) gives it in the target's own units, and so does
    its loss.
    """
    from gengap.models.layers import MixupLayer, PlainLayer, TreatedSequential

    # Not `Normalization`: that divides by at least 1e-7, and columns in small units have less spread.
    start = backend.keras.Input((len(mean),))
    copy = None
    if type(model) not in (backend.keras.Sequential, TreatedSequential):
        with backend.BUILD_LOCK:  # `model` itself would be saved with an optimizer of its own
            copy = type(model).from_config(model.get_config())
    layers = model.layers if copy is None else [copy]
    centre = _rescaling("centre", layers, 1.0, (-mean).tolist())
    spread = _rescaling("spread", layers, (1 / scale.astype(np.float64)).tolist())
    stack = [centre, spread, *(layer for layer in layers if not isinstance(layer, MixupLayer))]
    if isinstance(task, Regression):
        stack.append(_rescaling("units", layers, task.scale, task.mean))
    if any(isinstance(layer, PlainLayer) for layer in stack):
        x = start
        for layer in stack:
            x = layer.plain(x) if isinstance(layer, PlainLayer) else layer(x)
        whole = backend.keras.Model(start, x)
    else:
        whole = backend.keras.Sequential([start, *stack])
    if copy is not None:
        copy.set_weights(model.get_weights())
    loss = model.loss if hasattr(model.loss, "__name__") else type(model.loss)
    with backend.keras.saving.custom_object_scope({each.__name__: each for each in (loss, type(model.optimizer))}):
        whole.compile_from_config(_plain_loss(model, task))
    return whole


def _rescaling(name: str, others: Sequence[keras.Layer], scale: Any, offset: Any = 0.0) -> keras.Layer:
    """Return a layer with a name that the other layers of the model don't have."""
    while any(layer.name == name for layer in others):
        name += "_"
    return backend.keras.layers.Rescaling(scale, offset=offset, name=name)


def _plain_loss(model: keras.Model, task: AnyTask) -> dict[str, Any]:
    """Return how the model is compiled, with the task's own loss in place of gengap's."""
    from gengap.models.log_target import LogLoss
    from gengap.models.mlp import task_loss

    config = model.get_compile_config()
    if isinstance(model.loss, LogLoss):
        config["loss"] = backend.keras.saving.serialize_keras_object(task_loss(task))
    return config
