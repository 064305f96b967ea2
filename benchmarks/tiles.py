"""A photo in tiles against the same photo whole: time, memory, and whether results are identical.

`python benchmarks/tiles.py [--side 2048] [--tile 768]`. Memory is the peak of a separate process,
above the loaded model.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from functools import partial

import numpy as np
from alternating import alternate, report

from colorcli.bench.conversions import synthetic_gray
from colorcli.bench.peak import PeakMemory
from colorcli.colorizer import Colorizer
from colorcli.model.spec import DEFAULT_MODEL
from colorcli.photo import Photo


def peak_megabytes(arguments: argparse.Namespace, tile: int | None) -> float:
    """Peak of a fresh process that colours the photo once, above the loaded model."""
    command = [sys.executable, __file__, "--model", arguments.model, "--alone"]
    command += ["--side", str(arguments.side), "--precision", arguments.precision]
    command += [] if tile is None else ["--tile", str(tile)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--tile", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    colorizer = Colorizer.load(arguments.model, device="cpu", precision=arguments.precision)
    photo = Photo.from_array(synthetic_gray((arguments.side, arguments.side)))
    whole = arguments.side + 8
    if arguments.alone:
        peak = PeakMemory()
        before = peak.bytes() or 0
        colorizer.predict(photo, size="full", tile=arguments.tile or whole)
        print(((peak.bytes() or 0) - before) / 1e6)
        return
    tiles = (arguments.tile,) if arguments.tile else (512, 768, 1024, 1280)
    ways = {
        f"tile {tile}": partial(colorizer.predict, photo, size="full", tile=tile) for tile in tiles
    }
    ways = {"whole": partial(colorizer.predict, photo, size="full", tile=whole), **ways}
    report(f"{arguments.side}²", alternate(ways, rounds=arguments.rounds), "whole")
    exact = colorizer.predict(photo, size="full", tile=whole).grid
    reference = peak_megabytes(arguments, None)
    print(f"  whole: {reference:.0f} MB above the loaded model")
    for tile in tiles:
        grid = colorizer.predict(photo, size="full", tile=tile).grid
        held = peak_megabytes(arguments, tile)
        off = float(np.abs(grid - exact).max())
        bits = "equal bits" if np.array_equal(grid, exact) else f"largest difference {off:.2g}"
        print(f"  tile {tile}: {held:.0f} MB, {held / reference:.2f} of whole; {bits}")


if __name__ == "__main__":
    main()
