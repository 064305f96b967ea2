"""Tiles of a photo: each pixel in one tile, and few read again for halos."""

from __future__ import annotations

import math
from collections.abc import Iterator


def tiles(
    padded: tuple[int, int], area: int, halo: int, multiple: int
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Cover a padded photo with equal tiles; those of the last row and column may be smaller.

    Args:
        padded: `(H, W)` in pixels, multiples of `multiple`.
        area: pixels that a tile and its halo hold at most.
        halo: pixels around a tile that can change its colours.
        multiple: all sides are multiples of this.

    Yields:
        `((top, bottom), (left, right))` of each tile without its halo, row by row.
    """
    height, width = tile_shape(padded, area, halo, multiple)
    for top in range(0, padded[0], height):
        for left in range(0, padded[1], width):
            yield (
                (top, min(top + height, padded[0])),
                (left, min(left + width, padded[1])),
            )


def tile_shape(padded: tuple[int, int], area: int, halo: int, multiple: int) -> tuple[int, int]:
    """The tile size that, of those tried that fit the area, reads the fewest pixels with halos.

    Args and units are those of `tiles`.

    Returns:
        `(height, width)`; the smallest possible if none fits.
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
