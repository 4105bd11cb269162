"""The docs' table of public architectures says what cloning does."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.cloned_architectures import APPLICATIONS, ARCHITECTURES, EXAMPLES, row, table

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "any-model-table.md").read_text(encoding="utf-8")


def test_the_table_holds_the_examples_as_they_are_now() -> None:
    missing = [line for line in table(list(EXAMPLES)) if line not in PAGE.splitlines()]
    assert not missing
    assert all(f"\n| {name} | " in PAGE for name in ARCHITECTURES) and len(ARCHITECTURES) >= 25


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_table_holds_keras_applications_as_they_are_now(name: str) -> None:
    assert row(name) in PAGE.splitlines()
