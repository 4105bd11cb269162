"""A run as it was read, and which of its curves are judged: `Log` -> `choose_curves` -> `MetricCurves`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gengap.diagnose.metric_names import (
    ERROR_RATES,
    LOSSES,
    NEVER_NEGATIVE,
    SCORES,
    CurveKey,
    direction,
    higher_is_better,
    parse,
    rank_in,
    split_and_metric,
)
from gengap.diagnose.verdict import Axis, Verdict
from gengap.errors import UsageError, did_you_mean, first_few
from gengap.history import History, Series
from gengap.text.catalog import Message

__all__ = ["Log", "MetricCurves", "choose_curves", "higher_is_better", "split_and_metric"]


TOTAL = re.compile(r"(^|[^a-z])(total|overall)([^a-z]|$)")
MEAN = re.compile(r"(^|[^a-z])(m|mean|avg|average|macro)[^a-z]*(iou|dice|jaccard)")  # of classes
REWARD = re.compile(r"(^|[^a-z])(reward|rew|return)s?([^a-z]|$)")
OF_A_BATCH = re.compile(r"mini-?batch|(?:^|[_/. ])(?:step|batch|iter)$")  # MATLAB's columns, Lightning's loss_step
SAME = {"acc": "accuracy", "ppl": "perplexity", "error": "err", "cross_entropy": "crossentropy", "xent": "loss"}


PART = "loss"  # how the names of parts of a loss end
GENERAL = "Log the validation loss as well, in a column such as val_loss."
TRAINER = "In Hugging Face's Trainer, set eval_strategy='epoch' and an eval_dataset."
LIGHTNING = "In Lightning, log 'val_loss' in validation_step."
KERAS = "In Keras, pass validation_data or validation_split to fit."
KERAS_NAMES = ({"loss", "accuracy"}, {"loss", "acc"})  # all that Keras logs
OWN_LOOP = "In a loop of your own, print the loss of held-out rows after each epoch as val_loss. "
OWN_LOOP += "In Keras, pass validation_data to fit. In scikit-learn's MLPClassifier, set early_stopping=True."
HINTS: Mapping[frozenset[str], str] = {  # by columns that only this framework writes together; the first that fits
    frozenset({"data_time", "memory"}): "In MMDetection and MMCV, add ('val', 1) to `workflow`.",
    frozenset({"data_time", "total_loss"}): "In Detectron2, register a hook that computes the test loader's loss.",
    frozenset({"grad_norm", "learning_rate"}): TRAINER,
    frozenset({"train_loss_step"}): LIGHTNING,
    frozenset({"v_num"}): LIGHTNING,
    frozenset({"learn"}): "In CatBoost, pass eval_set to fit.",
    frozenset({"wps", "ups"}): "In fairseq, leave out --disable-validation.",
    frozenset({"train-logloss"}): "In XGBoost, pass evals=[(train, 'train'), (valid, 'valid')].",
    frozenset({"training's"}): "In LightGBM, add the validation set to valid_sets (eval_set in fit).",
    frozenset({"train_loss", "dur"}): "In skorch, leave train_split at its default.",
    frozenset({"box_loss", "cls_loss"}): "In Ultralytics, train with val=True.",
    frozenset({"avg loss", "rate"}): "In Darknet, train with -map.",
}
XGBOOST = re.compile(r"train-[a-z]\w*(?:@\S+)?")  # train-rmse, train-merror


@dataclass(frozen=True, eq=False)
class Log:
    """One run as it was read.

    Attributes:
        history: The curves, by split and metric.
        names: The column of each curve, as its source called it.
        other: Columns that are no curve of a known split.
        notes: What the reader had to decide, for example about epochs that were logged twice.
        reader: The kind of source, for example "csv"; empty for curves that were not read from a log.
        part: What the logs of one run have in common, if its curves may be in several files; else empty.
        unassigned: Curves of those columns of no known split that hold numbers, by column.
        empty: Columns without any value.
        verdict: The verdict of the study that trained the run, if it is known.
        axis: What the positions of its values count: "epoch" or "step".
    """

    history: History
    names: Mapping[CurveKey, str]
    other: tuple[str, ...] = ()
    notes: tuple[Message, ...] = ()
    reader: str = ""
    part: str = ""
    unassigned: Mapping[str, Series] = field(default_factory=dict)
    empty: tuple[str, ...] = ()
    verdict: Verdict | None = None
    axis: Axis = "epoch"


@dataclass(frozen=True, eq=False)
class MetricCurves:
    """One run's curves of one metric, which a verdict is given on.

    Attributes:
        run: Name of the run.
        metric: The validation column, as its source called it.
        validation: Validation values at their own epochs or steps.
        train: Training values at theirs, if there are any.
        higher_is_better: Whether the metric is a score.
        auxiliary: Curves of a score of the same run, such as accuracy, if the judged metric is a loss.
        train_column: The training column, as its source called it.
        log: The log that they come from.
        single_batches: Whether each training value is of one batch, so that its noise is not the model's.
        parts: Curves of the run's other losses, if none of them is the sum: parts of the loss, or evaluation sets.
    """

    run: str
    metric: str
    validation: Series
    train: Series | None
    higher_is_better: bool
    auxiliary: MetricCurves | None = None
    train_column: str | None = None
    log: Log | None = None
    parts: tuple[MetricCurves, ...] = ()
    single_batches: bool = False

    @property
    def axis(self) -> Axis:
        """What the positions of the values count."""
        return "epoch" if self.log is None else self.log.axis

    @property
    def not_judged(self) -> tuple[str, ...]:
        """The log's other curves of a known split, as their source called them."""
        judged = {self.metric, self.train_column}
        names = () if self.log is None else self.log.names.values()
        return tuple(name for name in names if name not in judged)


def choose_curves(log: Log, metric: str | None = None) -> MetricCurves:
    """Return the curves to judge: those of `metric`, or of the loss that the run logged.

    Without a `metric`, the first of these that exists: a loss that was also measured on training rows without
    penalties (gengap's own histories), `loss`, other losses, scores, and any metric that changes and has a training
    curve. Curves of a test set come last.

    Args:
        log: The run.
        metric: Name of a metric or a column.

    Raises:
        UsageError: If there are no such curves. It lists those of the log.
    """
    judged = [m for split, m in log.history.series if split == "validation"]
    if metric is not None:
        if metric in log.unassigned:
            return _unassigned_curves(log, metric)
        return _curves(log, _find_metric(log, judged, metric))
    ranks = ((_is_doubtful(log, m), rank, m) for m in judged if (rank := _rank(log, m)) is not None)
    ranked = [(rank, m) for _, rank, m in sorted(ranks)]
    trained = any(split == "train" for split, _ in log.history.series)
    if ranked and trained and direction(ranked[0][1]) and len(log.history["validation", ranked[0][1]]) == 1:
        only = log.names.get(("validation", ranked[0][1]), ranked[0][1])
        found = f"there is no validation curve, only one value of {only}."
        raise UsageError(f"{_title(log)}: {found} {_hint(log)} {_listed(log)}")
    if not ranked:
        raise UsageError(f"{_title(log)}: {_no_curves(log, judged)} {_listed(log)}")
    first, others = ranked[0][1], [m for _, m in ranked[1:]]
    whole = first == "loss" or not first.endswith(PART) or TOTAL.search(first) is not None
    parts = [] if whole else [m for m in others if m.endswith(PART)]
    return replace(_curves(log, first), parts=tuple(_curves(log, m) for m in parts))


def _is_doubtful(log: Log, metric: str) -> tuple[bool, bool, bool]:
    """Return whether there is one value, whether a loss is 0 or 1 throughout, and whether it is of a test set."""
    values = log.history["validation", metric].values
    constant = len(values) > 3 and bool((values == values[0]).all())
    tested = (parse(log.names.get(("validation", metric), "")) or ("", ""))[0] == "test"
    return len(values) < 2, constant and values[0] in (0, 1) and direction(metric) is False, tested


def _unassigned_curves(log: Log, column: str) -> MetricCurves:
    """Return the curves to judge for a column of no known split."""
    series = log.unassigned[column]
    higher = direction(column)
    return MetricCurves(
        run=_title(log),
        metric=column,
        validation=series,
        train=None,
        higher_is_better=climbs(series.values) if higher is None else higher,
        log=log,
    )


def _of_a_part(metric: str) -> int:
    """Return 0 for the mean over classes, 1 for a plain score, more if its name goes on: `iou.background`."""
    last = re.split(r"[^a-z0-9@]+", metric.lower())[-1]
    return (not MEAN.search(metric.lower())) + 2 * (rank_in(last, SCORES) is None)


def _rank(log: Log, metric: str) -> tuple[int, int, int] | None:
    """Return the order in which metrics are judged; None for one that is judged only by request."""
    series, higher, total = log.history.series, direction(metric), bool(TOTAL.search(metric))
    if REWARD.search(metric):  # no measure of how well a model generalises
        return None
    if metric == "loss":
        return 1, 0, False
    if higher is False:
        return (0 if ("train", f"clean_{metric}") in series else 2), rank_in(metric, LOSSES) or 0, not total
    if higher is True:
        return 3, rank_in(metric, SCORES) or 0, _of_a_part(metric)
    values = series["validation", metric].values
    curve = len(values) > 1 and not (metric and (values == values[0]).all())  # sizes and settings never change
    return (4, 0, False) if ("train", metric) in series and curve else None


def _find_metric(log: Log, judged: list[str], requested: str) -> str:
    """Return the metric that `requested` names: by its column, its plain name or another spelling."""
    by_column = {name.lower(): m for (split, m), name in log.names.items() if split == "validation"}
    split, spelt = parse(requested) or ("", "")
    spelt = "" if split == "test" else spelt
    for candidate in (by_column.get(requested.lower()), requested.lower(), requested, spelt):
        if candidate in judged:
            return candidate
    trained = {m.lower() for split, m in log.history.series if split == "train"}
    if requested.lower() in trained or spelt in trained:
        problem = f"there is no validation curve of {requested!r}, only one of training."
    else:
        known = [*judged, *by_column]
        problem = f"there is no metric {requested!r}.{did_you_mean(requested.lower(), known)}"
    raise UsageError(f"{_title(log)}: {problem} {_listed(log)}")


def _curves(log: Log, metric: str) -> MetricCurves:
    series = log.history.series
    clean = ("train", f"clean_{metric}")  # clean_loss lacks the penalties that validation's loss holds
    keys = [clean] if metric != "loss" and clean in series else [("train", metric), ("train", f"{metric}_step")]
    keys += [("train", other) for other in _spellings(metric)]
    keys += [("train", "total_loss")] if metric == "loss" else [("train", "loss")] if metric == "total_loss" else []
    if metric.endswith(PART) and _is_evaluation_set(log, metric):
        keys.append(("train", PART))
    train_key = next((key for key in keys if key in series), None)
    train = None if train_key is None else series[train_key]
    trained = None if train_key is None else log.names.get(train_key, train_key[1])
    higher = direction(metric)
    if higher is None:
        higher = train is not None and climbs(train.values)
    elif not higher and _is_negated(metric, series["validation", metric]):
        higher = True
    return MetricCurves(
        run=_title(log),
        metric=log.names.get(("validation", metric), metric),
        validation=series["validation", metric],
        train=train,
        higher_is_better=higher,
        auxiliary=None if higher else _score(log, metric),
        train_column=trained,
        single_batches=trained is not None and OF_A_BATCH.search(trained.lower()) is not None,
        log=log,
    )


def _is_negated(metric: str, validation: Series) -> bool:
    """Return whether an error that is never below zero is logged with the opposite sign: higher is better."""
    finite = validation.values[np.isfinite(validation.values)]
    return rank_in(metric, NEVER_NEGATIVE) is not None and len(finite) > 0 and bool((finite < 0).all())


def _is_evaluation_set(log: Log, loss: str) -> bool:
    """Return whether the name of a loss begins with that of an evaluation set: other columns of the set show it."""
    name = loss.removesuffix(PART)
    others = [m for split, m in log.history.series if split == "validation" and not m.endswith(PART)]
    timed = any(f"{name}runtime" in column for column in log.other)  # Hugging Face's Trainer logs it for each set
    return len(name) > 1 and (timed or any(m.startswith(name) for m in others))


def _score(log: Log, loss: str) -> MetricCurves | None:
    """Return the curves of the run's main score, such as accuracy; else of an error rate, such as that of words."""
    judged = [m for split, m in log.history.series if split == "validation" and m != loss]
    scores = [m for m in judged if direction(m)]
    if scores:
        return _curves(log, min(scores, key=lambda m: _rank(log, m) or (9, 9)))
    rates = [m for m in judged if rank_in(m, ERROR_RATES) is not None and rank_in(loss, ERROR_RATES) is None]
    return _curves(log, rates[0]) if rates else None


def _spellings(metric: str) -> list[str]:
    """Return other spellings of a metric, such as accuracy for acc."""
    return [b for one, other in SAME.items() for a, b in ((one, other), (other, one)) if a == metric]


def climbs(values: np.ndarray) -> bool:
    """Return whether the last quarter lies above the first: training improves its own metric."""
    finite = values[np.isfinite(values)]
    quarter = max(len(finite) // 4, 1)
    return len(finite) > 1 and float(finite[-quarter:].mean()) > float(finite[:quarter].mean())


def _title(log: Log) -> str:
    run, seed = log.history.run, log.history.seed
    return f"{run}.seed{seed}" if seed else run


def _no_curves(log: Log, judged: list[str]) -> str:
    if judged and all(map(REWARD.search, judged)):
        return "its validation curves are rewards. To judge one, name it with --metric (metric=...)."
    if judged:
        return "none of its validation curves is a known loss or score. Name one with --metric (metric=...)."
    if any((parse(name) or ("", ""))[0] == "validation" for name in log.empty):
        return "there is no validation curve, its column is empty. Check that validation runs in each epoch."
    return f"there is no validation curve. {_hint(log)}"


def _hint(log: Log) -> str:
    return validation_hint([*log.names.values(), *log.other], log.reader)


def _listed(log: Log) -> str:
    """Return what the log holds, for errors."""
    of_split: dict[str, list[str]] = {}
    for key in log.history.series:
        of_split.setdefault(key[0], []).append(log.names.get(key, key[1]))
    parts = [f"{split}: {_join(of_split[split])}" for split in ("validation", "train", "test") if split in of_split]
    if set(of_split) == {"train"}:
        texts = [f"Found only training curves: {_join(of_split['train'])}."]
    else:
        texts = [f"It holds {'; '.join(parts) or 'no curves'}."] if parts or not log.other else []
    unknown = [name for name in log.other if name not in log.empty]
    if log.empty:
        texts.append(f"These columns are empty: {_join(log.empty)}.")
    if unknown:
        texts.append(f"These columns were not recognised: {_join(unknown)}.")
    kinds: dict[str, str] = {}
    for note in log.notes:
        kinds.setdefault(note.code, str(note))
    return " ".join([*texts, *kinds.values()])


def _join(names: Iterable[str], most: int = 20) -> str:
    return first_few([name if len(name) <= 60 else f"{name[:57]}..." for name in names], most)


def validation_hint(names: Iterable[str], reader: str = "") -> str:
    """Return how the framework that writes these columns logs validation.

    >>> validation_hint(["loss", "grad_norm", "learning_rate", "epoch"])
    "In Hugging Face's Trainer, set eval_strategy='epoch' and an eval_dataset."
    """
    held = {re.sub(r"^train[/ ]", "", name.lower()) for name in names}
    held |= {name.split()[0] for name in held if name.startswith("training's ")}
    if held and all(map(XGBOOST.fullmatch, held)):
        held = {"train-logloss"}
    if held in KERAS_NAMES:
        return f"{GENERAL} {KERAS}"
    if reader == "console" and held == {"loss", "learning_rate"}:  # as older versions of the Trainer print it
        return TRAINER
    if reader == "console" and held == {"loss"}:
        return OWN_LOOP
    return next((hint for columns, hint in HINTS.items() if columns <= held), GENERAL)
