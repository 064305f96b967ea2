"""200 photos of 500×375: the command against a straightforward script's loop in one process.

Both start cold and load their model once. `python benchmarks/folder.py [--photos 200]`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

import onnx
from alternating import alternate, report
from cold_start import SCRIPT, run
from single_graph import single_graph

from colorcli.model.spec import DEFAULT_MODEL, ModelSpec, find_model
from samples import gray_jpeg


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    spec = ModelSpec.read(find_model(arguments.model))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        onnx.save(single_graph(spec), folder / "single.onnx")
        (folder / "photos").mkdir()
        photos = [gray_jpeg(folder / "photos", 500, 375, seed) for seed in range(arguments.photos)]
        script = [sys.executable, str(SCRIPT), *map(str, photos), "--output", f"{folder}/plain"]
        script += ["--graph", f"{folder}/single.onnx", "--size", str(spec.default_size)]
        script += ["--multiple", str(spec.multiple)]
        ways = {"straightforward": partial(run, script, folder, "off")}
        for precision in ("fp32", "int8") if spec.precisions else ("fp32",):
            command = [sys.executable, "-m", "colorcli", f"{folder}/photos", "-o", f"{folder}/out/"]
            command += ["--force", "--quiet", "--model", arguments.model, "--device", "cpu"]
            command += ["--precision", precision]
            ways[f"colorize, {precision}"] = partial(run, command, folder, f"{folder}/cache")
        seconds = alternate(ways, rounds=arguments.rounds, warm_up=0)
        ratios = report(f"{len(photos)} photos of 500×375", seconds, "straightforward")
        for name, values in seconds.items():
            rate = len(photos) / min(values)
            print(f"  {name}: {rate:.1f} photos/s at best, {1 / ratios[name]:.1f}×")


if __name__ == "__main__":
    main()
