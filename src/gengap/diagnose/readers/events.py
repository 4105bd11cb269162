"""TensorBoard's event files and folders, read without TensorFlow.

    run/train/events…, run/validation/events…     Keras: a folder for each split, the same tags in both
    run/events… with Loss/train and Loss/val      PyTorch's SummaryWriter, Lightning, Hugging Face
    run/Loss_train/events…, run/Loss_val/events…  SummaryWriter.add_scalars: a folder for each curve

A record is its length, a checksum of that, an event, and a checksum of the event. Each folder below the one given
is a run; several files in a folder are one run that was resumed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gengap.diagnose.metric_names import SPLITS
from gengap.diagnose.readers.log_table import check_points
from gengap.diagnose.readers.tracker_points import log_of_points
from gengap.diagnose.run_curves import Log
from gengap.errors import DataError
from gengap.text.catalog import Message

LARGEST = 1 << 16  # bytes of an event: larger ones hold pictures or histograms, no scalars
HEADER = struct.Struct("<QI")

Scalars = dict[str, list[tuple[float, float]]]  # steps and values by tag


@dataclass
class RunScalars:
    """The scalars of a folder or run, and what is wrong with its files."""

    columns: Scalars = field(default_factory=dict)
    notes: list[Message] = field(default_factory=list)


class BrokenEventFileError(Exception):
    """A file is cut off, or a checksum is wrong, after `events` events."""

    def __init__(self, events: int = 0) -> None:
        super().__init__(events)
        self.events = events

    def note(self, file: str) -> Message:
        """Return what to say about the file."""
        if self.events:
            return Message("read-broken-events", {"file": file, "events": self.events})
        return Message("read-no-events", {"file": file})


def is_event_file(path: Path) -> bool:
    """Return whether TensorBoard would read the file, by its name."""
    return "tfevents" in path.name and not path.name.endswith(".profile-empty")


def read_event_files(paths: Iterable[Path], root: Path, file: str) -> list[Log]:
    """Return the runs in event files at or below `root`, which errors call `file`.

    A file that is cut off or broken is read up to there, with a note: it may still be written to. Raises DataError
    if there is no scalar in any of them.
    """
    folders: dict[Path, RunScalars] = {}
    points = 0
    for path in paths:
        folder = folders.setdefault(path.parent, RunScalars())
        try:
            for tag, step, value in _scalars(path):
                folder.columns.setdefault(tag, []).append((step, value))
                points += 1
                check_points(file, points)
        except BrokenEventFileError as broken:
            folder.notes.append(broken.note(path.name))
    runs: dict[Path, RunScalars] = {}
    for folder, found in folders.items():
        run, columns = _place(folder, found.columns)
        of_run = runs.setdefault(run, RunScalars())
        of_run.notes += found.notes
        for name, values in columns.items():
            of_run.columns.setdefault(name, []).extend(values)
    logs = [_log(run, found, root, file) for run, found in runs.items() if found.columns]
    if not logs:
        faults = [str(note) for found in runs.values() for note in found.notes]
        hint = "Log the losses with add_scalar, or with Keras' callback."
        raise DataError(f"{file}: {' '.join(faults[:3]) or f'there are no scalars in its event files. {hint}'}")
    return logs


def _log(run: Path, found: RunScalars, root: Path, file: str) -> Log:
    name = run.relative_to(root).as_posix() if run.is_relative_to(root) else "."
    return log_of_points(file, "" if name == "." else name, found.columns, reader="tensorboard", notes=found.notes)


def _place(folder: Path, tags: Scalars) -> tuple[Path, Scalars]:
    """Return the run that a folder's tags belong to, and their columns' names."""
    if folder.name.lower() in SPLITS:
        return folder.parent, {f"{folder.name}/{tag}": values for tag, values in tags.items()}
    if len(tags) == 1:
        ((tag, values),) = tags.items()
        start = f"{tag.replace('/', '_')}_"
        curve = folder.name.removeprefix(start)
        if folder.name.startswith(start) and curve.lower() in SPLITS:
            return folder.parent, {f"{tag}/{curve}": values}
    return folder, tags


def _scalars(path: Path) -> Iterator[tuple[str, int, float]]:
    """Yield tag, step and value of each scalar in a file. Raises BrokenEventFileError where the file is broken."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    events = 0
    try:
        for record in _records(path):
            event = Event.FromString(record)
            events += 1
            for value in event.summary.value:
                number = _number(value)
                if number is not None:
                    yield value.tag, event.step, number
    except (BrokenEventFileError, DecodeError):
        raise BrokenEventFileError(events) from None


def _records(path: Path) -> Iterator[bytes]:
    """Yield the records that can hold scalars. Raises BrokenEventFileError."""
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    size = path.stat().st_size
    with path.open("rb") as stream:
        while header := stream.read(HEADER.size):
            if len(header) < HEADER.size or masked_crc32c(header[:8]) != HEADER.unpack(header)[1]:
                raise BrokenEventFileError
            length = HEADER.unpack(header)[0]
            if stream.tell() + length + 4 > size:
                raise BrokenEventFileError
            if length > LARGEST:
                stream.seek(length + 4, 1)
                continue
            record, checksum = stream.read(length), stream.read(4)
            if struct.pack("<I", masked_crc32c(record)) != checksum:
                raise BrokenEventFileError
            yield record


def _number(value: Any) -> float | None:
    """Return the number in a summary's value, or None if it is no scalar (an image, a histogram, text)."""
    from tensorboard.util.tensor_util import make_ndarray

    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return value.simple_value
    if kind != "tensor" or any(dim.size != 1 for dim in value.tensor.tensor_shape.dim):
        return None
    try:
        array = make_ndarray(value.tensor)
        return float(array.item()) if array.dtype.kind in "fiu" else None
    except (TypeError, ValueError, KeyError):
        return None
