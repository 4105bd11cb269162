"""Parts of gengap pass each other values. No code reads facts out of a sentence or out of a run's name.

The test finds the common ways: a name split at "/", and a search in the text of an error or a message. It can't
find every way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "gengap"
TAKING_APART = {
    "split",
    "rsplit",
    "partition",
    "rpartition",
    "startswith",
    "endswith",
    "removeprefix",
    "removesuffix",
}
SEARCHING = {"search", "match", "fullmatch", "findall", "finditer", "split", "sub"}
TEXTS = {"reasons", "text", "message", "sentences"}  # attributes that hold text for people
ALLOWED = {  # file and function: the reason
    ("data/sources/remote.py", "_understand"): "a server's weak ETag",
    ("data/sources/remote.py", "_words"): "urllib3's error: the address of an object is cut off for people",
    ("options/command_line.py", "check"): "what a person wrote for a number",
    ("files/writing.py", "safe_join"): "the parts of a path",
    ("models/user_model.py", "_check_saving"): "Keras' error, which names the missing class nowhere else",
    ("plan/run_names.py", "group_and_label"): "the one place that defines the group of a run",
    ("plan/run_names.py", "check_run_name"): "the parts of a path",
    ("report/verdict_table.py", "shorten"): "cuts a long name in its middle for people",
    ("report/verdict_table.py", "shorten_runs"): "cuts groups that tell nothing apart, for people",
    ("report/verdict_table.py", "shorten_all"): "drops the folders that all names share, for people",
    ("train/jax/compilation.py", "_is_configured"): "the name of a module of Python",
}


def functions(tree: ast.AST, name: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Every node with the name of the function that it is in."""
    for child in ast.iter_child_nodes(tree):
        inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else name
        yield inner, child
        yield from functions(child, inner)


def literal(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def is_text_of(node: ast.AST) -> bool:
    """Whether an expression is a text for people: `str(error)`, `finding.text`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str":
        return bool(node.args) and isinstance(node.args[0], ast.Name)
    return isinstance(node, ast.Attribute) and node.attr in TEXTS


def takes_apart(node: ast.AST) -> bool:
    """Whether a node takes a name apart at "/", or searches a text."""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
        return is_text_of(node.comparators[0])
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return False
    method, owner = node.func.attr, node.func.value
    if method in SEARCHING and any(map(is_text_of, (*node.args, owner))):
        return True
    return method in TAKING_APART and "/" in literal(node.args[0]) and not literal(node.args[0]).endswith("://")


def found() -> set[tuple[str, str]]:
    modules = [path for path in SOURCE.rglob("*.py") if "readers" not in path.parts]
    return {
        (path.relative_to(SOURCE).as_posix(), function)
        for path in modules
        for function, node in functions(ast.parse(path.read_text(encoding="utf-8")))
        if takes_apart(node)
    }


def test_no_code_takes_names_or_sentences_apart() -> None:
    assert found() - set(ALLOWED) == set()


def test_the_list_of_exceptions_is_not_longer_than_needed() -> None:
    assert set(ALLOWED) - found() == set()


@pytest.mark.parametrize(
    "code",
    ['run.split("/")[0]', 'run.startswith("rows/")', '"phrase" in str(error)', "re.search(PATTERN, finding.text)"],
)
def test_the_test_finds_what_it_looks_for(code: str) -> None:
    assert any(map(takes_apart, ast.walk(ast.parse(code))))
