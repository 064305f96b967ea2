"""The pictures of a study: squares of 224 pixels, each with an opaque id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from colorcli.collection.items import Item, hashed_fraction
from colorcli.errors import PhotoError
from colorcli.evaluation.comparison import pictures_of
from colorcli.evaluation.evaluate import GRAY, Predict, central_square
from colorcli.inline import encode_jpeg
from colorcli.photo import read_rgb

SIDE = 224
"""Side of every picture in pixels: Kaushik et al., IV.B."""

_QUALITY = 92


@dataclass(frozen=True)
class Picture:
    """One system's picture of one photo.

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
    """Draw photos at random, and make the pictures of each.

    Models colour the whole photo, as `colorize photo.jpg` does; its central square is shown, shrunk
    (or enlarged) to `SIDE`. True photos are cropped and encoded as JPEG in the same way.

    Args:
        models: by name.
        items: to draw from.
        photos: how many to draw. An unreadable one is replaced by another.
        seed: of the draw and the ids.
        truth: whether originals of photos with colour are shown too. Those of black-and-white and
            toned photos never are: they would be recognised at a glance.
        failed: key and reason of unreadable photos are appended.

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
            _picture(system, item.key, central_square(picture, SIDE), seed)
            for system, picture in pictures_of(rgb, models, truth=truth).items()
            if system != GRAY
        ]
        made += 1


def _picture(system: str, photo: str, rgb: NDArray[Any], seed: int) -> Picture:
    jpeg = encode_jpeg(rgb, _QUALITY)
    # Hash the names too: two systems may make the same picture of a photo.
    named = repr((seed, system, photo)).encode()
    return Picture(hashlib.blake2b(named + jpeg, digest_size=8).hexdigest(), system, photo, jpeg)
