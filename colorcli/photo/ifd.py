"""Image file directories: the structure that TIFF and EXIF share (TIFF 6.0, BigTIFF)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from colorcli.photo.header import MalformedError

# Bytes of a value of each type: TIFF 6.0 page 15, then 13 (IFD), BigTIFF's 16 to 18, and UTF-8
# (EXIF 3.0).
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8, 129: 1}
_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

# Before a comment in UTF-16 (EXIF 2.3, table 9), which has the byte order of the file.
_UTF_16 = b"UNICODE\0"

EXIF, GPS, INTEROPERABILITY = 0x8769, 0x8825, 0xA005
POINTERS = (EXIF, GPS, INTEROPERABILITY)
"""Tags whose value is the offset of another directory."""

# NewSubfileType, and its bits for a preview or a mask of another directory.
_SUBFILE, _OF_ANOTHER = 254, 0b101
# More than anybody scans at once.
_MOST_PAGES = 10_000


@dataclass(frozen=True)
class Entry:
    """One field: its type, how many values, and their bytes in the file's byte order.

    Attributes:
        at: offset of the bytes, if they were read from a file.
    """

    type: int
    count: int
    value: bytes
    order: str
    at: int = 0

    def integers(self) -> tuple[int, ...]:
        """The values, as unsigned integers.

        Raises:
            MalformedError: they are of another type.
        """
        if self.type not in _CODES:
            raise MalformedError("a field has the wrong type")
        return struct.unpack(f"{self.order}{self.count}{_CODES[self.type]}", self.value)

    def integer(self) -> int:
        """The first value.

        Raises:
            MalformedError: there is none, or it is not an unsigned integer.
        """
        values = self.integers()
        if not values:
            raise MalformedError("a field is empty")
        return values[0]

    def rational(self) -> float:
        """The first value, an unsigned fraction; 0 if it is not one."""
        if self.type != 5 or self.count < 1:
            return 0.0
        above, below = struct.unpack_from(f"{self.order}2I", self.value)
        return float(above / below) if below else 0.0

    def swapped(self, order: str) -> Entry:
        """The same field in another byte order."""
        size = {3: 2, 8: 2, 4: 4, 9: 4, 5: 4, 10: 4, 11: 4, 12: 8, 13: 4}.get(self.type, 1)
        code = b""
        if self.type == 7 and self.value.startswith(_UTF_16):
            code, size = _UTF_16, 2
        if order == self.order or size == 1:
            return Entry(self.type, self.count, self.value, order)
        units = (self.value[i : i + size][::-1] for i in range(len(code), len(self.value), size))
        return Entry(self.type, self.count, code + b"".join(units), order)


Directory = dict[int, Entry]


class Structure(NamedTuple):
    """Where the first directory is, and how to read it."""

    order: str
    big: bool
    first: int


def structure(data: bytes) -> Structure:
    """Read the header of a TIFF structure.

    Raises:
        MalformedError: it is not one.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        raise MalformedError("it does not begin as a TIFF structure does")
    (magic,) = struct.unpack_from(f"{order}H", data, 2)
    if magic == 42:
        return Structure(order, False, struct.unpack_from(f"{order}I", data, 4)[0])
    if magic == 43 and len(data) >= 16:
        return Structure(order, True, struct.unpack_from(f"{order}Q", data, 8)[0])
    raise MalformedError("it does not begin as a TIFF structure does")


def read(data: bytes, how: Structure, offset: int) -> tuple[Directory, int]:
    """Read one directory. Fields of unknown type, or outside the data, are skipped.

    Args:
        data: the whole structure.
        how: its byte order and kind.
        offset: of the directory.

    Returns:
        The fields by tag, and the offset of the next directory, 0 for none.

    Raises:
        MalformedError: the directory itself is not inside the data, or its fields overlap so that
            they add up to more bytes than there are.
    """
    head, entry, inline, number = ("Q", 20, 8, "Q") if how.big else ("H", 12, 4, "I")
    try:
        (count,) = struct.unpack_from(how.order + head, data, offset)
        start = offset + struct.calcsize(head)
        if start + count * entry > len(data):
            raise MalformedError("a directory is cut off")
        fields: Directory = {}
        left = len(data)
        for at in range(start, start + count * entry, entry):
            tag, kind, values = struct.unpack_from(f"{how.order}HH{number}", data, at)
            size = _SIZES.get(kind, 0) * values
            where = at + entry - inline
            if size > inline:
                (where,) = struct.unpack_from(how.order + number, data, where)
            if size and where + size <= len(data):
                left -= size
                if left < 0:
                    raise MalformedError("a directory's fields have more bytes than the file")
                # Of two fields with one tag the first counts, as in libtiff.
                fields.setdefault(
                    tag, Entry(kind, values, data[where : where + size], how.order, where)
                )
        end = start + count * entry
        following = data[end : end + inline]
        after = struct.unpack(how.order + number, following)[0] if len(following) == inline else 0
        return fields, after
    except struct.error:
        raise MalformedError("a directory is cut off") from None


def pages(data: bytes, how: Structure) -> int:
    """How many directories the chain has, without previews and masks of others.

    Reads only the first field of each, and the offset of the next: there may be thousands, each as
    long as the file.
    """
    head, entry, number = ("Q", 20, "Q") if how.big else ("H", 12, "I")
    found, seen, at = 0, set[int](), how.first
    while at and at not in seen and len(seen) < _MOST_PAGES:
        seen.add(at)
        try:
            (count,) = struct.unpack_from(how.order + head, data, at)
            start = at + struct.calcsize(head)
            tag, _, _, value = struct.unpack_from(f"{how.order}HH{number}I", data, start)
            (at,) = struct.unpack_from(how.order + number, data, start + count * entry)
        except struct.error:
            break
        found += tag != _SUBFILE or not value & _OF_ANOTHER
    return found


def write(fields: Directory, start: int, order: str, *, within: bytes = b"") -> bytes:
    """Serialise one classic directory, with no next one.

    Args:
        fields: by tag, in any byte order.
        start: the offset at which the result will lie.
        order: "<" or ">".
        within: the data that the result will follow: values still found there are not repeated.

    Returns:
        The directory followed by its values.
    """
    values_at = start + 2 + 12 * len(fields) + 4
    head, tail = [struct.pack(f"{order}H", len(fields))], bytearray()
    for tag in sorted(fields):
        field = fields[tag].swapped(order)
        head.append(struct.pack(f"{order}HHI", tag, field.type, field.count))
        if len(field.value) <= 4:
            head.append(field.value.ljust(4, b"\0"))
        elif within and within[(at := fields[tag].at) : at + len(field.value)] == field.value:
            head.append(struct.pack(f"{order}I", at))
        else:
            head.append(struct.pack(f"{order}I", values_at + len(tail)))
            tail += field.value + b"\0" * (len(field.value) % 2)
    head.append(b"\0\0\0\0")
    return b"".join(head) + bytes(tail)


def write_tree(fields: Directory, below: dict[int, Directory], start: int, order: str) -> bytes:
    """Serialise a directory and those it points to.

    Args:
        fields: by tag, without pointers.
        below: pointer tag → directory.
        start: the offset at which the result will lie, even.
        order: "<" or ">".

    Returns:
        The directories, the main one first.
    """
    placeholder = {tag: long(0, order) for tag in below}
    length = len(write(fields | placeholder, start, order))
    parts, pointers = bytearray(), {}
    for tag, directory in below.items():
        at = start + length + len(parts)
        pointers[tag] = long(at, order)
        parts += write(directory, at, order)
    return write(fields | pointers, start, order) + bytes(parts)


def ascii_(text: str, order: str) -> Entry:
    """An ASCII field; other characters become '?'."""
    value = text.encode("ascii", "replace") + b"\0"
    return Entry(2, len(value), value, order)


def short(value: int, order: str) -> Entry:
    """A SHORT field."""
    return Entry(3, 1, struct.pack(f"{order}H", value), order)


def long(value: int, order: str) -> Entry:
    """A LONG field."""
    return Entry(4, 1, struct.pack(f"{order}I", value), order)


def rational(value: float, order: str) -> Entry:
    """A RATIONAL field, rounded to thousandths."""
    return Entry(5, 1, struct.pack(f"{order}2I", round(value * 1000), 1000), order)
