"""Tiles of a photo: each pixel in one, and as little as can be looked at twice for their halos."""

from __future__ import annotations

import math
from collections.abc import Iterator


def tiles(
    padded: tuple[int, int], area: int, halo: int, multiple: int
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Cover a padded photo with rectangles: equal ones, but for the last row and column.

    Args:
        padded: `(H, W)` in pixels, multiples of `multiple`.
        area: pixels that a rectangle and the halo around it hold at most.
        halo: pixels around a rectangle that can change its colours.
        multiple: all sides are multiples of it.

    Yields:
        `((top, bottom), (left, right))` of each, row by row; halos are not in them.
    """
    height, width = tile_shape(padded, area, halo, multiple)
    for top in range(0, padded[0], height):
        for left in range(0, padded[1], width):
            yield (
                (top, min(top + height, padded[0])),
                (left, min(left + width, padded[1])),
            )


def tile_shape(padded: tuple[int, int], area: int, halo: int, multiple: int) -> tuple[int, int]:
    """Of all grids of tiles that fit the area, the one that looks at the fewest pixels twice.

    Args and units are those of `tiles`.

    Returns:
        `(height, width)` of its tiles; the smallest there can be, where none fits.
    """
    inner = max(multiple, (math.isqrt(area) - 2 * halo) // multiple * multiple)
    shapes = {(inner, inner)}
    for columns in range(1, padded[1] // (2 * halo or multiple) + 2):
        width = -(-padded[1] // (columns * multiple)) * multiple
        rows = area // min(padded[1], width + 2 * halo)
        if rows < padded[0]:
            rows = (rows - 2 * halo) // multiple * multiple
        if rows >= multiple:
            strips = -(-padded[0] // rows)
            shapes.add((-(-padded[0] // (strips * multiple)) * multiple, width))

    def seen(shape: tuple[int, int]) -> int:
        down, across = (
            side + 2 * halo * ((side - 1) // part) for side, part in zip(padded, shape, strict=True)
        )
        return down * across

    return min(shapes, key=seen)
