"""Time against pixels on logarithmic axes: ours and the paper's, with fitted exponents."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

from colorcli.bench.conversions import Figures
from colorcli.bench.table import PAPER, PAPER_CPU, PAPER_GPU
from colorcli.drawing import marked
from colorcli.errors import UsageError
from colorcli.extras import pip_install

Points = list[tuple[int, float]]

SUFFIXES = (".png", ".svg", ".pdf")


def check_plot(path: Path) -> None:
    """Check before any work that the plot can be drawn.

    Raises:
        UsageError: matplotlib is not installed, or the suffix is not one of `SUFFIXES`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--plot {path}: not a plot format", tip=f"use {', '.join(SUFFIXES)}")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UsageError(
            "--plot needs matplotlib, which is not installed", tip=pip_install("train")
        ) from None


def series(figures: Figures) -> dict[str, Points]:
    """Label → (pixels, mean seconds), the paper's first."""
    found: dict[str, Points] = {
        f"paper, {PAPER_CPU}": [(h * w, row.cpu) for (h, w), row in PAPER.items()],
        f"paper, {PAPER_GPU}": [(h * w, row.gpu) for (h, w), row in PAPER.items()],
    }
    for environment in figures.environments:
        column = "GPU" if environment.on_gpu else "CPU"
        found[f"{column} {environment.precision}, {environment.device}"] = [
            (cell.shape[0] * cell.shape[1], cell.timing.mean)
            for cell in figures.cells
            if cell.on_gpu == environment.on_gpu
        ]
    return found


def exponent(points: Points) -> float:
    """k of seconds = c · pixels^k, by least squares on the logarithms; nan for a single size."""
    x = [math.log(pixels) for pixels, _ in points]
    y = [math.log(seconds) for _, seconds in points]
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    spread = math.fsum((each - mean_x) ** 2 for each in x)
    if not spread:
        return math.nan
    return math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread


def draw(figures: Figures, suffix: str) -> bytes:
    """The plot as the bytes of a file.

    Args:
        figures: for any photo sizes.
        suffix: one of `SUFFIXES`.
    """
    from matplotlib.figure import Figure  # not pyplot: no window system, no global state

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for label, points in series(figures).items():
        theirs = label.startswith("paper")
        axes.loglog(
            [pixels for pixels, _ in points],
            [seconds for _, seconds in points],
            "--s" if theirs else "-o",
            color="0.6" if theirs else None,
            markerfacecolor="white" if label.endswith(PAPER_GPU) else None,
            label=_labelled(label, points),
        )
    axes.set_xlabel("pixels of the photo")
    axes.set_ylabel("seconds a conversion")
    sides = _sides(figures.shapes)
    axes.set_xticks([h * w for h, w in sides], [f"{w}×{h}" for h, w in sides], minor=False)
    axes.minorticks_off()
    axes.grid(True, alpha=0.3)
    axes.legend()
    data = io.BytesIO()
    figure.savefig(data, format=suffix.lower().removeprefix("."), dpi=150)
    drawn = data.getvalue()
    return marked(drawn) if suffix.lower() == ".png" else drawn


def _labelled(label: str, points: Points) -> str:
    slope = exponent(points)
    return label if math.isnan(slope) else f"{label}: ∝ pixels^{slope:.2f}"


def _sides(shapes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return sorted({*shapes, *PAPER}, key=lambda shape: shape[0] * shape[1])
