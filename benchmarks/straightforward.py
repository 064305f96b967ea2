"""The obvious script, to compare the command with: typer, Pillow, scikit-image, one plain session.

It makes the same pictures, from the graph of `single_graph.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import typer
from PIL import Image
from skimage import color, transform

Values = npt.NDArray[np.float32]


def main(
    inputs: list[Path],
    output: Annotated[Path, typer.Option()],
    graph: Annotated[Path, typer.Option()],
    size: Annotated[int, typer.Option()] = 320,
    multiple: Annotated[int, typer.Option()] = 8,
) -> None:
    """Colour photos."""
    session = ort.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    output.mkdir(exist_ok=True)
    for path in inputs:
        rgb = np.asarray(Image.open(path).convert("RGB"))
        L = color.rgb2lab(rgb)[..., 0].astype(np.float32)
        height, width = L.shape
        scale = min(1, size / max(height, width))
        shape = [max(1, round(side * scale / multiple)) * multiple for side in (height, width)]
        feeds = {"L": resized(L, shape)[None, None], "L_global": resized(L, [224, 224])[None, None]}
        ab = session.run(None, feeds)[0][0].transpose(1, 2, 0)
        lab = np.dstack([L, resized(ab, [height, width])])
        result = (color.lab2rgb(lab) * 255).round().astype(np.uint8)
        Image.fromarray(result).save(output / path.name, quality=95, subsampling=0)
        print(path.name, file=sys.stderr)


def resized(values: Values, shape: list[int]) -> Values:
    """Resize bilinearly with scikit-image's defaults."""
    larger = transform.resize(values, shape, order=1, preserve_range=True)  # type: ignore[no-untyped-call]
    return np.asarray(larger, np.float32)


if __name__ == "__main__":
    typer.run(main)
