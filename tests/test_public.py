"""The public names, and the code in README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gengap

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_public_names_are_these() -> None:
    assert gengap.__all__ == [
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
