"""What is built to be installed: the whole package, with its templates and languages, and nothing else."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

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
            ["[console_scripts]", "gengap", "=", "gengap.__main__:main"]
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
    assert {
        "README.ko.md",
        "CONTRIBUTING.md",
        "Makefile",
        "constraints.txt",
        "pyproject.toml",
        "hatch_build.py",
    } <= names
    assert [name for name in names if name.startswith((".venv", "runs", "build", "docs/_build"))] == []


def test_a_wheel_that_is_built_with_npm_holds_the_small_chart_library_and_its_licence(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("needs npm")
    with zipfile.ZipFile(built("wheel", tmp_path)) as wheel:
        script = wheel.read("gengap/report/plotly/plotly-basic.min.js")
        assert b"MIT" in wheel.read("gengap/report/plotly/LICENSE")
    assert len(script) < 1_300_000 and b"</script" not in script


def test_another_archive_than_the_named_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plotly.tgz").write_bytes(b"something else")
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))
    with pytest.raises(ValueError, match=r"plotly.tgz: sha512-.*expected sha512-.* of plotly.js-basic-dist-min@"):
        hook["unpack"](tmp_path / "plotly.tgz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_under_make_wheel_test_it_is_the_wheel_that_is_tested() -> None:
    assert ("site-packages" in str(gengap.__file__)) == bool(os.environ.get("GENGAP_WHEEL"))
