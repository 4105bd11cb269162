"""Callbacks for boosted trees: XGBoost, LightGBM and CatBoost. A round is an epoch of the curves."""

from __future__ import annotations

from typing import Any

from gengap.callbacks.framework_monitor import FrameworkMonitor, require


class XGBoostMonitor(FrameworkMonitor):
    """Give a live verdict in XGBoost: `XGBClassifier(callbacks=[XGBoostMonitor()])`, also in `train` and `cv`.

    The last verdict is kept in the booster's attributes (`booster.attr("gengap_verdict")`) and saved with it.

    Args:
        metric: The curves to judge. Default: the loss.
        min_effect: The smallest change that matters, as a share of the loss.
        stop: End the training when overfitting is certain.
        run: Name of the run in the verdict.
        verbose: Print the verdict when it changes, to standard error.
    """

    hint = "Pass evals= or eval_set= with training and validation rows."

    @classmethod
    def _bases(cls) -> tuple[type, ...]:
        return (require("xgboost.callback").TrainingCallback,)

    def before_training(self, model: Any) -> Any:
        """Begin a new run."""
        self.start()
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Add a round; return whether to stop."""
        self.add(epoch, _last_values(evals_log))
        return self.monitor.certain

    def after_training(self, model: Any) -> Any:
        """Give the last verdict."""
        if last := self.finish():
            model.set_attr(**{name: str(value) for name, value in last.items()})
        return model


class LightGBMMonitor(FrameworkMonitor):
    """Give a live verdict in LightGBM: `model.fit(..., eval_set=[...], callbacks=[LightGBMMonitor()])`.

    The last verdict is an attribute of the booster (`model.booster_.gengap_verdict`).

    Args:
        metric: The curves to judge. Default: the loss.
        min_effect: The smallest change that matters, as a share of the loss.
        stop: End the training when overfitting is certain. The best round is then the verdict's.
        run: Name of the run in the verdict.
        verbose: Print the verdict when it changes, to standard error.
    """

    hint = "Pass eval_set= or valid_sets= with training and validation rows."

    def start(self) -> None:
        """Begin a new run."""
        super().start()
        self.order = 20  # LightGBM would set a number, which may be before its own callbacks

    def __call__(self, env: Any) -> None:
        """Add a round. Raises LightGBM's EarlyStopException to stop."""
        if env.iteration == env.begin_iteration:
            self.start()
        values = {f"{name}-{metric}": value for name, metric, value, *_ in env.evaluation_result_list or ()}
        self.add(env.iteration, values)
        ends = env.iteration + 1 == env.end_iteration or self.monitor.certain
        if ends:
            for name, value in self.finish().items():
                setattr(env.model, name.replace("-", "_"), value)
        if self.monitor.certain:
            best = self.verdict.best_epoch
            raise require("lightgbm.callback").EarlyStopException(best, env.evaluation_result_list)


class CatBoostMonitor(FrameworkMonitor):
    """Give a live verdict in CatBoost: `model.fit(..., eval_set=..., callbacks=[CatBoostMonitor()])`.

    CatBoost has no log that a callback can write to: read `verdict` after training. It calls callbacks only on the
    CPU.

    Args:
        metric: The curves to judge. Default: the loss.
        min_effect: The smallest change that matters, as a share of the loss.
        stop: End the training when overfitting is certain.
        run: Name of the run in the verdict.
        verbose: Print the verdict when it changes, to standard error.
    """

    hint = "Pass eval_set= to fit."

    def after_iteration(self, info: Any) -> bool:
        """Add a round; return whether to go on."""
        if info.iteration <= self.monitor.last_epoch:
            self.start()
        self.add(info.iteration, _last_values(info.metrics))
        return not self.monitor.certain


def _last_values(metrics: Any) -> dict[str, float]:
    """Return the last value of each metric of each set, by set-metric; of a mean with its spread the mean."""
    last = {
        f"{name}-{metric}": values[-1] for name, of in metrics.items() for metric, values in of.items() if values
    }
    return {name: value[0] if isinstance(value, tuple) else value for name, value in last.items()}
