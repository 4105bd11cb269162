"""Texts as rows. Keras' TextVectorization needs TensorFlow, so a layer with the same methods takes its place."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import gengap
from gengap import Plan, Trial
from gengap.cli import app
from gengap.data.arrays import load_given_rows
from gengap.data.texts import BLOCK
from gengap.errors import UsageError
from gengap.models.backend import keras
from gengap.options.study_options import DataSpec
from gengap.plan import Recipe

L = keras.layers
PLAN = Plan(name="one", trials=(Trial(run="sizes/1x"),), recipe=Recipe(batch=20, max_epochs=2))


class Words:
    """Numbers the words that it was adapted to, from 2 on; other words are 1."""

    def __init__(self, length: int | None = 3, vocabulary: Iterable[str] = ()) -> None:
        self.length, self.given, self.words = length, list(vocabulary), ["", "[UNK]", *vocabulary]

    def get_config(self) -> dict[str, Any]:
        return {"vocabulary": self.given}

    def adapt(self, batches: Iterable[np.ndarray]) -> None:
        seen = dict.fromkeys(word for batch in batches for text in batch.reshape(-1) for word in text.split())
        self.words = ["", "[UNK]", *seen]

    def get_vocabulary(self) -> list[str]:
        return self.words

    def __call__(self, texts: np.ndarray) -> np.ndarray:
        rows = [[self.words.index(w) if w in self.words else 1 for w in t.split()] for t in texts.reshape(-1)]
        length = self.length or max(map(len, rows))
        return np.array([(row + [0] * length)[:length] for row in rows])


TRAIN, HELD_OUT = ["good film", "bad", "bad bad film é"], ["good", "worse film"]


@pytest.mark.parametrize(
    "form", [list, np.array, lambda texts: np.array([text.encode() for text in texts], object)[:, None]]
)
def test_tokens_are_those_of_the_training_rows(form: Any) -> None:
    layer = Words()
    rows = load_given_rows((form(TRAIN), [1, 0, 0]), (form(HELD_OUT), [1, 0]), DataSpec(), texts=layer)
    assert rows.words == {0: ("", "[UNK]", "good", "film", "bad", "é")}
    np.testing.assert_array_equal(rows.train.x, [[2, 3, 0], [4, 0, 0], [4, 4, 3]])
    np.testing.assert_array_equal(rows.validation.x, [[2, 0, 0], [1, 3, 0]])


def test_of_several_inputs_one_holds_texts_and_a_vocabulary_stays() -> None:
    x = {"text": np.array(TRAIN), "age": np.arange(3.0)}
    layer = Words(vocabulary=["film"])
    rows = load_given_rows(
        (x, [1, 0, 0]), ({"text": np.array(HELD_OUT), "age": np.ones(2)}, [1, 0]), DataSpec(), texts=layer
    )
    np.testing.assert_array_equal(rows.train.x["text"], [[1, 2, 0], [1, 0, 0], [1, 1, 2]])
    np.testing.assert_array_equal(rows.train.x["age"], [0, 1, 2])


def test_texts_that_cannot_be_used_say_why() -> None:
    rows, spec = (TRAIN * BLOCK, [1, 0, 0] * BLOCK), DataSpec()
    with pytest.raises(UsageError, match=r"x holds texts; expected numbers, or with texts= \(--texts\)"):
        load_given_rows(rows, None, spec)
    with pytest.raises(UsageError, match=r"y holds .*; expected numbers: encode it first"):
        load_given_rows((TRAIN, TRAIN), None, spec, texts=Words())
    with pytest.raises(UsageError, match="Give it an output_sequence_length"):
        load_given_rows(rows, ([*HELD_OUT, 5 * "film "], [1, 0, 0]), spec, texts=Words(None))
    with pytest.raises(UsageError, match=r"can't make an array .*Has it an output_sequence_length\?"):
        load_given_rows(
            ([*HELD_OUT * BLOCK, 5 * "film "], np.arange(2 * BLOCK + 1) % 2), None, spec, texts=Words(None)
        )
    with pytest.raises(UsageError, match="texts is given, but no inputs hold texts"):
        load_given_rows((np.ones((9, 2)), [0, 1, 0] * 3), None, spec, texts=Words())
    with pytest.raises(UsageError, match=r"texts is a int; expected a keras\.layers.TextVectorization"):
        load_given_rows(rows, None, spec, texts=3)
    with pytest.raises(UsageError, match="texts: for a model that is cloned"):
        gengap.study("collider", texts=Words())


def text_model() -> keras.Model:
    start = keras.Input((3,), dtype="int32")
    return keras.Sequential([start, L.Embedding(9, 2), L.Flatten(), L.Dense(2, "softmax")])


def test_the_words_are_those_of_the_input_of_texts() -> None:
    shapes = {"z": (8, 8, 1), "kind": (1,), "text": (3,)}  # in another order than that of the names
    inputs = {
        name: keras.Input(each, name=name, dtype="float32" if name == "z" else "int32")
        for name, each in shapes.items()
    }
    found = [L.Flatten()(inputs["z"]), *(L.Flatten()(L.Embedding(9, 2)(inputs[name])) for name in ("kind", "text"))]
    model = keras.Model(inputs, L.Dense(2, "softmax")(L.Concatenate()(found)))
    texts = ["good film", "bad"] * 20
    rows = {"z": np.eye(40, 64).reshape(40, 8, 8, 1), "kind": np.full((40, 1), 2), "text": np.array(texts)}
    validation = (rows, np.zeros(40, int))
    costly = gengap.study(
        (rows, [1, 0] * 20), PLAN, validation=validation, model=model, texts=Words()
    ).summary.costly_rows
    assert costly is not None and costly.rows[0].picture
    assert [row.text for row in costly.rows] == [texts[row.row] for row in costly.rows]


def test_a_study_of_texts_shows_their_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["good film", "bad <b>"] * 20
    found = gengap.study(
        (texts, [1, 0] * 20), PLAN, validation=(texts, [0, 0] * 20), model=text_model, texts=Words()
    )
    assert "texts=texts" in (found.summary.provenance or pytest.fail()).call
    costly = found.summary.costly_rows
    assert costly is not None and {row.text for row in costly.rows} <= {"good film", "bad <b>"}
    assert "good film" in {row.text for row in costly.rows}
    page = found.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<q>good film</q>" in page and "bad <b>" not in page
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "text_models", raising=False)
    Path("text_models.py").write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "from data.test_texts import Words, text_model\nwords = Words()\n"
    )
    Path("plan.toml").write_text(PLAN.to_toml())
    np.savez("texts.npz", x=texts, y=[1, 0] * 20)
    options = ["--plan", "plan.toml", "--model", "text_models:text_model", "--texts", "text_models:words"]
    result = CliRunner().invoke(app, ["study", "texts.npz", *options])
    assert result.exit_code == 0, (result.output, result.exception)
    assert "32 training and 8 validation rows" in result.output
