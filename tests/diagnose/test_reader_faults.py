"""Logs that are cut off, repeated, diverged or no logs at all: read with a note, or refused with the reason."""

from __future__ import annotations

import math
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from diagnose.curves_expected import LOGS, VALIDATION, by_epoch, expect, judged, one, write
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.neural_network import MLPClassifier

from gengap.diagnose.readers import folders, read
from gengap.diagnose.readers import log_table as table
from gengap.diagnose.readers import paths as files
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import DataError, UsageError
from gengap.history import History, Series
from gengap.text.catalog import Message

# What can be read, with a note


def test_of_an_epoch_logged_twice_the_last_value_counts(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "epoch,val_loss\n0,9\n1,8\n2,7\nepoch,val_loss\n1,6\n2,5\n3,4\n")
    log = expect(path, {0: 9, 1: 6, 2: 5, 3: 4}, None)
    assert log.notes == (
        Message("read-header-again", {"line": 5}),
        Message("read-repeated", {"column": "val_loss", "count": 2}),
    )


def test_epochs_in_any_order_are_sorted() -> None:
    log = expect({"epoch": [2, 0, 1], "val_loss": [0.8, 1.0, 0.7]}, by_epoch(VALIDATION), None)
    assert log.notes == ()


def test_nan_and_infinity_are_values(tmp_path: Path) -> None:
    for name, content in (
        ("a.csv", "val_loss,loss\n1,nan\nNaN,inf\n-inf,-Infinity\n"),
        ("a.json", '{"val_loss": [1, NaN, -Infinity], "loss": [NaN, Infinity, -Infinity]}'),
    ):
        found = judged(write(tmp_path, name, content))
        assert found.train is not None
        np.testing.assert_array_equal(found.validation.values, [1, math.nan, -math.inf])
        np.testing.assert_array_equal(found.train.values, [math.nan, math.inf, -math.inf])


def test_a_number_beyond_float64_is_infinite() -> None:
    assert judged({"val_loss": [1, 10**400]}).validation.values.tolist() == [1, math.inf]


def test_curves_that_end_in_empty_cells_diverged(tmp_path: Path) -> None:
    frame = pd.DataFrame({"loss": [1, math.nan, math.nan], "val_loss": [1, 2, math.nan], "acc": [0.5, 0.5, 0.5]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_json(tmp_path / "a.json")
    for source in (frame, tmp_path / "a.csv", tmp_path / "a.json"):
        log = one(source)
        np.testing.assert_array_equal(log.history["validation", "loss"].values, [1, 2, math.nan])
        assert log.notes == (Message("read-diverged", {"metric": "loss", "epoch": 2}),)


def test_holes_are_no_divergence() -> None:
    rows = {"step": [1, 2, 3, 4, 5], "loss": [5, None, 4, None, 3], "val_loss": [None, 2, None, 1, None]}
    log = expect(pl.DataFrame(rows), {2: 2, 4: 1}, {1: 5, 3: 4, 5: 3})
    assert log.notes == ()
    every_other = one(pl.DataFrame({"loss": [3.0, 2, 1], "val_loss": [None, 1.0, None]}))
    assert (len(every_other.history["validation", "loss"]), every_other.notes) == (1, ())


def test_a_last_line_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    csv = one(write(tmp_path, "a.csv", "epoch,val_loss,loss\n0,1,1\n1,2"))
    assert csv.notes == (Message("read-cut-off", {"line": 3}),)
    lines = one(write(tmp_path, "a.jsonl", '{"val_loss": 1}\n{"val_lo'))
    assert lines.notes == (Message("read-cut-off", {"line": 2}),)
    assert len(csv.history["validation", "loss"]) == len(lines.history["validation", "loss"]) == 1


def test_an_event_file_is_read_up_to_where_it_is_cut_off(tmp_path: Path) -> None:
    (source,) = (LOGS / "torch" / "tags").iterdir()
    content = source.read_bytes()
    path = write(tmp_path, source.name, content[:-30])
    assert one(path).notes == (Message("read-broken-events", {"file": source.name, "events": 36}),)
    assert len(one(path).history["validation", "loss"]) == 12
    for place in (900, 912, 930):  # in lengths, checksums and events
        broken = bytearray(content)
        broken[place] ^= 1
        kept = one(write(tmp_path, source.name, bytes(broken)))
        assert 0 < len(kept.history["train", "loss"]) < 12
        assert kept.notes[0].code == "read-broken-events"


def test_a_broken_event_file_stops_no_other_run(tmp_path: Path) -> None:
    shutil.copytree(LOGS / "tensorboardx", tmp_path, dirs_exist_ok=True)
    (tmp_path / "new").mkdir()
    write(tmp_path / "new", "events.out.tfevents.1", b"x")
    write(tmp_path / "first", "events.out.tfevents.9", b"x")
    first, second = read(tmp_path)
    assert first.notes == (Message("read-no-events", {"file": "events.out.tfevents.9"}),)
    assert second.notes == ()


def test_a_record_that_is_no_event_is_where_a_file_breaks(tmp_path: Path) -> None:
    from tensorboard.summary.writer.record_writer import RecordWriter

    path = tmp_path / "events.out.tfevents.1"
    with path.open("wb") as file:
        RecordWriter(file).write(b"\xff" * 20)
    with pytest.raises(
        DataError, match=r"tfevents\.1 is not an event file of TensorBoard, or is broken at its start"
    ):
        read(path)


def test_of_two_columns_of_one_curve_the_longer_is_kept() -> None:
    log = one([{"step": 1, "val_loss": 3, "Loss/val": 1}, {"step": 2, "val_loss": 2}])
    assert (log.names["validation", "loss"], log.other) == ("val_loss", ("Loss/val",))
    log = one([{"step": 1, "Loss/val": 1, "val_loss": 3}, {"step": 2, "val_loss": 2}])
    assert (log.names["validation", "loss"], log.other) == ("val_loss", ("Loss/val",))


def test_a_column_of_text_is_left_out(tmp_path: Path) -> None:
    log = one(write(tmp_path, "a.csv", "val_loss,loss\n1,mse\n2,mse\n"))
    assert choose_curves(log).train is None
    assert log.notes == (
        Message("read-text-column", {"column": "loss", "unit": "line", "number": 2, "value": "'mse'"}),
    )
    with pytest.raises(
        UsageError, match=r"no validation curve.*recognised: val_loss\. val_loss was left out: '0,5' in line 2"
    ):
        choose_curves(one(write(tmp_path, "a.csv", 'loss,val_loss\n1,"0,5"\n')))


def test_one_row_is_a_curve_of_one_point() -> None:
    expect({"loss": 0.5, "val_loss": 0.4, "name": "x"}, {0: 0.4}, {0: 0.5})


def test_names_can_be_printed() -> None:
    (log,) = read({"\x1b[31mrun\ud800": {"val_\x07loss": [1], "val_loss": [1, 2]}})
    assert log.history.run == "dict:\\x1b[31mrun\\ud800"
    assert "val_loss" in log.names.values()
    assert all(name.isprintable() for name in (*log.names.values(), *log.other))


# What can't be read


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "", "the file is empty"),
        ("a.csv", "\ufeff \n\u2028", "the file is empty"),
        ("a.parquet", "", "the file is empty"),
        ("a.csv", b"\x00\x01\x02", "this is no text, and no kind of file that is known here"),
        ("a.csv", b"val_loss\n\xff", "this is not text in UTF-8"),
        ("a.csv", "val_loss,loss\n", "there are no rows in it"),
        ("a.csv", "1,2\n3,4\n", "the first line holds numbers, expected the columns' names"),
        ("a.csv", "loss,val_loss,loss\n1,2,3\n", "more than one column loss. Give each its own name"),
        ("a.csv", "\nval_loss,loss\n1,2\n\n3,4,5\n", "line 5: 3 fields, expected 2. Correct that line"),
        ("a.csv", "val_loss,loss\n1,2\n3\n4,5\n", "line 3: 1 fields, expected 2"),
        ("a.csv", "val_loss\n1\n" + "x" * 200_000, "line 3: field larger than field limit (131072)"),
        ("a.csv", "val_loss,loss\n1,2\n\noops,3\n", "line 4, column 'val_loss': 'oops' is not a number. Put"),
        ("a.csv", "val_loss,loss\n1,1_000\n2,2\n", "line 2, column 'loss': '1_000' is not a number"),
        ("a.csv", "val_loss,seed\n1,x\n", "line 2, column 'seed': 'x', expected a whole number"),
        ("a.csv", "epoch,metric,value\n0,val_loss,x\n1,val_loss,2\n", "line 2, column 'value': 'x' is not a"),
        ("a.json", "{", "this is not JSON (Expecting property name"),
        ("a.json", '{"val_loss": [1]', "Check that it was written to its end"),
        ("a.json", "[" * 100_000, "nested too deep"),
        ("a.json", "3", "it holds int, expected lists by name, such as {'loss': [...], 'val_loss': [...]}"),
        ("a.json", "[]", "it holds an empty list, expected lists by name"),
        ("a.json", "[1, 2]", "it holds a list of values without names, expected"),
        ("a.json", "{}", "there are no rows in it"),
        ("a.json", '{"val_loss": []}', "there are no rows in it"),
        ("a.json", '{"val_loss": [1, true]}', "row 2, column 'val_loss': True is not a number"),
        ("a.json", '{"val_loss": [1, [2]]}', "row 2, column 'val_loss': [2] is not a number"),
        ("a.json", '[{"val_loss": 1}, {"val_loss": "%s"}]' % ("x" * 99), "record 2, column 'val_loss': 'xxx"),
        ("a.jsonl", '{"val_loss": 1}\n[1]\n', "line 2: list, expected an object such as {\"epoch\": 0}"),
        ("a.jsonl", '{"val_loss": 1}\n{\n{"val_loss": 2}\n', "line 2: this is not JSON"),
        ("a.parquet", "no parquet", "can't be read ("),
        ("a.feather", "no feather", "can't be read ("),
        ("a.tfevents.1", "no events", "a.tfevents.1 is not an event file of TensorBoard, or is broken"),
        ("a.npz", b"PK", ".npz files can hold pickled code, which runs when it is opened, so gengap"),
        ("a.xlsx", b"PK", "no training curve was found in this text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}")
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere.csv", "no/where", "nul\0.csv", "x" * 5000])
def test_a_path_that_leads_nowhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"no such file or folder|can't be read"):
        read(f"{tmp_path}/{name}")


def test_special_paths() -> None:
    with pytest.raises(UsageError, match="the path is empty, expected a file or a folder"):
        read("")
    with pytest.raises(DataError, match="/dev/zero: this is neither a file nor a folder"):
        read("/dev/zero")
    with pytest.raises(DataError, match=r"no such file or folder|home"):
        read("~nobody-of-this-name/a.csv")


def test_a_folder_without_logs_says_what_is_looked_for(tmp_path: Path) -> None:
    write(tmp_path, "training.csv", "val_loss\n1\n")
    with pytest.raises(
        DataError, match=r"no log is in this folder, expected histories\.parquet.*Name other files to read them"
    ):
        read(tmp_path)
    write(tmp_path, "events.out.tfevents.1", next((LOGS / "torch" / "folders").glob("events*")).read_bytes())
    with pytest.raises(
        DataError, match=r"there are no scalars in its event files\. Log the losses with add_scalar"
    ):
        read(tmp_path)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    for suffix in files.PICKLES:
        path = write(tmp_path, f"a{suffix}", pickle.dumps(Trap()))
        with pytest.raises(DataError, match=r"never opens them\. Save the curves as JSON, for Keras: json\.dump"):
            read(path)
    assert not (tmp_path / "sprung").exists()


def test_limits_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in (
        ("a.csv", "loss,val_loss\n1,2\n3,4\n5,6\n"),
        ("a.json", '{"loss": [1, 2, 3], "val_loss": [1, 2, 3]}'),
        ("b.json", '{"loss": {"0": 1, "1": 2, "2": 3}, "val_loss": {"5": 1}}'),
        ("a.jsonl", '{"a": 1}\n{"b": 1}\n{"c": 1}\n'),
    ):
        write(tmp_path, name, content)
    pl.read_csv(tmp_path / "a.csv").write_parquet(tmp_path / "a.parquet")
    pl.read_csv(tmp_path / "a.csv").write_ipc(tmp_path / "a.arrow")
    sources = [*sorted(tmp_path.iterdir()), LOGS / "torch" / "tags", pl.read_csv(tmp_path / "a.csv")]
    monkeypatch.setattr(table, "MAX_POINTS", 5)
    for source in sources:
        with pytest.raises(DataError, match=r"holds [\d]+ values, at most 5 are read\. Thin it, or split it\."):
            read(source)
    monkeypatch.setattr(files, "MAX_BYTES", 5)
    with pytest.raises(DataError, match="has 26 bytes, at most 5 are read"):
        read(tmp_path / "a.csv")
    monkeypatch.setattr(folders, "MAX_FILES", 5)
    with pytest.raises(DataError, match=r"holds more than 5 files\. Name the folder of the logs themselves"):
        read(tmp_path)


def test_nothing_is_made_of_records_with_a_key_each(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="holds 16,000,000 values"):
        read([{f"val_{i}": 1} for i in range(4000)])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (3, r"int: no curves were found in it, expected a path; a dict of lists.* Give one of these\."),
        (None, "NoneType: no curves were found"),
        (GradientBoostingClassifier(), "GradientBoostingClassifier: no curves were found"),
        (MLPClassifier(), r"Fit it first, with early_stopping=True\."),
        (HistGradientBoostingClassifier(), r"Fit it first, with early_stopping=True\."),
    ],
)
def test_objects_of_other_kinds(source: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(source)


def test_a_model_fitted_without_validation_says_so() -> None:
    x, y = np.arange(8.0)[:, None], np.arange(8) % 2
    with pytest.raises(UsageError, match=r"there is no validation curve.*Found only training curves: train_score_"):
        choose_curves(one(GradientBoostingClassifier(n_estimators=3).fit(x, y)))

    class Booster:
        def evals_result(self) -> None:
            raise ValueError("No evaluation result")

    with pytest.raises(UsageError, match=r"Booster: No evaluation result\. Fit it with eval_set\."):
        read(Booster())

    class Lights:
        evals_result_ = property(lambda self: {})

    with pytest.raises(UsageError, match=r"Lights: no curves were found.*Fit it first, with eval_set\."):
        read(Lights())


def test_a_frame_with_a_column_twice() -> None:
    import pyarrow as pa

    with pytest.raises(DataError, match=r"Table: has more than one column loss\. Give each its own name\."):
        read(pa.table([[1.0], [2.0]], names=["loss", "loss"]))


def test_a_frame_that_arrow_does_not_take() -> None:
    with pytest.raises(DataError, match=r"DataFrame: can't be read \(.*Check that it is complete"):
        read(pd.DataFrame({"val_loss": [1, "x"]}, dtype=object))


def test_an_empty_history_has_nothing_to_judge() -> None:
    for history in (
        History("a", 0, {}),
        History("a", 0, {("validation", "loss"): Series(np.arange(0), np.zeros(0))}),
    ):
        with pytest.raises(UsageError, match=r"a: there is no validation curve.*It holds no curves"):
            choose_curves(one(history))
