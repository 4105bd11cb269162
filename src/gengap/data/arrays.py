"""Rows of any shape for a user's own model, as a `Dataset`: arrays, loaders, .npz files and folders of images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gengap.data.dataset import Dataset
from gengap.data.encoding import Encoding
from gengap.data.images import ImageForm, check_classes, image_classes, read_image_folder
from gengap.data.rows import MAX_STRATA, Rows, check_finite, list_arrays, to_rows
from gengap.data.sources import short_name
from gengap.data.split import SplitSizes, split_at_random, split_by_group
from gengap.data.stored_rows import StoredRows, store_batches
from gengap.data.table_summary import TableSummary
from gengap.data.texts import check_no_texts, is_text, vectorise, words_of
from gengap.data.units import Units, group_units
from gengap.errors import GengapWarning, SourceError, UsageError, reason
from gengap.files.limits import default_table_bytes, open_npz
from gengap.options.study_options import DataSpec
from gengap.tasks import OwnLoss
from gengap.text.catalog import Message

NPZ_PARTS = {"x": ("x", "X"), "y": ("y",), "sample_weight": ("sample_weight",)}
NOT_FOR_ARRAYS = ("target", "task", "time", "keep", "weight", "class_weight", "column")
FEW = 1_000  # rows that show shapes and types
SHOWN = 3  # groups that a warning names
SEED = 0  # of the split, and of the order of rows on disk
EXPECTED = "arrays (x, y) or (x, y, sample_weight), a loader, an .npz file with x and y, or a folder of images"


@dataclass(frozen=True, eq=False)
class ArrayGroups:
    """The group of each row.

    Attributes:
        rows: Group of each row that is split, or of each training row, (n,).
        validation: Group of each validation row if these are given, else None.
    """

    name: str
    rows: np.ndarray
    validation: np.ndarray | None = None

    def check(self, rows: int, validation: int | None) -> None:
        """Raise UsageError unless there is a group for each row.

        Args:
            rows: Number of rows to split, or of training rows.
            validation: Number of given validation rows; None without them.
        """
        if validation is not None and self.validation is None:
            raise UsageError(
                f"{self.name}: validation rows are given, so both parts need groups: groups=(training groups, "
                f"validation groups), or the arrays {self.name} and {self.name}_validation in an .npz file"
            )
        for part, values, count in (("rows", self.rows, rows), ("validation rows", self.validation, validation)):
            if values is None or count is None:
                continue
            if values.shape != (count,):
                raise UsageError(
                    f"{self.name}: the shape is {values.shape} for {count:,} {part}; expected ({count},)"
                )
            if (missing := np.flatnonzero(values != values)).size:  # NaN
                raise UsageError(f"{self.name}: row {missing[0]} (from 0) of the {part} has no group")

    def first(self, count: int | None) -> ArrayGroups:
        """Return the groups of the first `count` rows; of all if it is None."""
        return ArrayGroups(self.name, self.rows[:count], self.validation)

    def units(self, chosen: np.ndarray | None = None) -> Units:
        """Return the groups of the `chosen` rows, or those of given validation rows."""
        if chosen is not None:
            return group_units(self.rows[chosen], self.name)
        assert self.validation is not None
        if len(shared := np.intersect1d(self.rows.astype(str), self.validation.astype(str))):
            names = ", ".join(shared[:SHOWN].tolist())
            warnings.warn(
                f"{self.name}: {len(shared):,} group{'s are' if len(shared) > 1 else ' is'} in both training and "
                f"validation ({names}): the validation loss is optimistic. Keep each group in one part",
                GengapWarning,
                stacklevel=2,
            )
        return group_units(self.validation, self.name)


def find_groups(groups: Any, name: str | None, path: Path | None) -> ArrayGroups | None:
    """Return the groups of rows; None without any.

    Args:
        groups: One array, or a pair of arrays if validation rows are given.
        name: Name of an array of the .npz file.
        path: The file.

    Raises:
        UsageError: Both are given, or a name without a file.
        SourceError: The file has no array of this name.
    """
    if groups is not None and name is not None:
        raise UsageError("group and groups are both given; leave one out")
    if groups is not None:
        pair = isinstance(groups, (tuple, list)) and len(groups) == 2 and all(map(np.ndim, groups))
        parts = groups if pair else (groups,)
        return ArrayGroups("groups", *map(np.asarray, parts))
    if name is None:
        return None
    if path is None or path.suffix.lower() != ".npz":
        raise UsageError(f"group {name!r} names an array of an .npz file; give arrays with groups= in Python")
    with open_npz(path, str(path)) as archive:
        if name not in archive.files:
            raise SourceError(f"{path}: has no array {name!r} of groups; it has {', '.join(archive.files)}")
        held_out = f"{name}_validation"
        return ArrayGroups(name, archive[name], archive[held_out] if held_out in archive.files else None)


@dataclass(frozen=True, eq=False)
class GivenRows(Dataset):
    """A user's rows. Their features are not prepared, and whether the task has classes is not known yet.

    Attributes:
        batch: Rows of a batch of the loader, if one was given.
        words: The word of each token, by the number of the input that held texts.
    """

    batch: int | None = None
    words: dict[int, tuple[str, ...]] = field(default_factory=dict)


def load_given_rows(
    source: Any,
    validation: Any,
    spec: DataSpec,
    images: ImageForm | None = None,
    texts: Any = None,
    groups: Any = None,
) -> GivenRows:
    """Read rows of any shape and split them.

    Args:
        source: Arrays `(x, y)`, nested as the model takes them, a loader, or the path of an .npz file or of a
            folder of images.
        validation: Validation rows in the same forms; None splits the source.
        spec: `rows`, `train`, `validation`, `test` and `group`; options for tables are refused.
        images: What the model takes; None if the source is no folder of images.
        texts: A layer that makes tokens of the texts in x; see `gengap.data.texts.vectorise`.
        groups: Groups of the rows; see `find_groups`.

    Raises:
        UsageError: The rows can't be used, or an option is for tables only.
    """
    if given := [name for name in NOT_FOR_ARRAYS if name in spec.changed()]:
        raise UsageError(f"{', '.join(given)}: for tables only. A model that is cloned takes arrays: leave it out")
    path = Path(source) if isinstance(source, (str, os.PathLike)) else None
    classes = image_classes(path) if path is not None and images is not None and path.is_dir() else ()
    if path is not None:
        source, held_out = _read(path, images, spec.rows)
        validation = held_out if validation is None else validation
    if isinstance(validation, (str, os.PathLike)):
        held_out = Path(validation)
        if path is not None and images is not None and held_out.is_dir():
            check_classes(path, held_out)
        validation, _ = _read(held_out, images, None)
    rows, batch = _in_memory_or_stored(source, spec)
    if not isinstance(rows, StoredRows):  # they were checked while they were stored
        check_finite("the rows", rows)
    known = find_groups(groups, spec.group, path)
    origin = str(path) if path is not None else _kind(source)
    name = short_name(str(path)) if path is not None else "arrays"
    known = known and known.first(spec.rows)
    given = GivenRows(
        name=name,
        origin=origin,
        columns=(),
        target="y",
        task=OwnLoss(classes=classes),
        train=rows,
        validation=rows,
        test=None,
        preparation="raw",
        mean=np.zeros(0),
        scale=np.ones(0),
        encoding=Encoding(()),
        table=_table(rows, Message("rows-split-given")),
        batch=batch,
    )
    if validation is None:
        return _with_tokens(_split(given, spec, known), texts)
    if spec.test:
        raise UsageError("test: validation rows are given, so nothing is split. Leave out either of them")
    held_out, _ = to_rows("validation", validation, texts=True)
    check_finite("validation", held_out)
    _check_equal(rows, held_out)
    if known is not None:
        known.check(len(rows), len(held_out))
    return _with_tokens(replace(given, validation=held_out, validation_units=known and known.units()), texts)


def _in_memory_or_stored(source: Any, spec: DataSpec) -> tuple[Rows, int | None]:
    """Return rows, and the size of a loader's batches. Rows of a large loader are kept on disk."""
    most = default_table_bytes() if spec.memory is None else spec.memory * 2**30
    rows, batch = to_rows(
        "the rows",
        source,
        texts=True,
        most=spec.rows,
        most_bytes=most,
        store=lambda batches: store_batches("the rows", batches, SEED),
    )
    if spec.memory is not None and batch is None:
        raise UsageError("memory: for tables and loaders only, and these rows are in memory. Leave it out")
    return rows, batch


def _split(given: GivenRows, spec: DataSpec, groups: ArrayGroups | None) -> GivenRows:
    rows = given.train
    sizes = SplitSizes.of(spec, len(rows))
    if isinstance(rows, StoredRows):
        if groups is not None:
            raise UsageError(
                f"{groups.name}: rows that are kept on disk can't be split by groups. Give validation rows, raise "
                "--memory (memory=), or use fewer rows"
            )
        return _split_stored(given, rows, sizes)
    labels = _labels(rows)
    if groups is None:
        parts = split_at_random(labels, len(rows), sizes, SEED, given.origin)
        split = Message("table-split-random" if labels is None else "table-split-stratified", {"seed": SEED})
    else:
        groups.check(len(rows), None)
        classes = np.arange(len(rows)) if labels is None else labels
        parts = split_by_group(groups.rows, classes, sizes, SEED, given.origin)
        split = Message("table-split-group", {"column": groups.name, "seed": SEED})
    at_train, at_validation, at_test = map(np.sort, parts)
    units = groups and groups.units(at_validation)
    train, validation = rows.take(at_train), rows.take(at_validation)
    table = _table(train, split)
    found = replace(given, train=train, validation=validation, table=table, validation_units=units)
    if not sizes.test:
        return found
    return replace(found, test=rows.take(at_test), test_units=groups and groups.units(at_test))


def _split_stored(given: GivenRows, rows: StoredRows, sizes: SplitSizes) -> GivenRows:
    """Split rows that are on disk in random order: the last ones validate and test."""
    kept = sizes.train_rows(len(rows), given.origin)
    train, validation = rows.first(kept), rows.read([kept], [sizes.validation])
    test = rows.read([kept + sizes.validation], [sizes.test]) if sizes.test else None
    table = _table(train, Message("table-split-random", {"seed": SEED}))
    return replace(given, train=train, validation=validation, test=test, table=table)


def _table(train: Rows, split: Message) -> TableSummary:
    notes = (Message("rows-on-disk", {"rows": len(train)}),) if isinstance(train, StoredRows) else ()
    return TableSummary(split=split, columns=(), repeated={}, notes=notes)


def _with_tokens(rows: GivenRows, texts: Any) -> GivenRows:
    if texts is None:
        check_no_texts(rows.train.head(FEW))
        return rows
    parts = (rows.train, rows.validation, *([rows.test] if rows.test else []))
    train, validation, *test = vectorise(parts, texts)
    test = test[0] if test else None
    number = [is_text(array) for array in list_arrays(rows.train.x)].index(True)
    return replace(rows, train=train, validation=validation, test=test, words={number: words_of(texts)})


def _read(path: Path, images: ImageForm | None, most: int | None) -> tuple[Any, Any]:
    """Return the rows of a file or of a folder of images, and its validation rows if it has any."""
    return read_image_folder(path, images, most) if images is not None and path.is_dir() else _read_npz(path)


def _read_npz(path: Path) -> tuple[Any, Any]:
    """Return the rows of a file, and its validation rows if it has any."""
    if path.suffix.lower() != ".npz":
        raise UsageError(f"{path}: a model that is cloned takes {EXPECTED}")
    try:
        with open_npz(path, str(path)) as archive:
            found = {name: archive[name] for name in archive.files}
    except OSError as error:
        raise SourceError(f"{path}: can't be read ({error.strerror or error}). Check the path") from None
    except Exception as error:  # on a damaged archive NumPy and zipfile raise all kinds of errors
        raise SourceError(f"{path}: can't be read ({reason(error)}); expected an .npz file") from None
    train = _parts(found, lambda name: name)
    if len(train) < 2:
        raise SourceError(
            f"{path}: holds {', '.join(found) or 'nothing'}; expected x and y, and for validation rows "
            "x_validation and y_validation. Save it with np.savez(file, x=..., y=...)"
        )
    held_out = _parts(found, lambda name: f"{name}_validation")
    return train, held_out if len(held_out) > 1 else None


def _parts(found: dict[str, np.ndarray], name_of: Callable[[str], str]) -> tuple[Any, ...]:
    parts = [[found[name_of(name)] for name in names if name_of(name) in found] for names in NPZ_PARTS.values()]
    return tuple(part[0] for part in parts if part) if parts[0] and parts[1] else ()


def _kind(source: Any) -> str:
    return "arrays" if isinstance(source, (tuple, list, Rows)) else type(source).__name__


def _check_equal(rows: Rows, other: Rows) -> None:
    few = rows.head(FEW)
    for part in ("x", "y"):
        shapes = [[array.shape[1:] for array in list_arrays(getattr(each, part))] for each in (few, other)]
        if shapes[0] != shapes[1]:
            raise UsageError(
                f"{part} has rows of the shapes {shapes[0]} for training and {shapes[1]} for validation; expected "
                "equal shapes"
            )


def _labels(rows: Rows) -> np.ndarray | None:
    """Return the class of each row if there are few: a split keeps their shares."""
    arrays = list_arrays(rows.y)
    if len(arrays) != 1:
        return None
    y = arrays[0].reshape(len(rows), -1)
    if y.shape[1] > 1:
        one_hot = bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())
        return y.argmax(axis=1) if one_hot and y.shape[1] < MAX_STRATA else None
    values, labels, counts = np.unique(y[:, 0], return_inverse=True, return_counts=True)
    whole = bool((values == np.round(values)).all())
    return labels if whole and len(values) < MAX_STRATA and counts.min() > 1 else None
