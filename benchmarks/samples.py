"""Synthetic gray photos for timing, the same each time."""

from __future__ import annotations

from pathlib import Path

import cv2

from colorcli.bench.conversions import synthetic_gray


def gray_jpeg(folder: Path, width: int, height: int, seed: int = 0) -> Path:
    """The path of a gray JPEG in a folder, created if missing."""
    path = folder / f"{width}x{height}-{seed}.jpg"
    if not path.exists():
        cv2.imwrite(str(path), synthetic_gray((height, width), seed))
    return path
