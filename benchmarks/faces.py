"""How red faces come out: the fault that people forgive least.

    python benchmarks/faces.py PHOTOS [--models lifelike,fusion] [--labels frontal,Faces,people]

PHOTOS is what `colorize evaluate` takes; of its validation photos those with the labels count.
Prints the mean of a, true and predicted, and the share of the pixels that are redder than true by
15 units.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from colorcli.collection import decode_rgb, open_collection
from colorcli.colorizer import Colorizer
from colorcli.lab import rgb_to_lab
from colorcli.spec import DEFAULT_MODEL

REDDER = 15.0


def main() -> None:
    """Print a row a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--models", default=DEFAULT_MODEL)
    parser.add_argument("--labels", default="frontal,Faces,people")
    given = parser.parse_args()
    labels = given.labels.split(",")
    labs = [
        rgb_to_lab(decode_rgb(item.read()))
        for item in open_collection(given.photos, split="val")
        if item.label in labels
    ]
    if not labs:
        parser.error(f"no validation photo has one of the labels {labels}")
    true = np.mean([lab[..., 1].mean() for lab in labs])
    print(f"{len(labs)} photos, mean a {true:.1f}")
    for name in given.models.split(","):
        colorizer = Colorizer.load(name)
        means, redder = [], []
        for lab in labs:
            a = colorizer.predict_L(np.ascontiguousarray(lab[..., 0]))[..., 0]
            means.append(a.mean())
            redder.append((a - lab[..., 1] > REDDER).mean())
        print(f"{name}: mean a {np.mean(means):.1f}, too red {100 * np.mean(redder):.1f} %")


if __name__ == "__main__":
    main()
