"""The tutorial's notebooks run in short mode, draw their figures, and hold the same code in every language."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import jupytext
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
ENGLISH, KOREAN = FOLDER / "tutorial.py", FOLDER / "tutorial.ko.py"
HANGUL = re.compile("[가-힣]")


class _Bare(ast.NodeTransformer):
    """Leaves only the values of f-strings, in the order of their names: languages order them in their own ways."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.JoinedStr:
        values = [part for part in node.values if isinstance(part, ast.FormattedValue)]
        return ast.JoinedStr(values=sorted(values, key=ast.dump))


def code_of(page: Path) -> ast.AST:
    return _Bare().visit(ast.parse(page.read_text(encoding="utf-8")))


def strings(code: ast.AST) -> list[ast.Constant]:
    return [node for node in ast.walk(code) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_both_languages_hold_the_same_code() -> None:
    english, korean = code_of(ENGLISH), code_of(KOREAN)
    for ours, theirs in zip(strings(english), strings(korean), strict=True):
        if HANGUL.search(str(theirs.value)) or (ours.value, theirs.value) == ("en", "ko"):
            theirs.value = ours.value
    assert ast.dump(english) == ast.dump(korean)


def names_in(text: str) -> set[str]:
    return set(re.findall("`[^`]+`", " ".join(text.split())))


def test_both_languages_have_the_same_sections() -> None:
    english, korean = (jupytext.read(page).cells for page in (ENGLISH, KOREAN))
    for ours, theirs in zip(english, korean, strict=True):
        assert ours.cell_type == theirs.cell_type
        if ours.cell_type == "markdown":
            assert HANGUL.search(theirs.source) and not HANGUL.search(ours.source)
            assert re.findall("^#+", ours.source, re.MULTILINE) == re.findall("^#+", theirs.source, re.MULTILINE)
            assert names_in(ours.source) == names_in(theirs.source)


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The English notebook after its run: the other holds the same code, and `make notebooks` runs both."""
    monkeypatch.setenv("GENGAP_SHORT", "1")
    monkeypatch.delenv("GENGAP_HIGGS", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # of the kernel, which keeps its study there
    notebook = jupytext.read(ENGLISH)
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    return notebook


def test_a_notebook_runs_and_every_figure_is_drawn(executed: Any) -> None:
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    drawn = {cell.source: sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in cells}
    for source, pictures in drawn.items():
        expected = len(re.findall(r"^display\((.*\.figure|picture\(.*\))\)$", source, re.MULTILINE))
        assert pictures == expected, source
    assert sum(drawn.values()) > 10
    kinds = [output.output_type for cell in cells for output in cell.outputs]
    assert "error" not in kinds
    assert not [output.text for cell in cells for output in cell.outputs if output.get("name") == "stderr"]
