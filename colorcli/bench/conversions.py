"""Timed conversions of synthetic photos: the figures of the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from colorcli.bench.environment import Environment
from colorcli.bench.timing import Timing, time_runs
from colorcli.colorizer import Colorizer, Size
from colorcli.errors import UsageError
from colorcli.model.sessions import Model
from colorcli.photo import Photo, encode_photo, read_photo, render

Scope = Literal["conversion", "file", "network"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Cell:
    """The figures of one photo size on one device.

    Attributes:
        shape: `(H, W)` of the photo.
        on_gpu: whether it belongs to the GPU column.
        timing: the times of its runs.
    """

    shape: tuple[int, int]
    on_gpu: bool
    timing: Timing

    @property
    def pixels_per_second(self) -> float:
        """Pixels of the photo per second in the median run."""
        return self.shape[0] * self.shape[1] / self.timing.median


@dataclass(frozen=True)
class Figures:
    """A whole table.

    Attributes:
        scope: what a run covers.
        size: long side of the network's input at most, `full` or `auto`.
        runs: number of runs of each cell.
        environments: one per device.
        cells: in the order they were measured.
        no_gpu: why there is no GPU column, or None if there is one.
    """

    scope: Scope
    size: Size
    runs: int
    environments: tuple[Environment, ...]
    cells: tuple[Cell, ...]
    no_gpu: str | None

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """The photo sizes, smallest first."""
        return sorted({cell.shape for cell in self.cells}, key=lambda shape: shape[0] * shape[1])

    def cell(self, shape: tuple[int, int], *, on_gpu: bool) -> Cell | None:
        """One cell, or None if it was not measured."""
        return next((c for c in self.cells if c.shape == shape and c.on_gpu == on_gpu), None)


@dataclass(frozen=True)
class Progress:
    """Callbacks of a measurement.

    Attributes:
        begin: called for each cell, with its photo size and device, before its warm-up.
        ready: called after the warm-up with the expected seconds of one run.
        tick: called after each run.
    """

    begin: Callable[[tuple[int, int], str], None] = lambda _shape, _device: None
    ready: Callable[[float], None] = lambda _expected: None
    tick: Callable[[], None] = lambda: None


def parse_sizes(text: str) -> list[tuple[int, int]]:
    """`224,512,1920x1080` → shapes `(H, W)`, smallest first, each once.

    Raises:
        UsageError: it is not a list of sizes.
    """
    shapes = set()
    for word in text.split(","):
        found = re.fullmatch(r"\s*([1-9]\d*)(?:[x×]([1-9]\d*))?\s*", word, re.ASCII)
        if found is None:
            raise UsageError(f"--sizes {text}: {word!r} is not a size", tip="--sizes 224,1920x1080")
        if max(map(len, found.groups(""))) > 5:
            raise UsageError(f"--sizes {text}: {word!r} is too large", tip="at most 99999 a side")
        width = int(found[1])
        shapes.add((int(found[2] or width), width))
    return sorted(shapes, key=lambda shape: (shape[0] * shape[1], shape))


def measure(
    models: Sequence[Model],
    shapes: Sequence[tuple[int, int]],
    *,
    runs: int = 100,
    scope: Scope = "conversion",
    size: Size = "full",
    tile: int | None = None,
    threads: int | None = None,
    no_gpu: str | None = None,
    progress: Progress = Progress(),
) -> Figures:
    """Time conversions of synthetic photos.

    Args:
        models: the same model on each device that has a column.
        shapes: `(H, W)` of the photos; measured smallest first, so that each one's peak memory is
            its own and not what a larger one left in the sessions' arenas.
        runs: number of runs of each cell after the warm-up.
        scope: `conversion`: L in memory to RGB in memory, as in the paper; `file`: JPEG bytes to
            JPEG bytes; `network`: only the time a conversion spends in the sessions.
        size: as in `Colorizer.predict`; `full` as in the paper: the network sees the whole photo.
        tile: as in `Colorizer.predict`.
        threads: what the models were loaded with, for the record.
        no_gpu: why no model runs on a GPU, for the record.
        progress: callbacks.

    Returns:
        The figures.
    """
    cells = []
    environments = []
    for model in models:
        environment = Environment.of(model, threads)
        environments.append(environment)
        for shape in sorted(shapes, key=lambda each: each[0] * each[1]):
            progress.begin(shape, environment.device)
            work = _work(model, shape, scope, size, tile)
            timing = time_runs(work, runs, ready=progress.ready, tick=progress.tick)
            cells.append(Cell(shape, environment.on_gpu, timing))
    return Figures(scope, size, runs, tuple(environments), tuple(cells), no_gpu)


def synthetic_gray(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """A gray image with detail at every scale, like a photo (amplitude falls as 1/f).

    Args:
        shape: `(H, W)`.
        seed: the same seed gives the same image.

    Returns:
        uint8 `(H, W)`.
    """
    random = np.random.default_rng(seed)
    image = np.zeros(shape, np.float32)
    height, width = shape
    cells = 2
    while cells <= min(shape):
        noise = random.standard_normal((cells, cells), np.float32) / cells
        image += np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))
        cells *= 2
    image -= image.min()
    image *= 255 / max(float(image.max()), 1e-6)
    return np.rint(image).astype(np.uint8)


def _work(
    model: Model, shape: tuple[int, int], scope: Scope, size: Size, tile: int | None
) -> Callable[[], float]:
    gray = synthetic_gray(shape)
    if scope == "file":
        done, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, 95])
        assert done
        return partial(_file, Colorizer(model), data.tobytes(), size, tile)
    photo = Photo.from_array(gray)
    if scope == "network":
        return partial(_network, model, photo, size, tile)
    return partial(_conversion, Colorizer(model), photo, size, tile)


def _conversion(colorizer: Colorizer, photo: Photo, size: Size, tile: int | None) -> float:
    began = perf_counter()
    render(photo, colorizer.predict(photo, size=size, tile=tile))
    return perf_counter() - began


def _file(colorizer: Colorizer, data: bytes, size: Size, tile: int | None) -> float:
    began = perf_counter()
    photo = read_photo(data, name="photo.jpg")
    encode_photo(photo, colorizer.predict(photo, size=size, tile=tile), format="jpeg")
    return perf_counter() - began


def _network(model: Model, photo: Photo, size: Size, tile: int | None) -> float:
    seconds: list[float] = []
    watched = model.watched(lambda _name, _feeds, took: seconds.append(took))
    Colorizer(watched).predict(photo, size=size, tile=tile)
    return sum(seconds)
