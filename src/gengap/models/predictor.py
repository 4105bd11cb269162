"""Load whatever a study saved and predict with it: a network, a baseline, or a weighted mean of several.

A network is a .keras file, a linear model or boosted trees a .skops file. Several of these are a .zip file, with
their weights in its gengap.json.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from gengap.errors import GengapError, UsageError, reason
from gengap.files.limits import check_archive
from gengap.models.saved_baseline import baseline_outputs, load_baseline
from gengap.models.saved_model import (
    CARD_FILE,
    ModelCard,
    SavedMember,
    load_saved,
    predict_outputs,
    read_card,
    resolve,
)

MEMBER_FILE = re.compile(r"\d{1,4}\.(keras|skops)")


@dataclass(frozen=True, eq=False)
class Predictor:
    """A loaded model: its card, functions from raw features (n, features) to outputs, and their weights."""

    card: ModelCard
    parts: tuple[Callable[[np.ndarray], np.ndarray], ...]
    weights: tuple[float, ...]

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Return outputs (n, outputs) float64 for raw features (n, features); numbers are standardised."""
        found = [part(x) for part in self.parts]
        return found[0] if len(found) == 1 else self.card.as_task().mix(found, self.weights)


def load_predictor(path: Path) -> Predictor:
    """Load a model that a study saved.

    Raises SourceError if there is no such file, and UsageError if it is damaged or no model of `gengap study`.
    """
    path = resolve(path)
    card = read_card(path)
    if path.suffix != ".zip":
        return Predictor(card, (_load(path, card),), (1.0,))
    if not card.members or not all(MEMBER_FILE.fullmatch(each.file) for each in card.members):
        raise UsageError(f"{path}: its {CARD_FILE} names no models; expected a model that `gengap study` saved")
    if not all(np.isfinite(each.weight) and each.weight > 0 for each in card.members):
        raise UsageError(
            f"{path}: its {CARD_FILE} has weights that are not above 0; expected a model of `gengap study`"
        )
    with tempfile.TemporaryDirectory() as folder:
        parts = [_load(_extract(path, each, Path(folder)), card) for each in card.members]
    return Predictor(card, tuple(parts), tuple(each.weight for each in card.members))


def _extract(path: Path, member: SavedMember, folder: Path) -> Path:
    """Write a member of the archive into a folder, and return its path."""
    inside = folder / member.file
    try:
        with zipfile.ZipFile(path) as archive:
            inside.write_bytes(archive.read(member.file))
        check_archive(inside, f"{path}, {member.file}")
    except GengapError:
        raise
    except Exception as error:  # a damaged archive fails in any decompressor
        raise UsageError(f"{path}: {member.file} in it can't be read ({reason(error)})") from None
    return inside


def _load(path: Path, card: ModelCard) -> Callable[[np.ndarray], np.ndarray]:
    task = card.as_task()
    if path.suffix == ".skops":
        return partial(baseline_outputs, load_baseline(path, card.features, task), task)
    return partial(predict_outputs, load_saved(path), task=task)


def write_mixture(path: Path, card: ModelCard, files: Sequence[tuple[Path, str, float]]) -> None:
    """Write files of models, each with its run and its weight, as one archive."""
    members = tuple(SavedMember(run, weight, f"{i}{file.suffix}") for i, (file, run, weight) in enumerate(files))
    with zipfile.ZipFile(path, "w") as archive:
        for (file, _, _), member in zip(files, members, strict=True):
            archive.write(file, member.file)
        archive.writestr(CARD_FILE, msgspec.json.encode(msgspec.structs.replace(card, members=members)))
