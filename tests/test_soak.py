"""Hundreds of trials in one process leave nothing behind: no memory, no open file, no thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).with_name("soak.py")
WARM = 50  # trials until caches are full
TRIALS = int(os.environ.get("GENGAP_SOAK", "70"))  # 500 take minutes
GROWTH = 0.10


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads what Linux says of a process")
def test_hundreds_of_trials_in_one_process_leave_nothing_behind() -> None:
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # of 60 rows, boosted trees mostly wait for each other
    done = subprocess.run([sys.executable, str(SOAK), str(TRIALS)], capture_output=True, text=True, env=alone)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    warm, last = next(each for each in seen if each["trials"] >= WARM), seen[-1]
    assert last["trials"] >= TRIALS > WARM
    assert last["memory"] < (1 + GROWTH) * warm["memory"]
    assert last["files"] <= warm["files"]
    assert last["threads"] <= warm["threads"] == 1
