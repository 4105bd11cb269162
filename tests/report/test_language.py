"""Every sentence that the code makes has its entry in every catalogue, and names come through unharmed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.sentences_made import everything

import gengap.text.sentences as module
from gengap.errors import UsageError
from gengap.text.sentences import HOLDS, Language, default_language, language, languages

FOLDER = Path(module.__file__).parent / "languages"
TABLES = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.toml")}
CATALOGUES = {
    code: {key: said for table in tables.values() for key, said in table.items()} for code, tables in TABLES.items()
}
ENTRIES = [(code, key) for code, entries in CATALOGUES.items() for key in entries]
LABELS = ("words", "page", "live")  # tables of what is no sentence
NAMES = re.compile(r"NaN|AUC|\S+/\S+|\bval_\w+|--\w+|\bl2 0\.01|\bL[12]\b")
EXAMPLES = {"number": "1,234.5", "interval": "1.0% [-0.5, 2.0]", "chance": "0.25", "multiple": "twice"}


@pytest.fixture(scope="module")
def said() -> list[str]:
    return everything()


@pytest.mark.parametrize("code", CATALOGUES)
def test_every_sentence_has_its_entry(code: str, said: list[str]) -> None:
    assert len(said) > 100
    names = {"l2 0.01"}  # treatments are named as plans name them
    left = {text: language(code).say(text) for text in said if text not in names}
    english = {text: NAMES.sub("", told) for text, told in left.items()}
    assert {text: left[text] for text, rest in english.items() if re.search("[A-Za-z]{2,}", rest)} == {}


@pytest.mark.parametrize("code", CATALOGUES)
def test_no_entry_of_a_sentence_is_stale(code: str, said: list[str]) -> None:
    entries = [key for table, keys in TABLES[code].items() if table not in LABELS for key in keys]
    numbered = Language(code, {key: f"<{i}>{CATALOGUES[code][key]}" for i, key in enumerate(entries)})
    used = {int(number) for text in said for number in re.findall(r"<(\d+)>", numbered.say(text))}
    assert [key for i, key in enumerate(entries) if i not in used] == []


@pytest.mark.parametrize("code", TABLES)
def test_no_key_stands_in_two_tables(code: str) -> None:
    assert sum(map(len, TABLES[code].values())) == len(CATALOGUES[code])


@pytest.mark.parametrize(("code", "key"), ENTRIES)
def test_both_sides_have_the_same_placeholders(code: str, key: str) -> None:
    english = [(name, holds) for _, name, holds, _ in Formatter().parse(key) if name is not None]
    theirs = [(name, holds) for _, name, holds, _ in Formatter().parse(CATALOGUES[code][key]) if name is not None]
    assert {name for name, _ in english} == {name for name, _ in theirs}
    assert {holds or "" for _, holds in english} <= set(HOLDS) and not any(holds for _, holds in theirs)


@pytest.mark.parametrize("key", [key for code, key in ENTRIES if code == "ko"])
def test_no_particle_changes_with_what_stands_before_it(key: str) -> None:
    """In Korean 은/는, 이/가, 을/를, 와/과, 로/으로 depend on the last sound, and names and numbers have any."""
    assert not re.findall(r"\}\]?(은|는|이|가|을|를|와|과|로|으로|라고|이라고)(?= |$)", CATALOGUES["ko"][key])


@given(name=st.text(min_size=1, max_size=300), which=st.integers(min_value=0))
def test_names_come_through_verbatim(name: str, which: int) -> None:
    named = [key for code, key in ENTRIES if re.search(r"\{\w+\}", key)]
    key = named[which % len(named)]
    held = {n: EXAMPLES.get(holds or "", name) for _, n, holds, _ in Formatter().parse(key) if n is not None}
    sentence = "".join(literal + ("" if n is None else held[n]) for literal, n, _, _ in Formatter().parse(key))
    for code in CATALOGUES:
        assert name in language(code).say(sentence)


@given(st.text() | st.lists(st.sampled_from([key for _, key in ENTRIES])).map("".join))
def test_whatever_is_said_is_text(text: str) -> None:
    for code in languages():
        assert isinstance(language(code).say(text), str)


def test_hostile_text_takes_no_time() -> None:
    part = " (1 parameters) is the smallest within one standard error of the best, "
    for text in (part * 10_000, (part * 14)[:990] * 2, "try " + " (" * 900, "Keep: " + "; " * 900):
        assert isinstance(language("ko").say(text), str)


def test_english_is_itself_and_unknown_text_stays() -> None:
    assert language("en").say("early stopping") == "early stopping"
    assert language("ko").say("no entry for this") == "no entry for this"
    assert language("ko").code == "ko" and languages()[0] == "en"


def test_an_unknown_language_is_named_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="there is no language 'xx'; expected en or ko"):
        language("xx")


@pytest.mark.parametrize(
    ("locale", "code"),
    [
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LC_ALL": "C", "LANG": "ko_KR.UTF-8"}, "en"),
        ({"LC_MESSAGES": "ko", "LANG": "de_DE"}, "ko"),
        ({"LC_ALL": "", "LANG": "de_DE@euro"}, "en"),
        ({}, "en"),
    ],
)
def test_the_locale_names_the_language(locale: dict[str, str], code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in locale.items():
        monkeypatch.setenv(variable, value)
    assert default_language() == code
