"""Apply an EXIF orientation, to pixels and to positions that metadata state in them."""

from __future__ import annotations

import numpy as np

from colorcli.photo.image import Array


def upright(image: Array, orientation: int) -> Array:
    """Apply an EXIF orientation.

    Args:
        image: (H, W) or (H, W, C).
        orientation: 1 to 8: where row 0 and column 0 of the stored pixels belong.

    Returns:
        (H, W), or (W, H) from 5 on, with the same channels; contiguous.
    """
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def place(across: float, down: float, orientation: int) -> tuple[float, float]:
    """Map a position in the stored picture to the upright one; both in shares of width, height."""
    if orientation >= 5:
        across, down = down, across
    if orientation in (2, 3, 6, 7):
        across = 1 - across
    if orientation in (3, 4, 7, 8):
        down = 1 - down
    return across, down
