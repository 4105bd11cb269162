"""Effect of each regulariser on the validation loss and on the gap, and its cost."""

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
    """Effect of a treatment: a model compare_all_metrics with one without it, on the same validation rows.

    Attributes:
        run: Run of the model.
        against: Run that it is compare_all_metrics with.
        kind: "treatment"; "early-stopping": the best epoch of `against` compare_all_metrics with its last epoch; or
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


def untreated(results: TrialResults) -> str | None:
    """Return the run that treated ones are compared with: the untreated one of the same size as most of them."""
    plain = {results.trials[run].units: run for run in results.full_runs if not results.trials[run].treatments}
    treated = [results.trials[run].units for run in results.runs if results.trials[run].group == REGULARIZERS]
    counts = {units: treated.count(units) for units in plain if treated.count(units)}
    return plain[max(counts, key=lambda units: counts[units])] if counts else None


def analyse_regularizers(results: TrialResults) -> tuple[RegularizerEffect, ...]:
    """Compare every treated run, and every smaller model, with the untreated run, in the order of the plan."""
    base = untreated(results)
    if base is None:
        return ()
    size = results.trials[base].units
    treated = [run for run in results.full_runs if run != base and results.trials[run].units == size]
    smaller = [run for run in results.full_runs if _is_smaller(results.trials[run], size)]
    losses = {run: results.losses(run) for run in (base, *treated, *smaller)}
    found = {c.a: c for c in compare(losses, against=base, loss=results.task.loss)}
    early = _early_stopping(results, base)
    effects = [_effect(results, run, base, found[run]) for run in (*treated, *smaller)]
    return tuple(effects if early is None else [early, *effects])


def _is_smaller(trial: Trial, size: tuple[int, ...]) -> bool:
    return not trial.treatments and trial.parameters(1) < count_parameters(1, size)


def _effect(results: TrialResults, run: str, base: str, loss: Comparison) -> RegularizerEffect:
    treatments = results.trials[run].treatments
    seconds = results.seconds(run)
    return RegularizerEffect(
        run=run,
        against=base,
        kind="treatment" if treatments else "smaller-model",
        treatment=" + ".join(map(str, treatments)),
        treatments=treatments,
        loss=loss,
        gap=results.gap(run),
        gap_without=results.gap(base),
        seconds=seconds,
        cost=seconds / max(results.seconds(base), 1e-9),
    )


def _early_stopping(results: TrialResults, base: str) -> RegularizerEffect | None:
    """Return the effect of early stopping: the untreated model at its best epoch against its last."""
    seeds = results.seeds(base)
    last = np.stack([results.epoch_losses(base, seed)[-1] for seed in seeds])
    if not np.isfinite(last).all():
        return None
    (loss,) = compare({base: results.losses(base), LAST: last}, against=LAST, loss=results.task.loss)
    train = [results.fitted[base, seed].history[results.clean_loss_key].values[-1] for seed in seeds]
    return RegularizerEffect(
        run=base,
        against=base,
        kind="early-stopping",
        loss=msgspec.structs.replace(loss, b=base),
        gap=results.gap(base),
        gap_without=float(last.mean() - np.mean(train)),
        seconds=results.seconds(base),
        cost=1.0,
    )
