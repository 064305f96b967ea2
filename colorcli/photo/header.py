"""What a file says before it is decoded. Every reader of a family returns one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from colorcli.photo.image import Metadata

MEND = "take it from a backup, or save what an image editor shows of it"
"""What may help with a damaged file."""


class MalformedError(ValueError):
    """A file breaks the rules of its family, or is of a kind that is not read.

    Args:
        message: how, without naming the file.
        tip: the next step that mends it, one line, or None.
    """

    def __init__(self, message: str, *, tip: str | None = None) -> None:
        super().__init__(message)
        self.tip = tip


class Raw(NamedTuple):
    """Samples without compression, row by row, which need no decoder.

    Attributes:
        start: where they begin in the file.
        channels: gray, gray and alpha, RGB, or RGB and alpha: 1 to 4.
    """

    start: int
    channels: int


class Packed(NamedTuple):
    """Pixels of 16 bits, of which each colour has some: OpenCV would make the whitest 248 of 255.

    Attributes:
        start: where the rows begin in the file; each is filled up to four bytes.
        masks: the bits of red, green and blue, each without a gap.
        upright: whether the first row is the top one.
    """

    start: int
    masks: tuple[int, ...]
    upright: bool


class Interleaved(NamedTuple):
    """Samples of which OpenCV would lose some: it is shown a wider picture in gray instead.

    Attributes:
        samples: of a pixel, side by side in that picture.
        kept: which of them are wanted, in OpenCV's order of channels.
        differences: whether each is stored as its difference from the pixel to the left.
    """

    samples: int
    kept: tuple[int, ...]
    differences: bool


@dataclass
class Header:
    """What a file says of its pixels, and beside them.

    Attributes:
        width: of the pixels as stored.
        height: of the pixels as stored.
        metadata: EXIF, XMP, ICC and DPI, as found.
        depth: bits a channel as stored, or None where the decoder's dtype tells it.
        maximum: the value that stands for white, where it is not all ones.
        minimum: the value that stands for black.
        orientation: EXIF orientation that is left to apply after decoding, 1 to 8; None where the
            file states none outside its XMP.
        turned: EXIF orientation that the decoder applies by itself, or None.
        transparent: the one sample value that stands for transparent, which the decoder ignores.
        gamma: exponent from stored to linear values, where the file names one and no profile.
        multiplied: whether the colours are stored multiplied by alpha.
        negative: whether zero means white, which the decoder ignores.
        cmyk: whether the pixels are stored as ink.
        gray: whether the colours that the decoder makes are gray.
        opaque: whether the last of two or four channels means nothing.
        cut: whether the last bytes are missing: of the picture's own the decoder tells.
        lossless: whether it was stored so that nothing need be lost, in a family that may lose.
        lacking: whether the stored bytes cannot ever unpack to that many pixels.
        layout: how the samples lie, where OpenCV would not make the right pixels of them by itself.
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
        """How many pixels of gray the decoder is shown for each pixel."""
        return self.layout.samples if isinstance(self.layout, Interleaved) else 1
