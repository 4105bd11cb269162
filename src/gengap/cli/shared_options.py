"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gengap.options.command_line import choice_option
from gengap.text.catalog import languages

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="collider (built in), higgs, or the path or http(s) address of a .csv, .tsv, .csv.gz, .parquet, "
        ".arrow, .feather or .npz file. With --model also a folder of images.",
    ),
]
PLAN_HELP = "quick, tutorial, full, or a TOML file."
FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The folder of a study, such as runs/collider-quick.")
]
Language = Annotated[str | None, choice_option(languages(), help="Language (default: the locale's).")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the file if it is an input, or not from this command.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]
