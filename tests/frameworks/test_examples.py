"""The examples for each framework in docs/howto/callbacks.md run as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "callbacks.md"
ROWS, *EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
NAMES = [re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE) for code in EXAMPLES]
CASES = list(zip(NAMES, EXAMPLES, strict=True))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("packages", "code"), CASES, ids=list(map("-".join, NAMES)))
def test_an_example_runs(packages: list[str], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in packages:
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    exec(compile(ROWS + code, str(PAGE), "exec"), {"__name__": "__main__"})
