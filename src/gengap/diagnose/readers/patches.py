"""Patches: what two versions of a file differ in. A log may stand below one, but lines within it are no log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

START = re.compile(r"\s*(?:diff --git |--- [^\n]+\n\+\+\+ [^\n]+\n@@ )")
HEADS = ("diff ", "index ", "--- ", "+++ ", "@@", "new ", "deleted ", "old ", "rename ", "copy ", "similarity ")
HEADS = (*HEADS, "dissimilarity ", "GIT ", "Binary ")
PART = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")  # how many lines of both versions stand below it
SIGNS = ((" ", (1, 1)), ("-", (1, 0)), ("+", (0, 1)), ("\n", (1, 1)), ("\r", (1, 1)))  # of a line: in which version
DIGIT = re.compile(r"\d")


def is_patch_alone(head: str, blocks: Iterable[str]) -> bool:
    r"""Return whether a text that begins with `head` is a patch, without a log below it.

    Lines that its parts do not count, but with several of the signs of a patch, belong to it: people cut patches.

    >>> patch = "--- a\n+++ b\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
    >>> [is_patch_alone(text, [text]) for text in (patch, patch + " loss 0.5\n")]
    [True, False]
    """
    if START.match(head) is None:
        return False
    signs, numbers = set[str](), False
    for line in _lines_outside(_lines(blocks)):
        numbers = numbers or DIGIT.search(line) is not None
        if line[0] in " +-":
            signs.add(line[0])
        elif DIGIT.search(line):
            return False
    return not numbers or len(signs) > 1


def _lines_outside(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines that no part of a patch counts, without the heads of parts and files."""
    left = (0, 0)  # lines of both versions in the present part
    for line in lines:
        inside = next((step for sign, step in SIGNS if line.startswith(sign)), None) if any(left) else None
        if inside is not None:
            left = max(left[0] - inside[0], 0), max(left[1] - inside[1], 0)
        elif found := PART.match(line):
            left = int(found[1] or 1), int(found[2] or 1)
        elif not line.startswith(HEADS):
            left = left if line.startswith("\\") else (0, 0)  # "\ No newline at end of file"
            yield line


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    rest = ""
    for block in blocks:
        *lines, rest = (rest + block).split("\n")
        yield from (f"{line}\n" for line in lines)
    if rest:
        yield rest
