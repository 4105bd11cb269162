"""The HParams and Images dashboards' files, read back by TensorBoard's own server over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from report.tensorboard_server import ask, fetch, server

import gengap
from gengap.analysis.summary import TrialSummary
from gengap.history import History, Series
from gengap.models import L2, Clip, Dropout, Ensemble, Ftrl, Periodic, WeightDecay
from gengap.plan import Plan, Recipe, Trial
from gengap.report import tensorboard
from gengap.report.tensorboard import (
    FIGURES_FILE,
    HPARAM_NAMES,
    METRICS,
    PNG,
    STUDY_FILE,
    TRIAL_FILE,
    HparamsSession,
    hparams_session,
    write_images,
    write_sessions,
)
from gengap.train.recipe import Constant

pytestmark = pytest.mark.usefixtures("whole_studies")

ALL_GROUPS = json.dumps(
    {
        "startIndex": 0,
        "sliceSize": 99,
        "allowedStatuses": [f"STATUS_{s}" for s in ("SUCCESS", "FAILURE", "RUNNING")],
    }
)
RECIPE = Recipe(batch=100, max_epochs=4, schedule=Constant(0.01))
PLAN = Plan(
    name="little",
    trials=(
        Trial(run="sizes/Tiny", units=(16,), aliases=("regularizers/Tiny",)),
        Trial(run="sizes/Two", units=(32, 8), treatments=(L2(0.001), Dropout(0.5)), batch=50),
    ),
    recipe=RECIPE,
)


def summary(**changed: Any) -> TrialSummary:
    metrics = {
        "train": {"binary_crossentropy": 0.5, "accuracy": 0.75},
        "validation": {"binary_crossentropy": 0.625, "accuracy": 0.7, "auc": 0.8},
    }
    known: dict[str, Any] = {"run": "a", "seed": 0, "parameters": 481, "epochs": 4, "best_epoch": 2}
    known |= {"metrics": metrics, "stopped": "max-epochs", "seconds": 8.0, "began": 1000.0}
    return TrialSummary(**known | changed)


def made(run: str = "a", treatments: tuple[Any, ...] = (), **changed: Any) -> HparamsSession:
    return hparams_session(run, Trial(run="any", units=(16, 16), treatments=treatments), RECIPE, summary(**changed))


def groups(address: str) -> dict[str, Any]:
    answer = ask(address, "hparams/session_groups", request=ALL_GROUPS)
    return {group["name"]: group for group in answer["sessionGroups"]}


def measured(group: dict[str, Any]) -> dict[str, tuple[float, int]]:
    return {one["name"]["tag"]: (one["value"], one["trainingStep"]) for one in group["metricValues"]}


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_server_shows_a_studys_settings_metrics_and_pictures(tmp_path: Path) -> None:
    found = gengap.study("collider", PLAN, train=400, validation=120, seeds=2, out=tmp_path)
    with server(tmp_path / "tensorboard") as address:
        experiment = ask(address, "hparams/experiment", request="{}")
        shown = groups(address)
        tags = ask(address, "images/tags")["."]
        pictures = {}
        for tag in tags:
            (image,) = ask(address, "images/images", run=".", tag=tag, sample="0")
            (key,) = parse_qs(image["query"])["blob_key"]
            pictures[tag] = fetch(address, "images/individualImage", blob_key=key)
    assert {info["name"] for info in experiment["hparamInfos"]} == set(HPARAM_NAMES)
    of_classes = {
        tag: name for tag, (name, _) in METRICS.items() if tag != "of_best_epoch/r2"
    }  # a metric of numbers
    assert [info["displayName"] for info in experiment["metricInfos"]] == list(of_classes.values())
    assert set(shown) == {"sizes/Tiny", "sizes/Two", "sizes/Tiny.seed1", "sizes/Two.seed1"}
    for trial in found.trials:
        group = shown[trial.run + (".seed1" if trial.seed else "")]
        assert (group["hparams"]["seed"], group["hparams"]["parameters"]) == (
            str(trial.seed),
            str(trial.parameters),
        )
        validation = trial.metrics["validation"]
        expected = (validation["binary_crossentropy"], validation["accuracy"], trial.gap, validation["auc"])
        assert trial.best_epoch is not None
        assert measured(group) == {
            tag: (pytest.approx(value, rel=1e-6), trial.best_epoch - 1)
            for tag, value in zip(of_classes, expected, strict=True)
        }
    assert shown["sizes/Two"]["hparams"] == {
        "size": "32-8",
        "units": "32",
        "layers": "2",
        "parameters": "1201",
        "log10 parameters": pytest.approx(np.log10(1201)),
        "regulariser": "l2 + dropout",
        "strength": 0.001,
        "treatments": "l2 0.001 + dropout 0.5",
        "batch": "50",
        "learning rate": 0.01,
        "share": 1,
        "seed": "0",
    }
    parameters = next(info for info in experiment["hparamInfos"] if info["name"] == "parameters")
    assert parameters["domainDiscrete"] == sorted(parameters["domainDiscrete"], key=int)
    files = {f"figures/{path.stem}": path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert pictures == files and files


def test_a_trial_that_diverged_failed_and_has_no_metrics(tmp_path: Path) -> None:
    write_sessions([made("good"), made("bad", best_epoch=None, metrics={}, stopped="diverged")], tmp_path)
    with server(tmp_path) as address:
        shown = groups(address)
    assert shown["good"]["sessions"][0]["status"] == "STATUS_SUCCESS"
    assert (shown["good"]["sessions"][0]["startTimeSecs"], shown["good"]["sessions"][0]["endTimeSecs"]) == (
        1000,
        1008,
    )
    assert measured(shown["good"])["of_best_epoch/gap"] == (0.125, 1)
    assert shown["bad"]["sessions"][0]["status"] == "STATUS_FAILURE"
    assert measured(shown["bad"]) == {}


def test_hostile_but_possible_names_come_through(tmp_path: Path) -> None:
    run = "sizes/$x <b>한&'\""
    write_sessions([made(run)], tmp_path)
    with server(tmp_path) as address:
        assert set(groups(address)) == {run}


@pytest.mark.parametrize(
    ("treatments", "kinds", "strength", "rate"),
    [
        ((), "none", 0.0, 0.01),
        ((Dropout(0.25),), "dropout", 0.25, 0.01),
        ((L2(0.5), Dropout(0.25)), "l2 + dropout", 0.5, 0.01),
        (
            (Clip(4.0), Periodic(), Ensemble(4), WeightDecay(0.125)),
            "clip + periodic + ensemble + weight-decay",
            0.125,
            0.01,
        ),
        ((Ftrl(0.5, learning_rate=0.75),), "ftrl", 0.5, 0.75),
    ],
)
def test_regularisers_are_told_by_kind_and_strength(
    treatments: tuple[Any, ...], kinds: str, strength: float, rate: float
) -> None:
    settings = made(treatments=treatments).settings
    assert (settings["regulariser"], settings["strength"], settings["learning rate"]) == (kinds, strength, rate)


def test_writing_again_replaces(tmp_path: Path) -> None:
    write_sessions([made(seed=1)], tmp_path)
    write_sessions([made(seed=2)], tmp_path)
    assert names(tmp_path) == {STUDY_FILE, f"a/{TRIAL_FILE}"}
    with server(tmp_path) as address:
        assert groups(address)["a"]["hparams"]["seed"] == "2"


def test_curves_beside_the_sessions_stay(tmp_path: Path) -> None:
    curves = History("a", 0, {("train", "loss"): Series(np.arange(3), np.ones(3))})
    for run in ("a", "a/train"):  # one run's split has the name of the other
        tensorboard.write(curves.renamed(run), tmp_path)
    write_sessions([made("a"), made("a/train")], tmp_path)
    files = {f"a/train/{tensorboard.FILE}", f"a/train/train/{tensorboard.FILE}"}
    assert names(tmp_path) == {STUDY_FILE, f"a/{TRIAL_FILE}", f"a/train/{TRIAL_FILE}"} | files


def test_diagnose_reads_the_same_runs_as_without_sessions(tmp_path: Path) -> None:
    loss = Series(np.arange(40), 0.5 + 0.4 * 0.8 ** np.arange(40))
    tensorboard.write(History("a", 0, {("train", "loss"): loss, ("validation", "loss"): loss}), tmp_path)
    before = gengap.diagnose(tmp_path)
    write_sessions([made("a")], tmp_path)
    write_images([], tmp_path)
    assert gengap.diagnose(tmp_path) == before


def test_only_pictures_are_shown_as_such(tmp_path: Path) -> None:
    picture = PNG + b"\0\0\0\rIHDR" + (7).to_bytes(4) + (5).to_bytes(4)
    for name, content in (("good", picture), ("cut", picture[:-1]), ("text", b"no picture")):
        (tmp_path / f"{name}.png").write_bytes(content)
    given = [tmp_path / f"{name}.png" for name in ("good", "cut", "text", "absent")]
    write_images(given[::-1], tmp_path / "logs")
    write_images(given, tmp_path / "logs")
    assert names(tmp_path / "logs") == {FIGURES_FILE}
    with server(tmp_path / "logs") as address:
        assert list(ask(address, "images/tags")["."]) == ["figures/good"]
        (image,) = ask(address, "images/images", run=".", tag="figures/good", sample="0")
        (key,) = parse_qs(image["query"])["blob_key"]
        assert fetch(address, "images/individualImage", blob_key=key) == picture


def test_no_tensorflow_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from gengap.report import tensorboard\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "settings = dict.fromkeys(tensorboard.HPARAM_NAMES, 1.0)\n"
        "one = tensorboard.HparamsSession('a', settings, {'of_best_epoch/loss': 0.5}, 1, 0.0, 1.0, False)\n"
        "tensorboard.write_sessions([one], folder)\n"
        "tensorboard.write_images([], folder)\n"
        "print(sorted({'tensorflow', 'keras', 'jax', 'matplotlib'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_curves_come_before_single_dots_in_tensorboards_order() -> None:
    curves = [f"epoch_{metric}" for metric in ("accuracy", "binary_crossentropy", "loss", "val_zzz")]
    assert sorted([*METRICS, *curves])[: len(curves)] == sorted(curves)
