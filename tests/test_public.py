"""The public names, where the docs list them, and the code in README."""

from __future__ import annotations

import pydoc
import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import gengap
import gengap.errors as gengap_errors

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ELSEWHERE = {  # public, but too seldom wanted to be in `gengap` itself
    "gengap.data.sources.source.open_source",
    "gengap.diagnose.every",
    "gengap.diagnose.verdict.Finding",
    "gengap.diagnose.verdict.LogSummary",
    "gengap.history.Series",
    "gengap.options.study_options.DataSpec",
    "gengap.options.study_options.RunSpec",
    "gengap.plan.Recipe",
    "gengap.train.stopping.Stopping",
}


def test_public_names_are_these() -> None:
    assert gengap.__all__ == [
        "CheckResult",
        "Dataset",
        "GengapClassifier",
        "GengapError",
        "GengapRegressor",
        "History",
        "Plan",
        "Study",
        "Trial",
        "Verdict",
        "callbacks",
        "check",
        "diagnose",
        "fit",
        "ingest",
        "load",
        "load_plan",
        "models",
        "predict",
        "study",
    ]
    for name in gengap.__all__:
        assert getattr(gengap, name).__doc__
    with pytest.raises(AttributeError, match="'gengap' has no attribute 'overfit'"):
        gengap.overfit  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_dir_and_help_show_what_is_public() -> None:
    assert set(dir(gengap)) == {*gengap.__all__, "__version__"}
    for name in ("check", "diagnose", "study"):
        text = pydoc.plain(pydoc.render_doc(getattr(gengap, name)))
        assert text.index("Args:") < text.index("PACKAGE CONTENTS")


def documented() -> set[str]:
    """The dotted names that the Python reference lists, by how they are imported."""
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. (?:auto\w+|py:data):: (\S+)", page, re.MULTILINE)
    return {name.replace("::", ".") for name in listed}


def test_the_reference_lists_the_public_names_and_no_others() -> None:
    names = documented()
    for name in names:
        module, _, last = name.rpartition(".")
        assert hasattr(import_module(module), last), name
    parts = {"gengap.callbacks": gengap.callbacks.__all__, "gengap.models": gengap.models.__all__}
    kinds = [kind for kind in vars(gengap_errors).values() if isinstance(kind, type)]
    errors = {f"gengap.errors.{kind.__name__}" for kind in kinds if issubclass(kind, Exception)}
    public = {f"{module}.{name}" for module, inner in parts.items() for name in inner} | errors
    public |= {f"{gengap._HOMES[name]}.{name}" for name in gengap.__all__ if f"gengap.{name}" not in parts}
    assert names == public | ELSEWHERE


def test_what_is_public_elsewhere_is_told_by_name() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"^Names are in .*?\n\n", page, re.DOTALL | re.MULTILINE)
    for name in ELSEWHERE:
        module, _, last = name.rpartition(".")
        assert f"`{module}`" in told or f"`{name}`" in told, name
        assert f"`{last}`" in told, name


@pytest.mark.parametrize("page", ["policy", "contribute"])
def test_files_named_to_contributors_are_there(page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for name in re.findall(r"`([\w./-]+\.(?:py|md|toml))`", text):
        assert (ROOT / name).is_file(), name
    for table, path in re.findall(r"`([A-Z]+)` in\s`([\w/.]+)`", text):
        assert re.search(rf"^{table}\b.* = ", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), table


@pytest.mark.slow
@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_readme_code_runs(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out


def test_readme_links_lead_somewhere() -> None:
    root = Path(__file__).parents[1]
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (root / link).exists(), link


def test_readme_commands_exist() -> None:
    from typer.testing import CliRunner

    from gengap.cli import app

    for command in set(re.findall(r"^\$ gengap (\w+)", README, re.MULTILINE)):
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_the_changes_name_this_version_and_say_nothing_twice() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## (\S+) \((.*)\)$", text, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert releases[0][0] == gengap.__version__ == project["version"]
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert len(sections) == len(releases)
    for release in sections:
        headings = re.findall(r"^\*\*(.*)\*\*$", release, re.MULTILINE)
        entries = [line for line in release.splitlines() if line.startswith("- ")]
        assert len(headings) == len(set(headings)) and len(entries) == len(set(entries)) > 5
