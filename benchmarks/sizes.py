"""How colours change with the size that the network sees, on the same large photos.

    python benchmarks/sizes.py PHOTOS [--split val-large] [--model fusion] [--sizes 160,320,full]

PHOTOS is what `colorize evaluate` takes. Prints the mean ab error, the mean chroma beside that of
the originals, and the unevenness: the standard deviation of ab within 32×32 cells of smooth L,
where one colour would be expected.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorcli.collection import decode_rgb, open_collection
from colorcli.colorizer import Colorizer
from colorcli.lab import rgb_to_lab
from colorcli.spec import DEFAULT_MODEL

CELL = 32
SMOOTH = 2.0
"""Standard deviation of L below which a cell counts as smooth."""


def cells(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(H, W)` → `(n, 32·32)`, the whole cells of it."""
    height, width = (side // CELL * CELL for side in plane.shape)
    tiled = plane[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL)
    return tiled.transpose(0, 2, 1, 3).reshape(-1, CELL * CELL)


def main() -> None:
    """Print a row a size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--split", default="val-large")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--sizes", default="160,224,320,448,full")
    given = parser.parse_args()

    colorizer = Colorizer.load(given.model)
    labs = [
        rgb_to_lab(decode_rgb(item.read()))
        for item in open_collection(given.photos, split=given.split)
    ]
    true = np.mean([np.hypot(lab[..., 1], lab[..., 2]).mean() for lab in labs])
    print(f"{len(labs)} photos, chroma of the originals {true:.2f}")
    for word in given.sizes.split(","):
        size = word if word == "full" else int(word)
        errors, chromas, unevenness = [], [], []
        for lab in labs:
            L = np.ascontiguousarray(lab[..., 0])
            ab = colorizer.predict_L(L, size=size)
            errors.append(np.hypot(*(ab - lab[..., 1:]).transpose(2, 0, 1)).mean())
            chromas.append(np.hypot(ab[..., 0], ab[..., 1]).mean())
            smooth = cells(L).std(1) < SMOOTH
            if smooth.any():
                spread = [cells(np.ascontiguousarray(ab[..., i]))[smooth].std(1) for i in (0, 1)]
                unevenness.append(np.hypot(*spread).mean())
        print(
            f"{word:>5}: ab error {np.mean(errors):.2f}, chroma {np.mean(chromas):.2f}, "
            f"unevenness {np.mean(unevenness):.2f}"
        )


if __name__ == "__main__":
    main()
