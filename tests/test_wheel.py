"""What is built to be installed: the whole package, with its templates and languages, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import gengap

ROOT = Path(__file__).parents[1]


def built(kind: str, out: Path) -> Path:
    """The wheel or sdist of this checkout. By hatchling itself: `python -m build` would fetch it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = out.iterdir()
    return path


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    path = built("wheel", tmp_path)
    assert path.name == f"gengap-{gengap.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(path) as wheel:
        names, about = set(wheel.namelist()), f"gengap-{gengap.__version__}.dist-info"
        assert wheel.read(f"{about}/entry_points.txt").decode().split() == (
            ["[console_scripts]", "gengap", "=", "gengap.cli:main"]
        )
    package = (path for path in (ROOT / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    whole = {path.relative_to(ROOT / "src").as_posix() for path in package if ".egg-info" not in str(path)}
    assert {name for name in names if not name.startswith(about)} == whole
    assert f"{about}/licenses/LICENSE" in names
    report = "gengap/report/templates/page.html", "gengap/report/templates/report.js"
    assert {"gengap/py.typed", "gengap/text/languages/ko.ftl", *report} <= names


def test_the_sdist_holds_what_its_tests_need(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tmp_path)) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"tests/test_wheel.py", "docs/conf.py", "examples/keras.csv", "benchmarks/__main__.py"} <= names
    assert {"README.ko.md", "CONTRIBUTING.md", "Makefile", "constraints.txt", "pyproject.toml"} <= names
    assert [name for name in names if name.startswith((".venv", "runs", "build", "docs/_build"))] == []


def test_under_make_wheel_test_it_is_the_wheel_that_is_tested() -> None:
    assert ("site-packages" in str(gengap.__file__)) == bool(os.environ.get("GENGAP_WHEEL"))
