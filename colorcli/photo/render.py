"""A photo and its predicted colours → pixels."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import numpy.typing as npt

from colorcli import lab
from colorcli.photo.image import STRIP, Array, Photo
from colorcli.processor import usable_cores

FEW = 1 << 20
"""Pixels up to which threads take longer than they save."""

BLOCK_OF_SEVERAL = 65536
"""Pixels that each of several threads converts at once; one alone is faster with `lab.BLOCK`."""


class AbRows(Protocol):
    """Colours of a photo, made for the rows asked for."""

    def rows(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """The ab of rows `start` to `stop`: float32 (stop - start, W, 2), in CIELAB units."""
        ...


def render(photo: Photo, ab: AbRows, *, bgr: bool = False) -> Array:
    """The coloured pixels. Where a colour does not exist in sRGB, chroma gives way, not L.

    Args:
        photo: gives L, alpha and depth.
        ab: gives the colours.
        bgr: order the channels B, G, R (, alpha), as OpenCV's encoders want them.

    Returns:
        (H, W, 3), or (H, W, 4) with the photo's own alpha: uint8 or uint16 as `photo.depth` says.
    """
    dtype = np.uint8 if photo.depth == 8 else np.uint16
    height, width = photo.shape
    pixels = np.empty((height, width, 3 if photo.alpha is None else 4), dtype)

    def colour(start: int, stop: int, strip: npt.NDArray[np.float32], block: int) -> None:
        L = photo.L(slice(start, stop))
        pixels[start:stop, :, :3] = lab.lab_to_rgb(L, strip, dtype, bgr=bgr, block=block)

    # NumPy and OpenCV let go of the interpreter, so threads help; a bounded queue of strips keeps
    # the float copies few. The colours themselves are asked for here, in order.
    strips = [(start, min(start + STRIP, height)) for start in range(0, height, STRIP)]
    if height * width <= FEW:
        for start, stop in strips:
            colour(start, stop, ab.rows(start, stop), lab.BLOCK)
    else:
        workers = min(4, usable_cores())
        pending: deque[Future[None]] = deque()
        with ThreadPoolExecutor(workers) as pool:
            for start, stop in strips:
                strip = ab.rows(start, stop)
                pending.append(pool.submit(colour, start, stop, strip, BLOCK_OF_SEVERAL))
                if len(pending) > workers:
                    pending.popleft().result()
            for last in pending:
                last.result()
    if photo.alpha is not None:
        pixels[..., 3] = photo.alpha
    return pixels
