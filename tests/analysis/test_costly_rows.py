"""The validation rows that cost most: which they are, and what is shown of them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from gengap.analysis.costly_rows import MOST_ROWS, ShownInput, find_costly_rows
from gengap.analysis.results import TrialResults
from gengap.data.rows import Rows
from gengap.history import History
from gengap.plan import Trial
from gengap.tasks import OwnLoss
from gengap.train.types import TrainResult

ROWS = 40
random = np.random.default_rng(0)


def results(outputs: np.ndarray, y: Any, task: OwnLoss, weights: np.ndarray | None = None) -> TrialResults:
    result = TrainResult(History("a", 0, {}), np.array([3]), outputs[None], 3, "patience", 1.0)
    return TrialResults({"a": Trial(run="a")}, {("a", 0): result}, y, {}, task, weights=weights)


def test_of_classes_they_are_the_wrong_rows_with_the_highest_losses() -> None:
    y, losses = random.integers(3, size=ROWS), random.uniform(size=ROWS)
    wrong = np.arange(ROWS) % 4 == 0
    outputs = np.stack([losses, wrong, (y + wrong) % 3], axis=1)
    task = OwnLoss(has_classes=True, classes=("ant", "bee", "<b>"))
    rows = Rows(np.zeros((ROWS, 2)), y)
    found = find_costly_rows(results(outputs, y, task), rows, "a", 0, ShownInput())
    assert found is not None
    numbers = [each.row for each in found.rows]
    assert numbers == sorted(np.flatnonzero(wrong).tolist(), key=lambda row: -losses[row])
    assert found.share is not None and np.isclose(found.share, losses[wrong].sum() / losses.sum())
    assert [each.target for each in found.rows] == [task.classes[y[row]] for row in numbers]
    assert [each.answer for each in found.rows] == [task.classes[(y[row] + 1) % 3] for row in numbers]
    weights = np.where(np.arange(ROWS) == numbers[0], 0.0, 1.0)
    again = find_costly_rows(results(outputs, y, task, weights), rows, "a", 0, ShownInput())
    assert again is not None and [each.row for each in again.rows] == numbers[1:]
    weights = np.where(wrong, 3.0, 1.0)
    again = find_costly_rows(results(outputs, y, task, weights), rows, "a", 0, ShownInput())
    assert again is not None and again.share is not None
    assert np.isclose(again.share, (weights * losses)[wrong].sum() / (weights * losses).sum())
    outputs[:, 1] = 0
    assert find_costly_rows(results(outputs, y, task), rows, "a", 0, ShownInput()) is None


def test_of_numbers_they_are_those_with_the_highest_losses_and_a_text() -> None:
    y, tokens = random.normal(size=(ROWS, 1)), random.integers(1, 5, size=(ROWS, 6))
    tokens[:, 4:] = 0
    outputs = np.stack([random.normal(size=ROWS), np.zeros(ROWS), y[:, 0] + 1], axis=1)
    shown = ShownInput(tokens=1, words=("", "[UNK]", "good", "bad"))
    found = find_costly_rows(results(outputs, y, OwnLoss()), Rows([y, tokens], y), "a", 0, shown)
    assert found is not None and found.share is None and len(found.rows) == MOST_ROWS
    first = found.rows[0]
    assert first.row == outputs[:, 0].argmax() and first.target == f"{y[first.row, 0]:.4g}"
    words = dict(enumerate((*shown.words, "4")))
    assert first.text == " ".join(words[int(token)] for token in tokens[first.row, :4])


def test_images_are_small_pictures_in_the_range_of_all_of_them() -> None:
    y = np.eye(ROWS)
    images = random.integers(256, size=(ROWS, 200, 100, 3)).astype("float32")
    outputs = np.stack([np.arange(ROWS), np.ones(ROWS)], axis=1)
    task = OwnLoss(has_classes=True)
    for x, mode in ((images, "RGB"), (images[..., :1] / 255, "L"), (images[..., :2] - 100, "L")):
        found = find_costly_rows(results(outputs, y, task), Rows(x, y), "a", 0, ShownInput(image=0))
        assert found is not None
        first = found.rows[0]
        assert (first.row, first.target, first.answer) == (ROWS - 1, str(ROWS - 1), "")
        picture = Image.open(io.BytesIO(base64.b64decode(first.picture)))
        assert (picture.format, picture.size, picture.mode) == ("PNG", (32, 64), mode)
        assert abs(np.asarray(picture).mean() - images[-1].mean()) < 10
