"""Which encoding a text is in: UTF-8, UTF-16 as PowerShell writes it, or an older one of the country's Windows."""

from __future__ import annotations

import codecs
import re

from gengap.diagnose.metric_words import foreign_letters

HOLE = re.compile(rb"\0{64,}")
OLDER = ("utf-8-sig", "gb18030", "cp949", "cp932", "big5", "cp1251", "cp1252")  # the first of equally good ones


def without_holes(data: bytes) -> bytes:
    """Return bytes without long runs of zeros, as in logs that were emptied while a program wrote them."""
    return HOLE.sub(b"", data)


def encoding_of(start: bytes) -> str:
    """Return the encoding of a text that starts with these bytes."""
    head = without_holes(start)[:4096]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) > 3 and head[1::2].count(0) > len(head) * 0.4:
        return "utf-16-le"
    if len(head) > 3 and head[::2].count(0) > len(head) * 0.4:
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return max(OLDER, key=lambda encoding: foreign_letters(start.decode(encoding, "ignore")))
    return "utf-8-sig"
