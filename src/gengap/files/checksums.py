"""The list of the files that gengap wrote into a study folder, with their SHA-256 checksums.

    files.sha256    a line for each file, as `sha256sum` prints it

A file is listed before it is renamed to its name. So a file that is not listed is the user's, and one with another
checksum is damaged or was changed. A file that was written twice has two lines until the study ends, and either may
be true of it.
"""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import Literal

from gengap.errors import GengapWarning, StudyFolderError, counted, first_few
from gengap.files.limits import read_document
from gengap.files.writing import ELSEWHERE, atomic_write

LIST = "files.sha256"
HEADER = "# SHA-256 checksums of the files that gengap wrote into this folder"
SHOWN = 2  # vanished files that a warning names
LINE = re.compile(r"([0-9a-f]{64})  (.+)")

State = Literal["missing", "foreign", "changed", "intact"]


class Checksums:
    """The list of a study folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.path = folder, folder / LIST

    def state(self, path: Path) -> State:
        """Return whether a file of the folder is missing, not listed, other than listed, or as listed."""
        if not os.path.lexists(path):
            return "missing"
        if (digests := self._listed.get(self._name(path))) is None:
            return "foreign"
        return "intact" if path.is_file() and file_digest(path) in digests else "changed"

    def is_lost(self, path: Path) -> bool:
        """Return whether gengap wrote a file at `path` that is not there any more."""
        return not os.path.lexists(path) and self._name(path) in self._listed

    def is_foreign(self, path: Path) -> bool:
        """Return whether something is at `path` that gengap did not write."""
        return os.path.lexists(path) and self._name(path) not in self._listed

    def add(self, path: Path, content: Path) -> None:
        """List a file whose content is still in another one. Warns if files of the list vanished with it."""
        name, digest = self._name(path), file_digest(content)
        if self._listed and not os.path.lexists(self.path):
            self._list_what_is_left()
        if digest not in self._listed.get(name, ()):
            start = "" if self.path.exists() else HEADER
            with self.path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(f"{start}\n{digest}  {name}")  # a line that a full disk cut does not touch the next
            self._listed[name].add(digest)

    def drop_replaced(self) -> None:
        """List each file that was written several times only as it is now, as `sha256sum --check` expects it."""
        kept = {
            name: digests & {file_digest(self._folder / name)}
            for name, digests in self._listed.items()
            if len(digests) > 1 and (self._folder / name).is_file()
        }
        kept = {name: digests for name, digests in kept.items() if digests}  # one that was changed stays so
        if kept:
            self._listed.update(kept)
            self._write()

    def _list_what_is_left(self) -> None:
        """Write the list again without the files that are gone, and warn of them."""
        gone = [name for name in self._listed if not os.path.lexists(self._folder / name)]
        for name in gone:
            del self._listed[name]
        if gone:
            warnings.warn(
                f"{self._folder}: {counted(len(gone), 'file')} vanished while the study runs "
                f"({first_few(gone, SHOWN)}). It goes on. Run the same command afterwards to make them again",
                GengapWarning,
                stacklevel=5,
            )
        if self._listed:
            self._write()

    def _write(self) -> None:
        lines = (f"{digest}  {name}" for name, digests in self._listed.items() for digest in digests)
        with atomic_write(self.path) as part:
            part.write_text("\n".join((HEADER, *lines)), encoding="utf-8", newline="\n")

    @cached_property
    def _listed(self) -> defaultdict[str, set[str]]:
        """The checksums of each name."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        if not os.path.lexists(self.path):
            return found
        text = read_document(self.path).decode("utf-8", "replace")
        if not text.startswith(HEADER):
            raise StudyFolderError(f"{self.path} is not the list of a study's files. {ELSEWHERE}")
        for line in text.splitlines():
            if match := LINE.fullmatch(line):
                found[match[2]].add(match[1])
        return found

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def check_unchanged(path: Path) -> None:
    """Raise StudyFolderError if `path` is in a study folder and differs from what gengap wrote."""
    folder = next((each for each in path.absolute().parents if (each / LIST).is_file()), None)
    if folder is not None and Checksums(folder).state(path.absolute()) == "changed":
        raise StudyFolderError(
            f"{path}: the file is damaged or was changed (its checksum is not in {folder / LIST}). Run the same "
            "`gengap study` again to make it again"
        )


def file_digest(path: Path) -> str:
    """Return the SHA-256 checksum of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
