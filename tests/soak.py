"""Many small studies in one process: `python tests/soak.py TRIALS` prints what it held after each, as JSON."""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from pathlib import Path

import numpy as np

import gengap
from gengap.plan import Recipe

SEEDS = 10  # of a study; its trials run side by side, as many as there are cores


def held() -> dict[str, int]:
    """What the process holds: resident memory in KiB, open files and threads."""
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the folder's own handle is always among them
    return {"memory": int(status["VmRSS"].split()[0]), "files": files, "threads": threading.active_count()}


def one_study(number: int) -> int:
    """A study of 60 rows that no other has; how many trials it finished."""
    generator = np.random.default_rng(number)
    x = generator.normal(size=(60, 3))
    y = (x[:, 0] + generator.normal(size=60) > 0).astype(int)
    plan = gengap.Plan(
        name="soak", trials=(gengap.Trial(run="sizes/2", units=(2,)),), recipe=Recipe(max_epochs=2, batch=20)
    )
    return len(gengap.study((x, y), plan, seeds=SEEDS).trials)


def main(trials: int) -> None:
    """Runs so many trials."""
    done, seen = 0, []
    while done < trials:
        done += one_study(done)
        seen.append({"trials": done, **held()})
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
