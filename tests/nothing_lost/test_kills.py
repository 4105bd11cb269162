"""A study killed at random moments of its whole life ends as one that nobody killed, bit for bit.

Every other kill waits until a trial is under way and kept, so that trials also go on in the middle.

GENGAP_KILLS says how many kills there are (default: 3; 50 take minutes on two cores).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from gengap.models.backend import keras

KILLS = int(os.environ.get("GENGAP_KILLS", "3"))
IN_A_ROW = 5  # kills of one study before it is left to end
BEGAN = "began after epochs:"  # as killing.py writes
OF_TIME = ("seconds", "began")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


class Forking:
    """The process of killing.py, which forks a process for each study."""

    def __init__(self, process: subprocess.Popen[str], place: Path) -> None:
        self._process, self._place = process, place

    def run(self, folder: Path, kill_after: float | None = None, *, once_kept: bool = False) -> dict[str, Any]:
        """Runs the study in `folder` to its end, or kills it: see `run` of killing.py."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(
            json.dumps({"folder": str(folder), "kill_after": kill_after, "once_kept": once_kept}) + "\n"
        )
        self._process.stdin.flush()
        done = json.loads(self._process.stdout.readline())
        assert done["killed"] or done["status"] == 0, (self._place / "log").read_text()
        return done

    def began(self) -> list[int]:
        """After how many epochs each trial began, of all studies so far."""
        lines = (self._place / "log").read_text().splitlines()
        return [int(line.split()[-1]) for line in lines if line.startswith(BEGAN)]


@contextmanager
def forking(place: Path) -> Iterator[Forking]:
    command = [sys.executable, str(Path(__file__).with_name("killing.py")), str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Forking(process, place)


def kept(folder: Path) -> dict[str, Any]:
    """All that decides what the study says, but for times."""
    table = pq.read_table(folder / "histories.parquet")
    found: dict[str, Any] = {name: table[name].to_pylist() for name in ("run", "seed", "epoch", "split", "metric")}
    found["values"] = table["value"].to_numpy().tobytes()
    document = json.loads((folder / "study.json").read_text())
    found["trials"] = [{k: v for k, v in trial.items() if k not in OF_TIME} for trial in document["trials"]]
    found |= {key: document[key] for key in ("recommendation", "comparisons", "sizes", "interrupted")}
    found["test"] = {k: v for k, v in document["test"].items() if k not in ("used", "note")}
    for path in sorted(folder.rglob("*.keras")):
        weights = keras.saving.load_model(path).get_weights()
        found[path.relative_to(folder).as_posix()] = [each.tobytes() for each in weights]
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path) as arrays:
            found[path.relative_to(folder).as_posix()] = {name: arrays[name].tobytes() for name in arrays.files}
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_study_killed_at_random_moments_ends_as_one_that_nobody_killed(tmp_path: Path) -> None:
    generator, kills, studies, seconds = np.random.default_rng(2026), 0, 0, []
    with forking(tmp_path) as forked:
        forked.run(tmp_path / "first")  # compiles
        life = forked.run(tmp_path / "whole")["seconds"]
        whole = kept(tmp_path / "whole")
        assert not whole["interrupted"] and forked.began() == [0] * 4
        while kills < KILLS:
            folder, studies = tmp_path / f"killed{studies}", studies + 1
            for at in range(IN_A_ROW):
                once_kept = at % 2 == 0
                after = generator.uniform(0, 0.1 if once_kept else life)
                done = forked.run(folder, after, once_kept=once_kept)
                kills += done["killed"]
                seconds.append(done["seconds"])
                if not done["killed"] or kills == KILLS:
                    break
            forked.run(folder)
            assert kept(folder) == whole
            assert names(folder) == names(tmp_path / "whole")
        went_on = sorted(epochs for epochs in forked.began() if epochs > 0)
    print(f"{kills} kills of {studies} studies; one takes {life:.1f} s, a killed one {np.mean(seconds):.1f} s")
    print(f"trials went on {len(went_on)} times, after {went_on} epochs")
    assert len(went_on) > KILLS / 4
