"""What the numbers of a line mean. Lines with the same words share one `Template`, so each form is parsed once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gengap.diagnose.metric_names import SPLITS, direction, parse
from gengap.diagnose.readers.console.inner_places import inner_place
from gengap.diagnose.readers.console.line_values import (
    BAR_BEFORE,
    SENTENCE,
    MetricValue,
    read_values,
    with_lists,
)
from gengap.diagnose.readers.console.phrases import (
    Phrase,
    counter,
    cut,
    is_index,
    is_metric,
    split_of,
    words,
)
from gengap.diagnose.readers.console.training_signs import Label, label_of

SKIPPED = re.compile(
    r"^\s*\[CV\b|improved from|did not improve|\bdecreased\b|early stopping|earlystopping counter"
    r"|restoring model|not improve|\breached #|\bimproved by\b|was not in top"
    r"|^(?:(?!epoch|step|iter|loss|train\b).)*\bbest (?:model|checkpoint|weights)\b.*\bfrom (?:epoch|step|iter)"
    r"|(?:^|[^\w\s])\s*#\s+(?:tests?\s+)?(?:passed|failed)\b|\.py::|^\W*(?:passed|failed)\b",  # of tests
    re.I,
)
PROGRAM = re.compile(  # a line of code, also as a compiler or a test prints it; prints of text or of a={} are none
    r"\s*(?:[>E]\s+|#\s*\|\s*)?(?:assert\b|(?:let|const|var|double|float)\s+\w+\s*=|def\s+\w+\(|return\s+[a-z_({\[]"
    r"|(?:if|elif|for|while|with)\b[^:]*:\s*$|\w+\s+=\s*\{(?!'[^']+':.*\}\s*$)|[a-z_]\w*\.[\w.]*\((?![\"'`f])"
    r"|\w+\s+=\s+[frb]?([\"'])(?=[^\"']*\s)[^\"']*\1,?\s*$)"  # expected = "Epoch 1: loss 0.5"
)
NO_CONTEXT = re.compile(r"\b(?:sav|load|found|file|image|sample|size|check|download|improv|stor|writ)", re.I)
LOGGED_AS = re.compile(r"^[^\]]{0,80}\]\s")  # what a logger writes before a message
STATEMENT = re.compile(r";\s*$|\w\s+[<>]=?\s*['\"]?#")  # of a program or a query
EPOCH_OF_SPLIT = re.compile(r"\s*(?:train|val|valid|eval|test)\w*:\s*", re.I)  # Train: 3 [ 50/100]
FINAL_HEADING = re.compile(
    r"\W*(?:final\s+(?:epoch|results?|evaluation|metrics?|scores?|performance)|(?:wandb:\s*)?run\s+summary)\b", re.I
)
RESULTS_HEADING = re.compile(r"\bachieves the following results\b", re.I)  # in each model card of the Trainer
BESIDE_SPLITS = {"phase", "set", "data", "dataset", "split", "epochs", "results", "history", "curve"}
FINAL = "final"  # the context of values that were logged before
SAID = re.compile(r"\b(?:is|was|were)\s+$")
HELD_OUT = {"validation", "test"}
QUOTED = re.compile(r"`[^`]+`")
VALUE_WITH_NAME = re.compile(r"[A-Za-z].*#")
LEAST_WORDS = 3  # outside of backticks that make a line a sentence, names of losses and splits aside
MARKDOWN_HEADING = re.compile(r"\s*(?:##|\|)\s+\w")  # three or more signs were taken for a bar


class Place(NamedTuple):
    """A number that says where values belong: "epoch", "step", "run", or "count" for one without a name."""

    kind: str
    number: int
    label: str


@dataclass(frozen=True)
class Template:
    """What the numbers of lines with the same words mean.

    Attributes:
        places: Numbers that say where values belong.
        values: Numbers that are values.
        context: The split of the lines below, if this one is a heading; `FINAL` for results that come again.
        best: The number called "best", or -1: it shows which direction is better.
        prose: Whether a verb stands before a value (the loss was 0.5), or this is a line of a program.
        title: Whether this is a heading of a split and nothing else, as may stand above all epochs of a split.
        evaluation: Whether it has values of training and of held-out rows.
        label: The number before the values that names a setting or an item: `seed 3: test loss 0.5`; -1 for none.
        late: Whether the place stands behind the values: `loss: 0.5, epoch: 1.0`.
    """

    places: tuple[Place, ...] = ()
    values: tuple[MetricValue, ...] = ()
    context: str | None = None
    best: int = -1
    prose: bool = False
    title: bool = False
    evaluation: bool = False
    label: Label | None = None
    late: bool = False


def parse_template(texts: Sequence[str]) -> Template:
    """Return what the numbers between `texts` mean. A place in the midst of a phrase is read before the rest."""
    if (inner := inner_place(texts)) is not None:
        rest = parse_template(inner.texts)
        if rest.values:
            return _with_place(rest, Place(inner.kind, inner.number, ""), inner.width)
    return _parse(texts)


def _with_place(rest: Template, place: Place, width: int) -> Template:
    """Return what a line means whose other numbers, without `width` from the place on, mean `rest`."""

    def moved(number: int) -> int:
        return number + width * (number >= place.number)

    values = [
        named._replace(number=moved(named.number), average=moved(named.average) if named.average else 0)
        for named in rest.values
    ]
    others = [each._replace(number=moved(each.number)) for each in rest.places]
    known = any(place.kind in (each.kind, "count") for each in others)
    if place.kind == "count":  # recall 5: 0.2 recall 10: 0.3: only the first one counts
        values = list({named.canonical: named for named in reversed(values)}.values())[::-1]
    return replace(
        rest,
        places=(*others, *([] if known else [place])),
        values=tuple(values),
        best=moved(rest.best) if rest.best >= 0 else -1,
        label=rest.label and rest.label._replace(number=moved(rest.label.number)),
        late=rest.late or (not known and place.number > values[0].number),
    )


def _parse(texts: Sequence[str]) -> Template:
    line = "#".join(texts)
    if SKIPPED.search(line):
        return Template()
    if PROGRAM.match(line) or ("`" in line and _quotes(line)):
        return Template(prose=True)
    phrases = [cut(text) for text in texts[:-1]]
    places = _places(texts, phrases)
    values = with_lists(texts, phrases, read_values(texts, phrases))
    if (epoch := _bar_of_epochs(texts, places, values)) is not None:
        places = [epoch]
    placed = {place.number for place in places if place.kind != "count"}
    values = [named for named in values if named.number not in placed]
    context = None if values else _context(line)
    best = next((i for i, phrase in enumerate(phrases) if phrase.name.lower() == "best"), -1)
    prose = any(SAID.search(texts[named.number]) for named in values)
    title = context is not None and _is_title(line)
    splits = {(parse(named.canonical) or ("", ""))[0] for named in values}
    both = not splits.isdisjoint(HELD_OUT) and not splits <= HELD_OUT
    named = [place.number for place in places if place.kind in ("epoch", "step")]
    late = bool(named and values) and min(named) > values[0].number
    return Template(
        tuple(places),
        tuple(values),
        context,
        best,
        prose,
        title,
        evaluation=both and "train" in splits,
        label=label_of(texts, phrases, next((v.number for v in values if v.split or is_metric(v.name)), 0)),
        late=late,
    )


def _quotes(line: str) -> bool:
    """Return whether a sentence quotes values between backticks: ``Keras prints `loss: 0.5` here``."""
    quoted = any(VALUE_WITH_NAME.search(text) for text in QUOTED.findall(line))
    spoken = (word for word in words(QUOTED.sub("", line)) if word not in SPLITS and not is_metric(word))
    return quoted and len(list(spoken)) >= LEAST_WORDS


def _context(line: str) -> str | None:
    """Return the split of the lines below a heading, or `FINAL`; None for other lines."""
    if RESULTS_HEADING.search(line):
        return FINAL
    return None if not _is_heading(line) else FINAL if FINAL_HEADING.match(line) else split_of(line)


def _is_title(line: str) -> bool:
    """Return whether a heading only names a split: `=== Validation ===`, `Test set:`."""
    return all(word in SPLITS or word in BESIDE_SPLITS for word in words(LOGGED_AS.sub("", line)))


def _is_heading(line: str) -> bool:
    line = LOGGED_AS.sub("", line)
    known = MARKDOWN_HEADING.match(line) or not NO_CONTEXT.search(line)
    return bool(known) and len(words(line)) <= SENTENCE and not STATEMENT.search(line)


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
        elif not phrase.name and not phrase.context and {place.kind for place in found} <= {"batch", "run"}:
            starts = all(not earlier.name and not earlier.context for earlier in phrases[:i])
            if starts and re.match(r"\s*[\]:,)\t|/-]|\s|$|[.]\s|\([a-z]\)", texts[i + 1]):
                found.append(Place("count", i, ""))
        elif _is_batch_of(texts, i):
            found.append(Place("batch", i, ""))
        elif _is_epoch_of_split(texts, phrases, i):
            found.append(Place("epoch", i, phrase.name))
        elif is_index(texts, phrases, i):
            found.append(Place("batch" if phrase.separator.endswith("[") else "count", i, ""))
        glued = texts[i + 1].lower().startswith("epoch")
        if (phrase.name in ("", "第") or glued) and _ends_in_epoch(texts, i):
            found.append(Place("epoch", i, ""))
    return found


def _is_epoch_of_split(texts: Sequence[str], phrases: Sequence[Phrase], i: int) -> bool:
    """Return whether a number is the epoch in `Train: 3 [ 50/100]` or `Test: [3][50/100]`."""
    if is_index(texts, phrases, i):
        return texts[i + 1].startswith("][")
    return i == 0 and EPOCH_OF_SPLIT.fullmatch(texts[0]) is not None and texts[1].lstrip()[:1] == "["


def _is_batch_of(texts: Sequence[str], i: int) -> bool:
    """Return whether a number is the first one in `[64 / 4839]`."""
    spaced = i + 2 < len(texts) and texts[i + 1].strip() == "/" and texts[i + 1] != "/"
    return spaced and texts[i].rstrip()[-1:] == "[" and texts[i + 2].lstrip()[:1] in ("]", "(")


def _bar_of_epochs(texts: Sequence[str], places: Sequence[Place], values: Sequence[MetricValue]) -> Place | None:
    """Return the epoch in `7/14 [..., loss=0.5, val_loss=0.6]`, a bar of epochs as both splits show."""
    keys = (parse(named.canonical) for named in values)
    splits = {key[0] for key in keys if key is not None and direction(key[1]) is not None}
    if any(place.kind != "count" for place in places) or splits <= HELD_OUT or splits.isdisjoint(HELD_OUT):
        return None
    bars = (i for i in range(len(texts) - 1) if BAR_BEFORE.search(texts[i]) and texts[i + 1].startswith(" ["))
    return next((Place("epoch", i, "") for i in bars), None)


def _ends_in_epoch(texts: Sequence[str], i: int) -> bool:
    """Return whether the word behind a number says that it is an epoch (`3. epoch`), and names no other number."""
    after = re.match(r"(?:st|nd|rd|th|\.|-)?\s*(\w+)", texts[i + 1])
    names_next = i + 2 < len(texts) and counter(cut(texts[i + 1]).name) is not None
    return after is not None and counter(after[1]) == "epoch" and not names_next
