"""Labels in plots: run names in characters that the fonts have and that matplotlib does not interpret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

from gengap.plan import group_and_label

LONGEST = 28  # characters of a name in a legend
# DejaVu Sans comes with matplotlib; the others add Korean, Chinese and Japanese where they are installed.
FAMILIES = (
    "DejaVu Sans",
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",
    "Noto Sans KR",
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "AppleGothic",
    "Microsoft YaHei",
    "PingFang SC",
    "WenQuanYi Zen Hei",
    "Yu Gothic",
)
FONT = FontProperties(family=[f for f in FAMILIES if f in {font.name for font in fontManager.ttflist}])


def legend_labels(runs: Sequence[str]) -> list[str]:
    """Return a label for each run: its name without the group, or the whole name if that is ambiguous.

    Long names are cut in the middle. Labels that look the same get the number of their run.

    >>> legend_labels(["sizes/Tiny", "sizes/Large"])
    ['Tiny', 'Large']
    >>> legend_labels(["sizes/Tiny", "regularizers/Tiny"])
    ['sizes/Tiny', 'regularizers/Tiny']
    """
    short = [group_and_label(run)[1] for run in runs]
    times = Counter(short)
    names = [_drawable(name if times[name] == 1 else run) for name, run in zip(short, runs, strict=True)]
    cut = [n if len(n) <= LONGEST else f"{n[: LONGEST // 2]}…{n[-LONGEST // 2 + 1 :]}" for n in names]
    again = Counter(cut)
    numbered = [
        f"{i}: {name}" if again[name] > 1 or name.strip(" _?") == "" else name for i, name in enumerate(cut, 1)
    ]
    return [plain_text(name) for name in numbered]


def plain_text(text: str) -> str:
    r"""Return text that matplotlib draws literally: no mathematics, and "?" for characters without a glyph.

    >>> print(plain_text("cost in $ and _x_"))
    cost in \$ and _x_
    """
    return _drawable(text).replace("$", r"\$")


def _drawable(text: str) -> str:
    return "".join(c if c.isprintable() and _has_glyph(c) else "?" for c in text)


@cache
def _has_glyph(character: str) -> bool:
    return any(
        get_font(findfont(FontProperties(family=[family]))).get_char_index(ord(character))
        for family in FONT.get_family()
    )
