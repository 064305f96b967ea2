"""Finds photographs that teach a colorizer nothing: gray, toned, tiny, corrupt, duplicate."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from colorcli.collection.items import Item
from colorcli.errors import PhotoError
from colorcli.lab import rgb_to_lab
from colorcli.metrics import TONED, mean_chroma, own_chroma
from colorcli.photo import read_rgb
from colorcli.processor import usable_cores

Array: TypeAlias = npt.NDArray[Any]

_BANDS = 4
_SHRUNK = 256


@dataclass(frozen=True)
class Findings:
    """The findings of `inspect`; every list in the order of the photos.

    Args:
        photos: how many were inspected.
        corrupt: key and error.
        tiny: key and short side in pixels.
        gray: key and mean chroma.
        toned: key and chroma beyond the tone, for photos in sepia and the like.
        duplicates: groups of keys with the same bytes.
        similar: groups of keys of photos that look alike but differ in bytes.
    """

    photos: int
    corrupt: list[tuple[str, str]] = field(default_factory=list)
    tiny: list[tuple[str, int]] = field(default_factory=list)
    gray: list[tuple[str, float]] = field(default_factory=list)
    toned: list[tuple[str, float]] = field(default_factory=list)
    duplicates: list[list[str]] = field(default_factory=list)
    similar: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Look:
    """What is kept of each photo."""

    digest: bytes = b""
    fault: str | None = None
    side: int = 0
    chroma: float = 0.0
    own_chroma: float = 0.0
    phash: int | None = None


def inspect(
    items: Sequence[Item],
    *,
    tiny: int = 128,
    chroma: float = 2.0,
    toned: float = TONED,
    distance: int = 3,
    progress: Callable[[int], None] | None = None,
) -> Findings:
    """Find photos that should not be trained on.

    Args:
        items: the photos.
        tiny: short side in pixels below which a photo is reported as tiny.
        chroma: mean chroma below which a photo is reported as gray.
        toned: `metrics.own_chroma` below which a photo that is not gray is reported as toned.
        distance: bits, 0-3, that two 64-bit perceptual hashes may differ in to count as similar.
        progress: called after each photo with the number done.

    Returns:
        The findings. Memory is a few dozen bytes per photo.
    """
    looks = []
    # OpenCV releases the GIL while decoding.
    with ThreadPoolExecutor(min(8, usable_cores())) as pool:
        for done, look in enumerate(pool.map(_look_at, items), 1):
            looks.append(look)
            if progress is not None:
                progress(done)
    keys = [item.key for item in items]
    sound = [(key, look) for key, look in zip(keys, looks, strict=True) if look.fault is None]
    same = defaultdict[bytes, list[str]](list)
    for key, look in zip(keys, looks, strict=True):
        if look.digest:
            same[look.digest].append(key)
    # One file stands for all equal ones, which are not reported again as similar.
    repeats = {key for group in same.values() for key in group[1:]}
    hashes = [
        (key, look.phash) for key, look in sound if look.phash is not None and key not in repeats
    ]
    return Findings(
        photos=len(items),
        corrupt=[(k, look.fault) for k, look in zip(keys, looks, strict=True) if look.fault],
        tiny=[(key, look.side) for key, look in sound if look.side < tiny],
        gray=[(key, round(look.chroma, 2)) for key, look in sound if look.chroma < chroma],
        toned=[
            (key, round(look.own_chroma, 2))
            for key, look in sound
            if look.own_chroma < toned and look.chroma >= chroma
        ],
        duplicates=[group for group in same.values() if len(group) > 1],
        similar=alike(hashes, distance),
    )


def perceptual_hash(rgb: Array) -> int | None:
    """64 bits that survive scaling and compression: pHash, of the gray photo.

    The photo is shrunk to 32×32; a bit says whether a coefficient of its cosine transform, at
    frequencies 1 to 8 either way, is above their median (Zauner 2010, section 3.2.1).

    Args:
        rgb: uint8 (H, W, 3).

    Returns:
        A number below 2^64; None for a photo so flat that the bits would be noise.
    """
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < 2:
        return None
    low = cv2.dct(small)[1:9, 1:9].reshape(-1)
    bits = np.packbits(low > np.median(low))
    return int.from_bytes(bits.tobytes(), "big")


def alike(hashes: Iterable[tuple[str, int]], distance: int) -> list[list[str]]:
    """Group keys whose 64-bit hashes are close, directly or through others.

    Two hashes that differ in at most 3 bits share at least one of their four 16-bit bands, so
    only those that share a band are compared.

    Args:
        hashes: key and hash.
        distance: bits that may differ, 0-3.

    Returns:
        Groups of two or more keys, in the order given.
    """
    if not 0 <= distance < _BANDS:
        raise ValueError(f"distance {distance} is not in [0, {_BANDS - 1}]")
    listed = list(hashes)
    leader = list(range(len(listed)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for band in range(_BANDS):
        buckets = defaultdict[int, list[int]](list)
        for i, (_, value) in enumerate(listed):
            buckets[(value >> (16 * band)) & 0xFFFF].append(i)
        for bucket in buckets.values():
            for position, i in enumerate(bucket):
                for j in bucket[position + 1 :]:
                    if (listed[i][1] ^ listed[j][1]).bit_count() <= distance:
                        leader[find(j)] = find(i)
    groups = defaultdict[int, list[str]](list)
    for i, (key, _) in enumerate(listed):
        groups[find(i)].append(key)
    return [group for group in groups.values() if len(group) > 1]


def _look_at(item: Item) -> _Look:
    try:
        data = item.read()
        rgb = read_rgb(data)
    except PhotoError as error:
        return _Look(fault=str(error))
    height, width = rgb.shape[:2]
    scale = min(1.0, _SHRUNK / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    lab = rgb_to_lab(small)
    return _Look(
        digest=hashlib.sha256(data).digest(),
        side=min(height, width),
        chroma=mean_chroma(lab[..., 1:]),
        own_chroma=own_chroma(lab),
        phash=perceptual_hash(rgb),
    )
