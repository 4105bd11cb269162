"""What the hunt has found: each fault once more, by itself, so that it stays mended."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz import originals
from live_made import write_status

from gengap.data.sources.source import open_source
from gengap.diagnose import diagnose
from gengap.diagnose.readers import read
from gengap.errors import LONGEST, DataError, GengapError, PlanError, StudyFolderError
from gengap.history import read_histories
from gengap.presets import load_plan
from gengap.study.folder import StudyFolder
from gengap.study.progress import STATUS, read_status
from gengap.watch import take_snapshot


def test_a_message_is_one_line_of_bounded_length() -> None:
    assert str(GengapError("a.csv: \x1b[2J\n\u2028")) == "a.csv: \\x1b[2J\\n\\u2028"
    long = str(GengapError("a.csv: " + "x" * 10**6 + ". Mend it."))
    assert len(long) < LONGEST + 9 and long.startswith("a.csv: ") and long.endswith("Mend it.")


@pytest.mark.parametrize("place", range(4, 1200, 40))
def test_what_arrow_says_in_several_lines_is_said_in_one(tmp_path: Path, place: int) -> None:
    content = bytearray(originals.study()["histories.parquet"])
    content[place : place + 9] = b"\x12\xff\xff\xff\xff\xff\xff\xff\x7f"
    for name in originals.study():
        StudyFolder(tmp_path).write(
            name, bytes(content) if name == "histories.parquet" else originals.study()[name]
        )
    try:
        StudyFolder(tmp_path).results()
    except StudyFolderError as error:
        assert str(error).isprintable()


@pytest.mark.parametrize("about", ["[]", "3", '{"index_columns": 3}', '{"index_columns": null}'])
def test_what_pandas_says_of_an_index_may_be_anything(tmp_path: Path, about: str) -> None:
    table = pa.table({"y": [0, 1], "a": [1, 2]}).replace_schema_metadata({"pandas": about})
    pq.write_table(table, tmp_path / "a.parquet")
    assert open_source(tmp_path / "a.parquet", target="y").columns == ("a",)


def test_an_arrow_batch_that_is_longer_than_its_bytes_is_not_read(tmp_path: Path) -> None:
    """The reader would go on beyond them, into whatever lies there in memory."""
    content = originals.arrow()[2]
    length = (originals.COUNT).to_bytes(8, "little")
    assert length in content
    (tmp_path / "a.arrow").write_bytes(content.replace(length, (1 << 40).to_bytes(8, "little")))
    with pytest.raises(DataError, match="can't be read"):
        list(open_source(tmp_path / "a.arrow", target="y").batches())


def test_a_broken_archive_of_outputs_is_closed(tmp_path: Path) -> None:
    for name, content in originals.study().items():
        StudyFolder(tmp_path).write(name, content)
    StudyFolder(tmp_path).trial_file(originals.FIRST, 0).with_suffix(".npz").write_bytes(b"PK\x03\x04")
    originals.relist(tmp_path)
    with warnings.catch_warnings(), pytest.raises(StudyFolderError, match="can't be read as a finished trial"):
        warnings.simplefilter("error")
        StudyFolder(tmp_path).finished(originals.FIRST, 0, originals.PRINT)


@pytest.mark.parametrize(
    ("name", "value"), [("seeds", 10**30), ("seeds", 2**53), ("seeds", 0), ("source", "\udcff"), ("plan", "\x00")]
)
def test_a_status_that_no_study_wrote_is_none(tmp_path: Path, name: str, value: object) -> None:
    """A page was made for so many seeds, which took all memory."""
    write_status(tmp_path)
    whole = json.loads((tmp_path / STATUS).read_bytes())
    document = json.dumps(whole | {name: value}, ensure_ascii=False)
    (tmp_path / STATUS).write_bytes(document.encode("utf-8", "surrogateescape"))
    seen = take_snapshot(tmp_path)
    assert (read_status(tmp_path) is None) == (seen.state == "waiting") == (name != "plan")


@pytest.mark.parametrize(
    "columns",
    [
        {"epoch": [1, 0]},  # falls
        {"epoch": [-1, 0]},
        {"epoch": [0.5, 1.5]},
        {"epoch": [0, None]},
        {"run": [None, None]},
        {"seed": ["a", "b"]},
        {"more": [1, 2]},
    ],
)
def test_histories_are_as_they_were_written_or_refused(tmp_path: Path, columns: dict[str, list[object]]) -> None:
    whole: dict[str, list[object]] = {"run": ["a"] * 2, "seed": [0, 0], "epoch": [0, 1]}
    whole |= {"split": ["train"] * 2, "metric": ["loss"] * 2, "value": [0.5, 0.4]}
    pq.write_table(pa.table(whole), tmp_path / "whole.parquet")
    assert read_histories(tmp_path / "whole.parquet")[0].epochs == 2
    pq.write_table(pa.table(whole | columns), tmp_path / "a.parquet")
    with pytest.raises(ValueError):
        read_histories(tmp_path / "a.parquet")


def test_one_epoch_far_beyond_the_others_is_judged(tmp_path: Path) -> None:
    """A step was logged as 7e15: the late epochs were that one alone, over no span at all."""
    steps = [*range(40), 6964028437499998]
    losses = [*originals.LOSSES["val_loss"].tolist(), 0.65]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(diagnose({"step": steps, "val_loss": losses}).confidence)


def test_a_line_of_json_ends_where_json_says(tmp_path: Path) -> None:
    """These are no line ends in JSON, and may stand in its texts."""
    for character in "\u2028\u2029\x85":
        lines = [json.dumps({"val_loss": i, "note": character}, ensure_ascii=False) for i in range(3)]
        (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
        (log,) = read(tmp_path / "a.jsonl")
        assert len(log.history["validation", "loss"]) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes in folders")
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("events.out.tfevents.1", "study.json", "live/status.json", "live/a.seed0.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="no log is in this folder"):
        read(tmp_path)
    assert take_snapshot(tmp_path).state == "waiting"
    os.mkfifo(tmp_path / "a.toml")
    with pytest.raises(PlanError, match="can't be read as a plan"):
        load_plan(tmp_path / "a.toml")


@pytest.mark.parametrize("text", ["a = " + "[" * 5_000, "a." * 5_000 + "b = 1", "[" + "a." * 5_000 + "b]"])
def test_a_plan_nested_too_deep_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(PlanError, match=r"a\.toml"):
        load_plan(tmp_path / "a.toml")


def test_a_plan_of_many_trials_is_checked_in_time_that_grows_with_it(tmp_path: Path) -> None:
    trials = "".join(f'[[trials]]\nrun = "a/{i}"\nunits = [1]\n' for i in range(20_000))
    (tmp_path / "a.toml").write_text(f'name = "x"\n{trials}')
    assert len(load_plan(tmp_path / "a.toml").trials) == 20_000
