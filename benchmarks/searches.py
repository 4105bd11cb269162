"""Searches with `GridSearchCV` one fit after the other, in threads and in processes: for docs/howto/sklearn.md.

    python -m benchmarks.searches

Each search runs in a fresh process, first once to store its compiled programs. CPU time includes that of the
workers.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import nullcontext

from joblib import parallel_config
from joblib.externals.loky import get_reusable_executor
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.model_selection import GridSearchCV

from gengap import GengapClassifier

RATES = {"learning_rate": [0.001, 0.002, 0.005, 0.01]}
SIZES = {"units": [(8,), (16,), (32,), (16, 16)]}
SEARCHES = {"rates": ((16,), 60, RATES), "sizes": ((16,), 60, SIZES), "rows": ((128, 128), 100, RATES)}
WAYS = {"one after the other": (None, 1), "threads": ("threading", 2), "processes": (None, 2)}


def search(name: str, way: str) -> float:
    """Run a search of 12 fits and one more of the best; return its CPU seconds without the imports before it."""
    units, epochs, grid = SEARCHES[name]
    if name == "rows":
        x, y = make_classification(6_000, 20, n_informative=10, random_state=0)
    else:
        x, y = load_breast_cancer(return_X_y=True)
    patience = epochs if name == "rows" else 20
    estimator = GengapClassifier(units, max_epochs=epochs, patience=patience, random_state=0)
    backend, jobs = WAYS[way]
    before = _cpu_seconds()
    with parallel_config(backend) if backend else nullcontext():
        GridSearchCV(estimator, grid, cv=3, n_jobs=jobs).fit(x, y)
    if way == "processes":
        get_reusable_executor().shutdown(wait=True)  # then the system knows their time
    return _cpu_seconds() - before


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(f"{search(*sys.argv[1:]):.1f}")
    else:
        for name in SEARCHES:
            for way in ("one after the other", *WAYS):
                again = [sys.executable, "-m", "benchmarks.searches", name, way]
                seconds = subprocess.run(again, capture_output=True, text=True, check=True).stdout.strip()
                print(f"{name}, {way}: {seconds} s of CPU time", flush=True)
