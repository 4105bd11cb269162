"""The validation rows on which a model loses most, as pictures and texts: its confident mistakes."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np

from gengap.analysis.results import TrialResults
from gengap.data.images import thumbnail
from gengap.data.rows import Rows, list_arrays
from gengap.tasks import OwnLoss
from gengap.train.types import recorded_rows

MOST_ROWS = 24
MOST_CHARACTERS = 300  # of a text


class CostlyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A validation row.

    Attributes:
        row: Its number in the validation rows, from 0.
        target: Its class or number; empty if it has several.
        answer: What the model predicts, in the same way.
        picture: The image as a PNG file in base64; empty without an image.
        text: The text or the tokens; empty without them.
    """

    row: int
    loss: float
    target: str = ""
    answer: str = ""
    picture: str = ""
    text: str = ""


class CostlyRows(msgspec.Struct, frozen=True, kw_only=True):
    """The validation rows with the highest losses of a run; of classes, only rows with a wrong label.

    Attributes:
        share: Share of the validation loss that these rows have, if no loss is negative.
        ranked: How many validation rows were looked at: of very many, evenly spaced ones.
        rows: The rows, the highest loss first.
    """

    run: str
    seed: int
    share: float | None
    ranked: int
    rows: tuple[CostlyRow, ...]


class ShownInput(NamedTuple):
    """What is shown of a row: the number of an input of images, or of one of tokens with their words."""

    image: int | None = None
    tokens: int | None = None
    words: tuple[str, ...] = ()


def find_costly_rows(
    results: TrialResults, validation: Rows, run: str, seed: int, shown: ShownInput
) -> CostlyRows | None:
    """Return the rows on which a run loses most; None if it has no wrong label."""
    assert isinstance(results.task, OwnLoss)
    outputs = results.outputs(run)[results.seeds(run).index(seed)]
    losses = outputs[:, 0]
    weights = np.ones(len(losses)) if results.weights is None else results.weights
    counted = np.isfinite(losses) & (weights != 0)
    costly = counted & (outputs[:, 1] > 0) if results.task.has_classes else counted
    chosen = np.argsort(np.where(costly, -losses, np.inf), kind="stable")[: min(MOST_ROWS, int(costly.sum()))]
    if not len(chosen):
        return None
    numbers, total = recorded_rows(len(validation))[chosen], float(losses[counted] @ weights[counted])
    share = float(losses[chosen] @ weights[chosen]) / total if losses[counted].min() >= 0 and total > 0 else None
    pictures, texts = _pictures(validation, numbers, shown), _texts(validation, numbers, shown)
    names = results.task.classes
    rows = (
        CostlyRow(
            row=int(number),
            loss=float(losses[place]),
            target=_target(validation.y, number, names),
            answer=_name(outputs[place, 2], names) if outputs.shape[1] > 2 else "",
            picture=picture,
            text=text,
        )
        for place, number, picture, text in zip(chosen, numbers, pictures, texts, strict=True)
    )
    return CostlyRows(run=run, seed=seed, share=share, ranked=len(outputs), rows=tuple(rows))


def _pictures(rows: Rows, numbers: np.ndarray, shown: ShownInput) -> list[str]:
    if shown.image is None:
        return [""] * len(numbers)
    images = list_arrays(rows.x)[shown.image]
    lowest, highest = float(images.min()), float(images.max())
    limits = next((high for high in (1.0, 255.0) if lowest >= 0 and highest <= high), None)
    low, high = (lowest, highest) if limits is None else (0.0, limits)
    return [thumbnail((images[number] - low) / max(high - low, 1e-12)) for number in numbers]


def _texts(rows: Rows, numbers: np.ndarray, shown: ShownInput) -> list[str]:
    if shown.tokens is None:
        return [""] * len(numbers)
    tokens = list_arrays(rows.x)[shown.tokens][numbers].reshape(len(numbers), -1).astype(np.int64)
    return [_text(row, shown.words) for row in tokens]


def _text(tokens: np.ndarray, words: tuple[str, ...]) -> str:
    """Return words, or numbers without a vocabulary; token 0 at the end is padding."""
    tokens = tokens[: int(np.flatnonzero(tokens).max(initial=-1)) + 1]
    text = " ".join(words[each] if 0 <= each < len(words) else str(each) for each in tokens.tolist())
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def _target(y: Any, number: int, names: tuple[str, ...]) -> str:
    """Return the class or number of a row; empty if it has several."""
    if not isinstance(y, np.ndarray):
        return ""
    values = y[number].reshape(-1)
    if len(values) == 1:
        return _name(float(values[0]), names)
    return _name(float(values.argmax()), names) if values.sum() == 1 and values.max() == 1 else ""


def _name(value: float, names: tuple[str, ...]) -> str:
    if names and value == int(value) and 0 <= value < len(names):
        return names[int(value)]
    return f"{value:.4g}" if abs(value) < 1e4 and value != int(value) else f"{value:,.0f}"
