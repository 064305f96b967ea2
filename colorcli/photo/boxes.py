"""Boxes: the structure that AVIF and JPEG 2000 share (ISO/IEC 14496-12, 15444-1 annex I)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from colorcli.photo.header import MalformedError


def walk(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between two offsets.

    Args:
        data: the whole file.
        start: of the first box.
        stop: end of the last box; by default the end of the data.

    Yields:
        The name of each box, and start and stop of its body.

    Raises:
        MalformedError: a box reaches beyond `stop`, or is shorter than its header.
    """
    stop = len(data) if stop is None else stop
    while start + 8 <= stop:
        size, name = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            if start + 16 > stop:
                raise MalformedError("the file is cut off")
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        end = stop if size == 0 else start + size
        if end > stop or end < body:
            raise MalformedError("the file is cut off")
        yield name, body, end
        start = end


def box(name: bytes, body: bytes) -> bytes:
    """One box."""
    return struct.pack(">I4s", 8 + len(body), name) + body
