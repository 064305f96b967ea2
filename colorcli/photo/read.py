"""Read a photo file, pixels and metadata."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from colorcli.errors import PhotoError
from colorcli.photo import avif, bmp, exif, jp2, jpeg, png, pnm, tiff, webp, xmp
from colorcli.photo.decode import decode, gray_of, rgb_of
from colorcli.photo.header import Header, MalformedError
from colorcli.photo.image import Array, Photo
from colorcli.photo.turn import upright


def _opencv_pixels(stated: str | None) -> int:
    """The limit as OpenCV parses the variable: 2000MB is 2000 × 1024²."""
    found = re.fullmatch(r"([0-9]{1,18})(MB|Mb|mb|KB|Kb|kb)?", stated or "")
    if found is None:
        return 1 << 30
    return int(found[1]) << {"": 0, "k": 10, "m": 20}[(found[2] or "")[:1].lower()]


# OpenCV's own limits; the one on pixels can be raised only before OpenCV is loaded.
_OPENCV_PIXELS = _opencv_pixels(os.environ.get("OPENCV_IO_MAX_IMAGE_PIXELS"))
_OPENCV_SIDE = 1 << 20

# Above a microscope's, and within what every format can store.
_ABSURD_DPI = 50_000
# Bytes of text metadata that are kept, all together.
_NOTES = 1024**2
CHUNK = 1 << 24
"""Bytes read from a pipe at once."""

_READERS: dict[str, Callable[[bytes], Header]] = {
    "jpeg": jpeg.inspect,
    "png": png.inspect,
    "tiff": tiff.inspect,
    "webp": webp.inspect,
    "avif": avif.inspect,
    "jpeg2000": jp2.inspect,
    "bmp": bmp.inspect,
    "pnm": pnm.inspect,
}


class Limits(NamedTuple):
    """How large an untrusted file may be, checked before it is decoded.

    Attributes:
        pixels: width times height.
        bytes: of the file.
    """

    pixels: int = 500_000_000
    bytes: int = 2_000_000_000

    @classmethod
    def given(cls, pixels: int | None, bytes: int | None) -> Limits:  # noqa: A002
        """The usual limits, except for those given."""
        asked = {"pixels": pixels, "bytes": bytes}
        return cls(**{name: value for name, value in asked.items() if value is not None})


USUAL_LIMITS = Limits()


def read_photo(
    source: str | os.PathLike[str] | bytes,
    *,
    limits: Limits = USUAL_LIMITS,
    name: str | None = None,
) -> Photo:
    """Read a photo, upright, with its metadata.

    The format is recognised by the first bytes, never by the name.

    Args:
        source: a file, or its bytes.
        limits: checked before decoding.
        name: of the photo in error messages; by default its path.

    Returns:
        The photo. `Photo.warnings` says what was lost or guessed.

    Raises:
        PhotoError: it cannot be read, is not a photo, is damaged, or is over a limit.
    """
    if not isinstance(source, bytes):
        source = Path(source)
    label = name or (str(source) if isinstance(source, Path) else "the photo")
    opened = _open(_bytes_of(source, limits, label), limits, f"{label}: ", gray_of)
    return Photo(
        opened.image,
        opened.depth,
        opened.alpha,
        opened.family,
        opened.header.metadata,
        tuple(opened.header.warnings),
        opened.header.lossless,
    )


def read_rgb(data: bytes, *, limits: Limits = USUAL_LIMITS) -> Array:
    """Read a photo's colours, upright, through its profile; `read_photo` keeps only their L.

    Args:
        data: an encoded photo.
        limits: checked before decoding.

    Returns:
        sRGB, uint8 (H, W, 3). A gray photo has three equal channels; alpha is dropped.

    Raises:
        PhotoError: it is not a photo, is damaged, or is over a limit. The message names no file.
    """
    return _open(data, limits, "", rgb_of).image


class _Opened(NamedTuple):
    """A decoded file: the upright image, gray or in colour, and what is known about it."""

    family: str
    header: Header
    depth: int
    image: Array
    alpha: Array | None


def _open(
    data: bytes, limits: Limits, prefix: str, finish: Callable[[Array, bytes, Header], Array]
) -> _Opened:
    """Check the limits, decode, `finish` the pixels, and turn them upright.

    Raises:
        PhotoError: as `read_photo`; the message begins with `prefix`.
    """
    family = family_of(data)
    if family is None:
        raise PhotoError(f"{prefix}not a photo of a supported format", tip=_KNOWN)
    header: Header | None = None
    try:
        header = _READERS[family](data)
        _check_pixels(header, limits, prefix)
        _drop_garbage(header)
        orientation = _turn(header)
        pixels, alpha = decode(data, header)
        image = finish(pixels, data, header)
    except (MalformedError, struct.error, IndexError, OverflowError) as error:
        said = str(error) if isinstance(error, MalformedError) else "its header is damaged"
        tip = error.tip if isinstance(error, MalformedError) else None
        raise PhotoError(f"{prefix}{family} file cannot be read: {said}", tip=tip) from None
    except MemoryError:
        what = f"{header.width} × {header.height} pixels do" if header else "it does"
        raise PhotoError(f"{prefix}{what} not fit into memory") from None
    return _Opened(
        family,
        header,
        8 * pixels.dtype.itemsize,
        upright(image, orientation),
        None if alpha is None else upright(alpha, orientation),
    )


def family_of(data: bytes) -> str | None:
    """The family that the first bytes identify, a key of `FAMILIES`, or None."""
    if data[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if data.startswith(png.SIGNATURE):
        return "png"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp" and any(brand in data[8:64] for brand in (b"avif", b"avis")):
        return "avif"
    if data.startswith((jp2.SIGNATURE, jp2.CODE_STREAM)):
        return "jpeg2000"
    if data[:2] == b"BM":
        return "bmp"
    if len(data) > 2 and data[:1] == b"P" and data[1:2] in b"1234567" and data[2:3].isspace():
        return "pnm"
    return None


_KNOWN = (
    "convert it first, for example to PNG or TIFF; "
    "supported are JPEG, PNG, TIFF, WebP, AVIF, JPEG 2000, BMP and PNM"
)


def _bytes_of(source: Path | bytes, limits: Limits, label: str) -> bytes:
    """The bytes of a source, refused if there are none or too many."""
    try:
        if isinstance(source, bytes):
            data, size = source, len(source)
        else:
            with source.open("rb") as file:
                size = source.stat().st_size
                data = (
                    read_up_to(file, limits.bytes, expected=size) if size <= limits.bytes else b""
                )
                size = max(size, len(data))
    except OSError as error:
        raise PhotoError(f"{label}: {error.strerror or error}") from None
    except ValueError as error:
        raise PhotoError(f"{label}: {error}") from None
    if size > limits.bytes:
        raise PhotoError(
            f"{label}: {size:,} bytes are over the limit of {limits.bytes:,}",
            tip="raise it with --max-bytes if you trust the file",
        )
    if not data:
        raise PhotoError(f"{label}: the file is empty")
    return data


def read_up_to(file: BinaryIO, limit: int, *, expected: int = CHUNK) -> bytes:
    """Read everything, or one byte more than the limit.

    Never requests many more bytes than expected: Python allocates what is requested.

    Args:
        file: a file or a pipe.
        limit: bytes.
        expected: bytes.
    """
    parts, left = [], limit + 1
    ask = expected + 1
    while left and (part := file.read(min(ask, left))):
        parts.append(part)
        left -= len(part)
        ask = CHUNK
    return b"".join(parts)


def _turn(header: Header) -> int:
    """The orientation to apply; positions and resolution in the metadata are turned with it."""
    metadata, orientation = header.metadata, header.orientation
    if orientation is None:
        orientation = xmp.orientation(metadata.xmp) or 1
    turned = header.turned or orientation
    size = header.width, header.height
    if turned >= 5 and metadata.dpi is not None:
        metadata.dpi = metadata.dpi[::-1]
    if turned > 1 and metadata.exif is not None:
        metadata.exif = exif.turned(metadata.exif, turned, size)
    if turned > 1 and metadata.xmp is not None:
        metadata.xmp = xmp.turned(metadata.xmp, turned, size)
    return orientation


def _check_pixels(header: Header, limits: Limits, prefix: str) -> None:
    pixels = header.width * header.height
    said = f"{prefix}{header.width} × {header.height} pixels"
    if pixels > limits.pixels:
        raise PhotoError(
            f"{said} are over the limit of {limits.pixels:,}",
            tip="raise it with --max-pixels if you trust the file",
        )
    shown = header.samples_shown
    if pixels * shown > _OPENCV_PIXELS:
        raise PhotoError(
            f"{said} are over OpenCV's own limit of {_OPENCV_PIXELS // shown:,}",
            tip="set OPENCV_IO_MAX_IMAGE_PIXELS in the environment as well",
        )
    if max(header.width * shown, header.height) > _OPENCV_SIDE:
        raise PhotoError(
            f"{said}: a side is over OpenCV's own limit of {_OPENCV_SIDE // shown:,}",
            tip="cut the picture into parts",
        )
    if not pixels:
        raise MalformedError("it has no pixels")
    if header.lacking:
        raise MalformedError("the file is cut off")


def _drop_garbage(header: Header) -> None:
    """Drop metadata that cannot be read, makes no sense, or is too long."""
    metadata = header.metadata
    if metadata.dpi is not None and not all(1 <= value <= _ABSURD_DPI for value in metadata.dpi):
        metadata.dpi = None
    kept = 0
    for count, (_, text) in enumerate(metadata.notes):
        # A chunk costs 12 bytes besides its text.
        kept += len(text) + 12
        if kept > _NOTES:
            metadata.notes = metadata.notes[:count]
            header.warnings.append("text metadata is over 1 MB: the rest is dropped")
            break
    if metadata.exif is not None and not exif.is_sound(metadata.exif):
        metadata.exif = None
        header.warnings.append("the EXIF data is damaged: dropped")
    if metadata.xmp is not None:
        # Some programs terminate it like a C string.
        metadata.xmp = metadata.xmp.rstrip(b"\0")
        if not xmp.is_sound(metadata.xmp):
            metadata.xmp = None
            header.warnings.append("the XMP data is damaged: dropped")
