"""A photo in memory: gray as integers, and L computed from it for the rows in use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from colorcli import lab
from colorcli.errors import PhotoError

Array: TypeAlias = npt.NDArray[Any]

# Rows converted to float at once: enough to amortise a call, little compared with the photo.
STRIP = 128


def reduced(values: Array, maximum: int) -> Array:
    """Scale uint16 (...) to the range 0 to `maximum`, at most 65535, rounded: uint16 (...)."""
    table = ((np.arange(65536) * maximum + 32767) // 65535).astype(np.uint16)
    return np.asarray(table[values])


def rescaled(
    L: Callable[[slice], npt.NDArray[np.float32]], shape: tuple[int, int], height: int, width: int
) -> npt.NDArray[np.float32]:
    """L at another size: averaged along an axis that shrinks, linear along one that grows.

    Rows are resized first, strip by strip, then columns: the result is that of resizing the whole
    (the filters are separable), without a float copy of it.

    Args:
        L: returns some rows, float32 (h, W) in [0, 100].
        shape: (H, W) of all of them.
        height: rows of the result, at least 1.
        width: columns of the result, at least 1.

    Returns:
        float32 (height, width) in [0, 100].
    """
    rows, columns = shape
    if (height, width) == shape:
        return L(slice(None))
    narrow = np.empty((rows, width), np.float32)
    across = cv2.INTER_AREA if width < columns else cv2.INTER_LINEAR
    for start in range(0, rows, STRIP):
        strip = L(slice(start, start + STRIP))
        narrow[start : start + STRIP] = cv2.resize(strip, (width, len(strip)), interpolation=across)
    down = cv2.INTER_AREA if height < rows else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(narrow, (width, height), interpolation=down), np.float32)


@dataclass
class Metadata:
    """The metadata of a file.

    Attributes:
        exif: a TIFF structure (no "Exif" before it), its orientation still as read.
        xmp: an XMP packet, UTF-8.
        icc: the profile of the stored pixels.
        dpi: pixels per inch, across and down.
        iptc: captions, an IPTC-IIM record.
        notes: texts as stored, each with its kind: b"tEXt", b"zTXt" and b"iTXt" are PNG chunks,
            b"COM" are JPEG comments.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    iptc: bytes | None = None
    notes: tuple[tuple[bytes, bytes], ...] = ()


@dataclass
class Photo:
    """A photo, upright.

    Attributes:
        gray: (H, W), uint8 or uint16, encoded with the sRGB curve, with the L of the source.
        depth: bits per channel of the source, 8 or 16, and of the result.
        alpha: (H, W), uint8 or uint16 as `depth` says, or None.
        format: the family of the source, a key of `FAMILIES`.
        metadata: of the source.
        warnings: what was lost or guessed in reading, a line each.
        lossless: whether the source is stored losslessly, in a family that also has lossy files.
    """

    gray: Array
    depth: int
    alpha: Array | None = None
    format: str = "png"
    metadata: Metadata = field(default_factory=Metadata)
    warnings: tuple[str, ...] = ()
    lossless: bool = False

    @classmethod
    def from_array(cls, image: Array) -> Photo:
        """A photo from sRGB pixels in memory.

        Args:
            image: uint8 or uint16: (H, W) or (H, W, 1) gray, not copied if contiguous;
                (H, W, 2) gray and alpha, (H, W, 3) RGB, (H, W, 4) RGB and alpha.

        Returns:
            The photo, of the array's depth.

        Raises:
            PhotoError: another shape or dtype, or no pixels.
        """
        if not image.dtype.isnative:
            image = image.astype(image.dtype.newbyteorder("="))
        if image.dtype not in (np.uint8, np.uint16):
            raise PhotoError(f"an image of dtype {image.dtype}: it must be uint8 or uint16")
        if image.ndim == 2:
            image = image[..., None]
        if image.ndim != 3 or image.shape[2] not in (1, 2, 3, 4) or 0 in image.shape:
            raise PhotoError(f"an image of shape {image.shape}: it must be (H, W) or (H, W, 1..4)")
        channels = image.shape[2]
        alpha = np.ascontiguousarray(image[..., -1]) if channels in (2, 4) else None
        if channels <= 2:
            gray: Array = np.ascontiguousarray(image[..., 0])
        else:
            gray = np.empty(image.shape[:2], np.uint16)
            for start in range(0, len(image), STRIP):
                gray[start : start + STRIP] = lab.gray_from_rgb(image[start : start + STRIP, :, :3])
        return cls(gray, 8 * image.dtype.itemsize, alpha)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        height, width = self.gray.shape
        return height, width

    def L(self, rows: slice = slice(None)) -> npt.NDArray[np.float32]:
        """L of some rows.

        Args:
            rows: which rows; all by default.

        Returns:
            float32 (h, W) in [0, 100].
        """
        return lab.L_from_gray(self.gray[rows])

    def L_at(self, height: int, width: int) -> npt.NDArray[np.float32]:
        """L of the photo at another size, as by `rescaled`.

        Args:
            height: rows of the result, at least 1.
            width: columns of the result, at least 1.

        Returns:
            float32 (height, width) in [0, 100].
        """
        return rescaled(self.L, self.shape, height, width)
