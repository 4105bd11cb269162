"""Files of Weights & Biases, as its package writes them."""

from __future__ import annotations

import json
import struct
import zlib


def field(number: int, content: bytes | int) -> bytes:
    """A field in the wire format of protocol buffers, of less than 16 kB."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def wandb_file(records: list[bytes]) -> bytes:
    """A run's file as W&B writes it: records in pieces that end where a block of 32 KiB ends."""
    content = b":W&B\xe1\xbe\x00"
    for record in records:
        parts, rest = [], record
        while rest or not parts:
            space = 32768 - len(content) % 32768
            if space < 7:
                content += bytes(space)
                continue
            part, rest = rest[: space - 7], rest[space - 7 :]
            kind = (3 if parts else 2) if rest else (4 if parts else 1)
            parts.append(part)
            content += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
    return content


def logged(step: int, **values: float | str) -> bytes:
    """A record of one call of run.log."""
    items = b"".join(
        field(1, field(1, name.encode()) + field(16, json.dumps(y).encode())) for name, y in values.items()
    )
    return field(2, items + field(2, field(1, step)))
