"""`gengap diagnose`, and `gengap.diagnose` and `every` from Python."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

import gengap
from gengap.cli import app, main
from gengap.diagnose import every, evidence
from gengap.errors import DataError, UsageError
from gengap.stats.trend import Trend, fit_trend

EPOCHS = np.arange(60)
FALLING = 0.3 + 0.5 * np.exp(-EPOCHS / 40)
TURNING = 0.5 + 0.3 * np.exp(-EPOCHS / 4) + 0.004 * EPOCHS


def write(path: Path, **columns: np.ndarray) -> str:
    names = ["epoch", *columns]
    rows = np.column_stack([EPOCHS, *columns.values()])
    path.write_text("\n".join([",".join(names), *(",".join(f"{v:.9g}" for v in row) for row in rows)]))
    return str(path)


@pytest.fixture
def logs(tmp_path: Path) -> list[str]:
    return [
        write(tmp_path / "turning.csv", loss=FALLING, val_loss=TURNING),
        write(tmp_path / "falling.csv", loss=FALLING, val_loss=FALLING + 0.02),
    ]


def test_json_is_as_in_the_contract(logs: list[str]) -> None:
    result = CliRunner().invoke(app, ["diagnose", *logs, "--json"])
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["schema"] == 2
    turning, falling = document["runs"]
    assert (turning["run"], turning["metric"], turning["verdict"]) == (logs[0], "val_loss", "overfit")
    assert (falling["verdict"], falling["onset_epoch"], falling["onset_interval"]) == ("underfit", None, None)
    assert turning["best_epoch"] == int(TURNING.argmin())
    assert turning["onset_interval"][0] <= turning["best_epoch"] <= turning["onset_interval"][1]
    assert turning["rise_percent"][0] < 100 * (TURNING[-1] / TURNING.min() - 1) < turning["rise_percent"][2]
    assert set(turning["probabilities"]) == {"underfit", "good", "near-overfit", "overfit"}
    assert turning["confidence"] == turning["probabilities"]["overfit"]
    rise = turning["findings"][0]
    assert set(rise) == {"code", "severity", "parameters", "text"}
    assert (rise["code"], rise["severity"], rise["parameters"]["metric"]) == ("rise", "problem", "val_loss")
    assert rise["parameters"]["rise_percent"] == turning["rise_percent"]
    assert rise["text"].startswith("val_loss rose by ")
    assert turning["read"] == {
        **{"reader": "csv", "validation": "val_loss", "train": "loss", "points": 60},
        **{
            "first": pytest.approx(TURNING[0]),
            "last": pytest.approx(TURNING[-1]),
            "axis": "epoch",
            "notes": [],
            "not_judged": [],
        },
    }
    assert list(turning) == [
        *("run", "metric", "verdict", "confidence", "probabilities", "best_epoch", "onset_epoch", "onset_interval"),
        *("rise_percent", "ahead_percent", "gap_percent", "read", "findings", "advice"),
    ]
    assert turning["advice"][0] == "Keep the weights of the best epoch (stop early and restore them)"


def test_what_was_decided_in_reading_a_log_is_said(tmp_path: Path) -> None:
    rows = [f"{i % 30},tf.Tensor({x}),{x}" for i, x in enumerate(TURNING)]
    (tmp_path / "log.csv").write_text("\n".join(["epoch,loss,val_loss", *rows]))
    for options in ([], ["--json"]):
        result = CliRunner().invoke(app, ["diagnose", str(tmp_path / "log.csv"), *options])
        assert result.exit_code == 0 and "note:" not in result.stdout
        left_out, again = result.stderr.splitlines()[:2]
        assert "log.csv: loss was left out: " in left_out and left_out.endswith("in line 2 is not a number.")
        assert (
            "Epochs start again at 0 after 29: read as one run that continues (--restart split for two runs)."
            in again
        )


def test_the_table_shows_runs_with_their_reasons(logs: list[str]) -> None:
    result = CliRunner().invoke(app, ["diagnose", *logs])
    assert result.exit_code == 0
    for words in ("overfit", "underfit", "█", "[rise]", "[too-few-epochs]", "turning.csv"):
        assert words in result.stdout


def test_what_cannot_be_read_is_said_and_the_rest_is_answered(logs: list[str], tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.csv"
    rubbish.write_bytes(bytes(range(256)))
    trainless = write(tmp_path / "odd.csv", weight=FALLING)
    result = CliRunner().invoke(app, ["diagnose", str(rubbish), logs[0], trainless, "missing.csv", "--json"])
    runs = json.loads(result.stdout)["runs"]
    assert result.exit_code == 1
    assert [set(run) == {"run", "error"} for run in runs] == [True, False, True, True]
    assert "weight" in runs[2]["error"]
    assert "missing.csv" in runs[3]["error"]
    assert result.stderr.count("gengap: ") == 3


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--fail-on", "overfit"], 1),
        (["--fail-on", "inconclusive"], 0),
        (["--fail-on", "inconclusive", "--fail-on", "underfit"], 1),
        (["--fail-on", "bad"], 2),
    ],
)
def test_fail_on_sets_the_exit_status(logs: list[str], options: list[str], status: int) -> None:
    assert CliRunner().invoke(app, ["diagnose", *logs, *options]).exit_code == status


def test_plot_draws_every_run(logs: list[str], tmp_path: Path) -> None:
    picture = tmp_path / "verdicts.png"
    assert CliRunner().invoke(app, ["diagnose", *logs, "--plot", str(picture)]).exit_code == 0
    assert imread(picture).shape[1] > 900
    assert sorted(p.name for p in tmp_path.iterdir()) == ["falling.csv", "turning.csv", "verdicts.png"]


def test_plot_of_another_kind_is_refused(logs: list[str]) -> None:
    result = CliRunner().invoke(app, ["diagnose", logs[0], "--plot", "picture.bmp"])
    assert isinstance(result.exception, UsageError)
    assert "picture.bmp: expected a name that ends in .png, .pdf, .svg" in str(result.exception)


def test_another_metric_and_threshold(logs: list[str], tmp_path: Path) -> None:
    both = write(tmp_path / "both.csv", val_loss=TURNING, val_accuracy=1 - 0.5 * FALLING)
    options = ["--json", "--metric", "val_accuracy", "--min-effect", "0.02"]
    (run,) = json.loads(CliRunner().invoke(app, ["diagnose", both, *options]).stdout)["runs"]
    assert run["metric"] == "val_accuracy"
    assert run["best_epoch"] == 59
    with pytest.raises(UsageError, match="min_effect is 2; expected a share of the loss between 0 and 1"):
        gengap.diagnose({"val_loss": TURNING}, min_effect=2)


def test_a_verdict_is_few_calls_from_the_command(logs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    stacks: list[list[str]] = []

    def recording(*arguments: np.ndarray) -> Trend:
        frame = inspect.currentframe()
        names = []
        while frame := frame and frame.f_back:
            names.append(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}")
        stacks.append([name for name in names if name.startswith("gengap.")])
        return fit_trend(*arguments)

    monkeypatch.setattr(evidence, "fit_trend", recording)
    monkeypatch.setattr("sys.argv", ["gengap", "diagnose", logs[0]])
    with pytest.raises(SystemExit):
        main()
    assert stacks[0][-1] == "gengap.cli.main"
    assert max(map(len, stacks)) <= 7  # and the call of fit_trend is the eighth


def test_several_runs_need_a_name() -> None:
    runs = np.repeat(["a", "b"], 60)
    table = {"run": runs, "epoch": np.tile(EPOCHS, 2), "val_loss": np.concatenate([TURNING, FALLING])}
    assert [verdict.verdict for verdict in every(table)] == ["overfit", "underfit"]
    with pytest.raises(UsageError, match=r"there are 2 runs: .*a.*; name one with run="):
        gengap.diagnose(table)
    assert gengap.diagnose(table, run="b").verdict == "underfit"


def test_a_study_folder_is_diagnosed_as_the_study_did_with_its_rows(tmp_path: Path) -> None:
    options = {"train": 300, "validation": 100, "only": "sizes/Tiny", "max_epochs": 12, "seeds": 2}
    found = gengap.study("collider", **options, out=tmp_path)
    again = every(tmp_path)
    titles = [f"{tmp_path}:sizes/Tiny", f"{tmp_path}:sizes/Tiny.seed1"]
    assert [each.run for each in again] == titles
    for verdict, trial in zip(again, found.trials, strict=True):
        assert trial.verdict is not None and verdict.read is not None
        assert msgspec.structs.replace(verdict, run=trial.verdict.run, read=None) == trial.verdict
    assert again[0].read and [note.code for note in again[0].read.notes] == ["read-study-verdict"]
    by_accuracy = every(tmp_path, metric="val_accuracy")  # the study judged the loss
    assert {each.metric for each in by_accuracy} == {"val_accuracy"}
    (tmp_path / "study.json").write_text("{}")
    assert every(tmp_path)[0].best_epoch == (again[0].best_epoch or 0) - 1  # histories count from 0


def test_a_studys_summary_leads_to_its_curves(tmp_path: Path) -> None:
    gengap.study("collider", "quick", train=200, validation=50, only="sizes/Tiny", max_epochs=10, out=tmp_path)
    with pytest.raises(DataError, match=r"study\.json: it is a study's summary, .* Give the study's folder"):
        every(tmp_path / "study.json")
