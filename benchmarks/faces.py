"""How faces are coloured: the errors that people forgive least.

    python benchmarks/faces.py PHOTOS [--split val] [--limit 0] [--model fusion …]

PHOTOS as for `colorize evaluate`. Faces are found on the true photo, as `colorize data faces` does.
Prints the mean a, b and hue of their inner part, predicted and (true), and the share of pixels that
are more than 15 units of a too red.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from colorcli.collection.closeups import find_faces
from colorcli.collection.items import open_collection, spread
from colorcli.colorizer import Colorizer
from colorcli.lab import rgb_to_lab
from colorcli.model.spec import DEFAULT_MODEL
from colorcli.photo import read_rgb

REDDER = 15.0


def main() -> None:
    """Print a row per model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--model", action="append")
    given = parser.parse_args()
    photos = []
    for item in spread(open_collection(given.photos, split=given.split), given.limit or None):
        rgb = read_rgb(item.read())
        if boxes := [face.inner for face in find_faces(rgb)]:
            photos.append((rgb_to_lab(rgb), boxes))
    if not photos:
        parser.error("no validation photo shows a face")
    count = sum(len(boxes) for _, boxes in photos)
    print(f"{count} faces in {len(photos)} photos")
    for name in given.model or [DEFAULT_MODEL]:
        colorizer = Colorizer.load(name)
        means, redder = [], []
        for lab, boxes in photos:
            ab = colorizer.predict_L(np.ascontiguousarray(lab[..., 0]))
            for box in boxes:
                pair = ab[box], lab[box][..., 1:]
                means.append([some.mean((0, 1)) for some in pair])
                redder.append((pair[0][..., 0] - pair[1][..., 0] > REDDER).mean())
        (a, b), (true_a, true_b) = np.mean(means, axis=0)
        hue, true_hue = np.degrees(np.arctan2((b, true_b), (a, true_a)))
        print(
            f"{Path(name).name}: a {a:.1f} ({true_a:.1f}), b {b:.1f} ({true_b:.1f}), "
            f"hue {hue:.0f}° ({true_hue:.0f}°), too red {100 * np.mean(redder):.1f} %"
        )


if __name__ == "__main__":
    main()
