"""Write one small log with each framework: the files that test gengap's readers.

    python examples/framework_logs.py FOLDER [FRAMEWORK...]

Each framework trains a small model on the same small noisy table and writes its log in its own format to
FOLDER/<framework>. A framework that is not installed is skipped with a message. Nothing is downloaded.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable
from contextlib import chdir
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

EPOCHS, ROWS, COLUMNS = 12, 160, 8


class Table(NamedTuple):
    """Features (n, `COLUMNS`) float32 and labels 0 or 1 (n,), some of them wrong, for training and validation."""

    x: np.ndarray
    y: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray


def table() -> Table:
    """Return the table that all frameworks train on."""
    random = np.random.default_rng(0)
    x = random.normal(size=(2 * ROWS, COLUMNS)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + x[:, 2] + random.normal(size=2 * ROWS) > 0).astype(np.int64)
    return Table(x[:ROWS], y[:ROWS], x[ROWS:], y[ROWS:])


def keras(folder: Path, data: Table) -> None:
    """The History as JSON and as pandas writes it, CSVLogger's file, and TensorBoard's if TensorFlow is there."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(32, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    logs = [keras.callbacks.CSVLogger(folder / "training.csv")]
    if installed("tensorflow", "tensorflow-cpu"):
        logs.append(keras.callbacks.TensorBoard(folder / "tensorboard" / "dense", write_graph=False))
    validation = (data.x_validation, data.y_validation)
    fitted = model.fit(
        data.x, data.y, epochs=EPOCHS, validation_data=validation, callbacks=logs, batch_size=16, verbose="0"
    )
    write(folder / "history.json", fitted.history)
    if installed("pandas"):
        import pandas as pd

        pd.DataFrame(fitted.history).to_json(folder / "history-pandas.json")
        pd.DataFrame(fitted.history).to_csv(folder / "history-pandas.csv")
    every_third = model.fit(
        data.x, data.y, epochs=EPOCHS, validation_data=validation, validation_freq=3, verbose="0"
    )
    write(folder / "history-every-third.json", every_third.history)


def torch(folder: Path, data: Table) -> None:
    """SummaryWriter's event files: both curves as tags of one run, and by add_scalars in folders of their own."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / "tags")) as tags, SummaryWriter(str(folder / "folders")) as folders:
        for epoch, train, validation in torch_epochs(data):
            tags.add_scalar("Loss/train", train, epoch)
            tags.add_scalar("Loss/val", validation, epoch)
            tags.add_scalar("learning rate", 0.02, epoch)
            folders.add_scalars("Loss", {"train": train, "val": validation}, epoch)


def tensorboardx(folder: Path, data: Table) -> None:
    """tensorboardX's event file, two runs in one folder."""
    from tensorboardX import SummaryWriter

    for run, seed in (("first", 0), ("second", 1)):
        with SummaryWriter(str(folder / run)) as writer:
            for epoch, train, validation in torch_epochs(data, seed):
                writer.add_scalar("train/loss", train, epoch)
                writer.add_scalar("val/loss", validation, epoch)


def torch_epochs(data: Table, seed: int = 0) -> list[tuple[int, float, float]]:
    """A plain PyTorch loop: epoch, training loss and validation loss."""
    import torch

    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(COLUMNS, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    x, y, x_validation, y_validation = map(torch.as_tensor, data)
    found = []
    for epoch in range(EPOCHS):
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            judged = torch.nn.functional.cross_entropy(model(x_validation), y_validation)
        found.append((epoch, loss.item(), judged.item()))
    return found


def transformers(folder: Path, data: Table) -> None:
    """The Trainer's trainer_state.json and event file: loss every 5 steps, evaluated every 20."""
    from torch import nn
    from transformers import Trainer, TrainingArguments

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(COLUMNS, 32), nn.ReLU(), nn.Linear(32, 2))

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            logits = self.layers(x)
            return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    def rows(x: np.ndarray, y: np.ndarray) -> Any:
        return [{"x": a, "labels": b} for a, b in zip(x, y, strict=True)]

    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "events")
    settings = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=16,
        learning_rate=0.02,
        logging_steps=5,
        eval_strategy="steps",
        eval_steps=20,
        save_strategy="no",
        report_to=["tensorboard"],
        use_cpu=True,
        disable_tqdm=True,
        label_names=["labels"],
    )
    trainer = Trainer(
        model=Net(),
        args=settings,
        train_dataset=rows(data.x, data.y),
        eval_dataset=rows(data.x_validation, data.y_validation),
        compute_metrics=accuracy,
    )
    trainer.train()
    trainer.save_state()


def accuracy(prediction: Any) -> dict[str, float]:
    """Return a metric that the Trainer logs in addition to the loss."""
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def lightning(folder: Path, data: Table) -> None:
    """CSVLogger's metrics.csv and TensorBoardLogger's event file: train_loss by step and by epoch, val_loss."""
    import lightning
    import torch
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
    from torch.utils.data import DataLoader, TensorDataset

    class Net(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Linear(COLUMNS, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))

        def training_step(self, batch: Any) -> Any:
            loss = torch.nn.functional.cross_entropy(self.layers(batch[0]), batch[1])
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch: Any) -> None:
            logits = self.layers(batch[0])
            self.log("val_loss", torch.nn.functional.cross_entropy(logits, batch[1]))
            self.log("val_acc", (logits.argmax(-1) == batch[1]).float().mean())

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), 0.02)

    lightning.seed_everything(0)
    x, y, x_validation, y_validation = map(torch.as_tensor, data)
    trainer = lightning.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=[CSVLogger(folder, name=None), TensorBoardLogger(folder, name="events")],
        log_every_n_steps=5,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(
        Net(),
        DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True),
        DataLoader(TensorDataset(x_validation, y_validation), batch_size=ROWS),
    )


def xgboost(folder: Path, data: Table) -> None:
    """evals_result of the scikit-learn interface and of xgboost.train, and what xgboost.cv returns."""
    import xgboost

    both = [(data.x, data.y), (data.x_validation, data.y_validation)]
    model = xgboost.XGBClassifier(n_estimators=3 * EPOCHS, eval_metric=["logloss", "error"])
    model.fit(data.x, data.y, eval_set=both, verbose=False)
    write(folder / "evals_result.json", model.evals_result())
    train, validation = (xgboost.DMatrix(x, y) for x, y in both)
    options = {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"]}
    found: dict[str, Any] = {}
    evals = [(train, "train"), (validation, "eval")]
    xgboost.train(options, train, 3 * EPOCHS, evals=evals, evals_result=found, verbose_eval=False)
    write(folder / "train.json", found)
    if installed("pandas"):
        folds: Any = xgboost.cv(options, train, 3 * EPOCHS, nfold=4, seed=0)
        folds.to_csv(folder / "cv.csv", index=False)


def lightgbm(folder: Path, data: Table) -> None:
    """evals_result_ of the scikit-learn interface, where the training set is recognised, and without it."""
    import lightgbm

    for name, sets in (("evals_result.json", [(data.x, data.y)]), ("validation-only.json", [])):
        model = lightgbm.LGBMClassifier(n_estimators=3 * EPOCHS, verbose=-1)
        model.fit(data.x, data.y, eval_set=[*sets, (data.x_validation, data.y_validation)])
        write(folder / name, model.evals_result_)


def sklearn(folder: Path, data: Table) -> None:
    """Staged losses of gradient boosting, and the curves that the MLP keeps."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    boosted = GradientBoostingClassifier(n_estimators=5 * EPOCHS, random_state=0).fit(data.x, data.y)
    train = [log_loss(data.y, p) for p in boosted.staged_predict_proba(data.x)]
    validation = [log_loss(data.y_validation, p) for p in boosted.staged_predict_proba(data.x_validation)]
    write(folder / "staged.json", {"train": train, "validation": validation})
    mlp = MLPClassifier(32, early_stopping=True, max_iter=EPOCHS * 5, n_iter_no_change=EPOCHS * 5, random_state=0)
    mlp.set_params(learning_rate_init=0.02, validation_fraction=0.3, tol=0)
    mlp.fit(data.x, data.y)
    write(folder / "mlp.json", {"loss_curve_": mlp.loss_curve_, "validation_scores_": mlp.validation_scores_})


def mlflow(folder: Path, data: Table) -> None:
    """MLflow's folder: a run with two runs nested in it, which log one loss in a folder of metrics."""
    import mlflow

    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    mlflow.set_tracking_uri((folder.absolute() / "mlruns").as_uri())
    with mlflow.start_run(run_name="sweep"):
        for rate in (0.5, 2.0):
            with mlflow.start_run(run_name=f"rate-{rate}", nested=True):
                mlflow.log_param("rate", rate)
                for epoch, train, validation in plain_epochs(data, rate):
                    mlflow.log_metrics({"train/loss": train, "val/loss": validation}, step=epoch)


def wandb(folder: Path, data: Table) -> None:
    """Weights & Biases' files of a run without a network, in wandb/offline-run-*."""
    import wandb

    run = wandb.init(project="gengap", name="swift-sun-3", dir=folder, mode="offline")
    for epoch, train, validation in plain_epochs(data):
        run.log({"epoch": epoch, "train": {"loss": train}, "val/loss": validation})
    run.finish()
    wandb.teardown()  # waits until the file is complete


def dvclive(folder: Path, data: Table) -> None:
    """DVCLive's folder: a table for each metric."""
    from dvclive import Live

    # Without chdir, it makes a DVC repository of the Git repository that this runs in.
    with chdir(folder), Live(save_dvc_exp=False, dvcyaml=None) as live:
        for _, train, validation in plain_epochs(data):
            live.log_metric("train/loss", train)
            live.log_metric("eval/loss", validation)
            live.next_step()


def catboost(folder: Path, data: Table) -> None:
    """CatBoost's folder with one validation set, with two of them, and what catboost.cv returns."""
    import catboost

    one, *others = ((data.x_validation[part], data.y_validation[part]) for part in (slice(80), slice(80, None)))
    for name, sets in (("catboost_info", [one]), ("two-sets", [one, *others])):
        model = catboost.CatBoostClassifier(
            iterations=EPOCHS, custom_metric=["AUC"], verbose=False, train_dir=str(folder / name)
        )
        model.fit(data.x, data.y, eval_set=sets)
    options = {
        "iterations": EPOCHS,
        "loss_function": "Logloss",
        "train_dir": str(folder / "folds"),
        "verbose": False,
    }
    folds: Any = catboost.cv(catboost.Pool(data.x, data.y), options, fold_count=3, as_pandas=True)
    folds.to_csv(folder / "cv.csv")


def plain_epochs(data: Table, rate: float = 1.0) -> list[tuple[int, float, float]]:
    """A logistic regression by gradient descent: epoch, training loss and validation loss."""
    weights = np.zeros(COLUMNS)
    found = []
    for epoch in range(EPOCHS):
        probability = 1 / (1 + np.exp(-data.x @ weights))
        weights = weights - rate * data.x.T @ (probability - data.y) / ROWS
        losses = [
            float(np.mean(np.log1p(np.exp(-(2 * y - 1) * (x @ weights)))))
            for x, y in ((data.x, data.y), (data.x_validation, data.y_validation))
        ]
        found.append((epoch, *losses))
    return found


MAKERS: dict[str, tuple[Callable[[Path, Table], None], tuple[str, ...]]] = {
    "keras": (keras, ("keras",)),
    "torch": (torch, ("torch", "tensorboard")),
    "tensorboardx": (tensorboardx, ("tensorboardX", "torch")),
    "transformers": (transformers, ("transformers", "accelerate", "torch", "tensorboard")),
    "lightning": (lightning, ("lightning", "torch", "tensorboard")),
    "xgboost": (xgboost, ("xgboost",)),
    "lightgbm": (lightgbm, ("lightgbm",)),
    "sklearn": (sklearn, ("scikit-learn",)),
    "mlflow": (mlflow, ("mlflow",)),
    "wandb": (wandb, ("wandb",)),
    "dvclive": (dvclive, ("dvclive",)),
    "catboost": (catboost, ("catboost",)),
}


def installed(*packages: str) -> str | None:
    """Return the version of the first of `packages` that is installed, or None."""
    for package in packages:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None


def write(path: Path, document: Any) -> None:
    """`document` as JSON, NumPy's numbers as numbers."""
    path.write_text(json.dumps(document, default=float) + "\n")


def main(arguments: list[str]) -> None:
    """Write the requested logs."""
    unknown = set(arguments[1:]) - set(MAKERS)
    if not arguments or unknown:
        raise SystemExit(f"usage: python examples/framework_logs.py FOLDER [{' '.join(MAKERS)}]")
    for name in arguments[1:] or MAKERS:
        make, packages = MAKERS[name]
        missing = [package for package in packages if not installed(package)]
        if missing:
            print(f"{name}: passed over, {', '.join(missing)} not installed")
            continue
        folder = Path(arguments[0]) / name
        folder.mkdir(parents=True, exist_ok=True)
        random.seed(0)
        np.random.seed(0)
        make(folder, table())
        print(f"{name}: {', '.join(f'{package} {installed(package)}' for package in packages)} -> {folder}")


if __name__ == "__main__":
    main(sys.argv[1:])
