"""Every language has every text with the same placeholders, every text is used, and names come through unharmed."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from fluent.runtime import FluentResource
from fluent.syntax import ast as ftl
from fluent.syntax.visitor import Visitor
from hypothesis import given
from hypothesis import strategies as st

import gengap
from gengap.errors import TextError, UsageError
from gengap.text.catalog import DEFAULTS, Message, catalog, default_language, languages

SOURCE = Path(gengap.__file__).parent
CODES = sorted(languages())


class _Placeholders(Visitor):
    """The names, the functions that format them, and the other messages in one text."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.functions: set[str] = set()
        self.messages: set[str] = set()

    def visit_VariableReference(self, node: ftl.VariableReference) -> None:  # noqa: N802
        self.names.add(node.id.name)

    def visit_MessageReference(self, node: ftl.MessageReference) -> None:  # noqa: N802
        self.messages.add(node.id.name)

    def visit_FunctionReference(self, node: ftl.FunctionReference) -> None:  # noqa: N802
        self.functions.add(node.id.name)
        self.generic_visit(node)


@cache
def texts(code: str) -> dict[str, _Placeholders]:
    resource = FluentResource((SOURCE / "text" / "languages" / f"{code}.ftl").read_text(encoding="utf-8"))
    found: dict[str, _Placeholders] = {}
    for entry in resource.body:
        assert not isinstance(entry, ftl.Junk), entry.content
        if isinstance(entry, ftl.Message):
            assert entry.id.name not in found, f"{entry.id.name} is twice in {code}.ftl"
            found[entry.id.name] = _Placeholders()
            found[entry.id.name].visit(entry)
    return found


def placeholders(code: str) -> dict[str, set[str]]:
    """The names in each text and in those within it, without those that have a default."""
    found = texts(code)
    within = {id: [found[other].names for other in text.messages] for id, text in found.items()}
    return {id: text.names.union(*within[id]) - DEFAULTS.keys() for id, text in found.items()}


@cache
def strings() -> set[str]:
    """Every string in the source: literals of Python, and what templates and scripts quote."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    for path in (*SOURCE.rglob("*.html"), *SOURCE.rglob("*.js")):
        found |= set(re.findall(r"[\"']([\w-]+)[\"']", path.read_text(encoding="utf-8")))
    return found


def is_used(id: str) -> bool:
    """Whether the id is in the source, or in two parts: a prefix ending in "-" and the rest."""
    known = strings()
    ends = [i + 1 for i, letter in enumerate(id) if letter == "-"]
    rests = {end: {id[end:], id[end:].replace("-", "_")} for end in ends}
    return id in known or any(id[:end] in known and rests[end] & known for end in ends)


def test_every_text_is_used() -> None:
    within_others = {id for text in texts("en").values() for id in text.messages}
    assert [id for id in texts("en") if id not in within_others and not is_used(id)] == []


@pytest.mark.parametrize("code", CODES)
def test_every_language_has_every_text_with_the_same_placeholders(code: str) -> None:
    assert set(texts("en")) ^ set(texts(code)) == set()
    assert placeholders(code) == placeholders("en")


def test_no_korean_particle_changes_with_what_is_before_it() -> None:
    """In Korean 은/는, 이/가, 을/를, 와/과, 로/으로 depend on the last sound, and names and numbers have any."""
    text = (SOURCE / "text" / "languages" / "ko.ftl").read_text(encoding="utf-8")
    assert not re.findall(r"\}\]?(은|는|이|가|을|를|와|과|로|으로|라고|이라고)(?= |$)", text)
    brackets = r"\{ \$\w+ \}\((?!으\))(?:[^()]|\([^()]*\))*\)"  # a name, and what is said of it in brackets
    assert not re.findall(rf"{brackets}(?:은|는|이|가|을|를|와|과|로|으로)(?= |$)", text)


@given(name=st.text(min_size=1, max_size=5000))
def test_names_come_through_verbatim(name: str) -> None:
    for code in CODES:
        assert name in catalog(code).text("page-headline-recommended", run=name)


@given(name=st.text(min_size=3000, max_size=5000))
def test_a_long_name_breaks_no_sentence(name: str) -> None:
    for code in CODES:
        assert catalog(code).text("page-regularizers-text", run=name)


def test_a_missing_id_or_parameter_is_an_error() -> None:
    with pytest.raises(TextError, match="no-such-id"):
        catalog("en").text("no-such-id")
    with pytest.raises(TextError, match="run"):
        catalog("en").text("page-headline-recommended")


def test_messages_within_messages_are_in_the_same_language() -> None:
    inner = Message("metric-accuracy")
    outer = Message("page-metric-difference", {"metric": inner})
    assert catalog("en").render(outer) == "accuracy, difference"
    assert "정확도" in catalog("ko").render(outer)


def test_plurals_and_probabilities() -> None:
    english = catalog("en")
    assert english.text("page-cores", count=1) == "1 core"
    assert english.text("page-cores", count=2048) == "2,048 cores"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "ko_KR.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "ko", "LANG": "C"}, "ko"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_locale_chooses_the_language(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert default_language() == expected


def test_an_unknown_language_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=f"unknown language 'xx'; expected {' or '.join(languages())}"):
        catalog("xx")
