"""TensorBoard event files of histories and pictures. TensorFlow and Keras are not needed to write them.

<folder>/<run>/<split>/events.out.tfevents.gengap   a scalar for each epoch and metric, tag `epoch_<metric>`, as
                                                    `keras.callbacks.TensorBoard` writes them
<folder>/events.out.tfevents.gengap-figures         PNG files as image summaries, tag `figures/<name>`
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path, PureWindowsPath

import numpy as np

from gengap.errors import UsageError
from gengap.files.writing import explain_write_errors
from gengap.history import History, Series

VERSION = "brain.Event:2"  # of the record format, which every file's first message tells
FILE = "events.out.tfevents.gengap"  # TensorBoard looks for "tfevents" in a file's name
LONGEST_PART = 255  # bytes that common file systems allow in one name
FIGURES_FILE = "events.out.tfevents.gengap-figures"
PNG = b"\x89PNG\r\n\x1a\n"
SIZE = struct.Struct(">II")  # width and height, after the signature and the first chunk's length and name
SIZE_AT = len(PNG) + 8
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def write(history: History, folder: Path, *, span: tuple[float, float] | None = None) -> None:
    """Write the event files of a history, one for each split, in place of earlier ones of the run.

    Values are stored as float32, as Keras stores them. Seeds of one run need different names (`History.renamed`).

    Args:
        history: The history.
        folder: Folder of the logs; the files are below `<folder>/<run>`.
        span: Start and end of training, in seconds since 1970; wall times of epochs are spread evenly between them.
            By default every epoch has the time of writing.

    Raises:
        UsageError: If the run's name can't be a folder below this one.
    """
    run = folder / safe_run_name(history.run)
    splits: dict[str, dict[str, Series]] = {}
    for (split, metric), series in history.series.items():
        splits.setdefault(split, {})[metric] = series
    began, ended = span or (time.time(),) * 2
    per_epoch = (ended - began) / max(history.epochs, 1)
    for split, metrics in splits.items():
        replace_file(run / split / FILE, _scalar_events(metrics, began, per_epoch))
    for stale in run.glob("*/events.out.tfevents.*"):  # a split no longer logged, or another writer's file
        if stale.name != FILE or stale.parent.name not in splits:
            stale.unlink()


def safe_run_name(run: str) -> str:
    """Return the name of a run if it is a relative path, with "/", below the folder that it is joined to.

    Raises:
        UsageError: If it is an absolute path, or has an empty part, "." or "..", a backslash, control characters,
            invalid Unicode, or a part of more than 255 bytes.

    >>> safe_run_name("sizes/Tiny")
    'sizes/Tiny'
    >>> safe_run_name("../elsewhere")
    Traceback (most recent call last):
    ...
    gengap.errors.UsageError: run '../elsewhere': the part '..' leads elsewhere. Name runs like 'sizes/Tiny'.
    """
    fault = _fault(run)
    if fault:
        raise UsageError(f"run {run!r}: {fault}. Name runs like 'sizes/Tiny'.")
    return run


def _fault(run: str) -> str | None:
    if "\\" in run:
        return "a backslash is not allowed"
    if CONTROL.search(run):
        return "control characters are not allowed"
    if PureWindowsPath(run).anchor:
        return "an absolute path is not allowed"
    for part in run.split("/"):
        if not part.strip():
            return "the name, or a part of it between slashes, is empty"
        if part in (".", ".."):
            return f"the part {part!r} leads elsewhere"
        try:
            size = len(part.encode())
        except UnicodeEncodeError:
            return "it is not valid Unicode"
        if size > LONGEST_PART:
            return f"one part has {size} bytes, at most {LONGEST_PART} are allowed"
    return None


def replace_file(path: Path, events: Iterable[bytes]) -> None:
    """Write an event file in one step, so that no file is incomplete."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    part = path.with_name("~part")  # TensorBoard would read a file with "tfevents" in its name
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(event)
        part.replace(path)


def _scalar_events(metrics: dict[str, Series], began: float, per_epoch: float) -> Iterator[bytes]:
    """Yield the encoded messages of a file: its version, then every value by epoch and metric."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DataType
    from tensorboard.plugins.scalar.metadata import create_summary_metadata

    yield Event(wall_time=began, file_version=VERSION).SerializeToString()
    metadata = create_summary_metadata(display_name="", description="")
    scalar = TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=TensorShapeProto())
    values = [Summary.Value(tag=f"epoch_{name}", tensor=scalar, metadata=metadata) for name in metrics]
    epochs = np.concatenate([s.epochs for s in metrics.values()])
    metric = np.repeat(np.arange(len(metrics)), [len(s) for s in metrics.values()])
    with np.errstate(over="ignore"):  # beyond float32 is infinite, as it is for Keras
        numbers = np.concatenate([s.values for s in metrics.values()]).astype("<f4")
    for i in np.argsort(epochs, kind="stable"):
        value, epoch = values[metric[i]], int(epochs[i])
        value.tensor.tensor_content = numbers[i].tobytes()
        wall_time = began + per_epoch * (epoch + 1)
        yield Event(wall_time=wall_time, step=epoch, summary=Summary(value=[value])).SerializeToString()


def write_images(pictures: Iterable[Path], folder: Path) -> None:
    """Write PNG files to the event file of pictures, in place of earlier ones.

    Files that are missing or not PNG are left out.
    """
    replace_file(folder / FIGURES_FILE, _image_events(pictures))


def _image_events(pictures: Iterable[Path]) -> Iterator[bytes]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DataType
    from tensorboard.plugins.image.metadata import create_summary_metadata

    now = time.time()
    yield Event(wall_time=now, file_version=VERSION).SerializeToString()
    for path in pictures:
        picture = path.read_bytes() if path.is_file() else b""
        if not picture.startswith(PNG) or len(picture) < SIZE_AT + SIZE.size:
            continue
        width, height = SIZE.unpack_from(picture, SIZE_AT)
        parts = [str(width).encode(), str(height).encode(), picture]
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(parts))])
        value = Summary.Value(
            tag=f"figures/{path.stem}",
            tensor=TensorProto(dtype=DataType.DT_STRING, tensor_shape=shape, string_val=parts),
            metadata=create_summary_metadata(display_name=path.stem, description=""),
        )
        yield Event(wall_time=now, summary=Summary(value=[value])).SerializeToString()
