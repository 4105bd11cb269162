"""Notebooks: the outputs of their cells are read, and nothing is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import DataError

TRAIN = [round(1 / epoch, 4) for epoch in range(1, 10)]
VALIDATION = [round(1 / epoch + 0.1, 4) for epoch in range(1, 10)]
PAIRS = list(enumerate(zip(TRAIN, VALIDATION, strict=True), 1))


def html(*names: str) -> dict[str, Any]:
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(f"<tr>\n<td>{e}</td>\n<td>{t}</td><td>{v}</td></tr>" for e, (t, v) in PAIRS)
    page = f"<style>td {{}}</style><progress></progress> [9/9 00:12]<table><tr>{head}</tr>{rows}</table><p>"
    return {"output_type": "display_data", "data": {"text/html": [page], "text/plain": "<IPython.core.HTML>"}}


def printed(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}


def returned(text: str) -> dict[str, Any]:
    return {"output_type": "execute_result", "data": {"text/plain": [text], "image/png": "aGVsbG8="}}


OUTPUTS = {
    "lines": printed("".join(f"Epoch {e}/9 - loss: {t} - val_loss: {v}\n" for e, (t, v) in PAIRS)),
    "fastai": html("epoch", "train_loss", "valid_loss"),
    "trainer": html("Epoch", "Training Loss", "Validation Loss"),
    "history": returned(repr({"loss": TRAIN, "val_loss": VALIDATION})),
}


def written(path: Path, *outputs: dict[str, Any], **more: Any) -> Path:
    text = {"cell_type": "markdown", "source": ["Epoch 3: loss: 99 val_loss: 98"]}
    cells = [text, *({"cell_type": "code", "source": ["1 / 0"], "outputs": [output]} for output in outputs)]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, **more}, indent=1), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["a.ipynb", "a.txt"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_outputs_are_read(tmp_path: Path, output: str, name: str) -> None:
    other = returned("<Figure size 640x480 with 1 Axes>")
    (log,) = read(written(tmp_path / name, printed("Using cuda:0"), OUTPUTS[output], other))
    found = choose_curves(log)
    assert found.validation.values.tolist() == VALIDATION
    assert found.train is not None and found.train.values.tolist() == TRAIN
    assert log.reader == "notebook"


@pytest.mark.parametrize("outputs", [(), (printed("hello"),), ({"data": 3}, {"text": [1, {}]})])
def test_a_notebook_without_curves_says_what_to_do(tmp_path: Path, outputs: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(DataError, match=r"in the outputs of this notebook's cells. Run the cell that trains"):
        read(written(tmp_path / "a.ipynb", *outputs))


def test_a_broken_notebook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text('{"cells": [{', encoding="utf-8")
    with pytest.raises(DataError, match="this is no whole notebook"):
        read(path)
