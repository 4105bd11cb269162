"""What the callbacks of all frameworks share: one `Monitor`, a line when the verdict changes, and trackers.

The framework's hook -> values by name -> `FrameworkMonitor.add` -> `Monitor.log`. At some epochs there is a
verdict. It goes to standard error, to the framework's own log, and to MLflow and Weights & Biases if a run of
theirs is active.

No framework is imported before a callback is made. Then the callback's class is derived from the framework's own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any, Self

from gengap.callbacks.monitor import Monitor
from gengap.diagnose.metric_names import assign
from gengap.diagnose.verdict import Verdict
from gengap.errors import UsageError

SHARES = "gengap_"  # before the names of a verdict's probabilities in logs


class FrameworkMonitor:
    """A callback that gives a live verdict in a framework's own training loop.

    Attributes:
        monitor: The `Monitor` that holds the curves.
    """

    hint = "Log a validation loss."  # how this framework logs validation

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Derive the class from those of the framework, which is imported here."""
        return object.__new__(_derived(cls, cls._bases()))

    def __init__(
        self,
        *,
        metric: str | None = None,
        min_effect: float = 0.01,
        stop: bool = False,
        run: str = "model",
        verbose: bool = True,
    ) -> None:
        self.metric, self.min_effect, self.stop = metric, min_effect, stop
        self.run, self.verbose = run, verbose
        self.start()

    @classmethod
    def _bases(cls) -> tuple[type, ...]:
        """Return the framework's classes that a callback must have."""
        return ()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (getattr(self, "_plain", type(self)), self.__dict__)

    def start(self) -> None:
        """Begin a new run: forget the curves so far."""
        self.monitor = Monitor(metric=self.metric, min_effect=self.min_effect, stop=self.stop, run=self.run)
        self._shown: str | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict so far. Raises UsageError if there is no validation curve yet."""
        return self.monitor.verdict

    def add(self, epoch: int, values: Mapping[str, Any]) -> dict[str, float]:
        """Add the values of an epoch by the framework's names.

        Args:
            epoch: The epoch, step or round: a whole number larger than the last one.
            values: Numbers by name, such as {"train-logloss": 0.5, "eval-logloss": 0.6}.

        Returns:
            The probabilities of the verdict by name, or {} if no verdict is due.
        """
        numbers = {str(name): float(value) for name, value in values.items() if _is_number(value)}
        split: dict[str, dict[str, float]] = {"train": {}, "validation": {}, "test": {}}
        for name, (part, metric) in assign(numbers).items():
            split[part].setdefault(metric or "loss", numbers[name])
        if not (split["train"] or split["validation"]):
            return {}
        self.monitor.log(epoch, train=split["train"] or None, validation=split["validation"] or None)
        return self._tell(epoch) if self.monitor.is_due else {}

    def _tell(self, epoch: int) -> dict[str, float]:
        """Show a verdict that is new, send it to active trackers, and return its probabilities."""
        try:
            verdict = self.verdict
        except UsageError:  # no validation curve yet
            return {}
        if self.verbose and verdict.verdict != self._shown:
            print(f"gengap: epoch {epoch}: {verdict}", file=sys.stderr)
        self._shown = verdict.verdict
        shares = {f"{SHARES}{name}": float(share) for name, share in verdict.probabilities.items()}
        for tracker in (_to_mlflow, _to_wandb):
            tracker(shares, epoch, verdict.verdict)
        return shares

    def finish(self) -> dict[str, Any]:
        """Show the last verdict; return it with its probabilities, or {} if there is none."""
        if self.monitor.last_epoch < 0:
            return {}
        try:
            verdict = self.verdict
        except UsageError as fault:
            print(f"gengap: no verdict. {fault} {self.hint}", file=sys.stderr)
            return {}
        return {**self._tell(self.monitor.last_epoch), f"{SHARES}verdict": verdict.verdict}


@lru_cache
def _derived(cls: type, bases: tuple[type, ...]) -> type:
    """Return `cls` with the classes of the framework as further bases."""
    missing = tuple(base for base in bases if not issubclass(cls, base))
    about = {"__doc__": cls.__doc__, "__module__": cls.__module__, "_plain": cls}
    return type(cls.__name__, (cls, *missing), about) if missing else cls


def _restored(cls: type[FrameworkMonitor], state: dict[str, Any]) -> FrameworkMonitor:
    """Return a copy of a callback, whose derived class has no name that pickle could find."""
    callback = cls.__new__(cls)
    callback.__dict__.update(state)
    return callback


def require(module: str) -> Any:
    """Return a module of a framework. Raises UsageError if it is not installed."""
    try:
        return import_module(module)
    except ImportError as fault:
        package = module.partition(".")[0].replace("_", "-")
        raise UsageError(f"{package} can't be imported ({fault}). Install it: pip install {package}") from None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, RuntimeError):
        return False
    return not isinstance(value, (str, bytes, bool))


def _to_mlflow(shares: Mapping[str, float], step: int, verdict: str) -> None:
    mlflow = sys.modules.get("mlflow")
    if mlflow is not None and mlflow.active_run() is not None:
        mlflow.log_metrics(dict(shares), step=step)
        mlflow.set_tag(f"{SHARES}verdict", verdict)


def _to_wandb(shares: Mapping[str, float], step: int, verdict: str) -> None:
    wandb = sys.modules.get("wandb")
    if wandb is not None and getattr(wandb, "run", None) is not None:
        wandb.run.log(dict(shares), commit=False)  # the run's own steps go on
        wandb.run.summary.update({f"{SHARES}verdict": verdict, **shares})
