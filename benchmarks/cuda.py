"""The GPU against the CPU: difference of the colours, and speed.

    python benchmarks/cuda.py [MODEL…] [--device cuda] [--sizes 224,512,1024,2048]

For each model and size: the provider actually used, the difference of its ab from the CPU's (TF32
keeps 10 bits of each factor; a wrong kernel gives other colours), and the time of the conversion, L
in and RGB out, alternating. Then a photo in tiles against the whole, which on the CPU are
bit-identical. `--device cpu` tests the script without a GPU: it compares the CPU with itself.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

import cv2
import numpy as np
from alternating import alternate, report

from colorcli.bench.conversions import synthetic_gray
from colorcli.colorizer import Colorizer
from colorcli.metrics import ciede2000
from colorcli.model.spec import model_folders
from colorcli.photo import Photo, render

FAR = 1.0
"""Visible difference in CIEDE2000 and in units of ab; TF32 stays far below."""


def main() -> int:
    """Run the script; the exit status is 1 if colours differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(model_folders()))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", default="224,512,1024,2048")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    sizes = [int(side) for side in arguments.sizes.split(",")]
    differs = False
    for name in arguments.models:
        here = Colorizer.load(name, device="cpu", precision="fp32")
        there = Colorizer.load(name, device=arguments.device, precision="fp32")
        print(f"\n# {name}: {there.model.provider} on {there.model.device}")
        for side in sizes:
            photo = Photo.from_array(picture(side))
            differs |= not alike(here, there, photo, f"{side}×{side}")
            ways = {
                "CPU": partial(convert, here, photo),
                arguments.device: partial(convert, there, photo),
            }
            report(f"{side}×{side}", alternate(ways, rounds=arguments.rounds), "CPU")
        differs |= not tiles_alike(there, max(sizes))
    return int(differs)


def picture(side: int) -> np.ndarray:
    """The same gray square with edges, planes and grain at any size."""
    return cv2.resize(synthetic_gray((1024, 1024)), (side, side), interpolation=cv2.INTER_AREA)


def convert(colorizer: Colorizer, photo: Photo) -> np.ndarray:
    """Convert L to RGB, as timed in the paper."""
    return render(photo, colorizer.predict(photo, size="full"))


def alike(here: Colorizer, there: Colorizer, photo: Photo, title: str) -> bool:
    """Print the difference between the colours of two devices; return whether it is small."""
    L = photo.L()
    one, other = (c.predict(photo, size="full").whole(L) for c in (here, there))
    apart = np.abs(one - other)
    delta = ciede2000(np.dstack([L, one]), np.dstack([L, other]))
    print(
        f"\n{title}: |Δab| mean {apart.mean():.5f}, largest {apart.max():.4f}; "
        f"CIEDE2000 {delta:.4f}; mean chroma {np.hypot(*np.moveaxis(one, -1, 0)).mean():.1f}"
    )
    return delta < FAR


def tiles_alike(colorizer: Colorizer, side: int) -> bool:
    """Print the difference between a photo in tiles and the whole; return whether it is small."""
    photo = Photo.from_array(picture(max(side, 2 * colorizer.smallest_tile)))
    L = photo.L()
    whole = colorizer.predict(photo, size="full").whole(L)
    tiled = colorizer.predict(photo, size="full", tile=colorizer.smallest_tile).whole(L)
    apart = float(np.abs(whole - tiled).max())
    print(f"\ntiles of {colorizer.smallest_tile}: |Δab| to the whole at most {apart:.5f}")
    return apart < FAR


if __name__ == "__main__":
    sys.exit(main())
