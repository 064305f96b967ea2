"""Peak memory of the command on a large photo, against the photo's decoded 8-bit RGB.

`python benchmarks/memory.py [--megapixels 48]`. The photo is a gray JPEG; the peak is that of the
command's process, including Python and the libraries.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from colorcli.model.spec import DEFAULT_MODEL
from samples import gray_jpeg


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--megapixels", type=float, default=48)
    parser.add_argument("--sizes", default="auto,full")
    arguments = parser.parse_args()
    height = round((arguments.megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    with tempfile.TemporaryDirectory() as folder:
        photo = gray_jpeg(Path(folder), width, height)
        for size in arguments.sizes.split(","):
            command = [sys.executable, "-m", "colorcli", str(photo), "-o", f"{folder}/out.jpg"]
            command += ["--force", "--quiet", "--model", arguments.model, "--size", size]
            began = perf_counter()
            process = subprocess.Popen(command)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = perf_counter() - began
            peak, decoded = usage.ru_maxrss * 1024, 3 * width * height
            print(
                f"{width}×{height}, --size {size}: peak {peak / 1e6:.0f} MB, {peak / decoded:.1f} "
                f"times its {decoded / 1e6:.0f} MB of RGB; {seconds:.1f} s; exit status {status}"
            )


if __name__ == "__main__":
    main()
