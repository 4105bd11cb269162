"""Damaged files: valid ones with a few edits, as a broken disk or a stranger makes them, and bytes of no kind at all."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("GENGAP_FUZZ", "15"))  # of each reader; CI's few are for speed, a hunt takes thousands
MOST_EDITS = 4
TELLING = (  # what readers count, compare or cut by
    *(b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff" * 8, b"\x00" * 8, b"\x80", b"\r", b"\n", b'"', b"'", b",", b";", b"\t"),
    *(b"[", b"]", b"{", b"}", b"=", b"#", b"-", b"1e999", b"nan", b"inf", b"null", b"true", b"9" * 30, b"1_0", b"\xef\xbb\xbf"),
    *(b"../../x", b"<script>", b"\x1b[2J", b"PK\x03\x04", b"PAR1", b"ARROW1", b"\x1f\x8b\x08", b"\xed\xa0\x80", "한".encode()),
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, originals: Sequence[bytes]) -> bytes:
    """One of the originals after a few edits; now and then one that is whole, and bytes that never were a file."""
    if draw(st.integers(0, 7)) == 7:
        return draw(st.binary(max_size=300) | st.lists(st.sampled_from(TELLING), max_size=30).map(b"".join))
    content = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(0, MOST_EDITS))):
        content = draw(_edited(content, originals))
    return content


@st.composite
def _edited(draw: st.DrawFn, content: bytes, originals: Sequence[bytes]) -> bytes:
    start, end = sorted((draw(_place(content)), draw(_place(content))))
    kind = draw(st.sampled_from(["flip", "cut", "put", "over", "drop", "double", "splice"]))
    if kind == "flip" and content:
        at = min(start, len(content) - 1)
        return content[:at] + bytes([content[at] ^ 1 << draw(st.integers(0, 7))]) + content[at + 1 :]
    if kind == "cut":
        return content[:start]
    if kind == "drop":
        return content[:start] + content[min(end, start + 64) :]
    if kind == "double":
        return content[:end] + content[start:end] * draw(st.integers(1, 3)) + content[end:]
    if kind == "splice":
        other = draw(st.sampled_from(originals))
        return content[:start] + other[draw(_place(other)) :]
    more = draw(st.sampled_from(TELLING) | st.binary(max_size=8))
    return content[:start] + more + content[start + (len(more) if kind == "over" else 0) :]


def _place(content: bytes) -> st.SearchStrategy[int]:
    """Anywhere, and more often near the ends, where formats keep what the rest is read by."""
    last = len(content)
    near = min(last, 64)
    return st.integers(0, last) | st.integers(0, near) | st.integers(last - near, last)
