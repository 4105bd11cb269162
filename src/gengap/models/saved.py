"""Saved models: what one says of itself, which columns it reads and what it predicts, and how it is loaded.

A .keras file is a zip archive; the card is one more member of it, which Keras leaves alone, so that the model stays
a single file that any Keras loads.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gengap.data.encoding import Encoding
from gengap.errors import UsageError

if TYPE_CHECKING:
    import keras

MEMBER = "gengap.json"


class Card(msgspec.Struct, frozen=True):
    """The `columns` of the table that it reads, the `target` it was trained on, and the `task`.

    `encoding` makes the model's inputs of those columns; without one, they are the columns themselves.
    """

    columns: tuple[str, ...]
    target: str
    task: str = "binary"
    encoding: Encoding | None = None


def write_card(path: Path, card: Card) -> None:
    """Adds the card to a saved model that has none."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MEMBER, msgspec.json.encode(card))


def read_card(path: Path) -> Card:
    """A saved model's card. Raises UsageError if the file is no model that gengap saved."""
    try:
        with zipfile.ZipFile(path) as archive:
            return msgspec.json.decode(archive.read(MEMBER), type=Card)
    except OSError as error:
        reason = str(error.strerror or error)
    except zipfile.BadZipFile:
        reason = "it is no .keras file"
    except (KeyError, msgspec.DecodeError, zipfile.LargeZipFile, RuntimeError, NotImplementedError):
        reason = "it does not say which columns it reads"
    raise UsageError(f"{path}: can't be used to predict ({reason}); expected a model that `gengap study` saved")


def load_saved(path: Path) -> keras.Model:
    """A saved model, in Keras' safe mode. Raises UsageError if Keras can't load it."""
    import gengap.models  # noqa: F401 - registers gengap's own layers
    from gengap.models.backend import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError) as error:
        said = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise UsageError(f"{path}: Keras can't load this model ({said})") from None


def logits_of(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """The model's logits (n,) float64 on raw features (n, columns)."""
    return np.asarray(model.predict(x, batch_size=8_192, verbose=0), np.float64).reshape(-1)  # pyright: ignore[reportArgumentType]
