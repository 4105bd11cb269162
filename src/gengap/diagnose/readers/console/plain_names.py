"""Names of values in plain words: in English, with the split apart from the metric."""

from __future__ import annotations

import re

from gengap.diagnose.metric_words import GLUED, NUMBERED, SPLITS, SYMBOL, in_english

_ANY_SPLIT = "|".join(map(re.escape, SPLITS))
SPLIT_ALONE = re.compile(rf"[(\[]?\b(?:{_ANY_SPLIT})\b[)\]]?", re.IGNORECASE)
SPLIT_IN_NAME = re.compile(rf"(?<![a-z])(?:{_ANY_SPLIT})(?![a-z])", re.IGNORECASE)


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
