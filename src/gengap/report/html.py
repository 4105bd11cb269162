"""Renders a study's page: one HTML file that holds all it needs and asks the network for nothing.

    render(page, language)       the whole file
    render_main(page, language)  its <main>, with everything that changes: a live page puts a new one in its place
                                 and calls gengapDraw(), which keeps what the reader has switched

Whatever came from outside is text and never markup: Jinja escapes it in HTML, `script_json` in JSON and the page's
script in plotly's text. Besides, the page's policy lets no script run but those in the file.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gengap.analysis.regularizers import RegularizerEffect
from gengap.analysis.sizes import SizeAnalysis
from gengap.files.atomic import atomic_write
from gengap.report.page import GroupMember, Page, RankedRun
from gengap.report.page.formats import FILTERS
from gengap.report.page.page_curves import RunCurves
from gengap.report.plots import COLOURS, HIGHER_IS_BETTER
from gengap.stats.learning_curve import LearningCurveForecast
from gengap.text.sentences import Language, default_language, language

SAID = re.compile(r'\bsay\("([^"]+)"')  # a label, in a template or the script
HOLDS = re.compile(r"{(\w+):\w+}")  # what a catalogue's key says of its placeholders
JSON_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


class PageDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON document in the page: all that its script draws, and the words it uses."""

    groups: dict[str, tuple[GroupMember, ...]]
    curves: dict[str, RunCurves]
    rising: tuple[str, ...]
    sizes: SizeAnalysis | None
    effects: tuple[RegularizerEffect, ...]
    more_rows: LearningCurveForecast | None
    ranked_runs: list[RankedRun]
    labels: dict[str, str]


def render(page: Page, language: Language, *, script: str = "", connect: str = "'none'") -> str:
    """The whole file. `script` is run after the page's own; it may connect to what `connect` names, as "'self'"."""
    scripts = [plotly(), _text("report.js"), *([script] if script else [])]
    return _template("page.html").render(
        say=translate_function(language),
        lang=language.code,
        page=page,
        main=render_main(page, language),
        colours=COLOURS,
        style=Markup(_text("report.css")),
        scripts=[Markup(each) for each in scripts],
        policy=_policy(scripts, connect),
    )


def render_main(page: Page, language: Language) -> Markup:
    """The page's <main id="report">, which holds the JSON document as well."""
    summary, say = page.summary, translate_function(language)
    drawn = PageDocument(
        groups=page.groups,
        curves=page.curves,
        rising=HIGHER_IS_BETTER,
        sizes=summary.sizes,
        effects=summary.regularizers,
        more_rows=summary.more_rows,
        ranked_runs=page.ranked_runs,
        labels={text: say(text) for text in SAID.findall(_text("report.js"))},
    )
    command = shlex.join(summary.made.command) if summary.made is not None else ""
    main = _template("main.html")
    return Markup(main.render(say=say, page=page, study=summary, command=command, document=script_json(drawn)))


def write_report(page: Page, path: Path, lang: str | None = None) -> Path:
    """Writes the page beside `path` and renames it. `lang` is a language's code (default: the locale's).

    Raises UsageError if there is no such language, or if `path` can't be written.
    """
    text = render(page, language(lang or default_language()))
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return path


def script_json(document: object) -> Markup:
    """JSON that no browser takes for anything else, whatever names stand in it.

    >>> print(script_json(["</script>"]))
    ["\\u003c/script\\u003e"]
    """
    return Markup(msgspec.json.encode(document).decode().translate(JSON_ESCAPES))


def translate_function(language: Language) -> Callable[..., str]:
    """What templates call to say a text: placeholders are filled in after it was translated."""

    def say(text: str, **values: object) -> str:
        said = language.say(text)
        return HOLDS.sub(r"{\1}", said).format(**values) if values else said

    return say


@cache
def plotly() -> str:
    """plotly.js, as the Python package brings it."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def _policy(scripts: list[str], connect: str) -> str:
    digests = (base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


@cache
def _environment() -> Environment:
    loader = PackageLoader("gengap.report.page")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= FILTERS
    return environment


def _template(name: str):
    return _environment().get_template(name)


@cache
def _text(name: str) -> str:
    return files("gengap.report.page").joinpath("templates", name).read_text(encoding="utf-8")
