"""Colours predicted from aged photos, and from photos as early plates and films recorded them.

    python benchmarks/aged.py PHOTOS [--models lifelike,fusion] [--limit 240] [--as-is]

PHOTOS as for `colorize evaluate`. The models get each validation photo clean, faded, faded and
in a frame of white paper or of black, with the faults of `--degrade 1` (fading, blur, grain, JPEG
blocks), and as each plate or film of `colorcli.training.emulsion` recorded it, the same for every
model. Prints the mean ab error against the true colours, and the predicted and true mean chroma.
With --as-is the networks see the photos as they are, without `colorcli.levels`.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from colorcli.collection.items import open_collection, spread
from colorcli.colorizer import Colorizer, Lightness
from colorcli.lab import rgb_to_lab
from colorcli.levels import Levels
from colorcli.model.spec import DEFAULT_MODEL
from colorcli.photo import read_rgb
from colorcli.training.degradation import degrade
from colorcli.training.emulsion import PLATES, seen_by

FADED = ((20, 80), (50, 90), (8, 48))
"""L of what was black, and of what was white."""

FRAMES = {"white": (0.04, 97.0), "black": (0.02, 5.0)}
"""Width of a frame, as a share of the photo's long side, and its L."""


class AsIs(Colorizer):
    """Shows the network each photo's own contrast."""

    def _levels(self, photo: Lightness) -> Levels:  # noqa: ARG002
        return Levels(0, 1)


def versions(lab: NDArray[np.float32], seed: int) -> Iterator[tuple[str, torch.Tensor, int]]:
    """Each version's name, L `(1, 1, H, W)` and the width of the frame around it.

    Sides without the frame are cropped to multiples of 8.
    """
    height, width = (side // 8 * 8 for side in lab.shape[:2])
    whole = torch.from_numpy(lab[:height, :width]).permute(2, 0, 1)[None]
    L = whole[:, :1]
    yield "clean", L, 0
    for black, white in FADED:
        yield f"L from {black} to {white}", black + (white - black) / 100 * L, 0
    for name, (share, value) in FRAMES.items():
        frame = max(1, round(share * max(height, width)))
        framed = functional.pad(50 + 0.4 * L, [frame] * 4, value=value)
        yield f"L from 50 to 90, {name} frame", framed, frame
    torch.manual_seed(seed)
    yield "aged", degrade(L, 1.0, torch.Generator().manual_seed(seed)), 0
    for name, plate in PLATES.items():
        yield name, seen_by(torch.tensor([plate]), whole), 0


def main() -> None:
    """Print a row for each version and model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--models", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, default=240)
    parser.add_argument("--as-is", action="store_true")
    given = parser.parse_args()

    kind = AsIs if given.as_is else Colorizer
    colorizers = {name: kind.load(name) for name in given.models.split(",")}
    errors, chroma = defaultdict(list), defaultdict(list)
    for seed, item in enumerate(spread(open_collection(given.photos, split="val"), given.limit)):
        lab = rgb_to_lab(read_rgb(item.read()))
        chroma["true", ""].append(np.hypot(lab[..., 1], lab[..., 2]).mean())
        for version, L, frame in versions(lab, seed):
            plane = np.ascontiguousarray(L[0, 0].numpy())
            height, width = (side - 2 * frame for side in plane.shape)
            true = lab[:height, :width, 1:]
            errors[version, "gray"].append(np.hypot(true[..., 0], true[..., 1]).mean())
            for name, colorizer in colorizers.items():
                ab = colorizer.predict_L(plane)[frame : frame + height, frame : frame + width]
                errors[version, name].append(np.hypot(*(ab - true).transpose(2, 0, 1)).mean())
                chroma[version, name].append(np.hypot(ab[..., 0], ab[..., 1]).mean())
    print(f"chroma of the originals {np.mean(chroma['true', '']):.2f}")
    for version, name in errors:
        row = f"{version:<30}{name:<24}ab error {np.mean(errors[version, name]):.2f}"
        print(row + (f", chroma {np.mean(chroma[version, name]):.2f}" if name != "gray" else ""))


if __name__ == "__main__":
    main()
