"""`CheckResult`: what a check found, as a verdict, tables, a picture, a page and JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from gengap.check.estimator_verdict import Facts, changed, changes_text
from gengap.check.gains import gain
from gengap.check.setting_losses import Evaluation
from gengap.diagnose.verdict import Verdict
from gengap.errors import as_path
from gengap.report.verdict_table import SCHEMA, verdict_document
from gengap.text.catalog import ENGLISH, Catalog, catalog, default_language
from gengap.text.markup import Html, bullets, element, table
from gengap.text.numbers import estimate, fixed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

ORDER = {"simpler": -1, "as-is": 0, "flexible": 1}


@dataclass(frozen=True, eq=False, repr=False)
class CheckResult:
    """What a check found.

    Attributes:
        verdict: Whether the estimator under- or overfits, with probabilities, findings and advice.
        facts: The losses behind it.
        seconds: How long the check took.
    """

    verdict: Verdict
    facts: Facts
    seconds: float

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the check early. What was finished then is kept."""
        return self.facts.interrupted

    @property
    def path(self) -> pd.DataFrame:
        """The settings that were tried, from the simplest to the most flexible.

        Columns: `side` ("simpler", "as-is" or "flexible"), `axis`, `step`, `setting`, `rows` (validation rows:
        fewer if it was given up after a few folds, and is compared on these), `loss`, and by how many percent the
        loss is below that of the given estimator, as `better_low`, `better` and `better_high` (90% interval,
        paired by row, before the luck of a choice is removed).
        """
        import pandas as pd

        return pd.DataFrame(list(self._path_rows(catalog(ENGLISH))))

    @property
    def _ordered(self) -> list[Evaluation]:
        """The settings, from the simplest to the most flexible."""
        return sorted((self.facts.walk.base, *self.facts.walk.found), key=_place)

    def _path_rows(self, texts: Catalog) -> Iterator[dict[str, Any]]:
        facts, walk = self.facts, self.facts.walk
        for each in self._ordered:
            low, middle, high = gain(each.losses, walk.base.losses, facts.units).percent
            setting = each.setting
            yield {
                "side": setting.side,
                "axis": setting.axis,
                "step": ORDER[setting.side] * setting.step,
                "setting": texts.parameter_text(changed(setting.changes, walk.evaluator.estimator))
                or texts.text("check-as-is"),
                "rows": self._rows(each),
                "loss": walk.loss(each),
                "better_low": low,
                "better": middle,
                "better_high": high,
            }

    def _rows(self, each: Evaluation) -> int:
        """Return the number of validation rows on which losses were measured; all with a score for each fold."""
        evaluator = self.facts.walk.evaluator
        if evaluator.loss.by_row:
            return int((~np.isnan(each.losses)).sum())
        return len(np.unique(np.concatenate([test for _, test in evaluator.inputs.folds])))

    @property
    def some_given_up(self) -> bool:
        """Whether settings or reference models were given up after a few folds."""
        every = self._rows(self.facts.walk.base)
        return any(self._rows(each) < every for each in (*self.facts.walk.found, *self.facts.references.values()))

    @property
    def references(self) -> pd.DataFrame:
        """The reference models: `model`, `rows`, `loss`, and `better_low`, `better`, `better_high` as in `path`."""
        import pandas as pd

        rows = []
        for name, each in self.facts.references.items():
            low, middle, high = gain(each.losses, self.facts.walk.base.losses, self.facts.units).percent
            measured = {"model": name, "rows": self._rows(each), "loss": self.facts.walk.loss(each)}
            rows.append(measured | {"better_low": low, "better": middle, "better_high": high})
        return pd.DataFrame(rows, columns=["model", "rows", "loss", "better_low", "better", "better_high"])

    @property
    def learning_curve(self) -> pd.DataFrame:
        """The loss by training rows: `rows`, `kind` ("measured" or "forecast"), `loss_low`, `loss`, `loss_high`.

        A measured loss has no interval of its own: all sizes share the validation rows.
        """
        import pandas as pd

        curve, rows = self.facts.rows, []
        for size, mean in zip(curve.sizes, curve.means, strict=True) if curve is not None else ():
            rows.append({"rows": size, "kind": "measured", "loss_low": mean, "loss": mean, "loss_high": mean})
        for each in curve.forecast.forecasts if curve is not None and curve.forecast is not None else ():
            if each.loss is not None:
                low, middle, high = each.loss
                rows.append(
                    {"rows": each.rows, "kind": "forecast", "loss_low": low, "loss": middle, "loss_high": high}
                )
        return pd.DataFrame(rows, columns=["rows", "kind", "loss_low", "loss", "loss_high"])

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict's document with the path, the reference models and the learning curve."""
        tables = {
            "path": self.path.to_dict("records"),
            "references": self.references.to_dict("records"),
            "learning_curve": self.learning_curve.to_dict("records"),
        }
        facts = {
            "loss": self.facts.loss,
            "train_loss": self.facts.walk.base.train_loss,
            "rows": self.facts.walk.evaluator.inputs.rows,
            "split": self.facts.walk.evaluator.inputs.split,
            "fits": self.facts.walk.evaluator.fits,
            "seconds": self.seconds,
            "interrupted": self.interrupted,
        }
        return verdict_document(self.verdict) | facts | tables

    def to_json(self) -> bytes:
        """Return the document that `gengap check --json` prints."""
        document = {"schema": SCHEMA, "runs": [self.to_dict()]}
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"

    def plot(self, ax: Axes | None = None, *, kind: str = "path", lang: str | None = None) -> Axes:
        """Plot the losses along the path, or the learning curve, and return the axes.

        Args:
            ax: The axes to draw on. Default: those of a new figure.
            kind: "path" or "rows".
            lang: Language of the labels, "en" or "ko". Default: the locale's language.

        Raises:
            UsageError: If there is no such plot.
        """
        from gengap.check.check_plots import plot_path, plot_rows
        from gengap.errors import UsageError

        texts, walk = catalog(lang or default_language()), self.facts.walk
        if kind == "path":
            names = [changes_text(each.setting.changes) or texts.text("check-as-is") for each in self._ordered]
            return plot_path(self.path, names, walk.base.train_loss, self.verdict.metric, texts, ax)
        if kind == "rows":
            return plot_rows(self.learning_curve, self.verdict.metric, texts, ax)
        raise UsageError(f"kind is {kind!r}; expected 'path' or 'rows'")

    def report(self, path: str | os.PathLike[str], lang: str | None = None, *, overwrite: bool = False) -> Path:
        """Write everything as one HTML page that needs no network, and return its path.

        Args:
            path: The file to write.
            lang: "en" or "ko". Default: the locale's language.
            overwrite: Whether a file that no check wrote may be replaced.

        Raises:
            PlaceError: If such a file is there.
        """
        from gengap.check.check_page import write_page

        kinds = ("path", "rows") if len(self.learning_curve) > 1 else ("path",)
        texts = catalog(lang or default_language())
        plots = {kind: self.plot(kind=kind, lang=texts.code) for kind in kinds}
        document = self.to_dict() | {"path": list(self._path_rows(texts)), "given_up": self.some_given_up}
        return write_page(self.verdict, document, plots, as_path(path, "path"), texts, overwrite)

    def __str__(self) -> str:
        return str(self.verdict)

    def __repr__(self) -> str:
        return f"CheckResult({self.verdict})"

    def _repr_html_(self) -> str:
        """Return what Jupyter shows, in the locale's language: the verdict, findings, advice, and the path."""
        verdict, texts = self.verdict, catalog(default_language())
        findings = (
            element("span", texts.render(each.message), " ", element("code", each.code))
            for each in verdict.findings
        )
        title = element("p", element("b", verdict.run), " ", verdict.badge(texts.code), f" · {verdict.metric}")
        rows = [
            (row["setting"], row["rows"], fixed(row["loss"]), "" if row["side"] == "as-is" else change_text(row))
            for row in self._path_rows(texts)
        ]
        columns = [texts.text(id) for id in ("check-setting", "check-rows", "page-loss", "check-change")]
        advice = bullets(map(texts.render, verdict.advice), "›")
        note = element("p", texts.text("check-given-up")) if self.some_given_up else ""
        return element("div", title, bullets(findings), advice, Html(table(columns, rows)), note)


def change_text(row: Mapping[Any, Any]) -> str:
    """Return by how many percent the loss of a setting is above that of the estimator, below zero if it is lower.

    >>> change_text({"better_low": 1.2, "better": 3.1, "better_high": 5.0})
    '-3.1 [-5.0, -1.2]'
    """
    values = [-row[name] for name in ("better_high", "better", "better_low")]
    return estimate(values, 1, signed=True)


def _place(each: Evaluation) -> tuple[int, str, int]:
    """Return where a setting is on the path: simpler ones first, the farthest of them at the start."""
    side = ORDER[each.setting.side]
    return side, each.setting.axis, side * each.setting.step
