"""Owns the pictures of a study as TensorBoard's Images dashboard shows them.

All are in one file, `<folder>/events.out.tfevents.gengap-figures`, each as an image summary of one step under the
tag `figures/<name>`: its width, its height, and the PNG file's bytes as they are. TensorFlow is not needed.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from gengap.report.tensorboard import VERSION, replace_file

FIGURES_FILE = "events.out.tfevents.gengap-figures"
PNG = b"\x89PNG\r\n\x1a\n"
SIZE = struct.Struct(">II")  # width and height, behind the signature and the first chunk's length and name
SIZE_AT = len(PNG) + 8


def write_images(pictures: Iterable[Path], folder: Path) -> None:
    """Writes these PNG files into the event file in `folder`, in the place of those that it held before.

    A file that is no PNG, or not there, is left out.
    """
    replace_file(folder / FIGURES_FILE, _events(pictures))


def _events(pictures: Iterable[Path]) -> Iterator[bytes]:
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
