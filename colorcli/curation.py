"""Getting photographs ready to train on: split lists, ten-fold sets, gray copies."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from colorcli.closeups import close_ups
from colorcli.collection import Item, decode_rgb, hashed_fraction
from colorcli.errors import PhotoError, UsageError
from colorcli.files import write_whole
from colorcli.lab import L_from_gray, gray_from_rgb, lab_to_rgb
from colorcli.metrics import scikit_image

Array: TypeAlias = npt.NDArray[Any]
SPLITS = ("train", "val", "test")

_JPEG = (".jpg", ".jpeg")


def shares_of(text: str) -> tuple[float, ...]:
    """Shares of train, val and, if given, test: "9:1" and "95/2.5/2.5" alike.

    Returns:
        Two or three numbers above 0 that add up to 1.

    Raises:
        UsageError: not such a list.
    """
    try:
        parts = [float(part) for part in text.replace("/", ":").split(":")]
    except ValueError:
        parts = []
    if len(parts) not in (2, 3) or not all(0 < part < float("inf") for part in parts):
        raise UsageError(f"{text!r}: not a ratio", tip="for example 9:1 or 95/2.5/2.5")
    return tuple(part / sum(parts) for part in parts)


def draw_split(items: Sequence[Item], shares: Sequence[float], seed: int) -> dict[str, str]:
    """Deal photos out to train, val and test, by lot.

    The lot of a photo is its hashed key (`collection.hashed_fraction`), so that the same seed
    deals alike on every machine; the counts are exact to rounding.

    Args:
        items: the photos.
        shares: of train, val and, if given, test; as `shares_of` returns them.
        seed: of the lots.

    Returns:
        Key → split, sorted by key.
    """
    keys = sorted((item.key for item in items), key=lambda key: (hashed_fraction(key, seed), key))
    # The smaller splits are cut first: a rounded share of few photos is not left to train alone.
    ends = np.rint(np.cumsum(shares[1:]) * len(keys)).astype(int)
    drawn, start = {}, 0
    for name, end in zip(SPLITS[1:], ends, strict=False):
        drawn.update(dict.fromkeys(keys[start:end], name))
        start = end
    drawn.update(dict.fromkeys(keys[start:], SPLITS[0]))
    return dict(sorted(drawn.items()))


def split_list(drawn: dict[str, str]) -> bytes:
    """The text of `split.csv`, which `open_collection` follows."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["key", "split"])
    writer.writerows(drawn.items())
    return text.getvalue().encode()


def augment(
    items: Sequence[Item],
    out: Path,
    *,
    factor: int = 10,
    seed: int = 0,
    replace: bool = False,
) -> Iterator[tuple[Item, str | None]]:
    """Write each train photo `factor` times: itself, and random transforms of it.

    Photos of other splits are written once, unchanged, so that `out` is a collection of its own:
    `out/SPLIT/LABEL/NAME.ext`, and `NAME.1.ext`, `NAME.2.ext`, … for the transforms. A transform
    depends on the photo's key, its number and the seed alone.

    Args:
        items: the photos.
        out: a folder, made where it is missing.
        factor: at least 1.
        seed: of the transforms.
        replace: whether files already there are replaced.

    Yields:
        Each photo once it is done, and what went wrong with it or None.
    """

    def transforms(item: Item, rgb: Array) -> Iterator[Array]:
        for number in range(1, factor):
            lot = int(hashed_fraction(f"{number}:{item.key}", seed) * 2**53)
            yield random_transform(rgb, np.random.default_rng(lot))

    return _with_more(items, out, transforms, replace)


def add_close_ups(
    items: Sequence[Item], out: Path, *, replace: bool = False
) -> Iterator[tuple[Item, str | None]]:
    """Write each photo once, and of train photos the close-ups of their faces beside them.

    `out` is a collection of its own, with files called as those of `augment`.

    Args:
        items: the photos.
        out: a folder, made where it is missing.
        replace: whether files already there are replaced.

    Yields:
        Each photo once it is done, and what went wrong with it or None.

    Raises:
        UsageError: scikit-image is not installed.
    """
    scikit_image("feature")  # said before the first file is written
    return _with_more(items, out, lambda _, rgb: close_ups(rgb), replace)


def _with_more(
    items: Sequence[Item],
    out: Path,
    make: Callable[[Item, Array], Iterator[Array]],
    replace: bool,
) -> Iterator[tuple[Item, str | None]]:
    """Write each photo unchanged, and what is made of those of the train split, numbered."""
    for item, folder in _placed(items, out, by_split=True):
        try:
            data = item.read()
            rgb = decode_rgb(data)
            suffix = PurePosixPath(item.key).suffix.lower() or _suffix_of(data)
            name, ending = PurePosixPath(item.key).stem, _ending(item)
            write_whole(folder / f"{name}{suffix}", data, replace=replace)
            for number, made in enumerate(make(item, rgb) if item.split == "train" else (), 1):
                path = folder / f"{name}.{number}{ending}"
                write_whole(path, _encoded(made, ending), replace=replace)
        except PhotoError as error:
            yield item, str(error)
        else:
            yield item, None


def random_transform(rgb: Array, random: np.random.Generator) -> Array:
    """A random crop at 0.7-1 of the size, flip, rotation within ±8° and shear within ±0.12.

    One affine map from the photo to a picture of the same size, so that it is sampled once; what
    would lie outside is mirrored in. Colours are left alone: they are the truth to learn.

    Args:
        rgb: uint8 (H, W, 3).
        random: where the parameters are drawn from.

    Returns:
        uint8 (H, W, 3).
    """
    height, width = rgb.shape[:2]
    zoom = random.uniform(0.7, 1.0)
    angle = np.deg2rad(random.uniform(-8, 8))
    shear = random.uniform(-0.12, 0.12)
    flip = -1.0 if random.random() < 0.5 else 1.0
    room = (1 - zoom) / 2
    centre = np.array([width, height]) * (0.5 + random.uniform(-room, room, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    # From the output's pixels to the photo's: what WARP_INVERSE_MAP wants.
    matrix = zoom * turn @ np.array([[1.0, shear], [0.0, 1.0]]) @ np.diag([flip, 1.0])
    middle = np.array([width - 1, height - 1]) / 2
    offset = centre - 0.5 - matrix @ middle
    return cv2.warpAffine(
        rgb,
        np.column_stack([matrix, offset]),
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def gray_copies(
    items: Sequence[Item], out: Path, *, replace: bool = False
) -> Iterator[tuple[Item, str | None]]:
    """Write a gray copy of each photo, of equal L, the tree mirrored below `out`.

    JPEG stays JPEG (quality 95), everything else becomes 8-bit PNG.

    Args:
        items: the photos.
        out: a folder, made where it is missing.
        replace: whether files already there are replaced.

    Yields:
        Each photo once it is done, and what went wrong with it or None.
    """
    for item, folder in _placed(items, out, by_split=False):
        path = folder / f"{PurePosixPath(item.key).stem}{_ending(item)}"
        try:
            gray = gray_of(decode_rgb(item.read()))
            write_whole(path, _encoded(gray, path.suffix), replace=replace)
        except PhotoError as error:
            yield item, str(error)
        else:
            yield item, None


def gray_of(rgb: Array) -> npt.NDArray[np.uint8]:
    """The 8-bit gray of equal L: uint8 (H, W, 3) → uint8 (H, W)."""
    L = L_from_gray(gray_from_rgb(rgb))
    return np.ascontiguousarray(lab_to_rgb(L, np.zeros((*L.shape, 2), np.float32))[..., 0])


def _placed(items: Iterable[Item], out: Path, *, by_split: bool) -> Iterator[tuple[Item, Path]]:
    """Each item with its folder below `out`; refuses two that would write one file."""
    placed = []
    for item in items:
        folder = PurePosixPath(item.key).parent
        # A tree keeps its folders; shards have none, so the label makes one.
        folder = folder if folder.parts else PurePosixPath(_safe(item.label))
        if by_split and folder.parts[:1] != (item.split,):
            folder = item.split / folder
        placed.append((item, out / folder))
    names = Counter(
        folder / f"{PurePosixPath(item.key).stem}{_ending(item)}" for item, folder in placed
    )
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise UsageError(f"{twice}: two photos would be written here", tip="rename one of them")
    return iter(placed)


def _ending(item: Item) -> str:
    """Of a file made from a photo: JPEG stays JPEG, everything else becomes PNG."""
    suffix = PurePosixPath(item.key).suffix.lower()
    return suffix if suffix in _JPEG else ".png"


def _safe(label: str) -> str:
    return "".join(c if c.isalnum() or c in "-_ " else "_" for c in label).strip()


def _suffix_of(data: bytes) -> str:
    kinds: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
        (".jpg", lambda d: d[:2] == b"\xff\xd8"),
        (".png", lambda d: d[:4] == b"\x89PNG"),
        (".webp", lambda d: d[8:12] == b"WEBP"),
        (".avif", lambda d: d[4:8] == b"ftyp"),
        (".bmp", lambda d: d[:2] == b"BM"),
    )
    return next((suffix for suffix, fits in kinds if fits(data)), ".tif")


def _encoded(picture: Array, ending: str) -> bytes:
    ordered = picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])
    options = []
    if ending in _JPEG:
        sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        options = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return bytes(cv2.imencode(ending, ordered, options)[1])
