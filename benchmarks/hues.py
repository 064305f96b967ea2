"""How often skies are coloured blue and greenery green, and how often brown.

    python benchmarks/hues.py PHOTOS [--split val] [--limit 0] [--model fusion …]

PHOTOS as for `colorize evaluate`. A photo counts as a sky photo if at least 5 % of its pixels lie
in the upper half, are light (L > 50) and truly blue (b < -12); as a green one if at least 5 % are
truly green (a < -8, b > 10). It is right if most of those pixels are predicted on that side of
neutral by more than an invisible unit (b < -1; a < -1), and brown if most are predicted with a > 1
and b > 1.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorcli.collection.items import open_collection, spread
from colorcli.colorizer import Colorizer
from colorcli.lab import rgb_to_lab
from colorcli.model.spec import DEFAULT_MODEL
from colorcli.photo import read_rgb

SHARE = 0.05
SEEN = 1.0


def skies(lab: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Sky pixels: `(H, W, 3)` → `(H, W)`."""
    upper = np.arange(len(lab))[:, None] < len(lab) / 2
    return upper & (lab[..., 0] > 50) & (lab[..., 2] < -12)


def greenery(lab: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Green pixels: `(H, W, 3)` → `(H, W)`."""
    return (lab[..., 1] < -8) & (lab[..., 2] > 10)


THINGS = {"sky, blue": (skies, 1), "greenery, green": (greenery, 0)}


def main() -> None:
    """Print a row per model and thing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--model", action="append")
    given = parser.parse_args()

    items = open_collection(given.photos, split=given.split)
    if given.limit:
        items = spread(items, given.limit)
    labs = [rgb_to_lab(read_rgb(item.read())) for item in items]
    print(f"{'model':12} {'thing':18} photos  right  brown")
    for model in given.model or [DEFAULT_MODEL]:
        colorizer = Colorizer.load(model)
        abs_ = [colorizer.predict_L(np.ascontiguousarray(lab[..., 0])) for lab in labs]
        for thing, (find, axis) in THINGS.items():
            right, brown = [], []
            for lab, ab in zip(labs, abs_, strict=True):
                there = find(lab)
                if there.mean() >= SHARE:
                    right.append((ab[there][:, axis] < -SEEN).mean() > 0.5)
                    brown.append((ab[there] > SEEN).all(1).mean() > 0.5)
            shares = [f"{np.mean(share):6.0%}" for share in (right, brown)]
            print(f"{Path(model).name:12} {thing:18} {len(right):6} {' '.join(shares)}")


if __name__ == "__main__":
    main()
