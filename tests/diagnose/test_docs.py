"""The docs of verdicts: every reason code is explained, and what is shown is what the tool says."""

from __future__ import annotations

import ast
import json
import re
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gengap.cli import app
from gengap.diagnose import failures, findings, judge
from gengap.report.conclusion_plots import save_verdict_figure

ROOT = Path(__file__).parents[2]
README, DIAGNOSE, VERDICTS = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/diagnose.md", "docs/verdicts.md")
)
SECTIONS = {
    code: re.search(r"\n\n((?:> .*\n)+)\n", section)
    for code, section in re.findall(r"^### `([a-z-]+)`\n(.*?)(?=^##)", VERDICTS, re.DOTALL | re.MULTILINE)
}
NUMBERS = {  # where docs/verdicts.md finds the named numbers in its tables
    "gengap.diagnose.verdict": "Thresholds",
    "gengap.diagnose.failures": "SHORTEST",
    "gengap.diagnose.findings": "SEEN",
    "gengap.diagnose.trial_verdicts": "CERTAIN CERTAIN_RISE UNLIKELY",
    "gengap.train.types": "FIRST_CHECK CHECK_GROWTH",
}
gallery = import_module("examples.verdict_gallery")


def codes() -> set[str]:
    """The first argument of every Finding(...) in the source."""
    modules = (failures, findings, judge)
    trees = [ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")) for module in modules]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    first = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Finding"]
    assert all(isinstance(code, ast.Constant) for code in first)
    return {str(code.value) for code in first if isinstance(code, ast.Constant)}


def without_numbers(text: str) -> str:
    return re.sub(r"-?\d+(\.\d+)?", "0", re.sub(r"\s+", " ", text)).strip()


def shown_after(command: str, page: str) -> str:
    """The text block that follows a command's block."""
    found = re.search(re.escape(command) + r".*?```text\n(.*?)```", page, re.DOTALL)
    assert found
    return found[1]


def test_every_code_has_its_section_and_no_section_is_stale() -> None:
    assert set(SECTIONS) == codes()
    assert len(SECTIONS) == VERDICTS.count("\n### ") > 10


def test_examples_are_sentences_that_the_tool_prints() -> None:
    said: dict[str, set[str]] = {}
    for verdict in gallery.gallery():
        for finding in verdict.findings:
            said.setdefault(finding.code, set()).add(without_numbers(str(finding)))
    assert set(said) == set(SECTIONS)
    for code, example in SECTIONS.items():
        assert example is not None, f"{code} has no example"
        assert without_numbers(example[1].replace("> ", "")) in said[code]


def test_the_gallery_shows_every_verdict_in_a_picture(tmp_path: Path) -> None:
    judged = gallery.judge_runs(gallery.shown_runs())
    assert [verdict.verdict for _, verdict in judged] == [
        *("underfit", "good", "near-overfit", "overfit", "inconclusive", "good")
    ]
    save_verdict_figure(judged, tmp_path / "verdicts.png")
    assert (tmp_path / "verdicts.png").stat().st_size > 10_000


@pytest.mark.parametrize(("module", "names"), NUMBERS.items())
def test_named_numbers_are_as_told(module: str, names: str) -> None:
    found = import_module(module)
    thresholds = found.Thresholds() if names == "Thresholds" else found
    for name in thresholds.__struct_fields__ if names == "Thresholds" else names.split():
        assert f"| `{name}` | {getattr(thresholds, name):g} |" in VERDICTS


@pytest.mark.slow
@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", DIAGNOSE + VERDICTS, re.DOTALL))
def test_python_in_the_docs_runs(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(code, "docs", "exec"), {})
    assert "overfit" in capsys.readouterr().out


def test_the_command_in_readme_says_what_is_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(app, ["diagnose", "examples/keras.csv"])
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines == shown_after("$ gengap diagnose examples/keras.csv", README).splitlines()
    assert max(map(len, lines)) <= 80


def test_the_document_and_the_error_in_the_docs_are_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = json.loads(re.findall(r"```json\n(.*?)```", DIAGNOSE, re.DOTALL)[0])
    real = json.loads(CliRunner().invoke(app, ["diagnose", "examples/keras.csv", "--json"]).stdout)
    assert list(shown) == list(real)
    assert list(shown["runs"][0]) == list(real["runs"][0])
    for fact in ("run", "metric", "verdict", "best_epoch"):
        assert shown["runs"][0][fact] == real["runs"][0][fact]
    (finding,), (first, *_) = shown["runs"][0]["findings"], real["runs"][0]["findings"]
    assert list(finding) == list(first)
    assert (finding["code"], list(finding["parameters"])) == (first["code"], list(first["parameters"]))
    wrong = CliRunner().invoke(app, ["diagnose", "examples/keras.csv", "--metric", "auc"])
    assert wrong.stderr in DIAGNOSE
    assert "there is no metric 'auc'" in wrong.stderr


@pytest.mark.parametrize("suffix", ["pkl", "pickle", "joblib", "pt", "pth", "ckpt", "npy", "npz"])
def test_what_the_docs_say_is_refused_is_refused(suffix: str, tmp_path: Path) -> None:
    from gengap.diagnose.readers import read
    from gengap.errors import GengapError

    assert f"`.{suffix}`" in DIAGNOSE
    (tmp_path / f"log.{suffix}").write_bytes(b"\x80\x04.")
    with pytest.raises(GengapError, match="gengap never opens them"):
        read(tmp_path / f"log.{suffix}")


@pytest.mark.parametrize("page", ["docs/verdicts.md", "docs/diagnose.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for link, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text):
        target = ROOT / "docs" / link if link else ROOT / page
        assert target.exists() or link == "verdicts-results.md", link  # that page is the benchmark's
        headings = re.findall(r"^#+ (.*)", target.read_text(encoding="utf-8"), re.MULTILINE) if anchor else [""]
        assert anchor in [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
