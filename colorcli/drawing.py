"""PNGs that this program draws (sheets, graphs): marked, so that only they are ever replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from colorcli.photo.png import chunk

_HEAD = 33
"""Length of a PNG's signature and its first chunk, IHDR."""

_MARK = chunk(b"tEXt", b"Source\0drawn by colorize")


def encode_png(rgb: NDArray[Any]) -> bytes:
    """A marked PNG of RGB uint8 (H, W, 3)."""
    return marked(cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes())


def marked(png: bytes) -> bytes:
    """A PNG with a text chunk added that says who drew it."""
    return png[:_HEAD] + _MARK + png[_HEAD:]


def is_drawn(path: Path) -> bool:
    """Whether a file is a marked PNG."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD + len(_MARK)).endswith(_MARK)
    except OSError:
        return False
