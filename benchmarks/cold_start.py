"""Cold start on one photo: `colorize photo.jpg` against a straightforward script.

Each run is a new process. The command keeps its cache of optimised graphs between runs, as it does
for its users; `without cache` is every run on a machine where nothing can be cached.
`python benchmarks/cold_start.py [--rounds N]`
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import onnx
from alternating import alternate, report
from single_graph import single_graph

from colorcli.model.spec import DEFAULT_MODEL, ModelSpec, find_model
from samples import gray_jpeg

PHOTOS = {"224": (224, 224), "2048": (2048, 2048), "12 MP": (4000, 3000)}
SCRIPT = Path(__file__).with_name("straightforward.py")


def run(command: list[str], scratch: Path, cache: str) -> None:
    """Run a process; raise if it fails."""
    # Both find their modules compiled, as installed programs do.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": f"{scratch}/compiled", "COLORIZE_CACHE": cache}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-300:])


def main() -> None:
    """Runs the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--precision", default="auto")
    arguments = parser.parse_args()
    spec = ModelSpec.read(find_model(arguments.model))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        graph = folder / "single.onnx"
        onnx.save(single_graph(spec), graph)
        for name, (width, height) in PHOTOS.items():
            photo = str(gray_jpeg(folder, width, height))
            command = [sys.executable, "-m", "colorcli", photo, "-o", f"{folder}/out.jpg"]
            command += ["--force", "--quiet", "--model", arguments.model]
            command += ["--device", "cpu", "--precision", arguments.precision]
            script = [sys.executable, str(SCRIPT), photo, "--output", f"{folder}/plain"]
            script += ["--graph", str(graph), "--size", str(spec.default_size)]
            script += ["--multiple", str(spec.multiple)]
            ways = {
                "straightforward": partial(run, script, folder, "off"),
                "colorize": partial(run, command, folder, f"{folder}/cache"),
                "colorize, without cache": partial(run, command, folder, "off"),
            }
            seconds = alternate(ways, rounds=arguments.rounds)
            report(f"{name} ({width}×{height}) JPEG, cold", seconds, "straightforward")


if __name__ == "__main__":
    main()
