"""How colours depend on the size that the network sees, on the same large photos.

    python benchmarks/sizes.py PHOTOS [--split val-large] [--model fusion] [--sizes 160,320,full]

PHOTOS as for `colorize evaluate`. Prints PSNR, raw and rebalanced (unsmoothed) AuC, the mean chroma
of predictions and originals, and the unevenness: the standard deviation of ab within 32×32 cells of
smooth L, where one colour would be expected. Needs scikit-image.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorcli.collection.items import open_collection, spread
from colorcli.colorizer import Colorizer, Size
from colorcli.evaluation.evaluate import evaluate
from colorcli.model.spec import DEFAULT_MODEL

CELL = 32
SMOOTH = 2.0
"""Standard deviation of L below which a cell counts as smooth."""


def cells(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """The complete cells of a plane: `(H, W)` → `(n, 32·32)`."""
    height, width = (side // CELL * CELL for side in plane.shape)
    tiled = plane[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL)
    return tiled.transpose(0, 2, 1, 3).reshape(-1, CELL * CELL)


def unevenness(L: NDArray[np.float32], ab: NDArray[np.float32]) -> float | None:
    """Unevenness of ab `(H, W, 2)` where L `(H, W)` is smooth; None if it is smooth nowhere."""
    smooth = cells(L).std(1) < SMOOTH
    if not smooth.any():
        return None
    deviations = [cells(np.ascontiguousarray(ab[..., i]))[smooth].std(1) for i in (0, 1)]
    return float(np.hypot(*deviations).mean())


def main() -> None:
    """Print a row per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--sizes", default="160,224,320,448,640,896,full")
    given = parser.parse_args()

    colorizer = Colorizer.load(given.model)
    found = defaultdict[str, list[float]](list)

    def predict(word: str, L: NDArray[np.float32]) -> NDArray[np.float32]:
        size: Size = "full" if word == "full" else int(word)
        ab = colorizer.predict_L(L, size=size)
        if (value := unevenness(L, ab)) is not None:
            found[word].append(value)
        return ab

    sizes = given.sizes.split(",")
    items = spread(open_collection(given.photos, split=given.split), given.limit)
    report = evaluate({word: partial(predict, word) for word in sizes}, items)
    print(f"{report.photos} photos, chroma of the originals {report.chroma:.2f}")
    for word in [*sizes, "gray"]:
        scores = report.scores[word]
        uneven = f"{np.mean(found[word]):.2f}" if found[word] else "–"
        print(
            f"{word:>5}: PSNR {scores.psnr:.2f}, AuC {scores.auc:.2f}, rebalanced "
            f"{scores.auc_rebalanced_unsmoothed:.2f}, chroma {scores.chroma:.2f}, "
            f"unevenness {uneven}"
        )


if __name__ == "__main__":
    main()
