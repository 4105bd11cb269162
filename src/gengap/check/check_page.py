"""The page of a check: one HTML file in the style of a study's page, which asks the network for nothing."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gengap.diagnose.verdict import Verdict
from gengap.files.outputs import PAGES, check_ending, write_output
from gengap.report.html import render_static

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gengap.text.catalog import Catalog


def write_page(
    verdict: Verdict,
    document: Mapping[str, Any],
    plots: Mapping[str, Axes],
    path: Path,
    texts: Catalog,
    overwrite: bool,
) -> Path:
    """Write the page of a check to a file in one step, and return its path.

    Args:
        verdict: The verdict.
        document: What `CheckResult.to_dict` returns.
        plots: The plots "path" and, if there is one, "rows".
        path: The file to write.
        texts: The texts of the page's language.
        overwrite: Whether another file may be replaced.
    """
    check_ending(path, PAGES)
    pictures = {kind: _picture(axes) for kind, axes in plots.items()}
    values = {"verdict": verdict, "document": document, "pictures": pictures}
    with write_output(path, "check", overwrite=overwrite) as part:
        part.write_text(render_static("check.html", texts, values), encoding="utf-8", newline="\n")
    return path


def _picture(axes: Axes) -> str:
    """Return a plot as the address of an image."""
    file, figure = io.BytesIO(), axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(file, format="png", dpi=150)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
