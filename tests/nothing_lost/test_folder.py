"""A study's folder: what gengap did not write stays, and a damaged file is named and made again."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from nothing_lost.test_kills import kept, names

import gengap
from gengap.analysis.summary import TrialSummary
from gengap.errors import GengapWarning, StudyFolderError
from gengap.files.checksums import LIST, Checksums
from gengap.files.writing import HOLDER, LOCK
from gengap.plan import Plan, Recipe, Trial
from gengap.study.folder import PAGE
from gengap.study.progress import STATUS, Display, SilentDisplay

pytestmark = pytest.mark.usefixtures("whole_studies")

ROWS: dict[str, Any] = {"train": 100, "validation": 40, "test": 20}
PLAN = Plan(
    name="little",
    trials=(Trial(run="sizes/A", units=(2,)), Trial(run="sizes/B", units=(3,))),
    recipe=Recipe(batch=50, max_epochs=2),
)
USERS = b"the user's own, which no program may replace"
# Every file of this study whose name another program may use too; TensorBoard's say that they are gengap's.
PLACES = (
    *("study.json", "histories.parquet", "plan.toml", "test.json", PAGE, "models/best.keras", LIST),
    *(f"models/baselines/{name}.skops" for name in ("linear", "trees")),
    *(f"models/sizes/{run}.keras" for run in "AB"),
    *(f"trials/sizes/{run}.seed0.{ending}" for run in "AB" for ending in ("npz", "parquet")),
    *("figures/sizes.png", "figures/features.png", "figures/learning_rate.png", "figures/loss-by-size.png"),
)


def studied(folder: Path, display: Display | None = None) -> gengap.Study:
    return gengap.study("collider", PLAN, **ROWS, out=folder, display=display)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "study"
    studied(folder)
    return folder


def test_the_table_has_every_place(whole: Path) -> None:
    files = {path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_file()}
    assert {name for name in files if "tfevents.gengap" not in name} == set(PLACES)


@pytest.mark.parametrize("name", [*PLACES, LOCK, HOLDER, STATUS])
def test_a_file_of_the_users_is_named_and_stays(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(USERS)
    with pytest.raises(StudyFolderError) as refused:
        studied(tmp_path / "mine")
    assert str(refused.value).startswith(f"{path} is not ") and "another folder with --out" in str(refused.value)
    files = [each for each in (tmp_path / "mine").rglob("*") if each.is_file()]
    assert (files, path.read_bytes()) == ([path], USERS)


RESULTS = ("study.json", "histories.parquet", "test.json", "models/best.keras")
TRIALS = tuple(name for name in PLACES if "/sizes/" in name)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sums(folder: Path) -> dict[str, str]:
    """The checksum of each name, as `sha256sum --check` reads them; no name is listed twice."""
    lines = [line.split("  ") for line in (folder / LIST).read_text().splitlines() if not line.startswith("#")]
    assert len({name for _, name in lines}) == len(lines) > 5
    return {name: digest for digest, name in lines}


def damage(path: Path) -> bytes:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 64
    path.write_bytes(content)
    return bytes(content)


@pytest.mark.parametrize("names", [RESULTS, TRIALS])
def test_damaged_files_are_named_and_made_again(names: tuple[str, ...], whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "study")
    for name in names:
        damage(folder / name)
    with pytest.warns(GengapWarning, match="is damaged or was changed") as warned:
        studied(folder)
    told = [str(each.message).partition(" is damaged")[0] for each in warned if each.category is GengapWarning]
    assert sorted(told) == sorted(str(folder / name) for name in names)
    assert all(Checksums(folder).state(folder / name) == "intact" for name in names)
    assert kept(folder) == kept(whole)
    assert (listed := sums(folder)) == {name: sha256(folder / name) for name in listed}


def test_a_plan_that_was_changed_in_the_folder_stays(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "study")
    changed = damage(folder / "plan.toml")
    with pytest.raises(StudyFolderError, match=r"plan\.toml was changed, and the study would replace it"):
        studied(folder)
    assert (folder / "plan.toml").read_bytes() == changed


def test_missing_files_are_made_again(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "study")
    missing = [name for name in PLACES if name not in (LIST, "models/sizes/A.keras", "trials/sizes/B.seed0.npz")]
    for name in missing:
        (folder / name).unlink()
    studied(folder)
    assert names(folder) == names(whole)
    assert kept(folder) == kept(whole)


def test_without_the_list_every_file_may_be_the_users(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "study")
    (folder / LIST).unlink()
    with pytest.raises(StudyFolderError, match="is not by gengap"):
        studied(folder)
    assert kept(folder) == kept(whole)


def test_a_damaged_model_is_not_used_to_predict(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "study")
    model = folder / "models" / "sizes" / "A.keras"
    damage(model)
    with pytest.raises(StudyFolderError, match=r"A\.keras: the file is damaged or was changed"):
        gengap.predict(model, "collider", tmp_path / "p.parquet")


def test_of_a_changed_file_no_checksum_is_dropped(tmp_path: Path) -> None:
    path, listed = tmp_path / "a", Checksums(tmp_path)
    for text in "12":
        path.write_text(text)
        listed.add(path, path)
    path.write_text("3")
    listed.drop_replaced()
    assert Checksums(tmp_path).state(path) == "changed"
    path.write_text("2")
    listed.drop_replaced()
    assert Checksums(tmp_path).state(path) == "intact"
    path.write_text("1")
    assert Checksums(tmp_path).state(path) == "changed"


def test_a_list_that_was_cut_off_goes_on(whole: Path, tmp_path: Path) -> None:
    listed = Checksums(tmp_path)
    listed.add(tmp_path / "a", whole / "plan.toml")
    with listed.path.open("a") as file:
        file.write("\n0123456789")  # as a full disk or a kill leaves it
    again = Checksums(tmp_path)
    again.add(tmp_path / "b", whole / "plan.toml")
    shutil.copy(whole / "plan.toml", tmp_path / "b")
    shutil.copy(whole / "study.json", tmp_path / "a")
    found = Checksums(tmp_path)
    assert [found.state(tmp_path / name) for name in "abc"] == ["changed", "intact", "missing"]


def test_another_programs_logs_of_the_same_run_stay(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "study")
    theirs = [
        folder / "tensorboard" / "sizes" / "A" / name
        for name in ("events.out.tfevents.1.host", "train/events.out.tfevents.1.host")
    ]
    for path in theirs:
        path.write_bytes(USERS)
    studied(folder)
    assert all(path.read_bytes() == USERS for path in theirs)


@pytest.mark.parametrize("how", ["removed", "emptied", "moved"])
def test_a_folder_that_vanishes_is_told_once_and_the_same_call_makes_the_rest(
    how: str, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "study"

    class Removing(SilentDisplay):
        def finished(self, trial: TrialSummary, reused: bool) -> None:
            if (tmp_path / "gone").exists():
                return
            (tmp_path / "gone").touch()
            if how == "moved":
                folder.rename(tmp_path / "moved")
            elif how == "removed":
                shutil.rmtree(folder, ignore_errors=True)
            else:
                for path in folder.iterdir():
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GengapWarning)
        with contextlib.suppress(StudyFolderError):  # if the recommended model vanished
            studied(folder, display=Removing())
    told = [str(each.message) for each in caught if "vanished" in str(each.message)]
    assert len(told) == 1 and told[0].startswith(f"{folder}: 3 files vanished while the study runs (")
    studied(folder)
    assert names(folder) == names(whole)
    assert kept(folder) == kept(whole)
