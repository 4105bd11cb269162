"""Saved models: what one says of itself, which columns it reads and what it predicts, and how it is loaded.

A .keras file is a zip archive; the card is one more member of it, which Keras leaves alone, so that the model stays
a single file that any Keras loads.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec
import numpy as np

from gengap.data.encoding import Encoding
from gengap.errors import UsageError, reason
from gengap.files.limits import LARGEST_CARD, TooLargeError, check_archive
from gengap.tasks import BINARY, AnyTask, Binary, Multiclass, Regression, TaskName

if TYPE_CHECKING:
    import keras

CARD_FILE = "gengap.json"
UNITS_LAYER = "units"  # the last layer of a model of a number: it gives the target's own units


class ModelCard(msgspec.Struct, frozen=True):
    """The `columns` of the table that it reads, the `target` it was trained on, the `task` and its classes.

    `encoding` makes the model's inputs of those columns; without one, they are the columns themselves. `mean` and
    `scale` are those of a target that is a number.
    """

    columns: tuple[str, ...]
    target: str
    task: TaskName = "binary"
    classes: tuple[str, ...] = ()
    encoding: Encoding | None = None
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, encoding: Encoding, target: str, task: AnyTask) -> ModelCard:
        """The card of a model for that task."""
        if isinstance(task, Regression):
            return cls(encoding.columns, target, task.name, (), encoding, task.mean, task.scale)
        return cls(encoding.columns, target, task.name, task.classes, encoding)

    def answers(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """What `predict_outputs` (rows, outputs) says, by column; numbers are in their own units."""
        if self.task == "regression":
            return Regression(self.mean, self.scale).answers(outputs)
        if self.task == "multiclass":
            return Multiclass(self.classes).answers(outputs)
        return (Binary(self.classes) if self.classes else BINARY).answers(outputs)


def write_card(path: Path, card: ModelCard) -> None:
    """Adds the card to a saved model that has none."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(CARD_FILE, msgspec.json.encode(card))


def read_card(path: Path) -> ModelCard:
    """A saved model's card. Raises UsageError if the file is no model that gengap saved."""
    try:
        if path.is_dir() and (inside := path / "models" / "best.keras").is_file():
            raise UsageError(f"{path}: this is a study's folder, expected a model. Name its best, {inside}")
        check_archive(path, str(path))
        with zipfile.ZipFile(path) as archive, archive.open(CARD_FILE) as member:
            return msgspec.json.decode(_bounded(member), type=ModelCard)
    except (TooLargeError, UsageError):
        raise
    except OSError as error:
        said = str(error.strerror or error)
    except zipfile.BadZipFile:
        said = "it is no .keras file"
    except Exception:  # on a damaged archive zipfile and its unpackers raise almost anything
        said = "it does not say which columns it reads"
    raise UsageError(f"{path}: can't be used to predict ({said}); expected a model that `gengap study` saved")


def _bounded(member: IO[bytes]) -> bytes:
    content = member.read(LARGEST_CARD + 1)
    if len(content) > LARGEST_CARD:
        raise ValueError(f"it is longer than {LARGEST_CARD:,} bytes")
    return content


def load_saved(path: Path) -> keras.Model:
    """A saved model, in Keras' safe mode. Raises UsageError if Keras can't load it."""
    import gengap.models  # noqa: F401 - registers gengap's own layers
    from gengap.models.backend import keras

    if path.suffix != ".keras":  # Keras goes by the name, and other formats have no safe mode
        raise UsageError(f"{path}: this is no .keras file; expected a model that `gengap study` saved")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a model may be made of anything, and fail in any of its parts
        raise UsageError(f"{path}: Keras can't load this model ({reason(error)})") from None


def predict_outputs(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """The model's outputs (n, outputs) float64 on raw features (n, columns).

    Numbers are standardised, as they were learnt: in their own units, 32 bits may not tell them apart.
    """
    from gengap.models.backend import keras

    if model.layers[-1].name == UNITS_LAYER:
        model = keras.Model(model.inputs, model.layers[-1].input)
    return np.asarray(model.predict(x, batch_size=8_192, verbose=0), np.float64)  # pyright: ignore[reportArgumentType]
