"""`predict()`: the predictions of a saved model on a table, written as a table."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.data.encoding import Category, Number, Step
from gengap.data.sources import redact_address
from gengap.data.sources.source import feature_batches
from gengap.data.value_formats import UnreadableValueError
from gengap.errors import BadRowError, GengapWarning, UsageError, as_path, shown
from gengap.files.outputs import TABLES, check_ending, write_output
from gengap.models.predictor import Predictor, load_predictor
from gengap.models.saved_model import read_card
from gengap.text.numbers import significant

if TYPE_CHECKING:
    import pyarrow as pa

    from gengap.data.sources.row_blocks import Progress


def predict(
    model: str | Path,
    table: Any,
    out: str | Path,
    *,
    ids: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress | None = None,
) -> int:
    """Predict every row of a table with a saved model, and write a table in the same order.

    Two classes give the column `probability`, that of the second class (see `probability_class`), and `predicted`,
    the more likely class. More classes give `probability_<class>` for each, and `predicted`. A number gives
    `prediction`, in the target's units. The memory that this takes does not grow with the table.

    Args:
        model: A model of a study, such as models/best. Its ending (.keras, .skops, or .zip for the mean of several)
            may be left out. It prepares raw features itself.
        table: Any source of `gengap.load`, with or without the target. Columns are found by name. Text, dates and
            missing values are prepared as in training. A category that training never had counts as a missing one.
        out: File to write; it ends in .parquet, .csv, .arrow or .feather, and is replaced in one step.
        ids: Columns of the table to copy unchanged before the predictions.
        overwrite: Replace `out` even if it is the table, or a file that `predict` did not write.
        progress: Called with the bytes read so far and the bytes expected, if known.

    Returns:
        The number of rows.

    Raises:
        UsageError: If the model was not saved by gengap, a column is missing, or `out` is a file that should stay.
        DataError: If a value can't be used; it names the row and the column.

    Warns:
        GengapWarning: If there are categories that training never had, or numbers far outside those of training.
    """
    import pyarrow as pa

    from gengap.data.sources.tables import write_batches

    path, out = as_path(model, "model"), as_path(out, "out")
    check_ending(out, TABLES)
    with write_output(out, "predict", [table], overwrite=overwrite) as part:
        card = read_card(path)
        copied, batches = feature_batches(table, card.encoding.schema, progress, ids)
        example = card.predictions(np.zeros((1, max(len(card.classes), 1))))
        if twice := [name for name in copied.names if name in example]:
            called = f"{twice[0]!r} is what the model's own column is called"
            raise UsageError(f"{called}, so --id can't copy one of that name")
        added = [pa.field(name, pa.from_numpy_dtype(values.dtype)) for name, values in example.items()]
        schema, unseen = pa.schema([*copied, *added]), UnseenValues()
        origin = redact_address(os.fspath(table)) if isinstance(table, (str, os.PathLike)) else "the table"
        predictions = _predictions(load_predictor(path), batches, schema, unseen, origin)
        rows = write_batches(predictions, schema, part, "predict")
    for message in unseen.messages():
        warnings.warn(message, GengapWarning, stacklevel=2)
    return rows


def probability_class(model: str | Path) -> str | None:
    """Return the class that the column `probability` is the probability of; None if there is no such column."""
    card = read_card(Path(model))
    return card.classes[1] if card.task == "binary" and card.classes else None


def model_members(model: str | Path) -> dict[str, float]:
    """Return the weight of each run in a saved model's prediction; one run unless it is the mean of several."""
    return read_card(Path(model)).weights


class UnseenValues:
    """Values that training never saw, by column: in how many rows, one of them, and what training had."""

    def __init__(self) -> None:
        self._categories: dict[str, tuple[int, str, str]] = {}
        self._numbers: dict[str, tuple[int, str, str]] = {}

    def add(self, step: Step, column: Any) -> None:
        """Add those of more rows."""
        if isinstance(step, Category):
            had = f"taken for {'none' if step.other is None else shown(step.other)}"
            self._count(self._categories, step.name, column, step.unseen(column), had)
        if isinstance(step, Number):
            had = f"training had {significant(step.low)} to {significant(step.high)}"
            self._count(self._numbers, step.name, column, step.far_outside(column), had)

    def _count(
        self, found: dict[str, tuple[int, str, str]], name: str, column: Any, unseen: np.ndarray, had: str
    ) -> None:
        if unseen.any():
            first = np.asarray(column)[int(unseen.argmax())]
            example = shown(str(first)) if isinstance(first, str) else f"{first:g}"
            count, example, _ = found.get(name, (0, example, had))
            found[name] = count + int(unseen.sum()), example, had

    def messages(self) -> Iterator[str]:
        """Yield one message for categories and one for numbers, if there are any."""
        if self._categories:
            yield f"there are categories that training never saw: {_columns(self._categories)}"
        if self._numbers:
            yield (
                f"there are numbers far outside those of training, so predictions are guesses: "
                f"{_columns(self._numbers)}"
            )


def _columns(found: Mapping[str, tuple[int, str, str]]) -> str:
    return "; ".join(
        f"column {name!r} in {count:,} row{'s' * (count > 1)}, as {example} ({had})"
        for name, (count, example, had) in found.items()
    )


def _predictions(
    model: Predictor,
    batches: Iterator[tuple[pa.RecordBatch, list[pa.Array]]],
    schema: pa.Schema,
    unseen: UnseenValues,
    origin: str,
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from gengap.data.encoding import collect_columns

    encoding, before = model.card.encoding, 0
    for batch, copied in batches:
        raw = collect_columns([batch], encoding.columns, exact=encoding.exact)
        try:
            for step in encoding.steps:
                unseen.add(step, raw.column(step.name))
            x = encoding.encode(raw)
        except UnreadableValueError as unread:
            row = before + unread.row + 1
            raise BadRowError(origin, row, unread.column, unread.problem, unread.hint) from None
        before += len(raw)
        answers = model.card.predictions(model.outputs(x))
        yield pa.RecordBatch.from_arrays([*copied, *(pa.array(each) for each in answers.values())], schema=schema)
