"""A study that was never trained: a summary with every section and histories to draw, with any names in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gengap.analysis import BaselineResult
from gengap.analysis.costly_rows import CostlyRow, CostlyRows
from gengap.analysis.effects import EffectKind, RegularizerEffect, SizeAnalysis, SizeResult
from gengap.analysis.evaluation import HoldoutEvaluation
from gengap.analysis.growth import Finalist
from gengap.analysis.recommend import ExpectedScores, NextStep, Recommendation
from gengap.analysis.summary import Provenance, StudySummary, TrialSummary, metrics_at
from gengap.data.table_summary import PLAIN_NUMBER, ColumnSummary, TableSummary
from gengap.diagnose.findings import too_little_capacity
from gengap.diagnose.verdict import Verdict
from gengap.history import History, Series
from gengap.options.spec import VerdictName
from gengap.stats.comparison import Comparison, Rank
from gengap.stats.learning_curve import Forecast, LearningCurveForecast
from gengap.tasks import BINARY
from gengap.text.catalog import Message

LOSS = "binary_crossentropy"
HOSTILE = "</script><img src=x onerror=alert(1)>&amp;<b>b</b>\u2028'\"{{ 7 * 7 }}%{x}"
EPOCHS = {"sizes/Tiny": 60, "sizes/large": 40, "regularizers/l2 0.1": 30, "rows/100": 20}
BEST = {"sizes/Tiny": 59, "sizes/large": 12, "regularizers/l2 0.1": 20, "rows/100": 5}
VERDICTS: dict[str, VerdictName] = {
    "sizes/Tiny": "good",
    "sizes/large": "overfit",
    "regularizers/l2 0.1": "underfit",
    "rows/100": "overfit",
}


def history(run: str, seed: int, epochs: int, best: int) -> History:
    """Curves whose validation loss is lowest at `best`; cross-entropy, accuracy and the learning rate."""
    at = np.arange(epochs)
    noise = 0.003 * np.random.default_rng([seed, epochs]).normal(size=epochs)
    validation = 0.5 + 0.01 * seed + 0.0001 * (at - best) ** 2 + np.where(at == best, 0, 0.002 + np.abs(noise))
    train = 0.3 + 0.4 * 0.95**at
    series = {
        ("train", "loss"): train + 0.1,
        ("train", f"clean_{LOSS}"): train,
        ("train", "accuracy"): 1 - train,
        ("train", "learning_rate"): 0.001 * 0.9**at,
        ("validation", "loss"): validation + 0.1,
        ("validation", LOSS): validation,
        ("validation", "accuracy"): 1 - validation,
    }
    return History(run, seed, {key: Series(at, values) for key, values in series.items()})


def trial(of: History, best: int, verdict: VerdictName, aliases: Sequence[str] = ()) -> TrialSummary:
    """A finished trial of these curves; `best` counts from 0, as they do."""
    over = verdict == "overfit"
    said = Verdict(
        run=of.run,
        metric=f"val_{LOSS}",
        verdict=verdict,
        confidence=0.9,
        probabilities={verdict: 0.9},
        best_epoch=best + 1,
        onset_epoch=best + 1 if over else None,
        onset_interval=(best + 1, best + 6) if over else None,
        rise_percent=(1.0, 2.5, 4.0),
        findings=(too_little_capacity(of.run, (1.1, 2.4, 3.6)),),
        advice=(Message("advice-keep-model"),),
    )
    return TrialSummary(
        run=of.run,
        aliases=tuple(aliases),
        seed=of.seed,
        parameters=481,
        epochs=of.epochs,
        best_epoch=best + 1,
        metrics=metrics_at(of, best, BINARY.shown),
        stopped="patience",
        seconds=61.0,
        began=0.0,
        verdict=said,
    )


def _table(hostile: str) -> TableSummary:
    gaps = Message("column-gaps-median", {"count": 12, "marked": True})
    category = Message("column-category-one", {"category": hostile or "x"})
    columns = (
        ColumnSummary(name=f"age{hostile}", kind="number", missing=12, features=2, how=PLAIN_NUMBER, gaps=gaps),
        ColumnSummary(name=f"who{hostile}", kind="category", missing=0, features=1, how=category),
        ColumnSummary(name="height", kind="number", missing=0, features=1, how=PLAIN_NUMBER),
    )
    split = Message("table-split-group", {"column": hostile or "x", "seed": 0})
    values = {"part": "validation", "count": 7, "rows": 200, "share": 0.035, "known": True, "chance": 0}
    repeated = Message("table-repeated-rows", values)
    return TableSummary(split=split, columns=columns, repeated={"validation": 7}, warnings=(repeated,))


def study_made(hostile: str = "", seeds: int = 1) -> tuple[StudySummary, list[History]]:
    """Every section; `hostile` is put into each name that came from outside."""
    histories = [history(run + hostile, seed, EPOCHS[run], BEST[run]) for seed in range(seeds) for run in EPOCHS]
    trials = []
    for of in histories:
        run = of.run.removesuffix(hostile) if hostile else of.run
        aliases = [f"regularizers/Tiny{hostile}"] if run == "sizes/Tiny" else []
        trials.append(trial(of, BEST[run], VERDICTS[run], aliases))
    tiny, large, treated = (run + hostile for run in ("sizes/Tiny", "sizes/large", "regularizers/l2 0.1"))
    summary = StudySummary(
        source=f"table{hostile}.csv",
        rows={"train": 1_000, "validation": 200, "test": 100},
        plan=f"mine{hostile}",
        seconds=75.0,
        trials=tuple(trials),
        preparation="standardise",
        skipped_rows=3,
        table=_table(hostile),
        columns=(f"age{hostile}", "height"),
        target=f"sick{hostile}",
        seeds=tuple(range(seeds)),
        provenance=Provenance(
            versions={"gengap": "0.2.0", f"python{hostile}": "3.12"},
            cores=2,
            command=("gengap", "study", f"table{hostile}.csv", "--plan", "quick"),
            call=f"gengap.study({f'table{hostile}.csv'!r}, 'quick')",
        ),
        baselines=(BaselineResult(run=f"baselines/trees{hostile}", loss=0.51, accuracy=0.7),),
        sizes=_sizes(tiny, large),
        regularizers=_effects(tiny, large, treated, hostile),
        more_rows=_more_rows(hostile),
        ranks=tuple(Rank(run=run, loss=0.5, error=0.006, group=1) for run in (tiny, large, treated)),
        comparisons=tuple(
            comparison(run, tiny, 0.02, metric, 0.01) for run in (large, treated) for metric in (LOSS, "accuracy")
        ),
        cross_validation=tuple(Finalist(run=run, loss=(0.46, 0.48, 0.5), rows=1_234) for run in (tiny, large)),
        recommendation=_recommendation(tiny, hostile),
        test=_test(tiny, hostile),
        costly_rows=CostlyRows(
            run=tiny,
            seed=0,
            share=0.25,
            ranked=150,
            rows=(CostlyRow(row=7, loss=3.5, target=f"cat{hostile}", answer=f"dog{hostile}", text=f"a {hostile}"),),
        ),
    )
    return summary, histories


def long_made(train: np.ndarray, validation: np.ndarray, best: int) -> tuple[StudySummary, list[History]]:
    """One run's study with these curves."""
    at, summary = np.arange(len(train)), study_made()[0]
    series = {("train", LOSS): Series(at, train), ("validation", LOSS): Series(at, validation)}
    run = History("sizes/Tiny", 0, series)
    found = StudySummary(
        source="x", rows=summary.rows, plan="x", seconds=1.0, trials=(trial(run, best, "good"),), seeds=(0,)
    )
    return found, [run]


def comparison(a: str, b: str, difference: float, metric: str = LOSS, adjusted: float = 0.5) -> Comparison:
    """A against b, with an interval of 0.03 to either side."""
    interval = (difference - 0.03, difference + 0.03)
    return Comparison(
        a=a, b=b, metric=metric, difference=difference, interval=interval, p_value=0.3, adjusted=adjusted
    )


def _sizes(tiny: str, large: str) -> SizeAnalysis:
    results = tuple(
        SizeResult(run=run, parameters=count, train=(0.41, 0.42, 0.43), validation=(0.45, 0.5, 0.55))
        for run, count in ((tiny, 481), (large, 803_329))
    )
    return SizeAnalysis(
        results=results,
        smallest=tiny,
        best=tiny,
        still_improving=False,
        finding=Message("conclusion-size-best", {"run": tiny, "parameters": 481, "smaller": False}),
    )


def _effects(tiny: str, large: str, treated: str, hostile: str) -> tuple[RegularizerEffect, ...]:
    cases: list[tuple[str, EffectKind, str, float]] = [
        (large, "early-stopping", "", -0.2),
        (treated, "treatment", f"l2 0.1{hostile}", 0.01),
        (tiny, "smaller-model", "", -0.01),
    ]
    return tuple(
        RegularizerEffect(
            run=run,
            against=large,
            kind=kind,
            treatment=treatment,
            loss=comparison(run, large, difference),
            gap=0.01,
            gap_without=0.1,
            seconds=1.0,
            cost=0.5,
        )
        for run, kind, treatment, difference in cases
    )


def _more_rows(hostile: str) -> LearningCurveForecast:
    seen = Forecast(
        times=2,
        rows=2_000,
        loss=(0.4, 0.45, 0.48),
        better_percent=(1, 2, 3),
        finding=Message(
            "conclusion-rows-forecast",
            {"times": 2, "rows": 2_000, "loss": [0.4, 0.45, 0.48], "better": [1, 2, 3], "new_rows": True},
        ),
    )
    why = Message("conclusion-rows-not-finite", {"times": 4, "rows": 4_000, "sizes": None})
    unseen = Forecast(times=4, rows=4_000, loss=None, better_percent=None, finding=why)
    return LearningCurveForecast(
        sizes=(100, 500, 1_000), losses=(0.6, 0.55, 0.5), exponent=(0.1, 0.2, 0.3), forecasts=(seen, unseen)
    )


def _recommendation(run: str, hostile: str) -> Recommendation:
    return Recommendation(
        run=run,
        seed=0,
        why=Message(
            "conclusion-smallest-loss",
            {"limit": 0.01, "best": f"sizes/Large{hostile}", "difference": 0.001, "error": 0.002},
        ),
        learnt=True,
        expected=ExpectedScores(loss=(0.45, 0.5, 0.55), selection_loss=0.49, accuracy=(0.6, 0.7, 0.8)),
        next_steps=(NextStep(finding=Message("next-larger-model", {"run": hostile or "more"}), gain_percent=1.5),),
    )


def _test(run: str, hostile: str) -> HoldoutEvaluation:
    return HoldoutEvaluation(
        run=run,
        seed=0,
        rows=100,
        metrics={LOSS: 0.5, "accuracy": 0.7},
        baseline=f"baselines/trees{hostile}",
        baseline_metrics={LOSS: 0.51, "accuracy": 0.69},
        comparisons=(comparison(run, f"baselines/trees{hostile}", -0.01),),
        used="2026-01-01",
        digest="0",
        note=Message("conclusion-test-rows-reused", {"day": "2026-01-01", "run": f"sizes/Tiny{hostile}"}),
    )
