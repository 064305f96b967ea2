"""The `Header` that every format's reader returns: what is known before decoding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from colorcli.photo.image import Metadata

MEND = "restore it from a backup, or save what an image editor shows of it"
"""Tip for a damaged file."""


class MalformedError(ValueError):
    """A file breaks the rules of its format, or is of an unsupported kind.

    Args:
        message: what is wrong, without naming the file.
        tip: the next step, one line, or None.
    """

    def __init__(self, message: str, *, tip: str | None = None) -> None:
        super().__init__(message)
        self.tip = tip


class Raw(NamedTuple):
    """Uncompressed samples, row by row, which need no decoder.

    Attributes:
        start: their offset in the file.
        channels: 1 to 4: gray, gray and alpha, RGB, or RGB and alpha.
    """

    start: int
    channels: int


class Packed(NamedTuple):
    """16-bit pixels with a few bits per colour: OpenCV would decode white as 248, not 255.

    Attributes:
        start: offset of the rows in the file; each is padded to a multiple of four bytes.
        masks: the bits of red, green and blue, each without a gap.
        upright: whether the first row is the top one.
    """

    start: int
    masks: tuple[int, ...]
    upright: bool


class Interleaved(NamedTuple):
    """Samples some of which OpenCV would lose: it is given a wider gray picture instead.

    Attributes:
        samples: how many a pixel has, side by side in that picture.
        kept: which of them are wanted, in OpenCV's channel order.
        differences: whether each is stored as its difference from the pixel to the left.
    """

    samples: int
    kept: tuple[int, ...]
    differences: bool


@dataclass
class Header:
    """What a file says about its pixels, and its metadata.

    Attributes:
        width: of the pixels as stored.
        height: of the pixels as stored.
        metadata: as found.
        depth: bits per channel as stored, or None if the decoder's dtype tells it.
        maximum: the value of white, if not all ones.
        minimum: the value of black.
        orientation: EXIF orientation left to apply after decoding, 1 to 8; None if the file states
            none outside its XMP.
        turned: EXIF orientation that the decoder applies by itself, or None.
        transparent: the one sample value that means transparent, which the decoder ignores.
        gamma: exponent from stored to linear values, if the file states one and has no profile.
        multiplied: whether the colours are stored multiplied by alpha.
        negative: whether zero means white, which the decoder ignores.
        cmyk: whether the pixels are stored as CMYK.
        gray: whether the decoder returns gray as equal colour channels.
        opaque: whether the last of two or four channels is to be ignored.
        cut: whether the last bytes are missing; the decoder tells if any were the picture's.
        lossless: whether it is stored losslessly, in a family that also has lossy files.
        lacking: whether the stored bytes can never unpack to that many pixels.
        layout: how the samples are stored, if OpenCV alone would decode them wrongly.
        decodable: what to hand to the decoder, if not the file as it is.
        warnings: what is lost or guessed, a line each.
    """

    width: int
    height: int
    metadata: Metadata = field(default_factory=Metadata)
    depth: int | None = None
    maximum: int | None = None
    minimum: int = 0
    orientation: int | None = None
    turned: int | None = None
    transparent: int | None = None
    gamma: float | None = None
    multiplied: bool = False
    negative: bool = False
    cmyk: bool = False
    gray: bool = False
    opaque: bool = False
    cut: bool = False
    lossless: bool = False
    lacking: bool = False
    layout: Raw | Packed | Interleaved | None = None
    decodable: bytes | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def samples_shown(self) -> int:
        """How many gray pixels the decoder is given for each pixel."""
        return self.layout.samples if isinstance(self.layout, Interleaved) else 1
