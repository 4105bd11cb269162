"""What the numbers of a line mean. Lines with the same words share one `Template`, so each form is parsed once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gengap.diagnose.metric_names import direction, parse
from gengap.diagnose.metric_words import GLUED, NUMBERED, SPLITS, in_english
from gengap.diagnose.readers.console.phrases import (
    Phrase,
    counter,
    cut,
    is_metric,
    metric_name,
    split_of,
    splits_in_order,
    words,
)

SKIPPED = re.compile(
    r"^\s*\[CV\b|improved from|did not improve|\bdecreased\b|early stopping|restoring model|not improve"
    r"|\breached\b|\bimproved by\b|was not in top",  # lines of checkpoints tell of some epochs only
    re.I,
)
NO_CONTEXT = re.compile(r"\b(?:sav|load|found|file|image|sample|size|check|download|improv|stor|writ)", re.I)
AT_STEP = re.compile(r"\s+(?:at|after|in|for)\s+(?:global[ _])?(?:step|epoch|iteration|iter|update)s?$", re.I)
METRIC_OF = re.compile(r"\bevaluation metrics?\b", re.IGNORECASE)  # says nothing of the split
LOGGED_AS = re.compile(r"^[^\]]{0,80}\]\s")  # what a logger writes before a message
STATEMENT = re.compile(r";\s*$|\w\s+[<>]=?\s*#")  # of a program or a query
LONGEST_NAME = 60
SENTENCE = 8  # words of a line that is a heading; longer ones are sentences
AVERAGE = re.compile(r"\s*\((?:\s*avg\.?:?)?\s*")
TAGGED = re.compile(r"%?\s*[(\[]\s*(\w+)\s*[)\]]")
COUNTS = re.compile(r"\s+(?:iterations|images|samples|steps|epochs|batches|examples|rows)\s*[),;|.]")
ON_SPLIT = re.compile(r"%?\s*(?:on|for|in)\s+(?:the\s+)?(\w+)\b")  # 0.5 on the training set
BETWEEN_SPLITS = re.compile(r"\s*(?:(?:set|data|split)\s*)?(?:[,;/|]|and\b)?\s*")
END_OF_SPLIT = re.compile(r"\s*(?:(?:set|data|split)\b\s*)?(?:$|[,;/|()\]]|\.(?:\s|$)|-+\s|and\b)")
INDEX_END = re.compile(r"\]\s*(?:[\[:=]|$)")  # [3][50/100], [3]: 0.5
REVERSED = re.compile(r"\s+([A-Za-z][\w .-]*?)\s*(?:[,;|)]|$)")
INDEX = re.compile(r"#\s*$")
EPOCH_OF_SPLIT = re.compile(r"\s*(?:train|val|valid|eval|test)\w*:\s*", re.I)  # Train: 3 [ 50/100]
FINAL_HEADING = re.compile(r"\W*final\s+(?:epoch|results?|evaluation|metrics?|scores?|performance)\b", re.I)
BESIDE_SPLITS = {"phase", "set", "data", "dataset", "split", "epochs", "results", "history", "curve"}
FINAL = "final"  # the context of values that were logged before
BEST_BEFORE = re.compile(
    r"\W*best\W+(?:metric|result|score|performance)s?\W*", re.I
)  # behind it, values come again
PAIR_BEHIND = re.compile(r"\s*[(\[]\s*(\w+)(\s*[/,|]\s*)(\w+)\s+(\w+)\s*[)\]]\s*")  # (train / val loss)
PAIRS = ({"train", "validation"}, {"train", "test"})
SAID = re.compile(r"\b(?:is|was|were)\s+$")
BAR_BEFORE = re.compile(r"\|\s*$")


class Place(NamedTuple):
    """A number that says where values belong: "epoch", "step", "run", or "count" for one without a name."""

    kind: str
    number: int
    label: str


class Named(NamedTuple):
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


@dataclass(frozen=True)
class Template:
    """What the numbers of lines with the same words mean.

    Attributes:
        places: Numbers that say where values belong.
        values: Numbers that are values.
        context: The split of the lines below, if this one is a heading; `FINAL` for results that come again.
        best: The number called "best", or -1: it shows which direction is better.
        sentence: Whether a verb stands before a value: the loss was 0.5.
        title: Whether this is a heading of a split and nothing else, as may stand above all epochs of a split.
    """

    places: tuple[Place, ...] = ()
    values: tuple[Named, ...] = ()
    context: str | None = None
    best: int = -1
    sentence: bool = False
    title: bool = False


def parse_template(texts: Sequence[str]) -> Template:
    """Return what the numbers between `texts` mean."""
    line = "#".join(texts)
    if SKIPPED.search(line):
        return Template()
    phrases = [cut(text) for text in texts[:-1]]
    places, values = _places(texts, phrases), _values(texts, phrases)
    if (epoch := _bar_of_epochs(texts, places, values)) is not None:
        places = [epoch]
    values = values or _named_behind(texts)
    placed = {place.number for place in places if place.kind != "count"}
    values = [named for named in values if named.number not in placed]
    context = None if values or not _is_heading(line) else FINAL if FINAL_HEADING.match(line) else split_of(line)
    best = next((i for i, phrase in enumerate(phrases) if phrase.name.lower() == "best"), -1)
    sentence = any(SAID.search(texts[named.number]) for named in values)
    title = context is not None and _is_title(line)
    return Template(tuple(places), tuple(values), context, best, sentence, title)


def _named_behind(texts: Sequence[str]) -> list[Named]:
    """Return the values of `0.5 / 0.6 (train / val loss)`, whose names stand behind both of them."""
    found = PAIR_BEHIND.fullmatch(texts[-1])
    splits = [] if found is None else [SPLITS.get(found[i].lower()) for i in (1, 3)]
    sign = len(texts) > 3 and texts[-2].strip()
    if found is None or set(splits) not in PAIRS or sign != found[2].strip() or not is_metric(found[4]):
        return []
    at = len(texts) - 3  # the first of the last two numbers
    form = f"pair of {found[4]}"
    return [
        Named(at + i, f"{split} {found[4]}", canonical_name(split, found[4]), True, form)
        for i, split in enumerate(splits)
    ]


def _is_title(line: str) -> bool:
    """Return whether a heading only names a split: `=== Validation ===`, `Test set:`."""
    return all(word in SPLITS or word in BESIDE_SPLITS for word in words(LOGGED_AS.sub("", line)))


def _is_heading(line: str) -> bool:
    line = LOGGED_AS.sub("", line)
    return len(words(line)) <= SENTENCE and not NO_CONTEXT.search(line) and not STATEMENT.search(line)


def _places(texts: Sequence[str], phrases: Sequence[Phrase]) -> list[Place]:
    found: list[Place] = []
    for i, phrase in enumerate(phrases):
        kind = counter(phrase.name) if phrase.name else None
        if kind == "batch":
            found.append(Place("batch", i, ""))
        elif kind == "epoch" and any(place.kind == "epoch" for place in found):
            continue  # epoch: 5, acc: 0.7, best acc: 0.8 at epoch: 3
        elif kind is not None:
            found.append(Place(kind, i, phrase.name))
        elif not found and _name_of_step(texts, phrases, i) is not None:
            found.append(Place("step" if AT_STEP.search(phrase.name) else "count", i, ""))
        elif not phrase.name and not phrase.context and not any(p.kind in ("epoch", "step") for p in found):
            starts = all(not earlier.name and not earlier.context for earlier in phrases[:i])
            if starts and re.match(r"\s*[\]:,)\t|/-]|\s|$|[.]\s", texts[i + 1]):
                found.append(Place("count", i, ""))
        elif _is_batch_of(texts, i):
            found.append(Place("batch", i, ""))
        elif _is_epoch_of_split(texts, phrases, i):
            found.append(Place("epoch", i, phrase.name))
        elif _is_index(texts, phrases, i):
            found.append(Place("batch" if phrase.separator.endswith("[") else "count", i, ""))
        glued = texts[i + 1].lower().startswith("epoch")
        if (not phrase.name or glued) and _ends_in_epoch(texts, i):
            found.append(Place("epoch", i, ""))
    return found


def _is_epoch_of_split(texts: Sequence[str], phrases: Sequence[Phrase], i: int) -> bool:
    """Return whether a number is the epoch in `Train: 3 [ 50/100]` or `Test: [3][50/100]`."""
    if _is_index(texts, phrases, i):
        return texts[i + 1].startswith("][")
    return i == 0 and EPOCH_OF_SPLIT.fullmatch(texts[0]) is not None and texts[1].lstrip()[:1] == "["


def _is_batch_of(texts: Sequence[str], i: int) -> bool:
    """Return whether a number is the first one in `[64 / 4839]`."""
    spaced = i + 2 < len(texts) and texts[i + 1].strip() == "/" and texts[i + 1] != "/"
    return spaced and texts[i].rstrip()[-1:] == "[" and texts[i + 2].lstrip()[:1] in ("]", "(")


def _bar_of_epochs(texts: Sequence[str], places: Sequence[Place], values: Sequence[Named]) -> Place | None:
    """Return the epoch in `7/14 [..., loss=0.5, val_loss=0.6]`, a bar of epochs as both splits show."""
    splits = {parse(named.canonical) for named in values}
    held_out = any(key is not None and key[0] in ("validation", "test") for key in splits)
    if any(place.kind != "count" for place in places) or not held_out or len(splits) < 2:
        return None
    bars = (i for i in range(len(texts) - 1) if BAR_BEFORE.search(texts[i]) and texts[i + 1].startswith(" ["))
    return next((Place("epoch", i, "") for i in bars), None)


def _ends_in_epoch(texts: Sequence[str], i: int) -> bool:
    """Return whether the word behind a number says that it is an epoch (`3. epoch`), and names no other number."""
    after = re.match(r"(?:st|nd|rd|th|\.|-)?\s*(\w+)", texts[i + 1])
    names_next = i + 2 < len(texts) and counter(cut(texts[i + 1]).name) is not None
    return after is not None and counter(after[1]) == "epoch" and not names_next


def _values(texts: Sequence[str], phrases: Sequence[Phrase]) -> list[Named]:
    carried: str | None = None  # the split that the line named before, as a word of its own
    glued: str | None = None  # the split in a name such as val_loss
    metric = ""  # the metric that the line named before
    found: list[Named] = []
    taken: set[tuple[str, str]] = set()
    counted_alone = False  # whether the last known metric had a number without a split
    again = _repeated(phrases)
    training_is_bare = any(SPLITS.get(phrase.name.lower()) == "train" for phrase in phrases)
    splits_behind = _splits_behind(texts, phrases)
    alone = {SPLITS.get(phrase.name.lower()) for phrase in phrases}  # splits that are names themselves
    pair_is_alone = {"train", "validation"} <= alone or {"train", "test"} <= alone
    for i, phrase in enumerate(phrases):
        if any(map(BEST_BEFORE.fullmatch, phrase.context)):
            break
        for segment in phrase.context:
            carried = split_of(segment) or carried
            if is_metric(segment) and not split_of(segment):
                metric, counted_alone = segment, False
        names_before = found and found[-1].number == i - 1 and found[-1] == _reversed(texts, i - 1)
        if phrase.name in ("", "/") or names_before:
            _take_unnamed(texts, phrases, i, found)
            continue
        behind = splits_behind[i]
        if behind and i and splits_behind[i - 1] and found and found[-1].number == i - 1 and _is_behind(texts, i):
            name = f"{behind} {metric}" if metric else behind
            found.append(Named(i, name, canonical_name(behind, metric), True, f"{name} behind"))
            continue
        if _is_index(texts, phrases, i):
            carried = split_of(phrase.name)
            continue
        if INDEX.search(phrase.separator) or counter(phrase.name) or COUNTS.match(texts[i + 1]):
            carried = split_of(phrase.name) or carried
            continue
        name = metric_name(phrase.name)
        if name is None:
            carried = carried or split_of(phrase.name)
            continue
        plain = in_plain_english(name)
        own = splits_in_order(plain)
        if not own and behind:
            own, name = [behind], f"{behind} {name}"
        if not own and (before := _split_before(phrase.name, name)):  # Test Instance Accuracy
            own, name = [before], f"{before} {name}"
            plain = in_plain_english(name)
        if len(set(own)) == 2:
            bare = _without_splits(plain)
            if not bare and "_" in name:  # test_train, a function
                continue
            canonical, second = (canonical_name(split, bare) for split in dict.fromkeys(own))
            found.append(Named(i, name, canonical, True, phrase.name, 0, second))
            continue
        split = own[0] if own else None
        bare = _without_splits(plain) if own else plain
        if own and not bare:
            of_its_own = counted_alone and training_is_bare  # Loss: 0.5, Train: 0.9: the curves say what it is
            bare = "" if of_its_own else _without_splits(in_plain_english(metric))
            name = f"{name} {bare}" if bare else name
        elif not own:
            repeated = name.lower() in again
            guess = carried or (glued if repeated else None)
            if pair_is_alone and not repeated and direction(bare) is False:  # train=0.8 val=0.7 loss=0.5
                guess = None
            if guess and (guess, bare.lower()) not in taken:
                split, name = guess, f"{guess} {name}"
            elif guess == "validation":  # AP: 0.13, AP .5: 0.55
                continue
        metric = bare if is_metric(bare) else ""
        counted_alone = not split if metric else counted_alone
        if own and (" " in plain or not re.search(r"[_/.-]", plain)):
            carried = split
        glued = split or glued
        taken.add((split or "", bare.lower()))
        found.append(Named(i, name, canonical_name(split, bare), split is not None, phrase.name))
    return found


def _splits_behind(texts: Sequence[str], phrases: Sequence[Phrase]) -> list[str | None]:
    """Return the split that stands behind each number: `0.5 (train)`, `0.5 on the training set`.

    It belongs to the next value, if a colon, or the name or number of one without a split behind it, follows.
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
        name = phrases[i].name
        if is_metric(_without_splits(in_plain_english(name))) or splits_in_order(in_plain_english(name)):
            next_has_one = found[i] is not None
    return found


def _is_behind(texts: Sequence[str], i: int) -> bool:
    """Return whether the text before a number is only the split of the number before it."""
    found = TAGGED.match(texts[i]) or ON_SPLIT.match(texts[i])
    return bool(found and found[1].lower() in SPLITS and BETWEEN_SPLITS.fullmatch(texts[i], found.end()))


def _is_index(texts: Sequence[str], phrases: Sequence[Phrase], i: int) -> bool:
    """Return whether a number behind a split is no value: `Test: [1][2/2]`, or `Test  50:  25.3`.

    The only split with a number in brackets has an index there, if another index or a metric follows.
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
    """Return whether a number stands in brackets behind a split: `train [0.5]`."""
    return phrases[i].separator.endswith("[") and texts[i + 1][:1] == "]" and split_of(phrases[i].name) is not None


def _take_unnamed(texts: Sequence[str], phrases: Sequence[Phrase], i: int, found: list[Named]) -> None:
    """Take a number without a name: the average of the one before, the second of a pair, or one before its name.

    Or one behind its name and the step: `Valid MRR at step 1000: 0.31`, `Validation loss 2000: 0.51`.
    """
    last = found[-1] if found else None
    if (name := _name_of_step(texts, phrases, i - 1)) is not None:
        plain = in_plain_english(name)
        own = splits_in_order(plain)
        split = own[0] if own else None
        canonical = canonical_name(split, _without_splits(plain))
        if last and last.number == i - 1:
            found.pop()
        if all(each.canonical != canonical for each in found):  # recall 5: 0.2 recall 10: 0.3: only the first
            found.append(Named(i, name, canonical, split is not None, name))
    elif last and AVERAGE.fullmatch(texts[i]) and texts[i + 1].lstrip("% ").startswith(")"):
        found[-1] = last._replace(average=i) if last.number == i - 1 else last
    elif last and last.second and re.fullmatch(r"\s*[/,|]\s*", texts[i]):
        found.append(last._replace(number=i, canonical=last.second, second=""))
    elif (named := _reversed(texts, i)) is not None:
        found.append(named)


def _split_before(phrase: str, name: str) -> str | None:
    """Return the split that a phrase names before other words and its metric: `[dev evaluation] ave loss`."""
    known = phrase != name and is_metric(name) and len(words(phrase)) <= SENTENCE
    return split_of(METRIC_OF.sub("", phrase)) if known else None


def _name_of_step(texts: Sequence[str], phrases: Sequence[Phrase], i: int) -> str | None:
    """Return the metric that a step's number stands behind, if its value follows after a colon."""
    if i < 0 or i + 2 >= len(texts) or not phrases[i].name or texts[i + 1].strip() != ":":
        return None
    name = metric_name(AT_STEP.sub("", phrases[i].name))
    return name if name and is_metric(_without_splits(in_plain_english(name))) else None


def canonical_name(split: str | None, bare: str) -> str:
    """Return what `metric_names` reads: the split, and the metric's words joined by underscores."""
    plain = re.sub(r"\s+", "_", bare.strip())
    if NUMBERED.match(plain):
        return plain
    return f"{split}_{plain}" if split and plain else split or plain


def in_plain_english(name: str) -> str:
    """Return a name in English words with its split as a word of its own: `valLoss` as `val_Loss`."""
    name = re.sub(r"'s\s+", "-", name)
    if name.startswith("cv_agg-"):  # LightGBM's cross-validation
        name = re.sub(r"^cv_agg-(?=train|valid)", "", name).replace("cv_agg-", "validation-")
    if (english := in_english(name.lower())) != name.lower():
        name = " ".join(english.split())
    name = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name)
    return GLUED.sub(r"\1_", name) if GLUED.match(name) else name


def _without_splits(name: str) -> str:
    """Return a name without the words of its split; `valid_1-auc` stays whole: its number tells sets apart."""
    if NUMBERED.match(name):
        return name
    kept = re.sub(r"(?i)[(\[]?\b(?:" + "|".join(map(re.escape, SPLITS)) + r")\b[)\]]?", " ", name)
    kept = re.sub(r"(?i)(?<![a-z])(?:" + "|".join(map(re.escape, SPLITS)) + r")(?![a-z])", " ", kept)
    return " ".join(kept.split()).strip(" _/-.:()[]")


def _repeated(phrases: Sequence[Phrase]) -> set[str]:
    """Return the names without a split that a line has twice."""
    names = [phrase.name.lower() for phrase in phrases if phrase.name and not splits_in_order(phrase.name)]
    return {name for name in names if names.count(name) > 1}


def _reversed(texts: Sequence[str], i: int) -> Named | None:
    """Return the value that stands before its name, as in `1387.5 avg loss, 0.001 rate`."""
    found = REVERSED.match(texts[i + 1][:LONGEST_NAME])
    names_next = found is not None and found.end() == len(texts[i + 1]) and i + 2 < len(texts)
    if not found or names_next or not re.search(r"(?:^|[,;:|(])\s*$", texts[i]):
        return None
    name = metric_name(found[1])
    known = name is not None and name == found[1] and is_metric(name)
    return Named(i, name, canonical_name(None, name), False, found[1]) if known and name else None
