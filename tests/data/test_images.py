"""Folders of images become rows for a user's own model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gengap
from gengap import Plan, Trial
from gengap.data.arrays import load_given_rows
from gengap.data.images import ImageForm, read_image_folder
from gengap.errors import SourceError, UsageError
from gengap.models.backend import keras
from gengap.options.study_options import DataSpec
from gengap.plan import Recipe

FORM = ImageForm((6, 4, 3))
COLORS = {"cat": (250, 10, 20), "dog": (10, 240, 30), "eel": (20, 30, 230)}


def write_images(folder: Path, each: int, names: tuple[str, ...] = tuple(COLORS)) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
        for i in range(each):
            Image.new("RGB", (4, 6), COLORS.get(name, (0, 0, 0))).save(
                folder / name / f"{i}.{'png' if i % 2 else 'bmp'}"
            )
    (folder / names[0] / "notes.txt").write_text("no image")
    return folder


def test_labels_follow_the_names_of_the_subfolders(tmp_path: Path) -> None:
    rows, validation = read_image_folder(write_images(tmp_path, 4), FORM)
    assert validation is None and rows.x.shape == (12, 6, 4, 3) and np.bincount(rows.y).tolist() == [4, 4, 4]
    assert (rows.x == np.array(list(COLORS.values()), np.float32)[rows.y][:, None, None]).all()
    assert len(set(rows.y[:6])) > 1  # in random order, so that the first rows are not of one class
    again, _ = read_image_folder(tmp_path, ImageForm((6, 4, 3), one_hot=True), most=5)
    assert (again.y.argmax(axis=1) == rows.y[:5]).all() and again.y.shape == (5, 3)


@pytest.mark.parametrize(("channels", "red"), [(1, 83), (3, 250), (4, 250)])
def test_images_take_the_shape_of_the_models_input(tmp_path: Path, channels: int, red: int) -> None:
    rows, _ = read_image_folder(write_images(tmp_path, 1), ImageForm((3, 5, channels)))
    assert rows.x.shape == (3, 3, 5, channels) and (rows.x[rows.y == 0][..., 0] == red).all()


@pytest.mark.parametrize("name", ["validation", "val", "valid"])
def test_a_folder_may_bring_validation_images(tmp_path: Path, name: str) -> None:
    write_images(tmp_path / "train", 3)
    write_images(tmp_path / name, 2)
    found = load_given_rows(tmp_path, None, DataSpec(), FORM)
    assert (len(found.train), len(found.validation), found.table.split.code) == (9, 6, "rows-split-given")
    split = load_given_rows(tmp_path / "train", None, DataSpec(validation=3), FORM)
    assert (len(split.train), len(split.validation), split.table.split.code) == (6, 3, "table-split-stratified")


def test_validation_images_of_another_folder_need_the_same_classes(tmp_path: Path) -> None:
    write_images(tmp_path / "one", 2)
    write_images(tmp_path / "two", 1)
    found = load_given_rows(tmp_path / "one", tmp_path / "two", DataSpec(), FORM)
    assert sorted(found.validation.y) == [0, 1, 2]
    write_images(tmp_path / "three", 1, ("cat", "eel"))
    with pytest.raises(SourceError, match=r"three: has the classes cat, eel, and .*one has cat, dog, eel"):
        load_given_rows(tmp_path / "one", tmp_path / "three", DataSpec(), FORM)


def test_parts_of_the_rows_and_hidden_folders_are_no_classes(tmp_path: Path) -> None:
    write_images(tmp_path / "all" / "train", 1)
    write_images(tmp_path / "all" / "test", 1)
    with pytest.raises(SourceError, match=r"all: test, train are parts of the rows and no classes; expected a sub"):
        read_image_folder(tmp_path / "all", FORM)
    rows, _ = read_image_folder(write_images(tmp_path / "hidden", 1, ("cat", "dog", ".cache")), FORM)
    assert sorted(rows.y) == [0, 1]


def test_transparent_palettes_and_16_bits_are_read(tmp_path: Path) -> None:
    write_images(tmp_path, 1, ("cat", "dog"))
    colour = Image.new("P", (4, 6))
    colour.putpalette([9, 8, 7])
    colour.save(tmp_path / "cat" / "0.png", transparency=bytes([0]))
    (tmp_path / "cat" / "0.bmp").unlink()
    rows, _ = read_image_folder(tmp_path, FORM)
    assert rows.x[rows.y == 0].reshape(-1, 3).tolist() == [[9, 8, 7]] * 24
    grey = np.linspace(0, 65_535, 24).astype(np.uint16).reshape(6, 4)
    Image.fromarray(grey).save(tmp_path / "cat" / "0.png")
    rows, _ = read_image_folder(tmp_path, ImageForm((6, 4, 1)))
    assert (rows.x[rows.y == 0][0, ..., 0] == grey // 256).all()


def test_faults_name_the_place(tmp_path: Path) -> None:
    write_images(tmp_path / "train", 2)
    write_images(tmp_path / "val", 2, ("cat", "dog"))
    with pytest.raises(SourceError, match=r"val: has the classes cat, dog, and .*train has cat, dog, eel"):
        read_image_folder(tmp_path, FORM)
    with pytest.raises(SourceError, match=r"cat: no subfolder has images .* expected a subfolder"):
        read_image_folder(tmp_path / "train" / "cat", FORM)
    with pytest.raises(UsageError, match=r"input \(height, width, channels\) of fixed size .* has \(None, 4, 3\)"):
        read_image_folder(tmp_path / "train", ImageForm((None, 4, 3)))
    with pytest.raises(SourceError, match=r"12 images of .* take .* GB"):
        read_image_folder(write_images(tmp_path / "more", 4), ImageForm((10_000, 10_000, 3)))
    damaged = tmp_path / "train" / "dog" / "0.bmp"
    damaged.write_bytes(damaged.read_bytes()[:40])
    with pytest.raises(SourceError, match=r"dog.0\.bmp: can't be read as an image"):
        read_image_folder(tmp_path / "train", FORM)


def test_a_program_that_is_called_an_image_is_not_started(tmp_path: Path) -> None:
    """PostScript is one: Pillow gives it to Ghostscript, whatever the file's ending."""
    write_images(tmp_path, 1, ("cat", "dog"))
    Image.new("RGB", (4, 6)).save(tmp_path / "cat" / "drawn.eps")
    (tmp_path / "cat" / "drawn.eps").rename(tmp_path / "cat" / "1.png")
    with pytest.raises(SourceError, match=r"1\.png: can't be read as an image \(cannot identify"):
        read_image_folder(tmp_path, FORM)
    Image.new("RGB", (4, 6), (9, 8, 7)).save(tmp_path / "cat" / "1.png", format="WEBP")
    assert len(read_image_folder(tmp_path, FORM)[0]) == 3


def test_a_folder_of_images_is_studied(tmp_path: Path) -> None:
    layers = keras.layers

    def model(units: int = 3, activation: str = "softmax") -> keras.Model:
        first = [keras.Input((6, 4, 3)), layers.Rescaling(1 / 255), layers.Flatten()]
        return keras.Sequential([*first, layers.Dense(units, activation)])

    def two_inputs() -> keras.Model:
        inputs = [keras.Input((6, 4, 3)), keras.Input((6, 4, 3))]
        return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layers.Concatenate()(inputs))))

    plan = Plan(name="one", trials=(Trial(run="sizes/1x"),), recipe=Recipe(batch=4, max_epochs=2))
    study = gengap.study(write_images(tmp_path / "images", 6), plan, model=model, validation=6)
    assert study.summary.source == str(tmp_path / "images") and study.trials[0].epochs == 2
    with pytest.raises(UsageError, match="it has one output, but the folder has 3 classes; expected an output for"):
        gengap.study(tmp_path / "images", plan, model=lambda: model(1, "sigmoid"))
    with pytest.raises(UsageError, match="train: y holds the label 2, but the model has outputs for 2 classes"):
        gengap.study(tmp_path / "images", plan, model=lambda: model(2))
    with pytest.raises(UsageError, match="it has 2 inputs; a folder of images needs"):
        gengap.study(tmp_path / "images", plan, model=two_inputs)
    with pytest.raises(SourceError, match="for a folder of images a Keras model with --model"):
        gengap.study(tmp_path / "images", plan)
