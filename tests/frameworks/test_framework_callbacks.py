"""The callbacks in the real frameworks: each sees the framework's curves, and its verdict is in their log.

`make test-frameworks` runs this in an environment with all of them. Elsewhere missing frameworks are skipped.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import copy
import importlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from gengap import callbacks
from gengap.callbacks.framework_monitor import FrameworkMonitor
from gengap.diagnose.readers import read
from gengap.errors import UsageError

ROUNDS = 80
Rows = tuple[np.ndarray, np.ndarray]


class Logged(NamedTuple):
    """What the framework itself logged: its curves, and the verdict that the callback put beside them."""

    train: list[float]
    validation: list[float]
    verdict: str | None


def rows(count: int, seed: int) -> Rows:
    """Rows of a rule with much noise, of which a large model learns 60 by heart."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 8)).astype(np.float32)
    return x, (x[:, 0] + 2 * random.normal(size=count) > 0).astype(np.int64)


TRAIN, VALIDATION = rows(60, 1), rows(400, 2)


def xgboost(monitor: Any, folder: Path) -> Logged:
    import xgboost

    model = xgboost.XGBClassifier(n_estimators=ROUNDS, learning_rate=0.5, n_jobs=1, callbacks=[monitor])
    model.fit(*TRAIN, eval_set=[TRAIN, VALIDATION], verbose=False)
    train, validation = (model.evals_result()[name]["logloss"] for name in ("validation_0", "validation_1"))
    return Logged(train, validation, model.get_booster().attr("gengap_verdict"))


def lightgbm(monitor: Any, folder: Path) -> Logged:
    import lightgbm

    model = lightgbm.LGBMClassifier(
        n_estimators=ROUNDS, learning_rate=0.3, min_child_samples=2, n_jobs=1, verbose=-1
    )
    model.fit(*TRAIN, eval_set=[TRAIN, VALIDATION], callbacks=[monitor])
    train, validation = (model.evals_result_[name]["binary_logloss"] for name in ("training", "valid_1"))
    return Logged(train, validation, model.booster_.gengap_verdict)


def catboost(monitor: Any, folder: Path) -> Logged:
    import catboost

    model = catboost.CatBoostClassifier(
        iterations=ROUNDS, learning_rate=0.7, depth=6, thread_count=1, verbose=False, train_dir=str(folder)
    )
    model.fit(*TRAIN, eval_set=VALIDATION, callbacks=[monitor], use_best_model=False)
    result = model.evals_result_
    return Logged(result["learn"]["Logloss"], result["validation"]["Logloss"], None)


def network() -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2))


def skorch(monitor: Any, folder: Path) -> Logged:
    import torch
    from skorch import NeuralNetClassifier
    from skorch.dataset import Dataset
    from skorch.helper import predefined_split

    net = NeuralNetClassifier(
        network(),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=ROUNDS,
        train_split=predefined_split(Dataset(*VALIDATION)),
        callbacks=[("gengap", monitor)],
        verbose=0,
    )
    net.fit(*TRAIN)
    return Logged(net.history[:, "train_loss"], net.history[:, "valid_loss"], net.history[-1]["gengap_verdict"])


def lightning(monitor: Any, folder: Path) -> Logged:
    return in_lightning(monitor, folder, "lightning.pytorch")


def pytorch_lightning(monitor: Any, folder: Path) -> Logged:
    return in_lightning(monitor, folder, "pytorch_lightning")


def in_lightning(monitor: Any, folder: Path, package: str) -> Logged:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    pl: Any = importlib.import_module(package)
    loggers: Any = importlib.import_module(f"{package}.loggers")

    class Net(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layers = network()

        def training_step(self, batch: Any) -> Any:
            loss = torch.nn.functional.cross_entropy(self.layers(batch[0]), batch[1])
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch: Any) -> None:
            self.log("val_loss", torch.nn.functional.cross_entropy(self.layers(batch[0]), batch[1]))

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), 0.01)

    trainer = pl.Trainer(
        max_epochs=ROUNDS,
        accelerator="cpu",
        logger=loggers.CSVLogger(folder, name=None),
        callbacks=[monitor],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    data = [DataLoader(TensorDataset(*map(torch.as_tensor, part)), batch_size=400) for part in (TRAIN, VALIDATION)]
    trainer.fit(Net(), *data)
    log = read(folder / "version_0" / "metrics.csv")[0]
    noted = any("gengap_overfit" in name for name in log.other)
    train, validation = (log.history[split, "loss"].values.tolist() for split in ("train", "validation"))
    return Logged(train, validation, monitor.verdict.verdict if noted else None)


def transformers(monitor: Any, folder: Path) -> Logged:
    import torch
    from transformers import Trainer, TrainingArguments

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = network()

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            logits = self.layers(x)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    settings = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=ROUNDS,
        per_device_train_batch_size=60,
        per_device_eval_batch_size=400,
        learning_rate=0.01,
        logging_strategy="epoch",
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        label_names=["labels"],
    )
    parts = [[{"x": a, "labels": b} for a, b in zip(*part, strict=True)] for part in (TRAIN, VALIDATION)]
    trainer = Trainer(Net(), settings, train_dataset=parts[0], eval_dataset=parts[1], callbacks=[monitor])
    trainer.train()
    history = trainer.state.log_history
    curves = [[record[name] for record in history if name in record] for name in ("loss", "eval_loss")]
    verdicts = [record["gengap_verdict"] for record in history if "gengap_verdict" in record]
    return Logged(curves[0], curves[1], verdicts[-1] if verdicts else None)


FRAMEWORKS: dict[str, tuple[Callable[[Any, Path], Logged], type[FrameworkMonitor], str]] = {
    "xgboost": (xgboost, callbacks.XGBoostMonitor, "xgboost"),
    "lightgbm": (lightgbm, callbacks.LightGBMMonitor, "lightgbm"),
    "catboost": (catboost, callbacks.CatBoostMonitor, "catboost"),
    "skorch": (skorch, callbacks.SkorchMonitor, "skorch"),
    "lightning": (lightning, callbacks.LightningMonitor, "lightning.pytorch"),
    "pytorch_lightning": (pytorch_lightning, callbacks.LightningMonitor, "pytorch_lightning"),
    "transformers": (transformers, callbacks.TrainerMonitor, "transformers"),
}
pytestmark = pytest.mark.filterwarnings("ignore")  # of the frameworks


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> tuple[Callable[[Any, Path], Logged], type[FrameworkMonitor]]:
    train, kind, module = FRAMEWORKS[request.param]
    pytest.importorskip(module)
    return train, kind


def test_a_callback_sees_the_curves_of_the_framework(framework: Any, tmp_path: Path, capfd: Any) -> None:
    train, kind = framework
    monitor = kind()
    logged = train(monitor, tmp_path)
    history = monitor.monitor.history
    np.testing.assert_allclose(history["validation", metric(history)].values, logged.validation, rtol=1e-4)
    np.testing.assert_allclose(history["train", metric(history)].values, logged.train, rtol=1e-4)
    assert len(logged.validation) == ROUNDS
    assert monitor.verdict.verdict == "overfit"
    assert logged.verdict in ("overfit", None) and (logged.verdict or kind is callbacks.CatBoostMonitor)
    assert "gengap: epoch" in capfd.readouterr().err


def metric(history: Any) -> str:
    (name,) = {name for split, name in history.series if split == "validation" and "loss" in name}
    return name


def test_overfitting_stops_the_training(framework: Any, tmp_path: Path, capfd: Any) -> None:
    train, kind = framework
    monitor = kind(stop=True, verbose=False)
    logged = train(monitor, tmp_path)
    assert monitor.monitor.certain
    assert 3 < len(logged.validation) < ROUNDS
    assert "gengap" not in capfd.readouterr().err


def test_a_callback_can_be_copied_and_pickled(framework: Any, tmp_path: Path) -> None:
    train, kind = framework
    monitor = kind(min_effect=0.02, verbose=False)
    for other in (copy.deepcopy(monitor), pickle.loads(pickle.dumps(monitor))):
        assert type(other) is type(monitor) and other.min_effect == 0.02
        assert len(train(other, tmp_path).validation) == ROUNDS


def test_the_verdict_goes_to_an_active_run_of_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("xgboost")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    with mlflow.start_run() as run:
        xgboost(callbacks.XGBoostMonitor(verbose=False), tmp_path)
    found = mlflow.get_run(run.info.run_id).data
    assert found.tags["gengap_verdict"] == "overfit"
    assert found.metrics["gengap_overfit"] > 0.5


def test_the_verdict_goes_to_an_active_run_of_weights_and_biases(tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb")
    pytest.importorskip("xgboost")
    with wandb.init(mode="offline", dir=tmp_path) as run:
        xgboost(callbacks.XGBoostMonitor(verbose=False), tmp_path)
        assert run.summary["gengap_verdict"] == "overfit"


def test_a_missing_framework_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for _, kind, module in FRAMEWORKS.values():
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.setitem(sys.modules, module.partition(".")[0], None)
        if kind not in (callbacks.CatBoostMonitor, callbacks.LightGBMMonitor):  # they have no class of callbacks
            monkeypatch.setitem(sys.modules, f"{module}.callback", None)
            monkeypatch.setitem(sys.modules, f"{module}.callbacks", None)
            with pytest.raises(UsageError, match=r"can't be imported .*Install it: pip install"):
                kind()
