"""The pictures of a study: squares of 224 pixels, each with an id that tells nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
from numpy.typing import NDArray

from colorcli.collection.items import Item, hashed_fraction
from colorcli.errors import PhotoError
from colorcli.evaluation.comparison import pictures_of
from colorcli.evaluation.evaluate import GRAY, Predict
from colorcli.inline import encode_jpeg
from colorcli.photo import read_rgb

SIDE = 224
"""Pixels, of every picture: Kaushik et al., IV.B."""

_QUALITY = 92


@dataclass(frozen=True)
class Picture:
    """One photo as one system made it.

    Args:
        id: opaque, unique in the study.
        system: a model's name, or "true" for the photo itself.
        photo: key of the photo.
        jpeg: `SIDE` × `SIDE`, without metadata.
    """

    id: str
    system: str
    photo: str
    jpeg: bytes


def make_pictures(
    models: Mapping[str, Predict],
    items: Sequence[Item],
    *,
    photos: int,
    seed: int,
    truth: bool = True,
    failed: list[tuple[str, str]],
) -> Iterator[list[Picture]]:
    """Draw photos by lot, and make each one's pictures.

    Models colour the whole photo, as `colorize photo.jpg` does; what is shown is its central
    square, shrunk (or enlarged) to `SIDE`. True photos go the same way, through the same JPEG.

    Args:
        models: by name.
        items: to draw from.
        photos: how many to draw. Another is drawn for one that cannot be read.
        seed: of the lots and the ids.
        truth: whether photos with colour are shown as they are, too. Black-and-white and toned
            ones never are: their originals would be told at a glance.
        failed: key and reason of photos that cannot be read are appended.

    Yields:
        The pictures of one photo.
    """
    made = 0
    for item in sorted(items, key=lambda item: (hashed_fraction(item.key, seed), item.key)):
        if made == photos:
            return
        try:
            rgb = read_rgb(item.read())
        except PhotoError as error:
            failed.append((item.key, str(error)))
            continue
        yield [
            _picture(system, item.key, square(picture), seed)
            for system, picture in pictures_of(rgb, models, truth=truth).items()
            if system != GRAY
        ]
        made += 1


def square(rgb: NDArray[Any]) -> NDArray[Any]:
    """The central square of `rgb` (H, W, 3), rescaled to (`SIDE`, `SIDE`, 3)."""
    height, width = rgb.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    cut = rgb[top : top + short, left : left + short]
    way = cv2.INTER_AREA if short > SIDE else cv2.INTER_CUBIC
    return cv2.resize(cut, (SIDE, SIDE), interpolation=way)


def _picture(system: str, photo: str, rgb: NDArray[Any], seed: int) -> Picture:
    jpeg = encode_jpeg(rgb, _QUALITY)
    # Of the names too: two systems may make the same picture of a photo.
    named = repr((seed, system, photo)).encode()
    return Picture(hashlib.blake2b(named + jpeg, digest_size=8).hexdigest(), system, photo, jpeg)
