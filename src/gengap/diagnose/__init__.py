"""`diagnose()`: a verdict on anyone's training curves.

log of any framework -> readers -> Log -> names.choose -> Curves
Curves -> curves (one scale, no spikes) -> trend (and its uncertainty) -> evidence -> verdict -> findings in words
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gengap.diagnose.verdict import Verdict
    from gengap.stats.row_losses import RowLosses


def diagnose(
    source: object,
    *,
    metric: str | None = None,
    run: str | None = None,
    rows: RowLosses | None = None,
    min_effect: float = 0.01,
) -> Verdict:
    """Whether one run underfits, fits or overfits, and how sure that is.

    `source` is a log's path or a Python object: see `gengap.diagnose.readers.read`. `metric` says which curves are
    judged (default: the loss), `run` which run of several. `rows` are each validation row's losses, where they are
    known (`gengap.callbacks.Monitor` gathers them): they tell luck in drawing the rows from overfitting.
    `min_effect` is the change that matters, as a share of the loss. Raises UsageError and DataError.

    >>> train = [0.9 * 0.95**epoch for epoch in range(40)]
    >>> validation = [0.5 + 0.4 * 0.8**epoch + 0.004 * epoch for epoch in range(40)]
    >>> verdict = diagnose({"loss": train, "val_loss": validation})
    >>> verdict.verdict, verdict.best_epoch
    ('overfit', 14)
    """
    from gengap.diagnose.judge import judge
    from gengap.diagnose.readers import read
    from gengap.diagnose.run_curves import choose_curves
    from gengap.diagnose.verdict import make_thresholds
    from gengap.errors import UsageError

    thresholds = make_thresholds(min_effect)
    logs = read(source, metric)
    if run is not None:
        logs = [log for log in logs if log.history.run == run or log.history.run.endswith(f":{run}")] or logs
    if len(logs) != 1:
        names = ", ".join(log.history.run for log in logs[:10])
        raise UsageError(f"there are {len(logs)} runs: {names}; name one with run=, or use diagnose.every")
    return judge(choose_curves(logs[0], metric), rows, thresholds)


def every(source: object, *, metric: str | None = None, min_effect: float = 0.01) -> list[Verdict]:
    """The verdict on every run of `source`, in its order; the same settings as for `diagnose`."""
    from gengap.diagnose.judge import judge
    from gengap.diagnose.readers import read
    from gengap.diagnose.run_curves import choose_curves
    from gengap.diagnose.verdict import make_thresholds

    thresholds = make_thresholds(min_effect)
    return [judge(choose_curves(log, metric), None, thresholds) for log in read(source, metric)]


class _CallableModule(ModuleType):
    """`gengap.diagnose` names this package and its function; so the package can be called like the function."""

    __call__ = staticmethod(diagnose)


sys.modules[__name__].__class__ = _CallableModule
