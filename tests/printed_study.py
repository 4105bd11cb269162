"""What a study prints at its end, as a page shows it: its frame, and the sentences that no text of today writes."""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from pathlib import Path

from fluent.runtime import FluentResource
from fluent.syntax import ast as ftl

import gengap

VALUE = "¤"  # stands in a text for a value
LETTERS = 3  # of its own that a text needs to count
ENGLISH = Path(gengap.__file__).parent / "text" / "languages" / "en.ftl"
TABLE = re.compile(r"^(Model .*\n)(?:.+\n)+", re.MULTILINE)
ESTIMATE = re.compile(r"(?:[\w./+-]+ ){0,6}[-+\d.]+%? \[[^]]+\]")  # such as: dropout 0.2 3.0% [0.2, 6.0]
ENDS = re.compile(rf"(?<=[\w)\]%{VALUE}])[.:;] ")


def frame(printed: str) -> str:
    """The lines that every study has, without numbers and names of models."""
    lines = [line for line in TABLE.sub(r"\1", printed).splitlines() if re.match(r"\S", line)]
    text = re.sub("Recommended: .*", "Recommended:", "\n".join(lines))
    return re.sub(r"\d[\d,:]*", "0", " ".join(text.split()))


def unknown_sentences(printed: str) -> list[str]:
    """The parts of sentences below the headings that no English text of gengap writes."""
    _, *sections = re.split("^(?:What|Recommended).*", printed, flags=re.MULTILINE)
    texts = (" ".join(re.findall("^  (.*)", each, re.MULTILINE)) for each in sections)
    parts = [each.removesuffix(".") for text in texts for each in ENDS.split(text) if each]
    return [part for part in parts if not any(text.fullmatch(part) for text in (ESTIMATE, *_texts()))]


@cache
def _texts() -> tuple[re.Pattern[str], ...]:
    entries = FluentResource(ENGLISH.read_text(encoding="utf-8")).body
    messages = {each.id.name: each.value for each in entries if isinstance(each, ftl.Message) and each.value}
    whole = {text for each in messages.values() for text in _written(each, messages)}
    known = {part.strip(". ").removeprefix(f"{VALUE} ") for text in whole for part in ENDS.split(text)}
    known |= {part.strip(". ") for text in whole for part in ENDS.split(text)}
    named = [each for each in known if len(re.findall("[A-Za-z]", each)) >= LETTERS or each == f"{VALUE} ({VALUE})"]
    return tuple(re.compile(re.escape(each).replace(VALUE, ".+")) for each in sorted(named))


def _written(pattern: ftl.Pattern, messages: dict[str, ftl.Pattern]) -> list[str]:
    """All texts of a pattern, with every value as VALUE."""
    parts = [_element(each, messages) for each in pattern.elements]
    return ["".join(each) for each in product(*parts)]


def _element(element: ftl.TextElement | ftl.Placeable, messages: dict[str, ftl.Pattern]) -> list[str]:
    match element:
        case ftl.TextElement():
            return [element.value]
        case ftl.Placeable(expression=ftl.SelectExpression(variants=variants)):
            return list(dict.fromkeys(text for each in variants for text in _written(each.value, messages)))
        case ftl.Placeable(expression=ftl.MessageReference(id=id)):
            return _written(messages[id.name], messages)
        case ftl.Placeable(expression=ftl.StringLiteral(value=value)):
            return [value]
        case _:
            return [VALUE]
