"""PNM and PAM (netpbm formats): the header, and a writer, which is shorter than using OpenCV's."""

from __future__ import annotations

import re

import numpy as np

from colorcli.photo.header import Header, MalformedError, Raw
from colorcli.photo.image import Array

_TOKEN = re.compile(rb"\s*(?:#[^\n]*\n\s*)*(\d{1,9})")
# A header is short; comments of this length are an attack.
_HEADER = 65536
# Tuple types of PAM, and how many channels each has; each may add alpha.
_TUPLES = {b"BLACKANDWHITE": 1, b"GRAYSCALE": 1, b"RGB": 3}


def inspect(data: bytes) -> Header:
    """Read the header of a PBM, PGM, PPM or PAM.

    Raises:
        MalformedError: it is cut off, has no size, or its pixels are of an unsupported kind.
    """
    if data[:2] == b"P7":
        fields, start = _pam(data)
        width, height, channels, maximum = (
            fields.get(name, 0) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
        )
        binary, digits = True, (0, 0)
    else:
        kind = data[1] - ord("0")
        numbers, at, digits = [], 2, (0, 0)
        for _ in range(2 if kind in (1, 4) else 3):
            found = _TOKEN.match(data, at, at + _HEADER)
            if found is None:
                raise MalformedError("it has no size")
            numbers.append(int(found[1]))
            digits = found.span(1)
            at = found.end()
        width, height, maximum = (*numbers, 1)[:3]
        channels, binary, start = (3 if kind in (3, 6) else 1), kind > 3, at + 1
    if not (width and height and 0 < maximum < 65536 and 0 < channels <= 4):
        raise MalformedError("it has no size")
    # PBM's bits, of which 1 is black, are decoded to 0 and 255.
    bits = data[:2] in (b"P1", b"P4")
    row = (width + 7) // 8 if bits else width * channels * (1 if maximum < 256 else 2)
    if len(data) < start + (row * height if binary else height):
        raise MalformedError("the file is cut off")
    whole = 255 if maximum < 256 else 65535
    header = Header(width, height, maximum=None if bits or maximum == whole else maximum)
    if binary and re.match(rb"\s*P[1-7]\s", data[start + row * height : start + row * height + 64]):
        header.warnings.append("several pictures: only the first is read")
    if maximum < 255 and not binary and not bits:
        # OpenCV would scale the samples itself, and round them down.
        data = header.decodable = data[: digits[0]] + b"255" + data[digits[1] :]
    if not binary:
        # OpenCV does not find a number that ends the file.
        header.decodable = data + b"\n"
    if binary and not bits:
        header.layout = Raw(start, channels)
        header.depth = 8 if maximum < 256 else 16
    return header


def write(pixels: Array, comment: str | None) -> bytes:
    """Encode pixels as PPM, or as PAM if they have alpha.

    Args:
        pixels: (H, W, 3) RGB or (H, W, 4) RGB and alpha, uint8 or uint16.
        comment: one line for the header, or None.

    Returns:
        The file.
    """
    height, width, channels = pixels.shape
    maximum = 255 if pixels.dtype == np.uint8 else 65535
    note = "" if comment is None else f"# {comment}\n"
    if channels == 3:
        head = f"P6\n{note}{width} {height}\n{maximum}\n"
    else:
        head = (
            f"P7\n{note}WIDTH {width}\nHEIGHT {height}\nDEPTH 4\nMAXVAL {maximum}\n"
            "TUPLTYPE RGB_ALPHA\nENDHDR\n"
        )
    big_endian = pixels.astype(">u2") if maximum == 65535 else pixels
    return head.encode("ascii", "replace") + big_endian.tobytes()


def _pam(data: bytes) -> tuple[dict[bytes, int], int]:
    """The numbers of a PAM header, and where the pixels begin."""
    end = data.find(b"\nENDHDR\n", 0, _HEADER)
    if end < 0:
        raise MalformedError("it has no size")
    fields, kind = dict[bytes, int](), b""
    for line in data[:end].split(b"\n"):
        name, _, value = line.partition(b" ")
        value = value.strip()
        if name == b"TUPLTYPE":
            # The specification joins several lines into one.
            kind = b" ".join((kind, value)).strip()
        elif re.fullmatch(rb"\d{1,9}", value):
            fields[name] = int(value)
    if kind:
        colours = kind.removesuffix(b"_ALPHA")
        channels = _TUPLES.get(colours, 0) + (colours != kind)
        if colours not in _TUPLES or fields.get(b"DEPTH", 0) != channels:
            raise MalformedError(
                f"its pixels are {fields.get(b'DEPTH', 0)} channels of "
                f"{kind[:40].decode('ascii', 'replace')!r}, which is not supported",
                tip="save it as RGB, or as GRAYSCALE",
            )
    return fields, end + len(b"\nENDHDR\n")
