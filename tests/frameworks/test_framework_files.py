"""Files that today's trackers and boosters write: `examples/framework_logs.py` makes them, gengap reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from examples import framework_logs
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import choose_curves

DATA = framework_logs.table()
TRACKERS: dict[str, tuple[Callable[[Path, framework_logs.Table], None], float]] = {
    "mlflow": (framework_logs.mlflow, 0.5),  # the learning rate of the first run
    "wandb": (framework_logs.wandb, 1.0),
    "dvclive": (framework_logs.dvclive, 1.0),
}
pytestmark = pytest.mark.filterwarnings("ignore")  # of the frameworks


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_keeps_the_curves_that_it_was_given(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    make, rate = TRACKERS[name]
    make(tmp_path, DATA)
    found = choose_curves(read(tmp_path)[0])
    epochs, train, validation = zip(*framework_logs.plain_epochs(DATA, rate), strict=True)
    assert found.log is not None and found.log.reader == name
    assert found.train is not None
    assert found.validation.epochs.tolist() == found.train.epochs.tolist() == list(epochs)
    np.testing.assert_allclose(found.validation.values, validation, rtol=1e-12)
    np.testing.assert_allclose(found.train.values, train, rtol=1e-12)


def test_a_database_of_mlflow(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    path = tmp_path / "mlflow.db"
    mlflow.set_tracking_uri(f"sqlite:///{path}")
    with mlflow.start_run(run_name="outer"), mlflow.start_run(run_name="inner", nested=True):
        for step, loss in enumerate((0.9, 0.8, float("nan"))):
            mlflow.log_metrics({"loss": loss / 2, "val_loss": loss}, step=step)
    (log,) = read(path)
    assert log.history.run == f"{path}:outer/inner"
    np.testing.assert_array_equal(log.history["validation", "loss"].values, [0.9, 0.8, np.nan])


def test_catboosts_folder(tmp_path: Path) -> None:
    pytest.importorskip("catboost")
    framework_logs.catboost(tmp_path, DATA)
    logs = {Path(log.history.run).name: log for log in read(tmp_path)}
    assert set(logs) == {"catboost_info", "two-sets", "fold-0", "fold-1", "fold-2"}
    for log in logs.values():
        assert log.reader == "catboost"
        assert choose_curves(log).metric == "test-Logloss"
        assert len(log.history["validation", "logloss"]) == framework_logs.EPOCHS
