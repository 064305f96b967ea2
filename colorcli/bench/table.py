"""Figures → tables: in the layout of the paper's Table 4, and in full."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from colorcli.bench.conversions import Cell, Figures

Rows = list[list[str]]


@dataclass(frozen=True)
class PaperRow:
    """A row of Table 4 of Kaushik et al., "Colorizing Images using CNN in Machine Learning".

    Attributes:
        gpu: seconds on an NVIDIA GeForce GTX 1060, mean of a hundred conversions.
        cpu: seconds on an Intel Core i7-8750H.
        ratio: "GPU performance over CPU", as printed there.
    """

    gpu: float
    cpu: float
    ratio: str


PAPER: dict[tuple[int, int], PaperRow] = {
    (224, 224): PaperRow(0.153, 0.459, "3.0×"),
    (512, 512): PaperRow(0.644, 1.869, "2.9×"),
    (1024, 1024): PaperRow(1.867, 5.974, "3.2×"),
    (2048, 2048): PaperRow(8.534, 23.896, "2.8×"),
}
"""Photo size `(H, W)` → the paper's own figures."""

PAPER_GPU, PAPER_CPU = "GTX 1060", "i7-8750H"

_NONE = "–"


def comparison(figures: Figures) -> Rows:
    """Table 4: a header, then a row per size: mean seconds here, beside the paper's."""
    rows = [
        [
            "Image size",
            "GPU",
            "CPU",
            "GPU performance over CPU",
            f"paper: {PAPER_GPU}",
            PAPER_CPU,
            "ratio",
        ]
    ]
    for shape in figures.shapes:
        gpu, cpu = (figures.cell(shape, on_gpu=which) for which in (True, False))
        paper = PAPER.get(shape)
        theirs = [f"{paper.gpu:.3f}", f"{paper.cpu:.3f}", paper.ratio] if paper else [""] * 3
        ratio = f"{cpu.timing.mean / gpu.timing.mean:.1f}×" if gpu and cpu else _NONE
        rows.append([_name(shape), _mean(gpu), _mean(cpu), ratio, *theirs])
    return rows


def details(figures: Figures) -> Rows:
    """A header, then a row per cell, with what the mean hides."""
    rows = [["Image size", "on", "mean", "median", "p95", "Mpixel/s", "peak MB", "first run"]]
    for cell in figures.cells:
        timing = cell.timing
        memory = timing.peak_memory
        rows.append(
            [
                _name(cell.shape),
                "GPU" if cell.on_gpu else "CPU",
                f"{timing.mean:.4f}",
                f"{timing.median:.4f}",
                f"{timing.p95:.4f}",
                f"{cell.pixels_per_second / 1e6:.2f}",
                _NONE if memory is None else f"{memory / 1e6:.0f}",
                f"{timing.warm_up[0]:.4f}",
            ]
        )
    return rows


def notes(figures: Figures) -> list[str]:
    """What the figures mean and what they were measured with, as lines."""
    sees = {"full": "sees the whole photo", "auto": "sees the photo at the model's default size"}
    size = sees.get(str(figures.size), f"sees at most {figures.size} pixels of the long side")
    scope = {
        "conversion": "L in memory to RGB in memory",
        "file": "JPEG bytes to JPEG bytes",
        "network": "the network's sessions alone",
    }[figures.scope]
    lines = [f"Seconds, mean of {figures.runs} runs after a warm-up: {scope}; the network {size}."]
    for each in figures.environments:
        column = "GPU" if each.on_gpu else "CPU"
        lines.append(f"{column}: {each.device}, {each.provider}, {each.precision}.")
    if figures.no_gpu is not None:
        lines.append(f"GPU {_NONE}: {figures.no_gpu}.")
    each = figures.environments[0]
    versions = ", ".join(f"{name} {version}" for name, version in each.versions.items())
    lines.append(f"Model: {each.model} ({each.network}).")
    lines.append(f"Machine: {each.cpu}; {each.threads} threads; {each.system}.")
    lines.append(f"Versions: {versions}.")
    lines.append(f"Paper: Kaushik et al., Table 4 ({PAPER_GPU}, {PAPER_CPU}), width 1.0.")
    return lines


def text(figures: Figures) -> str:
    """Both tables and the notes as plain text, never wrapped to the terminal."""
    parts = [_aligned(comparison(figures)), _aligned(details(figures)), notes(figures)]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def markdown(figures: Figures) -> str:
    """Both tables and the notes as Markdown."""
    parts = [_markdown_table(comparison(figures)), _markdown_table(details(figures))]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in notes(figures))]) + "\n"


def as_csv(figures: Figures) -> str:
    """One row per cell in SI units, beside the paper's; files can be concatenated."""
    said = {
        "model": figures.environments[0].model,
        "scope": figures.scope,
        "size": figures.size,
        "runs": figures.runs,
    }
    rows = [said | _record(figures, cell) for cell in figures.cells]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json(figures: Figures) -> str:
    """Everything, including the seconds of each run."""
    value = {
        "scope": figures.scope,
        "size": figures.size,
        "runs": figures.runs,
        "no_gpu": figures.no_gpu,
        "environments": [each.as_dict() for each in figures.environments],
        "cells": [
            {**_record(figures, cell), "seconds": cell.timing.seconds} for cell in figures.cells
        ],
    }
    return json.dumps(value, indent=2) + "\n"


def _record(figures: Figures, cell: Cell) -> dict[str, Any]:
    timing = cell.timing
    environment = next(e for e in figures.environments if e.on_gpu == cell.on_gpu)
    paper = PAPER.get(cell.shape)
    theirs = None if paper is None else paper.gpu if cell.on_gpu else paper.cpu
    return {
        "width": cell.shape[1],
        "height": cell.shape[0],
        "device": environment.device,
        "provider": environment.provider,
        "precision": environment.precision,
        "threads": environment.threads,
        "mean": timing.mean,
        "median": timing.median,
        "p95": timing.p95,
        "first_run": timing.warm_up[0],
        "pixels_per_second": cell.pixels_per_second,
        "peak_memory": timing.peak_memory,
        "paper": theirs,
    }


def _name(shape: tuple[int, int]) -> str:
    return f"{shape[1]}×{shape[0]}"


def _mean(cell: Cell | None) -> str:
    return _NONE if cell is None else f"{cell.timing.mean:.3f}"


def _aligned(rows: Rows) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        first, *rest = (
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    return lines


def _markdown_table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---|" + "---:|" * (len(rows[0]) - 1))
    return "\n".join(lines)
