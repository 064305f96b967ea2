"""Faces in colour photographs, and close-ups of them to train on.

Photographs of scenes and streets show small faces, portraits show large ones; a network trained
only on the former makes the latter too red. So faces are cropped and enlarged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from colorcli.extras import scikit_image
from colorcli.lab import rgb_to_lab

Array: TypeAlias = npt.NDArray[Any]

LOOKED_AT = 400
"""Long side in pixels of the photo in which faces are detected."""

SMALLEST = 28
"""Side in pixels of the smallest face detected in it."""

SIDE = 256
"""Minimum short side of a close-up in pixels: smaller ones are enlarged and sharpened."""

LARGE = 60
"""Side in pixels from which a face is cropped at several distances."""

DISTANCES = (1.7, 2.4, 3.4)
"""Sides of a large face's close-ups, as multiples of the face."""

DISTANCE = 2.6
"""Side of a small face's close-up, as a multiple of the face."""


@dataclass(frozen=True)
class Face:
    """A square around a face, in pixels of the photo.

    Attributes:
        x: left edge.
        y: upper edge.
        side: length of a side.
    """

    x: float
    y: float
    side: float

    @property
    def inner(self) -> tuple[slice, slice]:
        """Rows and columns of the part that is mostly skin."""
        return (
            slice(int(self.y + 0.25 * self.side), int(self.y + 0.8 * self.side)),
            slice(int(self.x + 0.2 * self.side), int(self.x + 0.8 * self.side)),
        )


def find_faces(rgb: Array) -> list[Face]:
    """The faces in a colour photo.

    Detected by scikit-image's cascade of local binary patterns, which ignores colour; detections
    whose median colour is not that of skin (hue 20° to 90°, chroma 8 or more) are dropped.

    Args:
        rgb: uint8 (H, W, 3).

    Raises:
        UsageError: scikit-image is not installed.
    """
    scale = LOOKED_AT / max(rgb.shape[:2])
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    if min(size) < SMALLEST:
        return []
    seen = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    found = _cascade().detect_multi_scale(
        img=seen,
        scale_factor=1.2,
        step_ratio=1,
        min_size=(SMALLEST, SMALLEST),
        max_size=(LOOKED_AT, LOOKED_AT),
    )
    faces = [Face(box["c"] / scale, box["r"] / scale, box["width"] / scale) for box in found]
    return [face for face in faces if _is_skin(rgb[face.inner])]


def close_ups(rgb: Array) -> Iterator[Array]:
    """Close-ups of the faces in a photo: uint8 (H, W, 3) → any number of uint8 (h, w, 3)."""
    height, width = rgb.shape[:2]
    for face in find_faces(rgb):
        x, y = face.x + face.side / 2, face.y + face.side / 2
        for distance in DISTANCES if face.side >= LARGE else (DISTANCE,):
            half = face.side * distance / 2
            top, bottom = int(max(0, y - half)), int(min(height, y + half))
            left, right = int(max(0, x - half)), int(min(width, x + half))
            yield _enlarged(rgb[top:bottom, left:right])


def _enlarged(rgb: Array) -> Array:
    factor = SIDE / min(rgb.shape[:2])
    if factor <= 1:
        return rgb
    large = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    blurred = cv2.GaussianBlur(large, (0, 0), 0.7 * factor)
    return np.asarray(cv2.addWeighted(large, 1.8, blurred, -0.8, 0))


def _is_skin(rgb: Array) -> bool:
    if not rgb.size:
        return False
    a, b = np.median(rgb_to_lab(rgb)[..., 1:].reshape(-1, 2), axis=0)
    return bool(20 <= np.degrees(np.arctan2(b, a)) <= 90 and np.hypot(a, b) >= 8)


@cache
def _cascade() -> Any:
    data, feature = scikit_image("data"), scikit_image("feature")
    return feature.Cascade(data.lbp_frontal_face_cascade_filename())
