"""How faces come out: the fault that people forgive least.

    python benchmarks/faces.py PHOTOS [--split val] [--limit 0] [--model fusion …]

PHOTOS is what `colorize evaluate` takes. Faces are found on the true photo by scikit-image's
cascade; of each box the inner part is kept, where it truly has the colour of skin (hue 20° to 90°,
chroma of 8 and more), so that a wrong find is mostly thrown away. Prints the mean a and b there and
their hue, predicted and (true), and the share of pixels redder than true by 15 units of a.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data
from skimage.feature import Cascade

from colorcli.collection import decode_rgb, open_collection, spread
from colorcli.colorizer import Colorizer
from colorcli.lab import rgb_to_lab
from colorcli.spec import DEFAULT_MODEL

REDDER = 15.0
SMALLEST = 28
"""Side in pixels of the smallest face looked for, in a photo of `LOOKED_AT` pixels."""

LOOKED_AT = 400


def faces(rgb: NDArray[np.uint8], cascade: Any) -> list[tuple[slice, slice]]:
    """The inner parts of the faces in a photo `(H, W, 3)`."""
    scale = LOOKED_AT / max(rgb.shape[:2])
    seen = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = cascade.detect_multi_scale(
        img=seen,
        scale_factor=1.2,
        step_ratio=1,
        min_size=(SMALLEST, SMALLEST),
        max_size=(LOOKED_AT, LOOKED_AT),
    )
    inner = []
    for box in found:
        y, x, side = (box[key] / scale for key in ("r", "c", "height"))
        inner.append(
            (
                slice(int(y + 0.25 * side), int(y + 0.8 * side)),
                slice(int(x + 0.2 * side), int(x + 0.8 * side)),
            )
        )
    return inner


def is_skin(ab: NDArray[np.float32]) -> bool:
    """Whether the median of ab `(h, w, 2)` is a colour that skin has."""
    if not ab.size:
        return False
    a, b = np.median(ab.reshape(-1, 2), axis=0)
    return bool(20 < np.degrees(np.arctan2(b, a)) < 90 and np.hypot(a, b) >= 8)


def main() -> None:
    """Print a row a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--model", action="append")
    given = parser.parse_args()
    cascade = Cascade(data.lbp_frontal_face_cascade_filename())
    photos = []
    for item in spread(open_collection(given.photos, split=given.split), given.limit or None):
        rgb = decode_rgb(item.read())
        lab = rgb_to_lab(rgb)
        if boxes := [box for box in faces(rgb, cascade) if is_skin(lab[box][..., 1:])]:
            photos.append((lab, boxes))
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
