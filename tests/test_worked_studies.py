"""A worked study in short form: few generated images, where shifting them is what helps."""

from __future__ import annotations

from benchmarks.worked_studies import study


def test_the_study_of_few_images_finds_the_augmentation() -> None:
    answer = study("images", 0)
    assert answer.best == "regularizers/augment"
    assert answer.right and answer.gains[answer.best] > 0.1
