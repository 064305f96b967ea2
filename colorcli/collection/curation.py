"""Collections made from collections: augmented sets, close-ups of faces, gray copies."""

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
from colorcli.photo.encode import jpeg_options

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
    """Write each train photo `factor` times: unchanged, and as random transforms.

    Photos of other splits are written once, unchanged, so that `out` is a complete collection:
    `out/SPLIT/LABEL/NAME.ext`, and `NAME.1.ext`, `NAME.2.ext`, … for the transforms, skipping
    names that photos already have. At the end `out/split.csv` lists the split of each. A transform
    depends only on the photo's key, the transform's number and the seed.

    Args:
        items: the photos.
        out: a folder, created if missing.
        factor: at least 1.
        seed: of the transforms.
        replace: whether to replace existing files.

    Yields:
        Each photo when it is done, and its error or None.

    Raises:
        UsageError: `out/split.csv` exists and `replace` is false, photos of `items` lie below
            `out`, one was written there under another split, two would be written to the same
            file, or a split cannot be a folder name; always before the first file is written.
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
    """Write each photo once, and close-ups of the faces in train photos beside them.

    `out` is a complete collection, with files named and listed as by `augment`.

    Args:
        items: the photos.
        out: a folder, created if missing.
        replace: whether to replace existing files.

    Yields:
        Each photo when it is done, and its error or None.

    Raises:
        UsageError: scikit-image is not installed; or as `augment`.
        PhotoError: as `augment`.
    """
    scikit_image("feature")  # raises before the first file is written
    return _with_more(items, out, lambda _, rgb: close_ups(rgb), replace)


def _with_more(
    items: Sequence[Item],
    out: Path,
    make: Callable[[Item, Array], Iterator[Array]],
    replace: bool,
) -> Iterator[tuple[Item, str | None]]:
    """Write each photo unchanged, and numbered derivatives of those of the train split.

    The photo itself is written last: if it exists, an interrupted run had finished with it.
    """
    listing = out / SPLIT_LIST
    if os.path.lexists(listing) and not replace:
        raise UsageError(f"{listing}: exists already", tip="--force replaces it")
    listed = read_split_list(out)
    _refuse_within(items, out)
    _refuse_moved(items, out, set(listed.values()))
    placed = _placed(items, out, by_split=True)
    originals = {folder / f"{item.stem}{item.suffix}" for item, folder in placed}
    # With these two, `open_collection` takes splits from folders until `split.csv` is written.
    # Hashed splits could train on a photo and hold out its derivative.
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
            guard.rmdir()  # if it is empty
    left = {key: split for key, split in listed.items() if os.path.lexists(out / key)}
    if splits := left | _splits_below(out, {item.split for item in items}):
        write_whole(listing, split_list(splits), replace=replace)


def _write(path: Path, data: bytes, *, replace: bool) -> None:
    """`write_whole`, unless the file already holds these bytes."""
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
    """Refuse a folder where a photo lies in the folder of a split it no longer belongs to.

    Derivatives from an earlier run stay there: those of a photo that is held out now would be
    trained on.
    """
    for item in items:
        for split in splits - {item.split}:
            folder = _folder_of(dataclasses.replace(item, split=split), by_split=True)
            earlier = out / folder / f"{item.stem}{item.suffix}"
            if os.path.lexists(earlier):
                raise UsageError(
                    f"{earlier}: made when this photo was in another split (now {item.split})",
                    tip=f"delete {out}, or choose another folder with -o",
                )


def _splits_below(out: Path, splits: set[str]) -> dict[str, str]:
    """The split of each photo in the folders `out/SPLIT`.

    Includes those of an earlier run: unlisted, their split would be hashed.
    """
    keys = [path.relative_to(out) for path in photo_paths(out)]
    return {key.as_posix(): key.parts[0] for key in keys if key.parts[0] in splits}


def random_transform(rgb: Array, random: np.random.Generator) -> Array:
    """A random crop at 0.7-1 of the size, flip, rotation within ±8° and shear within ±0.12.

    One affine map to a picture of the same size, so that it is sampled once; borders are mirrored.
    Colours are unchanged: they are the ground truth.

    Args:
        rgb: uint8 (H, W, 3).
        random: source of the parameters.

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
    # From the output's pixels to the photo's, as WARP_INVERSE_MAP needs.
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
    """Write a gray copy of each photo, of equal L, mirroring the tree below `out`.

    JPEG stays JPEG (quality 95), everything else becomes 8-bit PNG.

    Args:
        items: the photos.
        out: a folder, created if missing.
        others: photos that are not copied but must not be replaced either.
        replace: whether to replace existing files.

    Yields:
        Each photo when it is done, and its error or None.

    Raises:
        UsageError: a copy would replace one of `items` or `others`, or two would be written to
            the same file; always before the first is written.
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
        UsageError: two would be written to the same file, or replace one of `items` or `others`.
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
    # A tree keeps its folders; shards have none, so the label becomes one.
    folder = folder if folder.parts else PurePosixPath(_safe(item.label))
    if not by_split or folder.parts[:1] == (item.split,):
        return folder
    # An index may say anything, and what is written must stay below `out` and not be hidden.
    if Path(item.split).name != item.split or item.split.startswith("."):
        raise UsageError(
            f"{item.key}: its split {item.split!r} cannot be a folder name",
            tip="rename it in the list of splits",
        )
    return item.split / folder


def _refuse_within(items: Sequence[Item], out: Path) -> None:
    """Refuse an output folder that contains photos of `items`: it would mix with the input."""
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
    """The identities of the photos that are separate files."""
    # Not by name: on a case-insensitive disk `a.JPG` and `a.jpg` are one file.
    return {one for path in _paths_of(items) if (one := identity(Path(path)))}


def _paths_of(items: Sequence[Item]) -> set[str]:
    """Real paths of the photos that are separate files, not in a shard."""
    # Unlike `Path.resolve`, this does not raise on symlink loops.
    return {os.path.realpath(i.location.path) for i in items if i.location.size is None}


def _ending(item: Item) -> str:
    """The suffix of a file made from a photo: JPEG stays JPEG, everything else becomes PNG."""
    return item.suffix if item.suffix in _JPEG else ".png"


def _safe(label: str) -> str:
    return "".join(c if c.isalnum() or c in "-_ " else "_" for c in label).strip()


def _encoded(picture: Array, ending: str) -> bytes:
    ordered = picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])
    options = jpeg_options(95) if ending in _JPEG else []
    return bytes(cv2.imencode(ending, ordered, options)[1])
