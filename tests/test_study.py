"""The whole story on a small scale: files, contracts, resuming, interrupting."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from light import optimised, studies_as_for_users
from live_made import write_finished

import gengap
from gengap.analysis.summary import TrialSummary
from gengap.errors import PlaceError, PlanError, StudyFolderError, UsageError
from gengap.models.backend import keras
from gengap.plan import Plan, Recipe, Trial
from gengap.study import Study
from gengap.study.folder import TRIAL_SCHEMA, StudyFolder
from gengap.study.progress import SilentDisplay
from gengap.train.types import Progress

ROWS: dict[str, Any] = {"train": 400, "validation": 120}
PLAN = Plan(
    name="little",
    trials=(
        Trial(run="sizes/Tiny", units=(16,), aliases=("regularizers/Tiny",)),
        Trial(run="sizes/Wide", units=(64, 64), treatments=(gengap.models.L2(0.01), gengap.models.Dropout(0.2))),
    ),
    recipe=Recipe(batch=100, max_epochs=6),
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Study:
    with studies_as_for_users():
        return gengap.study(
            "collider", PLAN, **ROWS, test=50, seeds=2, out=tmp_path_factory.mktemp("study") / "here"
        )


def test_study_json_is_as_the_contract_says(kept: Study) -> None:
    assert kept.folder
    document = json.loads((kept.folder / "study.json").read_text())
    assert list(document)[:7] == ["schema", "source", "task", "rows", "plan", "seconds", "trials"]
    assert document["rows"] == {"train": 400, "validation": 120, "test": 50}
    assert [(t["run"], t["seed"]) for t in document["trials"]] == [
        ("sizes/Tiny", 0),
        ("sizes/Wide", 0),
        ("sizes/Tiny", 1),
        ("sizes/Wide", 1),
    ]
    trial = document["trials"][0]
    assert trial["parameters"] == 481
    assert trial["epochs"] == 6
    assert trial["stopped"] == "max-epochs"
    assert set(trial["metrics"]["validation"]) == {"binary_crossentropy", "accuracy", "auc"}
    logged = kept.histories[0]["validation", "binary_crossentropy"].at(trial["best_epoch"] - 1)
    assert trial["metrics"]["validation"]["binary_crossentropy"] == logged


def test_histories_are_one_long_table(kept: Study) -> None:
    assert kept.folder
    table = pq.read_table(kept.folder / "histories.parquet")
    assert table.column_names == ["run", "seed", "epoch", "split", "metric", "value"]
    assert set(table["run"].to_pylist()) == {"sizes/Tiny", "sizes/Wide"}
    assert set(table["seed"].to_pylist()) == {0, 1}
    assert set(table["split"].to_pylist()) == {"train", "validation"}


def test_each_saved_model_predicts_the_logged_validation_loss_from_raw_rows(kept: Study) -> None:
    assert kept.folder
    raw = gengap.load("collider", **ROWS, preparation="raw").validation
    for trial in kept.trials:
        suffix = "" if trial.seed == 0 else f".seed{trial.seed}"
        model = keras.saving.load_model(kept.folder / "models" / f"{trial.run}{suffix}.keras", safe_mode=True)
        result = model.evaluate(raw.x, raw.y[:, None], verbose=0, return_dict=True)
        for metric in ("binary_crossentropy", "accuracy"):
            assert result[metric] == pytest.approx(trial.metrics["validation"][metric], rel=1e-4)
        logged = next(h for h in kept.histories if (h.run, h.seed) == (trial.run, trial.seed))
        assert trial.best_epoch is not None
        assert result["loss"] == pytest.approx(logged["validation", "loss"].at(trial.best_epoch - 1), rel=1e-4)


def test_a_column_in_tiny_units_is_prepared_the_same_in_the_saved_model(tmp_path: Path) -> None:
    rows = gengap.load("collider", **ROWS, preparation="raw")
    x = np.concatenate([rows.train.x, rows.validation.x]) * np.float32(1e-9)
    table = x, np.concatenate([rows.train.y, rows.validation.y])
    found = gengap.study(table, PLAN, **ROWS, out=tmp_path, only="sizes/Wide")
    raw = gengap.load(table, **ROWS, preparation="raw").validation
    model = keras.saving.load_model(tmp_path / "models" / "sizes" / "Wide.keras")
    result = model.evaluate(raw.x, raw.y[:, None], verbose=0, return_dict=True)
    logged = found.trials[0].metrics["validation"]["binary_crossentropy"]
    assert result["binary_crossentropy"] == pytest.approx(logged, rel=1e-3)


def test_test_rows_do_not_change_what_is_trained(kept: Study, tmp_path: Path) -> None:
    assert kept.folder
    copy = shutil.copytree(kept.folder, tmp_path / "copy")

    class Watching(SilentDisplay):
        def progress(self, progress: Progress) -> None:
            raise AssertionError("trained again")

    again = gengap.study("collider", PLAN, **ROWS, test=70, seeds=2, out=copy, display=Watching())
    assert [trial.with_test({}) for trial in again.trials] == [trial.with_test({}) for trial in kept.trials]


def test_only_the_kept_trial_has_test_metrics(kept: Study) -> None:
    recommendation, held_out = kept.summary.recommendation, kept.summary.test
    assert recommendation and held_out
    tested = [trial for trial in kept.trials if "test" in trial.metrics]
    assert kept.folder and held_out.run == recommendation.run
    if (kept.folder / "models" / "best.keras").exists():
        assert [(trial.run, trial.seed) for trial in tested] == [(recommendation.run, recommendation.seed)]
        assert tested[0].metrics["test"] == held_out.metrics
    else:  # a baseline or a mean is recommended, which is no trial
        assert not tested


def test_a_trial_whose_model_was_lost_is_trained_again(tmp_path: Path) -> None:
    gengap.study("collider", PLAN, **ROWS, out=tmp_path, only="sizes/Tiny")
    (tmp_path / "models" / "sizes" / "Tiny.keras").unlink()
    gengap.study("collider", PLAN, **ROWS, out=tmp_path, only="sizes/Tiny")
    assert (tmp_path / "models" / "sizes" / "Tiny.keras").exists()


def test_trials_beside_a_faulty_one_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Trial.build

    def faulty(self: Trial, *arguments: Any, **options: Any) -> keras.Model:
        if self.run == "sizes/Tiny":
            raise RuntimeError("out of luck")
        return build(self, *arguments, **options)

    monkeypatch.setattr(Trial, "build", faulty)
    with pytest.raises(RuntimeError, match="out of luck"):
        gengap.study("collider", PLAN, **ROWS, out=tmp_path)
    assert (tmp_path / "trials" / "sizes" / "Wide.seed0.parquet").exists()


def test_pictures_and_logs_are_there_for_both_groups(kept: Study) -> None:
    assert kept.folder
    figures = {path.name for path in (kept.folder / "figures").iterdir()}
    assert figures == {"sizes.png", "regularizers.png", "learning_rate.png", "features.png", "loss-by-size.png"}
    for run in ("sizes/Tiny", "regularizers/Tiny", "sizes/Wide"):
        for split in ("train", "validation"):
            assert list((kept.folder / "tensorboard" / run / split).glob("events.out.tfevents*"))


def test_the_same_call_resumes_and_trains_nothing_again(kept: Study) -> None:
    seen: list[tuple[str, bool]] = []

    class Watching(SilentDisplay):
        def finished(self, trial: TrialSummary, reused: bool) -> None:
            seen.append((trial.run, reused))

        def progress(self, progress: Progress) -> None:
            raise AssertionError("trained again")

    again = gengap.study("collider", PLAN, **ROWS, test=50, seeds=2, out=kept.folder, display=Watching())
    assert len(seen) == 4 and all(from_before for _, from_before in seen)
    for old, new in zip(kept.histories, again.histories, strict=True):
        for key, series in old.series.items():
            np.testing.assert_array_equal(series.values, new.series[key].values)
    assert again.trials == kept.trials


def test_another_plan_or_other_data_is_never_mixed_in(kept: Study) -> None:
    with pytest.raises(StudyFolderError, match=r"sizes/Tiny trained with max_epochs 6 \(now 5\)"):
        gengap.study("collider", PLAN.with_max_epochs(5), **ROWS, test=50, out=kept.folder)
    with pytest.raises(StudyFolderError, match="trained with other rows"):
        gengap.study("collider", PLAN, train=401, validation=120, out=kept.folder)


@pytest.fixture(scope="module")
def undisturbed() -> Study:
    return gengap.study("collider", PLAN.with_max_epochs(40), **ROWS)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_finished_trials_and_the_next_call_ends_the_same(
    sent: signal.Signals, undisturbed: Study, tmp_path: Path
) -> None:
    plan, whole = PLAN.with_max_epochs(40), undisturbed

    class Impatient(SilentDisplay):
        heard = threading.Event()

        def progress(self, progress: Progress) -> None:
            if progress.run == "sizes/Wide" and not self.heard.is_set():
                signal.pthread_kill(threading.main_thread().ident or 0, sent)
                assert self.heard.wait(60)

        def interrupted(self) -> None:
            self.heard.set()

    assert threading.current_thread() is threading.main_thread()
    part = gengap.study("collider", plan, **ROWS, jobs=1, out=tmp_path / "s", display=Impatient())
    assert part.summary.interrupted
    assert len(part.trials) == 1
    rest = gengap.study("collider", plan, **ROWS, jobs=1, out=tmp_path / "s")
    assert not rest.summary.interrupted
    for a, b in zip(whole.histories, rest.histories, strict=True):
        for key, series in a.series.items():
            np.testing.assert_array_equal(series.values, b.series[key].values)


def test_side_by_side_trials_log_what_they_log_alone(kept: Study) -> None:
    alone = gengap.study("collider", PLAN, **ROWS, test=50, seeds=2, jobs=1)
    for a, b in zip(kept.histories, alone.histories, strict=True):
        for key, series in a.series.items():
            np.testing.assert_array_equal(series.values, b.series[key].values)


def test_wrong_calls_fail_before_any_row_is_read(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no trial matches"):
        gengap.study("nowhere.csv", "quick", only="sizes/Huge")
    with pytest.raises(PlanError, match="there is no plan 'fast'"):
        gengap.study("nowhere.csv", "fast")
    with pytest.raises(UsageError, match="seeds is 0"):
        gengap.study("nowhere.csv", seeds=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(PlaceError, match="file is a file, so nothing can be below it"):
        gengap.study("nowhere.csv", out=tmp_path / "file")


def test_a_trial_of_an_earlier_format_is_refused_by_name(tmp_path: Path) -> None:
    """Its best epoch counts from 0 and would be taken for the one before."""
    write_finished(tmp_path, "sizes/Tiny")
    folder = StudyFolder(tmp_path)
    for name in ("models/sizes/Tiny.keras", "trials/sizes/Tiny.seed0.npz"):
        folder.write(name, b"")
    path = folder.trial_file("sizes/Tiny", 0)
    table = pq.read_table(path)
    metadata = {name: value for name, value in table.schema.metadata.items() if name != TRIAL_SCHEMA.encode()}
    with folder.writing(path) as part:
        pq.write_table(table.replace_schema_metadata(metadata), part)
    with pytest.raises(StudyFolderError, match=r"Tiny\.seed0\.parquet has an older format; name"):
        folder.finished("sizes/Tiny", 0, "")
    with pytest.raises(StudyFolderError, match="has an older format"):  # before the table is read
        gengap.study("nothing.csv", PLAN, out=tmp_path)


def test_plot_draws_a_group(kept: Study) -> None:
    axes = kept.plot("sizes", log_epochs=True)
    assert len(axes.lines) >= 4
    with pytest.raises(UsageError, match="no group 'colours', expected sizes, regularizers"):
        kept.plot("colours")


def test_the_tutorials_split_on_real_rows(higgs_path: Path) -> None:
    dataset = gengap.load(higgs_path, preparation="raw", test=4_978)
    assert (len(dataset.train), len(dataset.validation)) == (10_000, 1_000)
    assert dataset.test and len(dataset.test) == 4_978
    assert dataset.validation.x[0, :3] == pytest.approx([0.869, -0.635, 0.226])  # the file's first row
    assert dataset.target == "label"


def test_quick_trials_on_real_rows_tell_the_tutorials_story(higgs_path: Path) -> None:
    """Medium ends far above its best on validation rows while its training loss goes on falling."""
    with optimised():
        found = gengap.study(higgs_path, "quick", only="sizes/Medium")
    history, (trial,) = found.histories[0], found.trials
    assert trial.best_epoch is not None
    validation, train = history["validation", "binary_crossentropy"], history["train", "clean_binary_crossentropy"]
    assert validation.values[-1] > 1.02 * validation.values.min()
    assert train.values[-1] < train.at(trial.best_epoch - 1)
    assert 0.55 < validation.values.min() < 0.60
