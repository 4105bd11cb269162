"""Adds the small build of plotly.js to the package: the one in plotly's Python package is four times as large.

npm fetches it from the registry that it is set up for. Its checksum is that of the version named here, or the build
fails. Without npm the package works too: its pages then hold the large build.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "plotly.js-basic-dist-min@4.1.1"
CHECKSUM = "sha512-1oNF8PeQx2hv/y7tqEVWKD3JGwn/MGEMQ8mL9HUwsaqG9FGy/OU5FHUHvzqbqxN4mnwZGI9abTiE775C4kkjMQ=="
FILES = {"package/plotly-basic.min.js": "plotly-basic.min.js", "package/LICENSE": "LICENSE"}
SECONDS = 120  # for npm
FOLDER = "src/gengap/report/plotly"


class ChartLibrary(BuildHookInterface):
    """Fetch the chart library before a wheel, an editable install or an sdist is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the library and its licence into FOLDER, unless they are there."""
        folder = Path(self.root) / FOLDER
        if all((folder / name).exists() for name in FILES.values()):
            return
        npm = shutil.which("npm")
        if npm is None:
            self.app.display_warning("npm is not installed: reports will be 5 MB instead of 1.5 MB.")
            return
        with tempfile.TemporaryDirectory() as scratch:
            command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", scratch]
            try:
                subprocess.run(command, cwd=scratch, check=True, capture_output=True, timeout=SECONDS)
            except (subprocess.SubprocessError, OSError) as error:
                self.app.display_warning(f"{error}: reports will be 5 MB instead of 1.5 MB.")
                return
            (archive,) = Path(scratch).glob("*.tgz")
            unpack(archive, folder)


def unpack(archive: Path, folder: Path) -> None:
    """Write the archive's FILES into a folder. Raises ValueError if its checksum is another."""
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != CHECKSUM:
        raise ValueError(f"{archive.name}: sha512-{digest}, expected {CHECKSUM} of {PACKAGE}")
    folder.mkdir(exist_ok=True)
    with tarfile.open(archive) as packed:
        for member, name in FILES.items():
            source = packed.extractfile(member)
            assert source is not None, f"{archive.name} has no {member}"
            part = folder / f"{name}.part"  # so that no half-written file is taken for the whole one
            part.write_bytes(source.read())
            part.replace(folder / name)
