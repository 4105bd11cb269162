"""Which regulariser: what each does to validation loss, to the gap, and what it costs."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from gengap.analysis.results import TrialResults
from gengap.models.treatment_base import count_parameters
from gengap.models.treatments import AnyTreatment
from gengap.plan import REGULARIZERS, Trial
from gengap.stats.comparison import Comparison, compare

EffectKind = Literal["treatment", "early-stopping", "smaller-model"]
LAST = "last epoch"  # the other side of the comparison of early stopping


class RegularizerEffect(msgspec.Struct, frozen=True, kw_only=True):
    """Effect of a treatment: a model compared with one without it, on the same validation rows.

    Attributes:
        run: Run of the model.
        against: Run that it is compared with.
        kind: "treatment"; "early-stopping": the best epoch of `against` compared with its last epoch; or
            "smaller-model": a smaller model without treatments.
        treatment: Names of the treatments.
        treatments: The treatments themselves.
        loss: Validation loss, `run` minus `against`: negative is better.
        gap: Validation loss minus training loss at the best epoch.
        gap_without: The same of `against`.
        seconds: Training time of `run`.
        cost: Training time as a multiple of that of `against`.
    """

    run: str
    against: str
    kind: EffectKind
    treatment: str = ""
    treatments: tuple[AnyTreatment, ...] = ()
    loss: Comparison
    gap: float
    gap_without: float
    seconds: float
    cost: float


def untreated(outcomes: TrialResults) -> str | None:
    """The run that treated ones are held against: the untreated one of the same size as most of them."""
    plain = {outcomes.trials[run].units: run for run in outcomes.whole if not outcomes.trials[run].treatments}
    treated = [outcomes.trials[run].units for run in outcomes.runs if outcomes.trials[run].group == REGULARIZERS]
    counts = {units: treated.count(units) for units in plain if treated.count(units)}
    return plain[max(counts, key=lambda units: counts[units])] if counts else None


def judge_regularizers(outcomes: TrialResults) -> tuple[RegularizerEffect, ...]:
    """Every treated run of that size, and every smaller model, beside the untreated one, in the plan's order."""
    base = untreated(outcomes)
    if base is None:
        return ()
    size = outcomes.trials[base].units
    treated = [run for run in outcomes.whole if run != base and outcomes.trials[run].units == size]
    smaller = [run for run in outcomes.whole if _is_smaller(outcomes.trials[run], size)]
    losses = {run: outcomes.losses(run) for run in (base, *treated, *smaller)}
    found = {c.a: c for c in compare(losses, against=base, loss=outcomes.task.loss)}
    early = _early_stopping(outcomes, base)
    effects = [_effect(outcomes, run, base, found[run]) for run in (*treated, *smaller)]
    return tuple(effects if early is None else [early, *effects])


def _is_smaller(trial: Trial, size: tuple[int, ...]) -> bool:
    return not trial.treatments and trial.parameters(1) < count_parameters(1, size)


def _effect(outcomes: TrialResults, run: str, base: str, loss: Comparison) -> RegularizerEffect:
    treatments = outcomes.trials[run].treatments
    seconds = outcomes.seconds(run)
    return RegularizerEffect(
        run=run,
        against=base,
        kind="treatment" if treatments else "smaller-model",
        treatment=" + ".join(map(str, treatments)),
        treatments=treatments,
        loss=loss,
        gap=outcomes.gap(run),
        gap_without=outcomes.gap(base),
        seconds=seconds,
        cost=seconds / max(outcomes.seconds(base), 1e-9),
    )


def _early_stopping(outcomes: TrialResults, base: str) -> RegularizerEffect | None:
    """Effect of early stopping: the untreated model at its best epoch against its last."""
    seeds = outcomes.seeds(base)
    last = np.stack([outcomes.lines(base, seed)[-1] for seed in seeds])
    if not np.isfinite(last).all():
        return None
    (loss,) = compare({base: outcomes.losses(base), LAST: last}, against=LAST, loss=outcomes.task.loss)
    train = [outcomes.fitted[base, seed].history[outcomes.clean_loss].values[-1] for seed in seeds]
    return RegularizerEffect(
        run=base,
        against=base,
        kind="early-stopping",
        loss=msgspec.structs.replace(loss, b=base),
        gap=outcomes.gap(base),
        gap_without=float(last.mean() - np.mean(train)),
        seconds=outcomes.seconds(base),
        cost=1.0,
    )
