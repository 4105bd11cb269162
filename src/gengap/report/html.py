"""Renders a study's page: one HTML file that holds all it needs and asks the network for nothing.

    render(page, catalog)       the whole file
    render_main(page, catalog)  its <main>, with everything that changes: a live page replaces it and calls
                                gengapDraw(), which keeps the switches of the reader

Text from outside never becomes markup: Jinja escapes it in HTML, `script_json` in JSON, and the page's script in
plotly's text. The page's security policy also allows no script except those in the file.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gengap.analysis.effects import SizeAnalysis
from gengap.files.outputs import PAGES, check_ending, write_output
from gengap.report.page import GroupMember, Page, RankedRun, RunCurves
from gengap.report.plots import COLOURS, HIGHER_IS_BETTER
from gengap.stats.comparison import Comparison
from gengap.stats.learning_curve import LearningCurveForecast
from gengap.text.catalog import Catalog, Message, catalog, default_language
from gengap.text.numbers import bounds, fixed, minutes, p_value, percent, units

SCRIPT_LABEL = re.compile(r'\bsay\("([^"]+)"')
OPTION = re.compile(r"(?<![\w-])--[a-z]+(-[a-z]+)*")
JSON_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


class PageDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON document in the page: all that its script draws, and the labels it uses by their ids."""

    groups: dict[str, tuple[GroupMember, ...]]
    curves: dict[str, RunCurves]
    rising: tuple[str, ...]
    sizes: SizeAnalysis | None
    effects: list[dict[str, str | Comparison]]  # of regularisers: name and loss
    more_rows: LearningCurveForecast | None
    ranked_runs: list[RankedRun]
    labels: dict[str, str]


def render(page: Page, catalog: Catalog, *, script: str = "", connect: str = "'none'") -> str:
    """Return the whole file. A further `script` runs after the page's own and may connect to `connect` of CSP."""
    scripts = [plotly(), _text("report.js"), *([script] if script else [])]
    return (
        _environment()
        .get_template("page.html")
        .render(
            say=catalog.text,
            lang=catalog.code,
            page=page,
            main=render_main(page, catalog),
            colours=COLOURS,
            style=Markup(_text("report.css")),
            scripts=[Markup(each) for each in scripts],
            policy=_policy(scripts, connect),
        )
    )


def render_main(page: Page, catalog: Catalog) -> Markup:
    """Return the page's <main id="report">, which holds the JSON document too."""
    summary = page.summary
    document = PageDocument(
        groups=page.groups,
        curves=page.curves,
        rising=HIGHER_IS_BETTER,
        sizes=summary.sizes,
        effects=[
            {"name": each.treatment or each.run, "loss": each.loss}
            for each in summary.regularizers
            if each.kind != "early-stopping"  # compared with the model's own last epoch, on a scale of its own
        ],
        more_rows=summary.more_rows,
        ranked_runs=page.ranked_runs,
        labels={id: catalog.text(id) for id in SCRIPT_LABEL.findall(_text("report.js"))},
    )
    return Markup(
        _environment()
        .get_template("main.html")
        .render(
            say=catalog.text,
            say_metric=lambda metric: metric_text(catalog, metric),
            render=_sentences(catalog),
            page=page,
            study=summary,
            command=shlex.join(summary.provenance.command) if summary.provenance is not None else "",
            document=script_json(document),
        )
    )


def metric_text(catalog: Catalog, metric: str) -> str:
    """Return a metric's name in a language; an unknown one keeps its name, with spaces."""
    id = "metric-" + metric.replace("_", "-")
    return catalog.text(id) if id in catalog else metric.replace("_", " ")


def write_report(page: Page, path: Path, lang: str | None = None, *, overwrite: bool = False) -> Path:
    """Write the page to a file in one step, in the language `lang` or that of the locale, and return its path.

    Raises PlaceError if another file is there, unless it may be overwritten.
    """
    check_ending(path, PAGES)
    text = render(page, catalog(lang or default_language()))
    with write_output(path, "report", overwrite=overwrite) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return path


def render_static(template: str, catalog: Catalog, values: Mapping[str, object]) -> str:
    """Return a page without scripts."""
    page = _environment().get_template(template)
    style = Markup(_text("report.css"))
    shared = {"say": catalog.text, "render": _sentences(catalog), "lang": catalog.code, "style": style}
    return page.render(**shared, policy=_policy([], "'none'"), **values)


def script_json(document: object) -> Markup:
    r"""Encode JSON so that no name in it can end the script element.

    >>> print(script_json(["</script>"]))
    ["\u003c/script\u003e"]
    """
    return Markup(msgspec.json.encode(document).decode().translate(JSON_ESCAPES))


@cache
def plotly() -> str:
    """Return plotly.js: the small build in this package or, if it was built without, that of the Python package."""
    small = files("gengap.report").joinpath("plotly", "plotly-basic.min.js")
    if small.is_file():
        return small.read_text(encoding="utf-8")
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def _policy(scripts: list[str], connect: str) -> str:
    digests = (base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    allowed = allowed or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


@cache
def _environment() -> Environment:
    loader = PackageLoader("gengap.report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {each.__name__: each for each in FILTERS}
    return environment


@cache
def _text(name: str) -> str:
    return files("gengap.report").joinpath("templates", name).read_text(encoding="utf-8")


def _sentences(catalog: Catalog) -> Callable[[Message], Markup]:
    return lambda message: whole_options(catalog.render(message))


def whole_options(text: str) -> Markup:
    """Escape a text, and let no line break inside an option.

    >>> print(whole_options("use --on-bad-row <skip>"))
    use <span class="option">--on-bad-row</span> &lt;skip&gt;
    """
    return Markup(OPTION.sub(r'<span class="option">\g<0></span>', str(escape(text))))


def thousands(count: int) -> str:
    """Format a count with commas between thousands.

    >>> thousands(803329)
    '803,329'
    """
    return f"{count:,}"


def breakable(name: str) -> Markup:
    """Allow a line break after the group in a run's name.

    >>> print(breakable("sizes/<b>"))
    sizes/<wbr>&lt;b&gt;
    """
    return escape(name).replace("/", Markup("/<wbr>"))


def utc_time(seconds: float) -> str:
    """Format a time in seconds after 1970.

    >>> utc_time(0)
    '1970-01-01 00:00 UTC'
    """
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


FILTERS = (fixed, bounds, percent, p_value, minutes, thousands, breakable, utc_time, units)
