"""Find the split of each value in a line where it follows the value, and numbers after a split that are indices."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gengap.diagnose.metric_words import SPLITS
from gengap.diagnose.readers.console.phrases import Phrase, cut, is_metric, split_of, splits_in_order
from gengap.diagnose.readers.console.plain_names import in_plain_english, without_splits

TAGGED = re.compile(r"%?[)\]]?\s*[(\[]\s*(\w+)\s*[)\]]")
ON_SPLIT = re.compile(r"%?[)\]]?\s*(?:on|for|in)\s+(?:the\s+)?(\w+)\b")  # 0.5 on the training set
REST_OF_SPLIT = re.compile(r"\s*(?:(?:set|data|split)\b)?\s*(?:/|and\b)?")
END_OF_SPLIT = re.compile(r"\s*(?:(?:set|data|split)\b\s*)?(?:$|[,;/|()\]]|\.(?:\s|$)|-+\s|and\b)")
INDEX_END = re.compile(r"\]\s*(?:[\[:=]|$)")  # [3][50/100], [3]: 0.5


def splits_behind(texts: Sequence[str], phrases: Sequence[Phrase]) -> list[str | None]:
    """Return the split that follows each number, as in `0.5 (train)` or `0.5 on the training set`; else None.

    A split before a colon belongs to the next value. So does one before a value that no split follows.
    """
    found: list[str | None] = [None] * len(phrases)
    next_has_one = True
    for i in range(len(phrases) - 1, -1, -1):
        after = TAGGED.match(texts[i + 1]) or ON_SPLIT.match(texts[i + 1])
        if after and (split := SPLITS.get(after[1].lower())):
            rest = texts[i + 1][after.end() :]
            last = i + 1 == len(phrases)
            ends = END_OF_SPLIT.match(rest) is not None and (last or rest.strip() != "")
            if ends or (next_has_one and rest.lstrip()[:1] not in (":", "=")):
                found[i] = split
        if _begins_value(texts[i], phrases[i]):
            next_has_one = found[i] is not None
    return found


def _begins_value(text: str, phrase: Phrase) -> bool:
    """Return whether a value begins here: apart from the last split, here is a metric, a split or nothing."""
    rest = without_split(text)
    name = in_plain_english(phrase.name if rest == text else cut(rest).name)
    return is_metric(without_splits(name)) or bool(splits_in_order(name)) or (not name and rest != text)


def without_split(text: str) -> str:
    """Return the text before a number without the split of the last number."""
    found = TAGGED.match(text) or ON_SPLIT.match(text)
    rest = REST_OF_SPLIT.match(text, found.end()) if found else None
    return text[rest.end() :] if rest else text


def is_index(texts: Sequence[str], phrases: Sequence[Phrase], i: int) -> bool:
    """Return whether a number after a split is an index and not a value: `Test: [1][2/2]`, or `Test  50:  25.3`.

    A number in brackets after the line's only such split is an index if another index or a metric follows.
    """
    after = texts[i + 1]
    if phrases[i].name.lower() not in SPLITS:
        return False
    if not _is_split_in_brackets(texts, phrases, i):
        return re.fullmatch(r":\s+", after) is not None
    once = sum(_is_split_in_brackets(texts, phrases, j) for j in range(len(phrases))) == 1
    number_follows = i + 1 < len(phrases) and INDEX_END.match(after) is not None
    return once and (number_follows or any(is_metric(each.name) for each in phrases[i + 1 :]))


def _is_split_in_brackets(texts: Sequence[str], phrases: Sequence[Phrase], i: int) -> bool:
    """Return whether a number is in brackets after a split: `train [0.5]`."""
    return phrases[i].separator.endswith("[") and texts[i + 1][:1] == "]" and split_of(phrases[i].name) is not None
