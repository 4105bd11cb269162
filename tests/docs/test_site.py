"""The site builds without a warning, and what its pages refer to is there: links, pictures, names, codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from threadpoolctl import threadpool_limits

import gengap
from gengap.analysis.summary import StudySummary

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BESIDE = [*ROOT.glob("README*.md"), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
PAGES = sorted([*BESIDE, *(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)])
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def cli_reference() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS / "_ext")
        return import_module("cli_reference")


def anchors_of(page: Path, generated: str = "") -> set[str]:
    """The anchors that GitHub and MyST give the page's headings; a heading that comes again gets a number."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8") + generated, flags=re.DOTALL | re.MULTILINE)
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ +(.*)", text, re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found[anchor] = found.get(anchor, -1) + 1
    return {f"{anchor}-{again}" if again else anchor for anchor, last in found.items() for again in range(last + 1)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path, cli_reference: ModuleType) -> None:
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert ROOT in target.parents, link
        if anchor:
            made = cli_reference.reference() if name_of(target) == "docs/reference/cli.md" else ""
            assert anchor in anchors_of(target, made), link


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name_of)
def test_paths_and_names_in_the_code_exist(page: Path) -> None:
    for code in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")):
        if re.fullmatch(r"(src|tests|examples|benchmarks|docs)/(?!_build)[\w./-]+", code):
            assert (ROOT / code).exists(), code
        if found := re.fullmatch(r"(gengap(?:\.[a-z_]+)+)\.([A-Z_]{3,})", code):
            assert hasattr(import_module(found[1]), found[2]), code


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with warnings as errors; the notebooks' code is not run here."""
    out = tmp_path_factory.mktemp("site") / "html"
    options = ["-W", "--keep-going", "-q", "-D", "nb_execution_mode=off"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(out)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return out


def test_the_site_has_every_page_and_picture(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        if "_build" not in page.parts:
            assert (site / page.relative_to(DOCS)).with_suffix(".html").exists(), page
    shown = set(re.findall(r"figures/([\w.-]+\.png)", "".join(page.read_text("utf-8") for page in PAGES)))
    assert shown <= {picture.name for picture in (DOCS / "figures").iterdir()}
    assert shown - {picture.name for picture in (site / "_images").iterdir()} == set()


def test_the_references_hold_every_public_name_and_option(site: Path) -> None:
    api, cli = ((site / "reference" / f"{name}.html").read_text("utf-8") for name in ("api", "cli"))
    errors = import_module("gengap.errors")
    names = {*gengap.__all__, *gengap.callbacks.__all__, *gengap.models.__all__}
    own = (errors.GengapError, errors.GengapWarning)
    names |= {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, own)}
    for name in names - {"callbacks", "models"}:
        assert re.search(rf'id="gengap\.(\w+\.)*{name}"', api), name
    import_cli = import_module("typer").main.get_command(import_module("gengap.cli").app)
    for command in import_cli.commands.values():
        assert f'id="gengap-{command.name}"' in cli
        for option in {name for each in command.params for name in each.opts if name.startswith("--")}:
            assert option in cli, option


def test_the_design_page_shows_the_real_layers_and_keys() -> None:
    page = (DOCS / "design.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| (`gengap\..*?) \|", page, re.MULTILINE)
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    assert [re.findall(r"gengap\.(\w+)", line) for line in told] == [
        layer.split(" | ") for layer in contract["layers"]
    ]
    (keys,) = re.findall(r"The keys are\n(.*?)\.\n", page, re.DOTALL)
    empty = StudySummary(source="", rows={}, plan="", seconds=0.0, trials=())
    assert re.findall(r"`(\w+)`", keys) == list(json.loads(empty.to_json()))


def test_figures_on_the_limits_page_are_those_measured() -> None:
    page, measured = ((DOCS / name).read_text("utf-8") for name in ("explain/limits.md", "verdicts-later.md"))
    (section,) = re.findall(r"## Measured accuracy\n(.*?)\n## ", page, re.DOTALL)
    quoted = set(re.findall(r"(?<![\d.])0\.\d+(?![\d.])|\d+%", section)) - {"90%"}
    assert len(quoted) > 8
    for figure in quoted:
        bare = figure.rstrip("%")
        assert re.search(rf"(?<![\d.]){re.escape(bare)}(?![\d.])", measured), figure


def test_every_reason_has_its_picture(tmp_path: Path) -> None:
    page = (DOCS / "explain" / "reasons.md").read_text(encoding="utf-8")
    codes = re.findall(r"^### `([a-z-]+)`", (DOCS / "verdicts.md").read_text("utf-8"), re.MULTILINE)
    headings = "\n".join(re.findall(r"^#+ .*", page, re.MULTILINE))
    assert {code for code in codes if f"`{code}`" not in headings} == set()
    pictures = import_module("examples.reason_pictures.__main__")
    pictures.main(tmp_path)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == set(re.findall(r"figures/(verdict-[\w-]+\.png)", page))
    assert made <= {path.name for path in (DOCS / "figures").iterdir()}


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "examples" / "gallery").glob("*.py")))
def test_the_gallery_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example, picture = import_module(f"examples.gallery.{name}"), tmp_path / "picture.png"
    if name == "sizes":
        monkeypatch.setattr(example, "EPOCHS", 3)
    with threadpool_limits(1):  # small work, on cores that are busy
        example.main(str(picture))
    assert 5_000 < picture.stat().st_size < 60_000
    assert capsys.readouterr().out
    assert (DOCS / "figures" / f"gallery-{name.replace('_', '-')}.png").exists()
