"""`predict()`: a saved model's answers on a table, written as Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.data.source import feature_batches
from gengap.models.saved import Card, load_saved, outputs_of, read_card

if TYPE_CHECKING:
    import keras
    import pyarrow as pa

    from gengap.data.blocks import Progress


def predict(model: str | Path, table: Any, out: str | Path, *, progress: Progress | None = None) -> int:
    """Writes what the model says of every row of `table`, in order. Returns the rows.

    The column is `probability`, of the second of two classes; `probability_<class>` for each of more; or
    `prediction`, a number in the target's own units.
    `model` is a .keras file of a study, such as models/best.keras; it prepares raw features itself. `table` is any
    source of `gengap.load`, with or without the target; columns are found by name, and what was made of text, dates
    and missing values for training is made of them here. The file is written beside `out` and renamed, in bounded
    memory. Raises UsageError if the model is none of gengap's or a column is missing, and DataError, which names
    the row and column, if a value can't be used.
    """
    import pyarrow as pa

    from gengap.data.tables import write_batches

    path = Path(model)
    card = read_card(path)
    needed = [pa.field(column, pa.float32(), nullable=False) for column in card.columns]
    batches = feature_batches(table, card.encoding.schema if card.encoding else pa.schema(needed), progress)
    schema = _schema(card)
    return write_batches(_answers(load_saved(path), card, batches, schema), schema, Path(out))


def _schema(card: Card) -> pa.Schema:
    import pyarrow as pa

    answers = card.answers(np.zeros((1, max(len(card.classes), 1))))
    return pa.schema([(name, pa.from_numpy_dtype(values.dtype)) for name, values in answers.items()])


def _answers(
    model: keras.Model, card: Card, batches: Iterator[pa.RecordBatch], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from gengap.data.raw import gather

    for batch in batches:
        raw = gather([batch], card.columns)
        x = card.encoding.encode(raw) if card.encoding else raw.numbers
        answers = card.answers(outputs_of(model, x))
        yield pa.RecordBatch.from_arrays([pa.array(each) for each in answers.values()], schema=schema)
