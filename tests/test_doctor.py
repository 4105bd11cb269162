"""`gengap doctor`: its facts and checks, whatever is broken, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

import gengap
from gengap import doctor
from gengap.cli import app
from gengap.data.sources import remote
from gengap.models import saved_model as saved
from gengap.models.backend import keras


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def asked(*words: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["doctor", *words])
    assert result.exit_code == status, (result.output, result.exception)
    return result.stdout


def test_all_is_well_here(folder: Path) -> None:
    document = json.loads(asked("--json"))
    assert (document["schema"], document["ok"]) == (doctor.SCHEMA, True)
    assert {each["check"]: each["ok"] for each in document["checks"]} == dict.fromkeys(doctor.CHECKS, True)
    facts = document["facts"]
    assert facts["versions"]["gengap"] == gengap.__version__
    assert facts["versions"]["keras"] == keras.__version__
    assert facts["backend"] == "jax" and facts["devices"]
    assert facts["cores"] >= 1 and facts["memory"] > 2**28
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("option", ["--quick", "--no-check"])
def test_quick_says_facts_alone(option: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "table.parquet").write_bytes(bytes(3 * 2**20))
    said = dict(line.split(maxsplit=1) for line in asked(option).splitlines())
    facts = {*doctor.PACKAGES, "gengap", "python", "platform", "backend", "devices", "cores", "memory", "cache"}
    assert set(said) == facts | {"higgs"}
    assert said["cache"].startswith(f"{folder} (3.0 MiB; ")
    assert said["higgs"] == "not cached"
    remote._entry(remote.HIGGS_MIRRORS[0], "v1", ".csv.gz").write_bytes(b"")
    assert "higgs         cached" in asked(option)
    assert json.loads(asked(option, "--json"))["checks"] == []


def only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries that one check alone."""
    monkeypatch.setattr(doctor, "CHECKS", {key: kept for key, kept in doctor.CHECKS.items() if name in key})


def test_a_cache_folder_that_is_none_is_said_with_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_text("a file")
    only("cache", monkeypatch)
    last = asked(status=1).splitlines()[-2:]
    assert last[0].startswith("failed  the cache folder can be written to and read: ")
    assert last[1] == f"        > {doctor.OTHER_FOLDER}"


def test_a_study_that_does_not_repeat_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(9))

    def drifting(*given: object, **options: object) -> SimpleNamespace:
        series = {("train", "loss"): SimpleNamespace(values=np.array([next(numbers)]))}
        history = SimpleNamespace(series=series, __getitem__=series.__getitem__)
        return SimpleNamespace(histories=(type("Provenance", (), vars(history))(),))

    monkeypatch.setattr(sys.modules["gengap.study"], "study", drifting)
    only("study", monkeypatch)
    found = json.loads(asked("--json", status=1))["checks"][0]
    assert found["problem"] == "train/loss differs between two runs of the same trial"
    assert found["hint"] == doctor.UNREPEATABLE


def test_a_trainer_that_differs_from_keras_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter([0, 1])  # the second model has other weights
    build = gengap.Trial.build
    monkeypatch.setattr(
        gengap.Trial, "build", lambda *given, seed, **options: build(*given, seed=next(made), **options)
    )
    only("Keras", monkeypatch)
    said = asked(status=1).splitlines()
    assert ", in Keras " in said[-2]
    assert doctor.REPORT in said[-1]


def test_a_model_that_loads_as_another_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "load_saved", lambda path: doctor._model(doctor._data()))  # without preparation
    only("saved", monkeypatch)
    assert "the model that was loaded predicts something else" in asked(status=1)


def test_a_broken_installation_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "jax.py").write_text("raise ImportError('no jaxlib for this machine')")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "gengap", "doctor"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "backend       none: no jaxlib for this machine" in done.stdout
    assert f"ok      {next(iter(doctor.CHECKS))}" in done.stdout
    assert done.stdout.count(f"> {doctor.REINSTALL}") == len(doctor.CHECKS) - 1
