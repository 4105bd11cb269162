"""HTML for notebooks, as strings. Every text is escaped unless it is `Html`.

>>> element("b", "a < b", title='"')
'<b title="&quot;">a &lt; b</b>'
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

COLOURS = {  # of verdicts, under white letters
    "underfit": "#8a6100",
    "good": "#1a7f37",
    "near-overfit": "#0b6e85",
    "overfit": "#c62828",
    "inconclusive": "#7b3fa0",
}
TRAIN, VALIDATION = "#0072B2", "#D55E00"  # as in the pictures of verdicts
WIDTH, HEIGHT, MARGIN = 120, 24, 2  # pixels of a sparkline
POINTS = 60  # of a sparkline's line: one for two pixels
START = 0.05  # share of first epochs whose large values may be cut off at the top of a sparkline
LARGEST_DRAWABLE = 1e100  # larger values leave gaps, as infinities do: arithmetic on them overflows
LEFT_STYLE = "text-align: left; white-space: nowrap; padding: 0.15em 0.6em"
RIGHT_STYLE = "text-align: right; white-space: nowrap; padding: 0.15em 0.6em; font-variant-numeric: tabular-nums"


class Html(str):
    """Markup that needs no escaping."""

    __slots__ = ()


def element(tag: str, *content: object, **attributes: object) -> Html:
    """Return an element with its content escaped and joined; "_" in an attribute's name becomes "-"."""
    names = "".join(f' {name.replace("_", "-")}="{_escaped(value)}"' for name, value in attributes.items())
    inside = "".join(part if isinstance(part, Html) else _escaped(part) for part in content)
    return Html(f"<{tag}{names}>{inside}</{tag}>")


def badge(verdict: str, shown: str) -> Html:
    """Return a label in the colour of a verdict."""
    style = f"background: {COLOURS[verdict]}; color: white; border-radius: 0.6em; padding: 0.1em 0.5em"
    return element("span", shown, style=f"{style}; white-space: nowrap")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> Html:
    """Return a table that scrolls if it is wide; the first column and those with markup are aligned to the left."""
    cells = [list(row) for row in rows]
    left = {0, *(i for row in cells for i, value in enumerate(row) if isinstance(value, Html))}
    style = [LEFT_STYLE if i in left else RIGHT_STYLE for i in range(len(columns))]
    head = [element("th", name, style=style[i]) for i, name in enumerate(columns)]
    body = [element("tr", *(element("td", value, style=style[i]) for i, value in enumerate(row))) for row in cells]
    above = [element("caption", caption, style="text-align: left; caption-side: top")] if caption else []
    whole = element("table", *above, element("thead", element("tr", *head)), element("tbody", *body))
    return element("div", whole, style="overflow-x: auto")


def bullets(items: Iterable[object], mark: str = "–") -> Html:
    """Return a list of texts or markup."""
    lines = (element("li", item) for item in items)
    return element("ul", *lines, style=f"margin: 0.2em 0 0.4em 0; list-style: '{mark}  '; padding-left: 1.5em")


def drawable_values(values: np.ndarray) -> np.ndarray:
    """Return the values with NaN for those that are too large to draw."""
    return np.where(np.abs(values) < LARGEST_DRAWABLE, values, np.nan)


def part_means(values: np.ndarray, count: int) -> np.ndarray:
    """Return the means of at most `count` equal parts of a curve; NaN for a part where nothing can be drawn."""
    values = drawable_values(values)
    parts = (part[np.isfinite(part)] for part in np.array_split(values, max(1, min(count, len(values)))))
    return np.array([part.mean() if len(part) else np.nan for part in parts])


@dataclass(frozen=True)
class SparklinePaths:
    """SVG paths of curves in a box of WIDTH x HEIGHT, by name, and the values at its bottom and top."""

    paths: Mapping[str, str]
    low: float
    high: float

    def x(self, share: float) -> float:
        """Return the x of a share of the epochs."""
        return MARGIN + (WIDTH - 2 * MARGIN) * min(max(share, 0.0), 1.0)

    def y(self, value: float) -> float:
        """Return the y of a value, at an edge if it leaves the picture."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * min(max(share, 0.0), 1.0)


def sparkline_paths(curves: Mapping[str, np.ndarray]) -> SparklinePaths:
    """Return the paths of curves (n,) by name: means over equal parts, with gaps where nothing is finite.

    The box is as high as the curves after their START.
    """
    thinned = {name: part_means(values, POINTS) for name, values in curves.items()}
    every = np.concatenate([np.empty(0), *thinned.values()])
    settled = np.concatenate([np.empty(0), *(values[int(START * len(values)) :] for values in thinned.values())])
    every, settled = every[np.isfinite(every)], settled[np.isfinite(settled)]
    low, high = every.min(initial=np.inf), (settled if len(settled) else every).max(initial=-np.inf)
    low, high = (float(low), float(high)) if len(every) else (0.0, 1.0)
    picture = SparklinePaths({}, low, high)
    return SparklinePaths({name: _path(values, picture) for name, values in thinned.items()}, low, high)


def sparkline(curves: Mapping[str, np.ndarray], title: str) -> Html:
    """Return a small SVG picture of curves (n,) by colour, with gaps where nothing is finite."""
    lines = [
        element("path", d=path, stroke=colour, fill="none", stroke_width=1.5, stroke_linecap="round")
        for colour, path in sparkline_paths(curves).paths.items()
    ]
    box = f"0 0 {WIDTH} {HEIGHT}"
    said = element("title", title)
    return element("svg", said, *lines, role="img", width=WIDTH, height=HEIGHT, viewBox=box)


def _escaped(value: object) -> str:
    """Escape a text, and replace lone surrogates, which a notebook can't save."""
    return html.escape(str(value).encode("utf-8", "replace").decode())


def _path(values: np.ndarray, picture: SparklinePaths) -> str:
    """Return an SVG path over the whole width; "h0" draws a single point as a dot."""
    x = [picture.x(share) for share in np.linspace(0, 1, len(values)).tolist()]
    drawn = ""
    for i, value in enumerate(values.tolist()):
        if np.isfinite(value):
            joined = i > 0 and np.isfinite(values[i - 1])
            drawn += f"{'L' if joined else 'M'}{x[i]:.1f},{picture.y(value):.1f}" + ("" if joined else "h0")
    return drawn
