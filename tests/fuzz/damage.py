"""Damaged files: valid ones with a few edits, as a broken disk or a stranger makes them, and bytes of no kind."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

EXAMPLES = int(
    os.environ.get("GENGAP_FUZZ", "15")
)  # of each reader; CI's few are for speed, a hunt takes thousands
MOST_EDITS = 4
TELLING = (  # what readers count, compare or cut by
    *(b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff" * 8, b"\x00" * 8, b"\x80", b"\r", b"\n", b'"', b"'", b",", b";"),
    *(b"\t", b"[", b"]", b"{", b"}", b"=", b"#", b"-", b"1e999", b"nan", b"inf", b"null", b"true", b"9" * 30),
    *(b"1_0", b"\xef\xbb\xbf", b"../../x", b"<script>", b"\x1b[2J", b"PK\x03\x04", b"PAR1", b"ARROW1"),
    *(b"\x1f\x8b\x08", b"\xed\xa0\x80", "한".encode()),
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


ODD = (  # values that a document may hold where another is expected, of the same type or not
    *(0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 10**30, 0.0, -1e308, 1e308, 5e-324, True, None),
    *("", "../../x", "</script><script>", "\n", "\x1b[2J", "\ud7ff", "%s {x} {{ 7 * 7 }}", "x" * 5_000),
    *([], {}, [[]], [0, 0], [1e308, -1e308, 0.0], {"": None}),
)


@st.composite
def odd(draw: st.DrawFn, original: bytes) -> bytes:
    """A JSON document with a few odd values in it, without a few of its own, or with some of them twice."""
    document = json.loads(original)
    for _ in range(draw(st.integers(1, MOST_EDITS))):
        inner: Any = document
        while True:
            keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(inner[key], (dict, list)) and draw(st.integers(0, 7)):
                inner = inner[key]
                continue
            kind = draw(st.integers(0, 5))
            if kind == 0:
                del inner[key]
            elif kind == 1 and isinstance(inner, list):
                inner.append(inner[key])
            else:
                inner[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
            break
    return json.dumps(document).encode()
