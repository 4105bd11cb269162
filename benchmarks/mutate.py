"""Do the tests notice wrong code? Changes the source in small ways, one at a time, and runs the tests on each.

    python -m benchmarks.mutate --sample 100 --seed 0      (`make mutate`)

The changes are those of cosmic-ray's operators: another comparison, another number, a loop that is left out. A
change is caught if a test fails. Each is tried in a forked process that has JAX imported and sees no other change;
nothing on disk changes. Survivors with a reason are listed in mutate_survivors.toml.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.machinery
import os
import random
import re
import signal
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "gengap"
LISTED = Path(__file__).with_name("mutate_survivors.toml")
GOAL = 0.9  # the share to be caught
SECONDS = 300.0  # of one change; a test that hangs notices it too
CURVES = tuple(f"tests/diagnose/test_{name}.py" for name in ("numbers", "trend", "rows", "trials", "families"))
PAIRED = ("tests/diagnose/test_weighted.py", "tests/diagnose/test_compare.py", "tests/analysis")
TRAINING = ("tests/train", "tests/laws/test_best_epoch.py", "tests/test_turning_study.py")
STOPPING = ("tests/laws/test_trainers.py::test_stops_and_restores_as_keras_early_stopping", *TRAINING)
# Which tests judge which modules: those that take seconds, the likeliest to notice first. The first match counts.
TARGETS: dict[str, Sequence[str]] = {
    "analysis/*.py": ("tests/analysis", "tests/test_turning_study.py"),
    "stats/permutation.py": ("tests/diagnose/test_signal.py", "tests/analysis"),
    "stats/weighted.py": ("tests/diagnose/test_weighted.py", "tests/diagnose/test_compare.py"),
    "stats/paired.py": PAIRED,
    "stats/comparison.py": PAIRED,
    "stats/learning_curve.py": ("tests/diagnose/test_extrapolate.py", "tests/analysis"),
    "stats/power_law.py": ("tests/diagnose/test_extrapolate.py",),
    "stats/*.py": CURVES,
    "diagnose/verdict.py": CURVES,
    "diagnose/evidence.py": CURVES,
    "diagnose/findings.py": CURVES,
    "diagnose/trial_verdicts.py": CURVES,
    "train/baselines.py": ("tests/test_turning_study.py", "tests/test_tasks.py"),
    "train/local.py": TRAINING,
    "train/recipe.py": ("tests/test_plan.py", *TRAINING),
    "train/stopping.py": STOPPING,
    "train/types.py": TRAINING,
    "train/jax/loop.py": TRAINING,
    "train/jax/program.py": TRAINING,
    "train/jax/trainer.py": TRAINING,
    "study/scheduler.py": TRAINING,
    "study/cross_validation.py": ("tests/analysis/test_luck.py", "tests/test_cross_validation.py"),
}
# No slip of a programmer's, and caught by its type
UNLIKELY = re.compile(
    r"(Binary|Unary)Operator\w*_(Mod|Pow|[RL]Shift|BitXor|FloorDiv|Invert)|_Is$|_IsNot$|RemoveDecorator|(Sub|Mul|Div|Add)_Bit"
)
# Declarations, and checks that only a fault in the code would trip
SKIPPED = re.compile(r"^\s*(@|class |from |import |if TYPE_CHECKING)|strict=")


@dataclass(frozen=True)
class Change:
    """One change of a source file: the line before and after, and the whole file's code."""

    path: Path
    line: int
    before: str
    after: str
    code: str

    @property
    def module(self) -> str:
        """The module's name."""
        return ".".join(self.path.relative_to(ROOT / "src").with_suffix("").parts)

    @property
    def tests(self) -> Sequence[str]:
        """The tests that judge the file."""
        name = self.path.relative_to(SOURCE)
        return next(tests for pattern, tests in TARGETS.items() if name.match(pattern))

    def __str__(self) -> str:
        return f"{self.path.relative_to(SOURCE)}:{self.line}: {self.before}  ->  {self.after}"


def places_of(path: Path) -> Iterator[tuple[Path, list[tuple[Any, int]]]]:
    """Every place of the file that can be changed, with its ways: an operator, and which of its occurrences."""
    from cosmic_ray.ast import ast_nodes, get_ast  # pyright: ignore[reportMissingImports]
    from cosmic_ray.plugins import get_operator, operator_names  # pyright: ignore[reportMissingImports]

    nodes = list(ast_nodes(get_ast(path.read_text())))
    places = defaultdict(list)
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments() or UNLIKELY.search(name):
            continue
        found = [position for node in nodes for position in operator().mutation_positions(node)]
        for occurrence, position in enumerate(found):
            places[name.split("_")[0], position].append((operator, occurrence))
    yield from ((path, ways) for _, ways in sorted(places.items(), key=str))


def sampled(count: int, seed: int, only: str) -> list[Change]:
    """Changes of all files, each at another place, drawn with the seed."""
    from cosmic_ray.mutating import mutate_code  # pyright: ignore[reportMissingImports]

    chance, changes = random.Random(seed), []
    files = sorted({path for pattern in TARGETS for path in SOURCE.glob(pattern) if only in str(path)})
    places = [place for path in files for place in places_of(path)]
    chance.shuffle(places)
    for path, ways in places:
        operator, occurrence = chance.choice(ways)
        code = path.read_text()
        change = _change(path, code, mutate_code(code, operator(), occurrence))
        changes += [change] if change is not None else []
        if len(changes) == count:
            break
    return changes


def _change(path: Path, code: str, changed: str | None) -> Change | None:
    """The change as a value; None if it is none, or one of a declaration."""
    if changed is None or _meaning(changed) in (None, _meaning(code)):
        return None
    pairs = zip(code.splitlines(), changed.splitlines(), strict=False)
    line, (before, after) = next((i, pair) for i, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    if SKIPPED.search(before):
        return None
    return Change(path, line, before.strip(), after.strip(), changed)


def _meaning(code: str) -> str | None:
    """The code without annotations, which nothing here evaluates; None if it is no Python."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


def noticed(changes: Sequence[Change], jobs: int) -> Iterator[tuple[Change, bool]]:
    """Each change with whether its tests fail or hang, as they end.

    Every one has a process of its own, forked by this thread alone: a fork takes no other thread along.
    """
    waiting, running = list(reversed(changes)), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            change = waiting.pop()
            child = os.fork()
            if child == 0:
                os.setpgid(0, 0)
                os._exit(_run(change))
            running[child] = (change, time.monotonic() + SECONDS)
        time.sleep(0.02)
        for child, (change, deadline) in list(running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended and time.monotonic() > deadline:
                os.killpg(child, signal.SIGKILL)
                ended, status = os.waitpid(child, 0)
            if ended:
                del running[child]
                yield change, status != 0


def _run(change: Change) -> int:
    """In the child: the exit status of the tests."""
    import pytest

    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    _load_changed(change)
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *change.tests]))


def _load_changed(change: Change) -> None:
    """Lets the import of the module give the changed code."""
    loader, module = importlib.machinery.SourceFileLoader, change.module
    original = loader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> object:
        if fullname == module:
            return compile(change.code, str(change.path), "exec", dont_inherit=True)
        return original(self, fullname)

    loader.get_code = get_code  # pyright: ignore[reportAttributeAccessIssue]


def listed() -> dict[tuple[str, str, str], str]:
    """The reasons of survivors, by file, line before and line after."""
    if not LISTED.exists():
        return {}
    known = tomllib.loads(LISTED.read_text())["survivor"]
    return {(each["file"], each["before"], each["after"]): each["reason"] for each in known}


def prepare() -> None:
    """Imports what every test needs and nothing changes, and computes nothing, so that forks are safe."""
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".pytest_cache" / "programs"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for name in ("jax", "keras", "pandas", "pyarrow.parquet", "pytest", "scipy.stats", "sklearn.ensemble"):
        importlib.import_module(name)
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT / "src")]


def main() -> int:
    """Tries the sample and prints the share caught, and who survived."""
    parser = argparse.ArgumentParser(description="Changes the source in small ways and runs the tests on each.")
    parser.add_argument("--sample", type=int, default=100, help="how many changes to try")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--only", default="", help="files whose path has this in it")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    asked = parser.parse_args()
    changes = sampled(asked.sample, asked.seed, asked.only)
    prepare()
    none = {tuple(change.tests): replace(change, code=change.path.read_text()) for change in changes}
    for change, fails in noticed([*none.values()], asked.jobs):
        if fails:
            print(f"{' '.join(change.tests)} fail without any change", file=sys.stderr)
            return 2
    reasons, survivors = listed(), 0
    for done, (change, fails) in enumerate(noticed(changes, asked.jobs), 1):
        print(f"{done} of {len(changes)} tried, {survivors} survived", end="\r", file=sys.stderr)
        if not fails:
            survivors += 1
            place = (str(change.path.relative_to(SOURCE)), change.before, change.after)
            print(f"survived: {change}  ({reasons.get(place, 'not listed')})", flush=True)
    share = 1 - survivors / max(len(changes), 1)
    print(f"{share:.1%} of {len(changes)} changes caught; {survivors} survived (goal: {GOAL:.0%} caught)")
    return int(share < GOAL)


if __name__ == "__main__":
    raise SystemExit(main())
