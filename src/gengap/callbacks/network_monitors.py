"""Callbacks for networks: Hugging Face's Trainer, Lightning and skorch."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

from gengap.callbacks.framework_monitor import FrameworkMonitor, require

LIGHTNING = ("lightning.pytorch", "pytorch_lightning")  # two names of one package, with classes of their own


class TrainerMonitor(FrameworkMonitor):
    """Give a live verdict in Hugging Face's Trainer: `Trainer(..., callbacks=[TrainerMonitor()])`.

    Each evaluation is an epoch of the curves, at its global step. The training loss is the mean of the losses that
    were logged since the evaluation before. Verdicts are written to `state.log_history`, which the Trainer saves in
    trainer_state.json.

    Args:
        metric: The curves to judge. Default: the loss.
        min_effect: The smallest change that matters, as a share of the loss.
        stop: End the training when overfitting is certain.
        run: Name of the run in the verdict.
        verbose: Print the verdict when it changes, to standard error.
    """

    hint = "Pass eval_dataset= and eval_strategy='epoch' or 'steps'."

    @classmethod
    def _bases(cls) -> tuple[type, ...]:
        return (require("transformers").TrainerCallback,)

    def start(self) -> None:
        """Begin a new run."""
        super().start()
        self._losses: list[float] = []
        self._evaluated: tuple[int, dict[str, Any]] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin a new run."""
        self.start()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Keep the training losses."""
        if logs and "loss" in logs:
            self._losses.append(float(logs["loss"]))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        """Keep the metrics of an evaluation; several sets are evaluated one after the other."""
        step, before = state.global_step, self._evaluated
        if before is not None and before[0] < step:
            self._add(state, control)
        known = self._evaluated[1] if self._evaluated else {}
        self._evaluated = step, {**known, **(metrics or {})}

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Add what was evaluated after the step before."""
        return self._add(state, control)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Give the last verdict."""
        self._add(state, control)
        self._note(state, self.finish())
        return control

    def _add(self, state: Any, control: Any) -> Any:
        if self._evaluated is not None:
            (step, metrics), self._evaluated = self._evaluated, None
            losses, self._losses = self._losses, []
            train = {"train_loss": sum(losses) / len(losses)} if losses else {}
            if step > self.monitor.last_epoch:
                self._note(state, self.add(step, {**train, **metrics}))
            if self.monitor.certain:
                control.should_training_stop = True
        return control

    def _note(self, state: Any, shares: dict[str, Any]) -> None:
        if shares and state.is_world_process_zero:
            state.log_history.append({**shares, "epoch": state.epoch, "step": state.global_step})


class LightningMonitor(FrameworkMonitor):
    """Give a live verdict in Lightning: `Trainer(callbacks=[LightningMonitor()])`.

    At the end of an epoch with validation, the callback takes what the module logged with `self.log`. Verdicts are
    logged by the trainer's loggers.

    Args:
        metric: The curves to judge. Default: the loss.
        min_effect: The smallest change that matters, as a share of the loss.
        stop: End the training when overfitting is certain.
        run: Name of the run in the verdict.
        verbose: Print the verdict when it changes, to standard error.
    """

    hint = "Log it in validation_step: self.log('val_loss', loss)."

    @classmethod
    def _bases(cls) -> tuple[type, ...]:
        loaded = [name for name in LIGHTNING if name in sys.modules]
        if not loaded:
            loaded = [LIGHTNING[1]] if find_spec(LIGHTNING[1]) else [LIGHTNING[0]]
        return tuple(require(name).Callback for name in loaded)

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin a new run."""
        self.start()
        self._validated = False

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Remember that the metrics of validation are of this epoch."""
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Add the epoch."""
        if self._validated:
            self._validated = False
            self._note(trainer, self.add(trainer.current_epoch, trainer.callback_metrics))
            if self.monitor.certain:
                trainer.should_stop = True

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Give the last verdict."""
        self.finish()

    def _note(self, trainer: Any, shares: dict[str, float]) -> None:
        for logger in trainer.loggers if shares else ():
            logger.log_metrics(shares, step=trainer.global_step)


class SkorchMonitor(FrameworkMonitor):
    """Give a live verdict in skorch: `NeuralNetClassifier(..., callbacks=[SkorchMonitor()])`.

    Verdicts are recorded in the net's history, and so appear in its printed table.

    Args:
        metric: The curves to judge. Default: the loss.
        min_effect: The smallest change that matters, as a share of the loss.
        stop: End the training when overfitting is certain, as skorch's own EarlyStopping does.
        run: Name of the run in the verdict.
        verbose: Print the verdict when it changes, to standard error.
    """

    hint = "Leave train_split on, so that skorch measures valid_loss."

    @classmethod
    def _bases(cls) -> tuple[type, ...]:
        return (require("skorch.callbacks").Callback,)

    def initialize(self) -> SkorchMonitor:
        """Begin a new run."""
        self.start()
        return self

    def on_epoch_end(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **_: Any) -> None:
        """Add the epoch."""
        row = net.history[-1]
        values = {name: value for name, value in row.items() if name != "batches" and not name.endswith("_best")}
        for name, share in self.add(row["epoch"], values).items():
            net.history.record(name, share)
        if self.monitor.certain:
            net.history.record("gengap_verdict", self.verdict.verdict)
            raise KeyboardInterrupt  # skorch ends its loop on this, and keeps the net

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:  # noqa: N803
        """Give the last verdict."""
        for name, value in self.finish().items():
            net.history.record(name, value)
