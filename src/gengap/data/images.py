"""Folders of images, one subfolder for each class, as rows for a user's own model."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gengap.data.rows import MAX_BYTES, Rows
from gengap.errors import SourceError, UsageError, reason

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")  # of image files; others are left alone, as Keras does
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")  # whatever the ending; for others Pillow may start a program
TRAIN, VALIDATION = "train", ("validation", "valid", "val")
PARTS = (TRAIN, *VALIDATION, "training", "dev", "test", "testing")  # names of parts of the rows, not of classes
GRAY_16 = ("I", "I;16", "I;16B", "I;16L")  # Pillow's modes of 16-bit grey values
THUMBNAIL = 64  # pixels of the longer side of a small picture
COLORS = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's modes by the channels of the model's input
EXPECTED = "a subfolder of images for each class, or `train` and `validation` with such subfolders"


class ImageForm(NamedTuple):
    """What a model takes: images (height, width, channels), and labels as integers or `one_hot`."""

    shape: tuple[int | None, ...]
    one_hot: bool = False


def read_image_folder(folder: Path, form: ImageForm, most: int | None = None) -> tuple[Rows, Rows | None]:
    """Return the images of a folder in random order, and its validation images if they have a folder of their own.

    Labels are the positions of the classes' names in order.

    Images are resized to the shape that the model takes; values are 0 to 255. At most `most` images train or are
    split. Raises SourceError if the folder has no such images or one can't be read, and UsageError if the model
    doesn't take images of a fixed size.
    """
    shape, one_hot = form
    if len(shape) != 3 or None in shape or shape[2] not in COLORS:
        raise UsageError(
            f"{folder}: a folder of images needs a model with an input (height, width, channels) of fixed size and "
            f"1, 3 or 4 channels; the model has {shape}. Begin it with, for example, keras.Input((64, 64, 3))"
        )
    size = tuple(int(part or 0) for part in shape)
    training, held_out = _parts(folder)
    files = _files(training)
    if held_out is None:
        return _read(files, size, one_hot, most), None
    others = _files(held_out)
    _check_equal(training, files, held_out, others)  # before the images are read, which takes long
    return _read(files, size, one_hot, most), _read(others, size, one_hot, None)


def image_classes(folder: Path) -> tuple[str, ...]:
    """Return the names of the classes of a folder of images, in the order of their labels."""
    return tuple(_files(_parts(folder)[0]))


def check_classes(folder: Path, held_out: Path) -> None:
    """Check that a folder of validation images has the classes of a folder of images. Raises SourceError if not."""
    (training, _), (other, _) = _parts(folder), _parts(held_out)
    _check_equal(training, _files(training), other, _files(other))


def _check_equal(training: Path, ours: Iterable[str], other: Path, theirs: Iterable[str]) -> None:
    if [*ours] != [*theirs]:
        raise SourceError(
            f"{other}: has the classes {', '.join(theirs)}, and {training} has {', '.join(ours)}; "
            "expected the same subfolders"
        )


def _parts(folder: Path) -> tuple[Path, Path | None]:
    """Return the folder of training images, and that of validation images if both are in the folder."""
    held_out = next((folder / name for name in VALIDATION if (folder / name).is_dir()), None)
    if held_out is not None and (folder / TRAIN).is_dir():
        return folder / TRAIN, held_out
    return folder, None


def _files(folder: Path) -> dict[str, list[Path]]:
    """Return the image files of each class, in order."""
    try:
        places = sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))
    except OSError as error:
        raise SourceError(f"{folder}: can't be read ({error.strerror or error}). Check the path") from None
    found = {
        place.name: sorted(file for file in place.rglob("*") if file.suffix.lower() in ENDINGS and file.is_file())
        for place in places
    }
    found = {name: files for name, files in found.items() if files}
    if len(found) < 2:
        names = f"only {', '.join(found)}" if found else "no subfolder"
        raise SourceError(f"{folder}: {names} has images ({', '.join(ENDINGS)}); expected {EXPECTED}")
    if set(found) <= set(PARTS):
        raise SourceError(
            f"{folder}: {', '.join(found)} are parts of the rows and no classes; expected {EXPECTED}. Give "
            f"one part, such as {folder / next(reversed(found))}, or call the second one validation"
        )
    return found


def _read(files: dict[str, list[Path]], size: tuple[int, ...], one_hot: bool, most: int | None) -> Rows:
    pairs = [(file, label) for label, each in enumerate(files.values()) for file in each]
    chosen = [pairs[i] for i in np.random.default_rng(0).permutation(len(pairs))[:most]]
    if (needed := 4 * len(chosen) * int(np.prod(size))) > MAX_BYTES:
        raise SourceError(
            f"{pairs[0][0].parent.parent}: {len(chosen):,} images of {size} take {needed / 2**30:.1f} GB, and at "
            f"most {MAX_BYTES / 2**30:g} GB are read into memory. Use fewer rows, or a model with smaller images"
        )
    x = np.empty((len(chosen), *size), np.float32)
    for i, (file, _) in enumerate(chosen):
        x[i] = _image(file, size)
    labels = np.array([label for _, label in chosen], np.int64)
    return Rows(x, np.eye(len(files), dtype=np.float32)[labels] if one_hot else labels)


def _image(file: Path, size: tuple[int, ...]) -> np.ndarray:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of colours that are transparent, of damaged notes on the camera
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # the image would fill the memory
        try:
            resized = _resized(file, *size)
        except Exception as fault:  # on damaged files Pillow raises all kinds of errors
            raise SourceError(
                f"{file}: can't be read as an image ({reason(fault)}). Remove or replace it"
            ) from None
    return resized.reshape(size)


def _resized(file: Path, height: int, width: int, channels: int) -> np.ndarray:
    from PIL import Image

    with Image.open(file, formats=FORMATS) as image:
        if image.mode in GRAY_16:  # Pillow would limit their values to 255
            image = Image.fromarray((np.asarray(image, np.int64) >> 8).astype(np.uint8))
        resized = image.convert(COLORS[channels]).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.float32)


def thumbnail(image: np.ndarray) -> str:
    """Return an image (height, width, channels) of values 0 to 1 as a small PNG file in base64."""
    from PIL import Image

    channels = image.shape[-1] if image.shape[-1] in COLORS else 1
    values = np.rint(np.clip(np.nan_to_num(image[..., :channels]), 0, 1) * 255).astype(np.uint8)
    small = Image.fromarray(values[..., 0] if channels == 1 else values)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    file = io.BytesIO()
    small.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
