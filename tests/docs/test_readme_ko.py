"""README in Korean shows what README shows: the same code, pictures, links and sections, in the same order."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH, KOREAN = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md"))
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def test_code_blocks_are_the_same() -> None:
    assert len(BLOCK.findall(ENGLISH)) > 5
    assert BLOCK.findall(KOREAN) == BLOCK.findall(ENGLISH)


@pytest.mark.parametrize("pattern", [r"(?<=\]\()(?!README)[^)]+", r"^#+(?= )", r"^\|", r"(?<=^\| `)[^`]+"])
def test_links_headings_and_tables_are_the_same(pattern: str) -> None:
    english, korean = (BLOCK.sub("", text) for text in (ENGLISH, KOREAN))
    found = re.findall(pattern, english, re.MULTILINE)
    assert found
    assert re.findall(pattern, korean, re.MULTILINE) == found


def prose(text: str) -> str:
    """Return a page without code, addresses of links and commands."""
    return re.sub(r"`[^`]*`|\]\([^)]*\)", "", BLOCK.sub("", text))


def test_numbers_of_the_prose_are_the_same() -> None:
    english, korean = (Counter(re.findall(r"\d(?:[\d,.]*\d)?", prose(text))) for text in (ENGLISH, KOREAN))
    assert len(english) > 10
    assert not english - korean  # Korean also writes small numbers as digits that are words in English


@pytest.mark.parametrize(
    ("text", "said"), [(ENGLISH, r"at its best after (\d+) epochs"), (KOREAN, r"(\d+)에포크 만에 가장 좋아지고")]
)
def test_the_best_epoch_is_that_of_the_table(text: str, said: str) -> None:
    (shown,) = re.findall(r"^sizes/large +[\d,]+ +(\d+) ", text, re.MULTILINE)
    assert re.findall(said, text) == [shown]


def test_each_leads_to_the_other() -> None:
    assert ENGLISH.startswith("[한국어](README.ko.md)\n")
    assert KOREAN.startswith("[English](README.md)\n")
