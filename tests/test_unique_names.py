"""A name has one meaning: no two modules and no two classes of the package share one."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "gengap"
FILES = sorted(SOURCE.rglob("*.py"))


def repeated(names: list[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def test_no_two_modules_share_a_name() -> None:
    assert not repeated([file.stem for file in FILES if file.stem not in ("__init__", "__main__")])


def test_no_two_classes_share_a_name() -> None:
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in FILES]
    classes = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert not repeated(classes)
