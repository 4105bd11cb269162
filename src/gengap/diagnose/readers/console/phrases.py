"""Names in console text: what the words before a number say about it, or a split behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gengap.diagnose.metric_names import GLUED, NUMBERED, PHRASES, SPLITS, SYMBOL, direction, in_english

EPOCH = {"epoch", "ep"}
PRONOUN = "it"  # stands for the metric that was named before
EPOCH_NUMBERS = {"epoch_num", "epoch_number", "epoch_idx"}
STEP = {"step", "iter", "iteration", "it", "round", "update", "updates", "num_updates", "up", "itr", "itn"}
BATCH = {"batch", "minibatch", "mb"}
RUN = {"fold", "run", "trial"}
# Beside a counter or a metric these words make it another number: a setting, a best value, a duration
NOT_A_COUNTER = {"total", "max", "num", "n", "best", "last", "warmup", "per", "time", "until", "every", "patience"}
NOT_A_COUNTER |= {"min", "remaining", "number", "previous", "speed", "size", "limit", "early", "each", "over"}
SUMMARY = {"best", "lowest", "highest", "min", "max", "minimum", "maximum", "optimal", "previous", "prev", "final"}
SUMMARY |= {"from", "tol", "patience", "threshold", "delta", "improvement", "smallest", "largest", "prior", "every"}
SUMMARY |= {"baseline", "remaining", "elapsed", "clock", "throughput", "eta", "speed", "weight", "weights", "scale"}
SUMMARY |= {"coef", "coefficient", "copypaste"}
SETTINGS = {"c", "k", "alpha", "lambda", "gamma", "degree", "degrees", "depth", "param", "reg", "regularization"}
SETTINGS |= {"neighbors", "neighbours", "hidden", "units", "layers", "components", "bottleneck", "estimators"}
SETTINGS |= {"dropout", "features", "leaves", "clusters", "sample", "image", "patient", "size"}
TIMED = {"time", "batch", "reader", "data", "iter"}  # before "cost" they make it a duration
COUNTED = {"images", "samples", "size", "batches", "rows", "files", "examples", "seed", "workers", "port", "pid"}
COUNTED |= {"length", "limit", "count", "steps", "epochs", "params", "shape", "parameters", "line", "lineno"}
COUNTED |= {"device", "version", "classes", "gpu", "rank"}
MODIFIERS = {"avg", "average", "averaged", "mean", "total", "running", "epoch", "batch", "minibatch", "mini"}
MODIFIERS |= {"macro", "micro", "weighted", "class", "per", "binary", "categorical", "squared", "absolute", "root"}
MODIFIERS |= {"cross", "cv", "set", "data", "dataset", "rate", "coef", "coefficient", "box", "cls", "obj", "mask"}
MODIFIERS |= {
    "global",
    "log",
    "reconstruction",
    "classification",
    "regression",
    "generator",
    "discriminator",
    "sparse",
}
MODIFIERS |= {"pixel"}
EVALUATION = ("saving dict", "eval begin", "cur metric", "copypaste: task")  # of frameworks, without the word
# between a metric and its split
BETWEEN = {"on", "in", "for", "of", "на", "по", "sur", "en", "de", "su", "di", "auf", "bei"}
LEARNING_RATE = ("learning", "rate")
OVER_EPOCH = re.compile(r"\s+(?:over|per)\s+(?:the\s+|each\s+)?epoch$", re.IGNORECASE)  # acc over epoch
PREPOSITIONS = {"with", "and", "or", "the", "than", "by"}  # name nothing
OF = {"of", "for"}  # before a word that is no split, they make a score that of a class
EVALUATED = {"eval", "evaluation", "evaluating"}  # what is done with a set that another word names
QUOTES = re.compile(
    r"[\"`*]|<(?=[A-Za-z_]+>)|(?<=[A-Za-z_])>(?==)|'(?!s\b)|(?<=\W)'|\b(?:tensor|np\.\w+|numpy\.\w+|array|Array|jnp\.\w+)\(",
    re.ASCII,
)
SEPARATORS = " \t\r\f\v\xa0:=|>~≈,[({<#\"'-"
VERB = re.compile(r"(?:^|\W)(is|was|are|of|at|equals|to)$")
BOUNDARY = re.compile(r"[,;|\t{}&\0]|\s-+\s|-{2,}|\s{2,}|\s/\s|\.\s|:\s|:$|[-=]+>|(?<=\w):(?=[a-z])")
_SPLIT = r"(?:train|val|test|dev|eval)"
AND = r"(?:/|&|and|vs\.?)"  # between two splits, and between their values
SPLIT_PAIR = re.compile(rf"(?i)\b({_SPLIT}[a-z]*)\s+{AND}\s+(?={_SPLIT})")  # Train / Test accuracy
UNNAMED = {"", "/", "&", "and", "vs", "vs."}
METRIC_PAIR = re.compile(rf"(?<![\w/])(\w+)\s+{AND}\s+(\w+)")  # loss / acc
LETTER_PAIR = re.compile(r"\(T([ /,|])V\)")  # RMSE(T V)
TAG = re.compile(r"[\"']?\s*/?>\s*(?=<)|<(?=\w+\s+\w+=)")  # <train loss="0.5"/><validation loss="0.6"/>
SETTING = re.compile(r"\w=[A-Za-z]+(?=\s+\w)")  # phase=train loss=0.5
TRAIN_FILE = re.compile(r"(?:[\w./-]*[\\/])?\btrain\w*\.(?:log|py|out|txt)\b", re.IGNORECASE)  # log\train.log
CODE = re.compile(
    r"^[IWEF]\d{4}$|\.(?:[a-z]{2,4}|[chr])$|::|\.py\b|[\\<>;?$]|/.*/.*/"
)  # glog's prefix, files, functions, addresses
LOGGED_BY = re.compile(r"_(?:step|epoch)$")  # Lightning's train_loss_epoch
WORD = re.compile(r"[a-z][a-z]*\d*|\d+")
_ANY_SPLIT = "|".join(map(re.escape, SPLITS))
SPLIT_ALONE = re.compile(rf"[(\[]?\b(?:{_ANY_SPLIT})\b[)\]]?", re.IGNORECASE)
SPLIT_IN_NAME = re.compile(rf"(?<![a-z])(?:{_ANY_SPLIT})(?![a-z])", re.IGNORECASE)
TAGGED = re.compile(r"%?[)\]]?\s*[(\[]\s*(\w+)\s*[)\]]")
ON_SPLIT = re.compile(r"%?[)\]]?\s*(?:on|for|in)\s+(?:the\s+)?(\w+)\b")  # 0.5 on the training set
REST_OF_SPLIT = re.compile(r"\s*(?:(?:set|data|split)\b)?\s*(?:/|and\b)?")
END_OF_SPLIT = re.compile(r"\s*(?:(?:set|data|split)\b\s*)?(?:$|[,;/|()\]]|\.(?:\s|$)|-+\s|and\b)")
INDEX_END = re.compile(r"\]\s*(?:[\[:=]|$)")  # [3][50/100], [3]: 0.5


class Phrase(NamedTuple):
    """The text before a number: earlier segments, the name, and the text between name and number."""

    context: tuple[str, ...]
    name: str
    separator: str


def cut(text: str) -> Phrase:
    """Cut the text before a number into segments; the last one names the number.

    >>> cut(" - Train: loss = ")
    Phrase(context=('Train',), name='loss', separator=' = ')
    """
    if "<" in text:
        text = TAG.sub(" ; ", text)
    text = QUOTES.sub("", text)
    text = SPLIT_PAIR.sub(r"\1/", text)
    if "/" in text or " and " in text or "&" in text:
        text = METRIC_PAIR.sub(_joined, text)
    if "(T" in text:
        text = LETTER_PAIR.sub("(train/val)", text)
    if "=" in text:
        text = SETTING.sub(r"\g<0>, ", text)
    end = len(text.rstrip(SEPARATORS))
    while found := VERB.search(text[max(end - 8, 0) : end]):
        end = len(text[: end - len(found[1])].rstrip(SEPARATORS))
    body = _unbalanced(text[:end])
    segments = [segment.strip() for segment in BOUNDARY.split(body)]
    *context, name = segments
    return Phrase(tuple(filter(None, context)), name, text[end:])


def _joined(pair: re.Match[str]) -> str:
    return f"{pair[1]}/{pair[2]}" if is_metric(pair[1]) and is_metric(pair[2]) else pair[0]


def _unbalanced(text: str) -> str:
    """Return text with brackets that are not closed, or not opened, as boundaries."""
    if not any(c in text for c in "()[]"):
        return text
    found, opened = list(text), []
    for i, c in enumerate(text):
        if c in "([":
            opened.append(i)
        elif c in ")]":
            if opened:
                opened.pop()
            else:
                found[i] = "\0"
    for i in opened:
        found[i] = "\0"
    return "".join(found)


def words(text: str) -> list[str]:
    """Return the lower-case words of a text, in English where they are known."""
    return WORD.findall(in_english(_uncamel(text).lower()))


def _uncamel(text: str) -> str:
    return re.sub(r"(?<=[A-Za-z][a-z])(?=[A-Z][a-z])", "_", text)  # but mIoU is a word


def split_of(text: str) -> str | None:
    """Return the split that a text names as a word of its own, or None for none and for several.

    >>> split_of("Validation Loss"), split_of("phase train"), split_of("train/val loss")
    ('validation', 'train', None)
    """
    text = TRAIN_FILE.sub(" ", text)
    lower = text.lower()
    if any(phrase in lower for phrase in EVALUATION):
        return "validation"
    named = {word for word in words(text) if word in SPLITS}
    named = named - EVALUATED if len(named) > 1 else named  # eval test: the test set is evaluated
    found = {SPLITS[word] for word in named}
    return found.pop() if len(found) == 1 else None


def splits_in_order(text: str) -> list[str]:
    """Return all splits that a text names, in its order."""
    return [SPLITS[word] for word in words(text) if word in SPLITS]


def counter(name: str) -> str | None:
    """Return "epoch", "step", "batch" or "run" if a name is that of a counter, else None.

    >>> counter("Train Epoch"), counter("max_epoch"), counter("Epoch time"), counter("Iteration")
    ('epoch', None, None, 'step')
    """
    listed = (
        in_english(name.lower()).replace("(", " ").replace(")", " ").replace("[", " ").replace("]", " ").split()
    )
    if name.endswith(")") and len(listed) > 1 and listed[-1] in SPLITS:  # Epoch(val)
        listed.pop()
    if not listed:
        return None
    path = re.split(r"[/.]", listed[-1].strip("#:."))
    last = path[-1] if len(path) == 1 or path[-1] not in RUN else ""  # /data/run:88
    last = last.removeprefix("global_").removeprefix("current_").removeprefix("cur_")
    if last in EPOCH_NUMBERS:
        return "epoch"
    if last == PRONOUN and len(listed) > 1:  # on held-out data it was 0.5
        return None
    named = set(WORD.findall(" ".join(listed)))
    if NOT_A_COUNTER & (named - {"best"} if "new" in named else named):  # [NEW BEST] Epoch 3: is the present one
        return None
    kinds = (("epoch", EPOCH), ("step", STEP), ("batch", BATCH), ("run", RUN))
    return next((kind for kind, known in kinds if last in known), None)


def is_metric(text: str) -> bool:
    """Return whether a word is a known loss or score."""
    return direction(in_english(text.lower())) is not None


def names_metric(text: str) -> bool:
    """Return whether a text ends in the name of a known loss or score, with or without a split: `Val f1 class`."""
    return is_metric(without_splits(in_plain_english(metric_name(text) or "")))


def metric_name(segment: str) -> str | None:
    """Return the end of a segment that names a metric or a split; None if it names something else.

    >>> metric_name("model saved with Val Loss"), metric_name("best loss"), metric_name("Time"), metric_name("DEV")
    ('Val Loss', None, 'Time', 'DEV')
    """
    if len(segment) > 200:
        return None
    if not segment.isascii() and PHRASES.search(segment.lower()):
        segment = in_english(segment.lower())
    listed = OVER_EPOCH.sub("", segment).split()
    if not listed:
        return None
    if len(listed) > 1 and listed[-1].lower() in ("value", "values"):
        listed.pop()
    taken: list[str] = [listed.pop()]
    while (taken[0].startswith(("(", "[")) and listed) or (
        taken[0].endswith(")") and "(" not in taken[0] and listed
    ):
        taken.insert(0, listed.pop())
    while listed and len(taken) < 6 and (_belongs(listed[-1]) or (listed[-1].lower(), taken[0]) == LEARNING_RATE):
        taken.insert(0, listed.pop())
    if len(listed) > 1 and listed[-1].lower() in BETWEEN and is_metric(listed[-2]):  # loss on validation
        if listed[-1].lower() in OF and SPLITS.keys().isdisjoint(words(" ".join(taken))):  # IoU of Table
            return None
        taken = [listed[-2], *taken]
    found = set(words(" ".join([*listed[-3:], *taken])))
    last = LOGGED_BY.sub("", taken[-1])
    ends = set(words(last if is_metric(last) else taken[-1])[-1:])
    if (ends and ends <= PREPOSITIONS) or (ends == {"cost"} and found & TIMED):
        return None
    if "last" in found and not any(map(is_metric, words(" ".join(taken)))):  # loss: 0.5, last: 0.6
        return None
    if (found & SUMMARY and not ends & SETTINGS) or ends & (EPOCH | STEP | BATCH | RUN) or ends & COUNTED:
        return None
    joined = " ".join(taken)
    if is_metric(taken[-1]):  # #Training loss, in a comment; #test is a number of rows
        joined = joined.lstrip("#")
    name = re.sub(r"^[(\[](\w+)[)\]]", r"\1", joined).strip(" :-=.[]")
    return name if re.match(r"[^\W\d_]", name) and (not CODE.search(name) or _is_dotted(name)) else None


def _is_dotted(name: str) -> bool:
    """Return whether a name such as val.loss, which looks like that of a file, is one of a split and a metric."""
    split, _, metric = name.partition(".")
    return split.lower() in SPLITS and is_metric(metric) and metric.isalnum()


def _belongs(word: str) -> bool:
    found = words(word.removesuffix("'s"))
    return bool(found) and all(
        each in SPLITS or each in MODIFIERS or each.isdigit() or is_metric(each) for each in found
    )


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
    name = SYMBOL.sub(r"\1_", re.sub(r"(?<=[A-Za-z][a-z])(?=[A-Z][a-z])", "_", name))
    return GLUED.sub(r"\1_", name) if GLUED.match(name) else name


def without_splits(name: str) -> str:
    """Return a name without the words of its split; `valid_1-auc` stays whole: its number tells sets apart."""
    if NUMBERED.match(name):
        return name
    kept = SPLIT_IN_NAME.sub(" ", SPLIT_ALONE.sub(" ", name))
    return " ".join(kept.split()).strip(" _/-.:()[]")


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
