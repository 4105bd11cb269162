"""The event files, read back by TensorBoard itself: its server over HTTP, and its record reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report.tensorboard_server import ask, server

from gengap.errors import StudyFolderError
from gengap.history import History, Series
from gengap.report import tensorboard

EPOCHS = 1500  # more than the 1,000 that the server keeps by default


def history(run: str, epochs: int = 3, offset: float = 0.0) -> History:
    every, sparse = np.arange(epochs), np.arange(0, epochs, 2)
    return History(
        run,
        0,
        {
            ("train", "loss"): Series(every, offset + 1 / (1.0 + every)),
            ("train", "learning_rate"): Series(every, 1e-3 / (1 + every / 100)),
            ("train", "clean_loss"): Series(every, offset + 0.5 / (1.0 + every)),
            ("validation", "loss"): Series(every, offset + 2 / (1.0 + every)),
            ("validation", "auc"): Series(sparse, 0.5 + sparse / 1e4),
        },
    )


def tag_of(split: str, metric: str, run: str) -> tuple[str, str]:
    return f"{run}/{split}", f"epoch_{metric}"


def events(folder: Path) -> list[Any]:
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    (path,) = folder.glob("*tfevents*")
    return list(LegacyEventFileLoader(str(path)).Load())


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for event in events(folder):
        for value in event.summary.value:
            number = float(np.frombuffer(value.tensor.tensor_content, "<f4")[0])
            found.setdefault(value.tag, []).append((event.step, number))
    return found


def test_the_server_shows_every_run_tag_and_value(tmp_path: Path) -> None:
    written = [history("sizes/Tiny", EPOCHS), history("sizes/$x <b>한", EPOCHS, offset=1), history("alone", 1)]
    for one in written:
        tensorboard.write(one, tmp_path)
    with server(tmp_path) as address:
        tags = ask(address, "scalars/tags")
        shown = {(run, tag) for run, of_run in tags.items() for tag in of_run}
        assert shown == {tag_of(*key, run=h.run) for h in written for key in h.series}
        for one in written:
            for key, series in one.series.items():
                run, tag = tag_of(*key, run=one.run)
                answer = np.array(
                    ask(address, "scalars/scalars", run=run, tag=tag)
                )  # rows of wall time, step, value
                np.testing.assert_array_equal(answer[:, 1], series.epochs)
                np.testing.assert_array_equal(answer[:, 2].astype(np.float32), series.values.astype(np.float32))


def test_messages_are_what_keras_writes(tmp_path: Path) -> None:
    tensorboard.write(history("a"), tmp_path)
    version, first, *_ = events(tmp_path / "a" / "train")
    assert version.file_version == "brain.Event:2"
    (value,) = first.summary.value
    assert (value.tag, first.step) == ("epoch_loss", 0)
    assert value.metadata.plugin_data.plugin_name == "scalars"
    assert value.metadata.plugin_data.content == b""
    assert (value.tensor.dtype, len(value.tensor.tensor_shape.dim)) == (1, 0)  # DT_FLOAT, a scalar
    assert value.tensor.tensor_content == np.float32(1).tobytes()


def test_events_go_by_epoch_then_by_metric(tmp_path: Path) -> None:
    tensorboard.write(history("a", 2), tmp_path)
    order = [(e.step, e.summary.value[0].tag) for e in events(tmp_path / "a" / "train")[1:]]
    tags = ["epoch_loss", "epoch_learning_rate", "epoch_clean_loss"]
    assert order == [(epoch, tag) for epoch in (0, 1) for tag in tags]


def test_values_that_are_not_finite_are_kept(tmp_path: Path) -> None:
    values = np.array([np.nan, np.inf, -np.inf, 1e300, 0.0])
    tensorboard.write(History("a", 0, {("train", "loss"): Series(np.arange(5), values)}), tmp_path)
    read = [value for _, value in scalars(tmp_path / "a" / "train")["epoch_loss"]]
    np.testing.assert_array_equal(read, [np.nan, np.inf, -np.inf, np.inf, 0.0])


def test_wall_times_spread_over_the_span(tmp_path: Path) -> None:
    one = History("a", 0, {("train", "loss"): Series(np.arange(4), np.ones(4))})
    tensorboard.write(one, tmp_path, span=(1000.0, 1008.0))
    assert [e.wall_time for e in events(tmp_path / "a" / "train")] == [1000, 1002, 1004, 1006, 1008]


def test_writing_again_replaces(tmp_path: Path) -> None:
    tensorboard.write(history("a", 5), tmp_path)
    other = tmp_path / "a" / "validation" / "events.out.tfevents.1.elsewhere"
    other.write_bytes(b"another program's")
    longer = history("a", 7)
    tensorboard.write(longer, tmp_path)
    assert scalars(tmp_path / "a" / "train")["epoch_loss"][-1][0] == 6
    assert other.exists()
    other.unlink()
    only_train = History("a", 0, {("train", "loss"): longer["train", "loss"]})
    tensorboard.write(only_train, tmp_path)
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [f"a/train/{tensorboard.FILE}"]


def test_a_run_inside_another_is_left_alone(tmp_path: Path) -> None:
    tensorboard.write(history("a/train", 2), tmp_path)
    tensorboard.write(history("a", 3), tmp_path)
    assert len(scalars(tmp_path / "a" / "train" / "train")["epoch_loss"]) == 2
    assert len(scalars(tmp_path / "a" / "train")["epoch_loss"]) == 3


def test_a_failure_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    tensorboard.write(history("a", 3), tmp_path)
    odd = History("a", 0, {("train", "loss"): Series(np.array([0, -(2**70)], object), np.ones(2))})
    with pytest.raises((ValueError, OverflowError)):
        tensorboard.write(odd, tmp_path)
    assert len(scalars(tmp_path / "a" / "train")["epoch_loss"]) == 3


def test_nothing_logged_writes_nothing(tmp_path: Path) -> None:
    tensorboard.write(History("a", 0), tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_tensorflow_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, numpy as np\n"
        "from gengap.history import History, Series\n"
        "from gengap.report import tensorboard\n"
        "one = History('a', 0, {('train', 'loss'): Series(np.arange(2), np.ones(2))})\n"
        f"tensorboard.write(one, pathlib.Path({str(tmp_path)!r}))\n"
        "print(sorted({'tensorflow', 'keras', 'jax', 'matplotlib'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("run", ["/etc/x", "C:/x", "a\\b", "../x", "a/../../x", "a\0"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, run: str) -> None:
    with pytest.raises(StudyFolderError, match="leads out of this folder"):
        tensorboard.write(history("a").renamed(run), tmp_path / "logs")
    assert not list(tmp_path.iterdir())
