"""A photo and its predicted colours → pixels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Protocol

import numpy as np
import numpy.typing as npt

from colorcli import lab
from colorcli.photo.image import STRIP, Array, Photo
from colorcli.processor import usable_cores

FEW = 1 << 20
"""Pixels up to which threads cost more time than they save."""

BLOCK_OF_SEVERAL = 65536
"""Pixels that each of several threads converts at once; a single one is faster with `lab.BLOCK`."""


class AbRows(Protocol):
    """Colours of a photo, computed by rows; several threads may ask at once."""

    def rows(self, start: int, L: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """ab of the rows from `start`, whose L is (n, W): float32 (n, W, 2), CIELAB units."""
        ...


def render(photo: Photo, ab: AbRows, *, bgr: bool = False) -> Array:
    """The coloured pixels. A colour outside the sRGB gamut loses chroma, not L.

    Args:
        photo: provides L, alpha and depth.
        ab: provides the colours.
        bgr: order the channels B, G, R (, alpha), as OpenCV's encoders expect.

    Returns:
        (H, W, 3), or (H, W, 4) with the photo's own alpha: uint8 or uint16 as `photo.depth` says.
    """
    dtype = np.uint8 if photo.depth == 8 else np.uint16
    height, width = photo.shape
    pixels = np.empty((height, width, 3 if photo.alpha is None else 4), dtype)

    def colour(start: int, block: int) -> None:
        strip = slice(start, min(start + STRIP, height))
        L = photo.L(strip)
        pixels[strip, :, :3] = lab.lab_to_rgb(L, ab.rows(start, L), dtype, bgr=bgr, block=block)

    starts = range(0, height, STRIP)
    if height * width <= FEW:
        for start in starts:
            colour(start, lab.BLOCK)
    else:
        # NumPy and OpenCV release the GIL, so threads help.
        with ThreadPoolExecutor(min(4, usable_cores())) as pool:
            list(pool.map(colour, starts, repeat(BLOCK_OF_SEVERAL)))
    if photo.alpha is not None:
        pixels[..., 3] = photo.alpha
    return pixels
