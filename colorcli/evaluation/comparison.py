"""Several models on the same photos: metrics, and pictures to compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from colorcli.collection.items import Item, spread
from colorcli.errors import PhotoError
from colorcli.evaluation.evaluate import GRAY, Predict, Report, evaluate
from colorcli.lab import lab_to_rgb, rgb_to_lab
from colorcli.metrics import own_chroma
from colorcli.photo import read_rgb

Array: TypeAlias = npt.NDArray[Any]

NO_COLOUR = 2.0
"""`own_chroma` below which a photo counts as black-and-white, toned or not."""

TRUE = "true"
_PHOTO_SIDE = 960
_HEADER = 28


class Stopwatch:
    """A model that sums its time; the first photo is predicted once before, as an untimed warm-up.

    Args:
        predict: the model.
    """

    def __init__(self, predict: Predict) -> None:
        self._predict = predict
        self._warm = False
        self.seconds = 0.0
        self.pixels = 0

    def __call__(self, L: npt.NDArray[np.float32]) -> Array:
        """Predict, and add the time."""
        if not self._warm:
            # On the first photo sessions plan their memory, and a GPU selects kernels.
            self._predict(L)
            self._warm = True
        start = time.perf_counter()
        ab = self._predict(L)
        self.seconds += time.perf_counter() - start
        self.pixels += L.size
        return ab

    @property
    def megapixels_per_second(self) -> float:
        """Megapixels of the photos, not of the network's input; 0 before the first."""
        return self.pixels / 1e6 / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Shown:
    """One photo as each model colours it.

    Args:
        key: of the photo.
        pictures: RGB uint8 (H, W, 3) by title: "gray", the models, "true" if it has colour.
    """

    key: str
    pictures: dict[str, Array]


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`.

    Args:
        titles: of the columns of pictures; "true" last if any photo has colour.
        shown: the photos to look at.
        report: the metrics; None if no photo has colour.
        megapixels_per_second: by model, over the photos shown.
        failed: key and reason of photos that could not be read.
    """

    titles: list[str]
    shown: list[Shown]
    report: Report | None
    megapixels_per_second: dict[str, float]
    failed: list[tuple[str, str]] = field(default_factory=list)


def compare(
    models: Mapping[str, Predict],
    items: Sequence[Item],
    *,
    pictures: int = 12,
    truth: bool = True,
    mean_ab: tuple[float, float] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Comparison:
    """Colour the same photos with each model, and measure those whose true colours are known.

    Args:
        models: by name.
        items: the photos, with or without colour.
        pictures: photos to look at, evenly spread.
        truth: False treats every photo as black-and-white. Toned photos (sepia) are recognised
            automatically, see `NO_COLOUR`; hand-tinted ones are not.
        mean_ab: as in `evaluate`.
        progress: as in `evaluate`, for the photos that are measured.

    Returns:
        Metrics and pictures; memory grows only with `pictures`.

    Raises:
        PhotoError: no photo could be read.
        UsageError: there are photos with colour, and scikit-image is missing.
    """
    watches = {name: Stopwatch(predict) for name, predict in models.items()}
    readable, coloured, failed = _sort_out(items)
    if not readable:
        raise PhotoError(f"none of {len(items)} photos could be read: {failed[0][1]}")
    # Timed here, because `evaluate` scores photos while it predicts others.
    titles, shown, _ = show(watches, spread(readable, pictures), truth=truth)
    report = None
    if truth and coloured:
        report = evaluate(models, coloured, mean_ab=mean_ab, progress=progress)
    speeds = {name: watch.megapixels_per_second for name, watch in watches.items()}
    return Comparison(titles, shown, report, speeds, failed)


def show(
    models: Mapping[str, Predict], items: Sequence[Item], *, truth: bool = True
) -> tuple[list[str], list[Shown], list[tuple[str, str]]]:
    """Colour photos at full size, and shrink the pictures to 960 pixels on the long side at most.

    Args:
        models: by name.
        items: the photos.
        truth: as in `compare`.

    Returns:
        The titles of the pictures, the photos, and key and reason of those that cannot be read.

    Raises:
        PhotoError: no photo could be read.
    """
    failed: list[tuple[str, str]] = []
    shown = []
    for item, rgb in _readable(items, failed):
        made = pictures_of(rgb, models, truth=truth)
        small = {title: shrink(picture, _PHOTO_SIDE) for title, picture in made.items()}
        shown.append(Shown(item.key, small))
    if not shown:
        raise PhotoError(f"{failed[0][0]}: {failed[0][1]}")
    titles = [GRAY, *models]
    if any(TRUE in row.pictures for row in shown):
        titles.append(TRUE)
    return titles, shown, failed


def contact_sheet(titles: Sequence[str], rows: Sequence[Shown], *, side: int = 224) -> Array:
    """One picture of all: a row per photo, a column per title.

    Args:
        titles: of the columns; a cell is blank if the photo lacks the picture.
        rows: the photos.
        side: of the square that each picture is fitted into.

    Returns:
        RGB uint8 (H, W, 3).
    """
    gap = 4
    cells = [[_fitted(row.pictures.get(title), side) for title in titles] for row in rows]
    width = len(titles) * (side + gap) + gap
    sheet = np.full((_HEADER + len(rows) * (side + gap) + gap, width, 3), 255, np.uint8)
    for column, title in enumerate(titles):
        left = gap + column * (side + gap)
        _write(sheet, title, left, side)
        for line, row in enumerate(cells):
            top = _HEADER + gap + line * (side + gap)
            sheet[top : top + side, left : left + side] = row[column]
    return sheet


def pictures_of(
    rgb: Array, models: Mapping[str, Predict], *, truth: bool = True
) -> dict[str, Array]:
    """A photo in gray, as coloured by each model, and, if it has colour, the original.

    Args:
        rgb: uint8 (H, W, 3).
        models: by name.
        truth: False omits the original.

    Returns:
        RGB uint8 (H, W, 3) by title.
    """
    lab = rgb_to_lab(rgb)
    L = np.ascontiguousarray(lab[..., 0])
    pictures = {GRAY: lab_to_rgb(L, np.zeros_like(lab[..., 1:]))}
    for name, predict in models.items():
        pictures[name] = lab_to_rgb(L, predict(L))
    if truth and _has_colour(rgb):
        pictures[TRUE] = rgb
    return pictures


def shrink(rgb: Array, longest: int) -> Array:
    """`rgb` with its long side reduced to `longest` at most, by area averaging."""
    scale = longest / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)


def _readable(
    items: Sequence[Item], failed: list[tuple[str, str]]
) -> Iterator[tuple[Item, npt.NDArray[np.uint8]]]:
    """The readable photos, decoded; key and reason of the others are added to `failed`."""
    for item in items:
        try:
            rgb = read_rgb(item.read())
        except PhotoError as error:
            failed.append((item.key, str(error)))
        else:
            yield item, rgb


def _sort_out(items: Sequence[Item]) -> tuple[list[Item], list[Item], list[tuple[str, str]]]:
    """The readable photos, those of them with colour, and key and reason of the others."""
    failed: list[tuple[str, str]] = []
    readable, coloured = [], []
    for item, rgb in _readable(items, failed):
        readable.append(item)
        if _has_colour(rgb):
            coloured.append(item)
    return readable, coloured, failed


def _has_colour(rgb: Array) -> bool:
    return own_chroma(rgb_to_lab(shrink(rgb, 256))) >= NO_COLOUR


def _fitted(rgb: Array | None, side: int) -> Array:
    cell = np.full((side, side, 3), 255, np.uint8)
    if rgb is not None:
        small = shrink(rgb, side)
        top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
        cell[top : top + small.shape[0], left : left + small.shape[1]] = small
    return cell


def _write(sheet: Array, title: str, left: int, width: int) -> None:
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.5
    while title and cv2.getTextSize(title, font, scale, 1)[0][0] > width:
        title = title[:-1]
    # OpenCV's fonts have only ASCII.
    plain = title.encode("ascii", "replace").decode()
    cv2.putText(sheet, plain, (left, _HEADER - 8), font, scale, (0, 0, 0), 1, cv2.LINE_AA)
