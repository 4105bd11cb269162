"""Owns the languages other than English: one catalogue each, `languages/<code>.toml`.

As in gettext, English is the key. But sentences come whole, with their numbers and names in them, as study.json
holds them; so a key with placeholders is a pattern that finds them again:

    "{metric} has {count:number} finite values" = "{metric}: 유한한 값 {count}개"

After the colon stands what a placeholder holds (see HOLDS); without one it is a name, which is kept as it is. The
tables of a catalogue only say where its sentences come from.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Formatter
from typing import NamedTuple

from gengap.errors import UsageError

ENGLISH = "en"
NUMBER = r"[-+]?(?:\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?|nan|inf)"
ANYTHING = r"(?s:.{1,1000}?)"  # bounded, so that a hostile name costs milliseconds at most
HOLDS = {
    "": ANYTHING,
    "number": NUMBER,
    "interval": rf"{NUMBER}%? \[{NUMBER}, {NUMBER}\]",
    "chance": rf"(?:above |below )?{NUMBER}",
    "multiple": rf"twice|(?:[a-z]+|{NUMBER}) times",
    "text": ANYTHING,
}
TRANSLATED = ("chance", "multiple", "text")  # what is said in turn
REMEMBERED = 4096  # sentences


class _Entry(NamedTuple):
    """A key with placeholders: how it is recognised, and what is said for it."""

    pattern: re.Pattern[str]
    template: str
    translated: frozenset[str]
    letters: int


class Language:
    """What English sentences are in one language: `entries` by their English text."""

    def __init__(self, code: str, entries: Mapping[str, str]) -> None:
        self.code = code
        self._exact = entries
        patterns = (_entry(key, said) for key, said in entries.items() if "{" in key)
        self._patterns = sorted(patterns, key=lambda entry: -entry.letters)  # the most particular first
        self._remembered = lru_cache(REMEMBERED)(self._said)

    def say(self, text: str) -> str:
        """The text in this language; as it is, if there is no entry for it.

        >>> language("ko").say("early stopping")
        '조기 종료'
        >>> language("ko").say("5 values are NaN or infinite and were left out")
        'NaN 또는 무한대인 값 5개를 뺐습니다'
        """
        return self._remembered(text)

    def _said(self, text: str) -> str:
        if text in self._exact:
            return self._exact[text]
        for entry in self._patterns:
            if found := entry.pattern.fullmatch(text):
                held = found.groupdict()
                return entry.template.format(**held | {name: self.say(held[name]) for name in entry.translated})
        return text


def _entry(key: str, said: str) -> _Entry:
    pattern, translated, letters = "", set[str](), 0
    for literal, name, holds, _ in Formatter().parse(key):
        pattern += re.escape(literal)
        letters += len(literal)
        if name is not None:
            pattern += f"(?P<{name}>{HOLDS[holds or '']})"
            translated |= {name} if holds in TRANSLATED else set()
    return _Entry(re.compile(pattern, re.ASCII), said, frozenset(translated), letters)


def _languages() -> tuple[str, ...]:
    """The codes of all languages: English, and each that has a catalogue."""
    catalogues = (file.name for file in _folder().iterdir())
    return ENGLISH, *sorted(name.removesuffix(".toml") for name in catalogues if name.endswith(".toml"))


@cache
def language(code: str) -> Language:
    """A language by its code. Raises UsageError naming the known ones."""
    if code not in _languages():
        raise UsageError(f"there is no language {code!r}; expected {' or '.join(_languages())}")
    if code == ENGLISH:
        return Language(code, {})
    tables = tomllib.loads(_folder().joinpath(f"{code}.toml").read_text(encoding="utf-8")).values()
    return Language(code, {key: said for table in tables for key, said in table.items()})


def _folder() -> Traversable:
    return files("gengap.text").joinpath("languages")


def as_sentence(text: str, names: Iterable[str] = ()) -> str:
    """A reason or an advice as a sentence of its own; one of the `names` at its start stays as it is.

    >>> as_sentence("keep this model"), as_sentence("stop"), as_sentence("sizes/Tiny is the best")
    ('Keep this model.', 'Stop.', 'sizes/Tiny is the best.')
    >>> as_sentence("tiny, a larger model, is better", ["tiny"]), as_sentence("tiny steps", ["tin"])
    ('tiny, a larger model, is better.', 'Tiny steps.')
    """
    named = any(name and text.startswith(name) and not text[len(name) :][:1].isalnum() for name in names)
    plain = all(word.isascii() and word.rstrip(":,.!?").isalpha() for word in text.split(" ", 2)[:2])
    start = text[:1].upper() if plain and not named else text[:1]
    return start + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
