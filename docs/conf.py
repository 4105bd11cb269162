"""Sphinx configuration: pages by MyST, notebooks by MyST-NB, API from docstrings, commands from their help.

    python -m sphinx -W --keep-going docs docs/_build/html    # what `make docs` does

`-D nb_execution_mode=off` shows the notebooks' code without running it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gengap

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project, author = "gengap", "The gengap developers"
version = release = gengap.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "cli_reference"]
exclude_patterns = ["notebooks/*.ipynb", "_build", "_ext", "conf.py"]

html_theme = "furo"
html_static_path, html_css_files = ["_static"], ["site.css"]
html_title = f"gengap {version}"
html_show_copyright = html_show_sphinx = False

myst_heading_anchors = 3  # the anchors that GitHub gives headings too
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}  # docs/notebooks/*.py
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 1_800
nb_execution_raise_on_error = True
nb_merge_streams = True

napoleon_numpy_docstring = False  # docstrings are in Google's style
napoleon_use_ivar = True

default_role = "literal"  # docstrings write `code` as Markdown does
add_module_names = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
