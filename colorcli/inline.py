"""Contents of a self-contained HTML page: pictures as data URIs, and a template's slots."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from colorcli.photo.encode import jpeg_options


def encode_jpeg(rgb: NDArray[Any], quality: int) -> bytes:
    """A JPEG without any metadata.

    Args:
        rgb: uint8 (H, W, 3).
        quality: 0-100.
    """
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    return cv2.imencode(".jpg", bgr, jpeg_options(quality))[1].tobytes()


def data_uri(jpeg: bytes) -> str:
    """A JPEG as a data URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def fill(template: str, parts: Mapping[str, str]) -> str:
    """`template` with each `{{name}}` replaced by that part, unescaped: escape parts first.

    Raises:
        KeyError: a slot of the template has no part.
    """
    # In one pass: a part may hold "{{name}}" itself.
    return re.sub(r"\{\{(\w+)\}\}", lambda slot: parts[slot[1]], template)
