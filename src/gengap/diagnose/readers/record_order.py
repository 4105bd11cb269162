"""Records in logged order: validation that is not named so, or that counts steps in another way than training.

MMEngine writes {"lr": ..., "loss": ..., "epoch": 1, "step": 50} while it trains, and {"accuracy/top1": ...,
"step": 1} after epoch 1. Detectron2's records are of these two kinds as well. spaCy's have sums of training losses
and scores on the development set: {"losses": {"ner": ...}, "scores": {"ents_f": ...}, "score": ...}.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gengap.diagnose.metric_names import parse
from gengap.diagnose.readers.log_table import ROLES, joined_words

Records = Sequence[dict[str, Any]]
SCORES_OF_SPACY = re.compile(r"(?:other_)?scores?(?=/|$)")
TRAINING = {"lr", "base_lr", "learning_rate", "grad_norm"}  # in records of training alone


def name_validation(records: Records) -> None:
    """Rename the metrics of records that don't train to val/NAME, in place, if no name has a split."""
    names = dict.fromkeys(name for record in records for name in record)
    if any((parse(name) or ("", ""))[0] or joined_words(name) in ROLES["split"] for name in names):
        return
    of_training = {name for record in records if TRAINING & record.keys() for name in record}
    if any(name.startswith("losses/") for name in names):
        for record in records:
            for name in [name for name in record if SCORES_OF_SPACY.match(name)]:
                record[f"val/{name.rpartition('/')[2]}"] = record.pop(name)
        return
    counts = Counter(name for record in records for name in record if of_training and parse(name))
    held_out = [name for name, count in counts.items() if name not in of_training and count > 1]
    for record in records:
        for name in held_out:
            if name in record:
                record[f"val/{name}"] = record.pop(name)


def place_records(records: Records) -> bool:
    """Move the steps of records that go back while others give an epoch, in place; return whether any was moved."""
    names = dict.fromkeys(name for record in records for name in record)
    joined = {joined_words(name): name for name in reversed(names)}
    step, epoch = (next((joined[n] for n in ROLES[role] if n in joined), None) for role in ("step", "epoch"))
    if step is None or epoch is None:
        return False
    moved, last = [], None
    for record in records:
        value = record.get(step)
        if not isinstance(value, (int, float)):
            continue
        if epoch in record:
            if last is not None and value < last:  # steps of each epoch, or a run that starts again
                return False
            last = value
        elif last is not None and value < last:
            moved.append((record, last))
    for record, value in moved:
        record[step] = value
    return bool(moved)
