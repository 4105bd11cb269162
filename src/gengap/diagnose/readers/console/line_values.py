"""Values among the numbers of a line: what names them, and which split they belong to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gengap.diagnose.metric_names import SPLITS, direction, parse
from gengap.diagnose.readers.console.phrases import (
    AND,
    PRONOUN,
    UNNAMED,
    Phrase,
    canonical_name,
    counter,
    cut,
    in_plain_english,
    is_index,
    is_metric,
    metric_name,
    names_metric,
    split_of,
    splits_behind,
    splits_in_order,
    without_split,
    without_splits,
    words,
)

METRIC_OF = re.compile(r"\bevaluation metrics?\b", re.IGNORECASE)  # says nothing of the split
LONGEST_NAME = 60
AVERAGE = re.compile(r"\s*\(\s*")
COUNTS = re.compile(
    r"\s+(?:iterations|images|samples|steps|epochs|batches|examples|rows|documents)\s*(?:[),;|.]|(?:per|with)\b)"
)
COMPARED = re.compile(r"(?:[<>]=|<)\s*$")  # val_loss < 0.5 is a condition
ON_SPLIT_BEHIND = re.compile(r"\s+([A-Za-z][\w .-]*?)\s+(?:\w+\s+)?on\s+(?:the\s+|an?\s+)?([A-Za-z-]+)\b")
REVERSED = re.compile(r"\s+\(?([A-Za-z][\w .-]*?)\s*(?:[,;|)]|$)")
INDEX = re.compile(r"#\s*$")
BAR_BEFORE = re.compile(r"\|\s*$")
SPLITS_BEHIND = re.compile(rf"\W*(\w+)\s*(?:[,|]|{AND})\s*(\w+)\s*[)\]]?\s*(?:$|[,;|)])")  # 0.5/0.6 (train/val)
TAG = re.compile(r"\s*\[[A-Za-z_]\w*\]")
BEST_BEFORE = re.compile(
    r"\W*best\W+(?:metric|result|score|performance)s?\W*", re.I
)  # behind it, values come again
METRIC_PAIR = re.compile(r"(\w+)\s*/\s*(\w+)")  # loss/acc: 0.5/0.8
SIGN = re.compile(rf"\s*(?:[,;|]|{AND})?\s*")  # between the numbers of a list
PAIR_SIGN = re.compile(rf"\s*(?:[,|]|{AND})?\s*")  # behind ";" another number begins
SENTENCE = 8  # words of a line that is a heading; longer ones are sentences


class MetricValue(NamedTuple):
    """A number that is a metric's value.

    Attributes:
        number: Which number of the line.
        name: The words that name it, with the words of its split.
        canonical: What `metric_names` reads.
        split: Whether the line itself says the split.
        form: The whole phrase, which tells a log's own lines from others that repeat a value.
        average: The number in parentheses behind it, which is its average; 0 for none.
        second: What `metric_names` reads of the second value in `0.5/0.6`; "" for none.
    """

    number: int
    name: str
    canonical: str
    split: bool
    form: str
    average: int = 0
    second: str = ""


def read_values(texts: Sequence[str], phrases: Sequence[Phrase]) -> list[MetricValue]:
    """Return the values among the numbers between `texts`, each with the phrase before it."""
    reader = _LineReader(texts, phrases)
    for i, phrase in enumerate(phrases):
        if any(map(BEST_BEFORE.fullmatch, phrase.context)):
            break
        reader.read(i)
    return reader.found


class _LineReader:
    """Reads the numbers of one line in their order; `found` holds the values.

    Attributes:
        found: The values.
    """

    def __init__(self, texts: Sequence[str], phrases: Sequence[Phrase]) -> None:
        self.found: list[MetricValue] = []
        self._behind = splits_behind(texts, phrases)
        self._phrases = [
            cut(without_split(texts[i])) if i and self._behind[i - 1] else phrase
            for i, phrase in enumerate(phrases)
        ]
        self._texts = texts
        self._tag = found[0] if (found := TAG.match(texts[0])) else ""  # [lfw], the name of a data set
        self._carried: str | None = None  # the split that the line named before, as a word of its own
        self._glued: str | None = None  # the split in a name such as val_loss
        self._metric = ""  # the metric that the line named before
        self._counted_alone = False  # whether the last known metric had a number without a split
        self._taken: set[tuple[str, str]] = set()  # splits and metrics that have a value
        self._from_value = False  # whether this split was one in the name of a value
        self._repeated = _repeated(self._phrases)
        self._own = _with_own_split(self._phrases)
        self._alone = {SPLITS.get(phrase.name.lower()) for phrase in phrases}  # splits that are names themselves

    def read(self, i: int) -> None:
        """Read the number at i."""
        phrase = self._phrases[i]
        self._carry(self._behind[i - 1] if i else None)
        self._read_context(phrase.context)
        if self._is_between_splits(i):
            split = self._behind[i]
            name = f"{split} {self._metric}".strip()
            self.found.append(MetricValue(i, name, canonical_name(split, self._metric), True, f"{name} behind"))
        elif phrase.name in UNNAMED or self._has_name_behind(i - 1):
            self._take_unnamed(i)
        elif "," in phrase.separator and (behind := _reversed_on_split(self._texts, i)):
            self.found.append(behind)
        elif self._is_no_value(i):
            self._carry(split_of(phrase.name))
        elif (name := metric_name(phrase.name) or self._meant(i)) is not None:
            self._take_named(i, name)
        elif self._carried is None:
            self._carry(split_of(phrase.name))

    def _carry(self, split: str | None, from_value: bool = False) -> None:
        """Note the split, if there is one, of the names behind it that say none."""
        if split:
            self._carried, self._from_value = split, from_value

    def _is_no_value(self, i: int) -> bool:
        """Return whether the number at i counts something, or is an index."""
        phrase = self._phrases[i]
        index = (
            INDEX.search(phrase.separator)
            or COMPARED.search(phrase.separator)
            or is_index(self._texts, self._phrases, i)
        )
        ranged = self._texts[i + 1].startswith("..") and self._texts[i + 1][2:3].isdigit()  # 0.00..155.00
        in_bar = BAR_BEFORE.search(self._texts[i]) and self._texts[i + 1].startswith(" [")
        return bool(index or ranged or counter(phrase.name) or in_bar or COUNTS.match(self._texts[i + 1]))

    def _meant(self, i: int) -> str | None:
        """Return the split and metric that "it" stands for: `Train loss was 0.5; on held-out data it was 0.6`."""
        listed, split = words(self._phrases[i].name), split_of(self._phrases[i].name)
        return f"{split} {self._metric}" if listed[-1:] == [PRONOUN] and split and self._metric else None

    def _read_context(self, segments: Sequence[str]) -> None:
        """Note the splits and metrics that stand before the name, apart from it."""
        for segment in segments:
            self._carry(split_of(segment))
            if is_metric(segment) and not split_of(segment):
                self._metric, self._counted_alone = segment, False

    def _has_name_behind(self, i: int) -> bool:
        """Return whether the number at i was taken as a value that stands before its name."""
        return self._is_last(i) and self.found[-1] == _reversed(self._texts, i)

    def _is_last(self, i: int) -> bool:
        return bool(self.found) and self.found[-1].number == i

    def _is_between_splits(self, i: int) -> bool:
        """Return whether a number has its split behind it and the last value's before it: `(train) 0.5 (val)`."""
        both = i > 0 and self._behind[i] is not None and self._behind[i - 1] is not None
        return both and self._is_last(i - 1) and not self._phrases[i].name

    def _take_unnamed(self, i: int) -> None:
        """Take a number without a name: an average, the second of a pair, or one before its name."""
        texts, last = self._texts, self.found[-1] if self.found else None
        named = last is not None and last.canonical not in SPLITS.values()  # else the number is of another metric
        if last and named and AVERAGE.fullmatch(texts[i]) and texts[i + 1].lstrip("% ").startswith(")"):
            self.found[-1] = last._replace(average=i) if last.number == i - 1 else last
        elif last and last.second and PAIR_SIGN.fullmatch(texts[i]):
            self.found.append(last._replace(number=i, canonical=last.second, second=""))
        elif (reversed_value := _reversed(texts, i)) is not None:
            self.found.append(reversed_value)

    def _take_named(self, i: int, name: str) -> None:
        """Take a number with a name."""
        name, plain, own = self._with_split(i, name)
        if len(set(own)) == 2:
            self._take_pair(i, name, plain, own)
            return
        split = own[0] if own else None
        bare = without_splits(plain) if own else plain
        if own and not bare:
            bare = self._metric_of_split()
            name = f"{name} {bare}" if bare else name
        elif not own:
            guess = self._guess_split(name, bare)
            if guess and (guess, bare.lower()) not in self._taken:
                split, name = guess, f"{guess} {name}"
            elif guess == "validation":  # AP: 0.13, AP .5: 0.55
                return
        both = METRIC_PAIR.fullmatch(bare)
        second = both[2] if both and is_metric(both[1]) and is_metric(both[2]) else ""
        bare = both[1] if both and second else bare
        if is_metric(bare):
            self._metric, self._counted_alone = bare, not split
        if own and (" " in plain or not re.search(r"[_/.-]", plain)):
            self._carry(split, from_value=True)
        self._glued = split or self._glued
        self._taken.add((split or "", bare.lower()))
        form = f"{self._tag}{self._phrases[i].name}"
        more = canonical_name(split, second) if second else ""
        self.found.append(MetricValue(i, name, canonical_name(split, bare), split is not None, form, 0, more))

    def _with_split(self, i: int, name: str) -> tuple[str, str, list[str]]:
        """Return a name with the split behind its number or before other words; the name in English; its splits."""
        plain = in_plain_english(name)
        own = splits_in_order(plain)
        if not own and (both := self._splits_of_pair(i)):
            name = f"{'/'.join(both)} {name}"
            return name, in_plain_english(name), both
        if not own and (behind := self._behind[i]):
            return f"{behind} {name}", plain, [behind]
        if not own and (before := _split_before(self._phrases[i].name, name)):  # Test Instance Accuracy
            name = f"{before} {name}"
            return name, in_plain_english(name), [before]
        return name, plain, own

    def _splits_of_pair(self, i: int) -> list[str]:
        """Return the two splits that stand behind a pair of numbers, or behind a number such as 0.5/0.6."""
        two = i + 2 < len(self._texts) and PAIR_SIGN.fullmatch(self._texts[i + 1])
        found = SPLITS_BEHIND.match(self._texts[i + 2 if two else i + 1])
        splits = [SPLITS.get(word.lower(), "") for word in found.groups()] if found else []
        return splits if all(splits) and len(set(splits)) == 2 else []

    def _take_pair(self, i: int, name: str, plain: str, own: Sequence[str]) -> None:
        """Take a number with a name of two splits: it may be two values, or the first of them."""
        bare = without_splits(plain)
        if bare or "_" not in name:  # test_train is a function
            canonical, second = (canonical_name(split, bare) for split in dict.fromkeys(own))
            self.found.append(MetricValue(i, name, canonical, True, self._phrases[i].name, 0, second))

    def _metric_of_split(self) -> str:
        """Return the metric of a number whose name is a split alone: the one named before, if it had no number."""
        if self._counted_alone and "train" in self._alone:  # Loss: 0.5, Train: 0.9: the curves say what it is
            return ""
        return without_splits(in_plain_english(self._metric))

    def _guess_split(self, name: str, bare: str) -> str | None:
        """Return the split of a name without one: that of the names before it."""
        repeated = name.lower() in self._repeated
        pair_is_alone = "train" in self._alone and not self._alone.isdisjoint(("validation", "test"))
        if pair_is_alone and not repeated and direction(bare) is False:  # train=0.8 val=0.7 loss=0.5
            return None
        guess = self._carried or (self._glued if repeated else None)
        return None if self._from_value and (guess, bare.lower()) in self._own else guess


def with_lists(texts: Sequence[str], phrases: Sequence[Phrase], values: list[MetricValue]) -> list[MetricValue]:
    """Return a line's values, at its end those of `train acc, test acc | 0.5, 0.6`: all names stand before them."""
    first = _start_of_list(texts, phrases)
    listed = _values_behind_names(phrases, first) if first >= 0 else []
    if not listed and not (first >= 0 and _has_several_names(texts, phrases, first)):
        return values
    before = [each for each in values if each.number < first]
    known = {each.canonical for each in before}
    return before + [each for each in listed if each.canonical not in known]


def _start_of_list(texts: Sequence[str], phrases: Sequence[Phrase]) -> int:
    """Return the first number of the list at a line's end; -1 if there is none."""
    first = max((i for i, phrase in enumerate(phrases) if phrase.name not in UNNAMED), default=-1)
    return first if 0 <= first < len(phrases) - 1 and all(map(SIGN.fullmatch, texts[first + 1 : -1])) else -1


def _has_several_names(texts: Sequence[str], phrases: Sequence[Phrase], first: int) -> bool:
    """Return whether several names stand before a list, so that its first number may not be of the last one.

    They name several metrics or splits, or they are as many as the numbers, with the same sign between them.
    """
    names = [*phrases[first].context, phrases[first].name]
    metrics = list(filter(names_metric, names))
    splits = {split for name in names for split in splits_in_order(name)}
    if len(names) > 1 and (len(metrics) > 1 or len(splits) > 1):
        return True
    count, sign = len(phrases) - first, texts[first + 1].strip()
    others = [name for name in names if name.lower() not in SPLITS]
    return len(others) >= count and sign != "" and texts[first].count(sign) >= count - 1


def _values_behind_names(phrases: Sequence[Phrase], first: int) -> list[MetricValue]:
    """Return the values of the list from `first` on: there are as many names of metrics, each with a split."""
    count = len(phrases) - first
    *others, last = [*phrases[first].context, phrases[first].name]
    names = [metric_name(name) or "" for name in (*others[len(others) + 1 - count :], last)]
    plain = list(map(in_plain_english, names))
    splits = [splits_in_order(name) for name in plain]
    more = len(others) >= count and is_metric(others[-count])  # which of the names have numbers is not known
    if more or len(names) < count or not all(len(own) == 1 for own in splits) or len(set(map(str, splits))) < 2:
        return []
    form = f"list of {', '.join(names)}"
    keys = [canonical_name(own[0], without_splits(name)) for own, name in zip(splits, plain, strict=True)]
    metrics = [key[1] for each in keys if (key := parse(each)) is not None and direction(key[1]) is not None]
    if len(metrics) < count or len(set(keys)) < count:
        return []
    return [MetricValue(first + i, names[i], key, True, form) for i, key in enumerate(keys)]


def _split_before(phrase: str, name: str) -> str | None:
    """Return the split that a phrase names before other words and its metric: `[dev evaluation] ave loss`."""
    known = phrase != name and is_metric(name) and len(words(phrase)) <= SENTENCE
    return split_of(METRIC_OF.sub("", phrase)) if known else None


def _repeated(phrases: Sequence[Phrase]) -> set[str]:
    """Return the names without a split that a line has twice."""
    names = [phrase.name.lower() for phrase in phrases if phrase.name and not splits_in_order(phrase.name)]
    return {name for name in names if names.count(name) > 1}


def _with_own_split(phrases: Sequence[Phrase]) -> set[tuple[str, str]]:
    """Return the splits and metrics of the names that say both: two in `acc, val acc, loss, val loss`."""
    names = (in_plain_english(phrase.name) for phrase in phrases)
    return {(own[0], without_splits(name).lower()) for name in names if (own := splits_in_order(name))}


def _reversed(texts: Sequence[str], i: int) -> MetricValue | None:
    """Return the value that stands before its name, as in `1387.5 avg loss, 0.001 rate`."""
    if (named := _reversed_on_split(texts, i)) is not None:
        return named
    found = REVERSED.match(texts[i + 1][:LONGEST_NAME])
    names_next = found is not None and found.end() == len(texts[i + 1]) and i + 2 < len(texts)
    if not found or names_next or not re.search(r"(?:^|[,;:|(])\s*$", texts[i]):
        return None
    name = metric_name(found[1])
    known = name is not None and name == found[1] and is_metric(name)
    return MetricValue(i, name, canonical_name(None, name), False, found[1]) if known and name else None


def _reversed_on_split(texts: Sequence[str], i: int) -> MetricValue | None:
    """Return the value of `900.1 perplexity estimate based on a held-out corpus`, before its name and its split."""
    found = ON_SPLIT_BEHIND.match(texts[i + 1][:LONGEST_NAME])
    split = split_of(found[2]) if found else None
    if found is None or split is None or not is_metric(found[1]) or not re.search(r"(?:^|[,;:|(])\s*$", texts[i]):
        return None
    return MetricValue(i, f"{split} {found[1]}", canonical_name(split, found[1]), True, found[1])
