"""Collections made from collections: ten-fold sets, close-ups of faces, gray copies."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from colorcli.collection.closeups import close_ups
from colorcli.collection.items import Item, hashed_fraction, photo_paths
from colorcli.collection.lists import SPLIT_LIST, read_split_list, split_list
from colorcli.errors import PhotoError, UsageError
from colorcli.extras import scikit_image
from colorcli.files import unwritable, write_whole
from colorcli.lab import L_from_gray, gray_from_rgb, lab_to_rgb
from colorcli.looks import identity
from colorcli.photo import read_rgb

Array: TypeAlias = npt.NDArray[Any]

_JPEG = (".jpg", ".jpeg")


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
    `out/SPLIT/LABEL/NAME.ext`, and `NAME.1.ext`, `NAME.2.ext`, … for the transforms, less the
    names that photos have already. At the end `out/split.csv` lists the split of all of them. A
    transform depends on the photo's key, its place among them and the seed alone.

    Args:
        items: the photos.
        out: a folder, made where it is missing.
        factor: at least 1.
        seed: of the transforms.
        replace: whether files already there are replaced.

    Yields:
        Each photo once it is done, and what went wrong with it or None.

    Raises:
        UsageError: `out/split.csv` is there and `replace` is false, photos of `items` lie below
            `out`, one of another split by now was written there, two would be written to one file,
            or a split cannot name a folder; all of them before the first file is written.
        PhotoError: `out/split.csv` cannot be read or written.
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

    `out` is a collection of its own, with files called and listed as those of `augment`.

    Args:
        items: the photos.
        out: a folder, made where it is missing.
        replace: whether files already there are replaced.

    Yields:
        Each photo once it is done, and what went wrong with it or None.

    Raises:
        UsageError: scikit-image is not installed; or as `augment`.
        PhotoError: as `augment`.
    """
    scikit_image("feature")  # said before the first file is written
    return _with_more(items, out, lambda _, rgb: close_ups(rgb), replace)


def _with_more(
    items: Sequence[Item],
    out: Path,
    make: Callable[[Item, Array], Iterator[Array]],
    replace: bool,
) -> Iterator[tuple[Item, str | None]]:
    """Write each photo unchanged, and what is made of those of the train split, numbered.

    The photo itself is written last: where it lies already, an interrupted run had done with it.
    """
    listing = out / SPLIT_LIST
    if os.path.lexists(listing) and not replace:
        raise UsageError(f"{listing}: exists already", tip="--force replaces it")
    listed = read_split_list(out)
    _refuse_within(items, out)
    _refuse_moved(items, out, set(listed.values()))
    placed = _placed(items, out, by_split=True)
    originals = {folder / f"{item.stem}{item.suffix}" for item, folder in placed}
    # Until all is written and listed these two say whose split is whose (`open_collection`): by
    # lot, what is made of a photo could be held out, and the photo itself trained on.
    guards = [out / name for name in ("train", "val")]
    for guard in guards:
        _make_folder(guard)
    for item, folder in placed:
        try:
            data = item.read()
            original = folder / f"{item.stem}{item.suffix}"
            if replace or not _holds(original, data):
                rgb = read_rgb(data)
                numbered = (folder / f"{item.stem}.{number}{_ending(item)}" for number in count(1))
                free = (path for path in numbered if path not in originals)
                for made in make(item, rgb) if item.split == "train" else ():
                    _write(next(free), _encoded(made, _ending(item)), replace=replace)
                _write(original, data, replace=replace)
        except PhotoError as error:
            yield item, str(error)
        else:
            yield item, None
    for guard in guards:
        with contextlib.suppress(OSError):
            guard.rmdir()  # where no photo came into it
    left = {key: split for key, split in listed.items() if os.path.lexists(out / key)}
    if splits := left | _splits_below(out, {item.split for item in items}):
        write_whole(listing, split_list(splits), replace=replace)


def _write(path: Path, data: bytes, *, replace: bool) -> None:
    """`write_whole`, but what is there with these very bytes is done."""
    if replace or not _holds(path, data):
        write_whole(path, data, replace=replace)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def _refuse_moved(items: Sequence[Item], out: Path, splits: set[str]) -> None:
    """Refuse a folder where a photo lies in the folder of a split that it is not of any more.

    What an earlier run made of a photo stays there; of one that is held out now it would be
    trained on.
    """
    for item in items:
        for split in splits - {item.split}:
            folder = _folder_of(dataclasses.replace(item, split=split), by_split=True)
            earlier = out / folder / f"{item.stem}{item.suffix}"
            if os.path.lexists(earlier):
                raise UsageError(
                    f"{earlier}: made when this photo was of another split (now {item.split})",
                    tip=f"delete {out}, or choose another folder with -o",
                )


def _splits_below(out: Path, splits: set[str]) -> dict[str, str]:
    """The split of each photo in the folders `out/SPLIT`.

    Of those too that an earlier run left there: unlisted, their split would be drawn by lot.
    """
    keys = [path.relative_to(out) for path in photo_paths(out)]
    return {key.as_posix(): key.parts[0] for key in keys if key.parts[0] in splits}


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
    items: Sequence[Item], out: Path, *, others: Sequence[Item] = (), replace: bool = False
) -> Iterator[tuple[Item, str | None]]:
    """Write a gray copy of each photo, of equal L, the tree mirrored below `out`.

    JPEG stays JPEG (quality 95), everything else becomes 8-bit PNG.

    Args:
        items: the photos.
        out: a folder, made where it is missing.
        others: photos that are not copied, and must not be replaced either.
        replace: whether files already there are replaced.

    Yields:
        Each photo once it is done, and what went wrong with it or None.

    Raises:
        UsageError: a copy would replace one of `items` or `others`, or two would be written to
            one file; before the first is written.
    """
    for item, folder in _placed(items, out, by_split=False, others=others):
        path = folder / f"{item.stem}{_ending(item)}"
        try:
            gray = gray_of(read_rgb(item.read()))
            write_whole(path, _encoded(gray, path.suffix), replace=replace)
        except PhotoError as error:
            yield item, str(error)
        else:
            yield item, None


def gray_of(rgb: Array) -> npt.NDArray[np.uint8]:
    """The 8-bit gray of equal L: uint8 (H, W, 3) → uint8 (H, W)."""
    L = L_from_gray(gray_from_rgb(rgb))
    return np.ascontiguousarray(lab_to_rgb(L, np.zeros((*L.shape, 2), np.float32))[..., 0])


def _placed(
    items: Sequence[Item], out: Path, *, by_split: bool, others: Sequence[Item] = ()
) -> list[tuple[Item, Path]]:
    """Each item with its folder below `out`.

    Raises:
        UsageError: two would write one file, or one would replace a photo of `items` or `others`.
    """
    placed = [(item, out / _folder_of(item, by_split=by_split)) for item in items]
    own = _files_of([*items, *others])
    targets = Counter(folder / f"{item.stem}{_ending(item)}" for item, folder in placed)
    for target, times in targets.items():
        if times > 1:
            raise UsageError(
                f"{target}: two photos would be written here", tip="rename one of them"
            )
        if identity(target) in own:
            raise UsageError(
                f"{target}: is a photo of the collection itself",
                tip="choose another folder with -o",
            )
    return placed


def _folder_of(item: Item, *, by_split: bool) -> PurePosixPath:
    folder = PurePosixPath(item.key).parent
    # A tree keeps its folders; shards have none, so the label makes one.
    folder = folder if folder.parts else PurePosixPath(_safe(item.label))
    if not by_split or folder.parts[:1] == (item.split,):
        return folder
    # An index may say anything, and what is written has to stay below `out`, and be seen there.
    if Path(item.split).name != item.split or item.split.startswith("."):
        raise UsageError(
            f"{item.key}: its split {item.split!r} cannot be the name of a folder",
            tip="rename it in the list of splits",
        )
    return item.split / folder


def _refuse_within(items: Sequence[Item], out: Path) -> None:
    """Refuse a folder that photos lie in: it could not be a collection of its own."""
    whole = identity(out)
    folders = {path.parent: path.name for path in map(Path, _paths_of(items))}
    above = {folder: name for path, name in folders.items() for folder in (path, *path.parents)}
    for folder, name in sorted(above.items()) if whole else ():
        if identity(folder) == whole:
            raise UsageError(
                f"{out}: holds {name}, a photo of the collection itself",
                tip="choose another folder with -o",
            )


def _files_of(items: Sequence[Item]) -> set[tuple[int, int]]:
    """What tells the photos that are files of their own from other files."""
    # Not by name: where case makes no difference, `a.JPG` and `a.jpg` are one file.
    return {one for path in _paths_of(items) if (one := identity(Path(path)))}


def _paths_of(items: Sequence[Item]) -> set[str]:
    """Where the photos lie that are files of their own, links followed."""
    # Unlike `Path.resolve`, this minds no links that lead back to themselves.
    return {os.path.realpath(i.location.path) for i in items if i.location.size is None}


def _ending(item: Item) -> str:
    """Of a file made from a photo: JPEG stays JPEG, everything else becomes PNG."""
    return item.suffix if item.suffix in _JPEG else ".png"


def _safe(label: str) -> str:
    return "".join(c if c.isalnum() or c in "-_ " else "_" for c in label).strip()


def _encoded(picture: Array, ending: str) -> bytes:
    ordered = picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])
    options = []
    if ending in _JPEG:
        sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        options = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return bytes(cv2.imencode(ending, ordered, options)[1])
