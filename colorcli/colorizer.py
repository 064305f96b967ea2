"""L of any size → ab: rescale, pad, tile, share features."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from colorcli.abmap import AbMap
from colorcli.errors import ModelError, PhotoError, UsageError
from colorcli.guided import cell_means
from colorcli.memory import available_memory, is_out_of_memory
from colorcli.model.sessions import Features, Model
from colorcli.model.spec import DEFAULT_MODEL
from colorcli.photo import Photo, render
from colorcli.photo.image import rescaled
from colorcli.tiling import tiles

Size = int | Literal["auto", "full"]

BYTES_PER_PIXEL = 420
"""Peak memory of a pass per pixel of L, of `lifelike`; of the papers' whole network it is 400."""

SMALLEST_TILE = 256

MOST_VIVID = 100.0
"""Every colour is at the edge of the gamut long before."""

NARROWEST = 64
"""Pixels that `auto` leaves of a panorama's short side: of fewer the network sees no things."""

FARTHEST = 1e6
"""Of ab, whatever the vividness; what is further, or not even a number, is no colour."""

LARGEST_PASS = 2048**2
"""Pixels seen at once at most, however much memory is free: beyond, halos cost next to nothing."""

HALOS = 6
"""Side of the largest pass in halos, where that is more: two in three of its rows are its own."""


class Lightness(Protocol):
    """Something whose L can be had by rows, and rescaled; `Photo` is one."""

    @property
    def shape(self) -> tuple[int, int]:
        """`(H, W)`."""

    def L(self, rows: slice = ...) -> NDArray[np.float32]:
        """L of some rows: float32 `(h, W)` in [0, 100]."""

    def L_at(self, height: int, width: int) -> NDArray[np.float32]:
        """L rescaled: float32 `(height, width)`."""


class FloatL(NamedTuple):
    """L that is a float array already: float32 `(H, W)` in [0, 100]."""

    values: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """`(H, W)`."""
        return self.values.shape[0], self.values.shape[1]

    def L(self, rows: slice = slice(None)) -> NDArray[np.float32]:
        """L of some rows."""
        return self.values[rows]

    def L_at(self, height: int, width: int) -> NDArray[np.float32]:
        """L rescaled, as that of a photo."""
        return rescaled(self.L, self.shape, height, width)


class Colorizer:
    """Colours photographs with one model.

    `Colorizer.load().colorize(array)` is the whole of it.

    Args:
        model: predicts the colours.
        global_features: `(1, G)`, of a scene that all photos belong to; None: each has its own.
    """

    def __init__(self, model: Model, global_features: NDArray[np.float32] | None = None) -> None:
        self.model = model
        self._global_features = global_features

    @classmethod
    def load(
        cls,
        name: str = DEFAULT_MODEL,
        *,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> Colorizer:
        """Load a model by name or folder; arguments and errors as `Model.load`."""
        return cls(Model.load(name, device=device, threads=threads, precision=precision))

    @property
    def name(self) -> str:
        """What the colours are said to come from."""
        return self.model.spec.name

    def for_scene_of(self, photo: Lightness) -> Colorizer:
        """The same model, colouring all photos as parts of the scene that one of them shows.

        "Setting different overall features manually" (Kaushik et al., section IV.E).

        Raises:
            UsageError: the model has no global features.
        """
        side = self.model.global_size
        if side is None:
            raise UsageError(f"{self.name} has no global features, which a scene is told by")
        return Colorizer(self.model, self.model.global_features(photo.L_at(side, side)[None, None]))

    @property
    def smallest_tile(self) -> int:
        """Side of the smallest tile: of smaller ones nearly all would be their neighbours'."""
        return max(SMALLEST_TILE, 3 * self.model.spec.halo)

    def check(
        self, *, size: Size = "auto", tile: int | None = None, vividness: float = 1.0
    ) -> None:
        """Refuse invalid arguments of `predict`, whatever the photo.

        Raises:
            UsageError: it names the argument.
        """
        if not isinstance(size, str) and not _is_whole(size):
            raise UsageError(f"size {size!r}: not a whole number of pixels")
        if tile is not None and not _is_whole(tile):
            raise UsageError(f"tile {tile!r}: not a whole number of pixels")
        if tile is not None and tile < self.smallest_tile:
            raise UsageError(
                f"tile {tile} is too small", tip=f"at least {self.smallest_tile} for {self.name}"
            )
        if not 0 < vividness <= MOST_VIVID:
            raise UsageError(
                f"vividness {vividness:g}: it must be above 0 and at most {MOST_VIVID:g}",
                tip="1 is the model's own",
            )
        if isinstance(size, str) and size not in ("auto", "full"):
            raise UsageError(f"no size is called {size!r}", tip="auto, full, or a number of pixels")
        if not isinstance(size, str) and size < self.model.spec.multiple:
            raise UsageError(
                f"size {size} is too small",
                tip=f"at least {self.model.spec.multiple} for {self.name}",
            )

    def colorize(
        self,
        image: NDArray[Any],
        *,
        size: Size = "auto",
        tile: int | None = None,
        vividness: float = 1.0,
    ) -> NDArray[Any]:
        """Colour an image.

        Args:
            image: uint8 or uint16, sRGB: `(H, W)` gray, `(H, W, 2)` gray and alpha, `(H, W, 3)`
                RGB or `(H, W, 4)` RGBA; colours are reduced to their L first.
            size: as in `predict`.
            tile: as in `predict`.
            vividness: as in `predict`.

        Returns:
            RGB `(H, W, 3)`, or RGBA where there was alpha, of the same dtype and the same L.

        Raises:
            PhotoError: not such an array.
            Others: as `predict`.
        """
        photo = Photo.from_array(np.asarray(image))
        return render(photo, self.predict(photo, size=size, tile=tile, vividness=vividness))

    def predict_L(
        self, L: NDArray[np.float32], *, size: Size = "auto", vividness: float = 1.0
    ) -> NDArray[np.float32]:
        """ab for L given as a float array: `(H, W)` in [0, 100] → float32 `(H, W, 2)`.

        Raises:
            PhotoError: it has no pixels, or values that are no lightness.
            Others: as `predict`.
        """
        if L.ndim != 2 or not L.size or not np.isfinite(L).all():
            raise PhotoError(f"L of the shape {L.shape} holds no pixels, or no lightness")
        return self.predict(FloatL(L), size=size, vividness=vividness).whole(L)

    def predict(
        self,
        photo: Lightness,
        *,
        size: Size = "auto",
        tile: int | None = None,
        vividness: float = 1.0,
    ) -> AbMap:
        """Predict the ab of a photo.

        Args:
            photo: the photo.
            size: the long side that the network sees at most; the photo keeps its own. `auto` is
                the model's own, and more where the short side would be below `NARROWEST`; `full`
                the photo's.
            tile: side of the largest square the network sees at once; larger photos are done in
                pieces with the exact receptive field around them, so that nothing changes but the
                memory. None decides by the memory that is free.
            vividness: 1 is the model's own; above it more vivid, below it paler, as in `Model.ab`.

        Returns:
            ab at the resolution it was predicted, for `render`.

        Raises:
            UsageError: a vividness, a size or a tile that cannot be.
            PhotoError: the memory does not suffice even for the smallest tiles.
            ModelError: the graphs cannot be run, or what they give are no colours.
        """
        self.check(size=size, tile=tile, vividness=vividness)
        network_shape = self._network_shape(photo.shape, size)
        scaled = network_shape != photo.shape
        seen = FloatL(photo.L_at(*network_shape)) if scaled else photo
        padded = tuple(
            -(-side // self.model.spec.multiple) * self.model.spec.multiple
            for side in network_shape
        )
        extent = photo.shape if scaled else (padded[0], padded[1])
        side = tile
        while True:
            try:
                grid, means = self._grid(photo, seen, (padded[0], padded[1]), side, vividness)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                side = self._smaller(side, padded)
            else:
                break
        # Overflow or broken weights would end as black pixels that look like work done.
        if not np.abs(grid).max() < FARTHEST:
            raise ModelError(
                f"{self.model.spec.folder}: the model gives numbers that are no colours",
                tip="install the model anew, and try COLORIZE_CACHE=off",
            )
        return AbMap(grid, means, extent=extent, shape=photo.shape)

    def _grid(
        self,
        photo: Lightness,
        seen: Lightness,
        padded: tuple[int, int],
        tile: int | None,
        vividness: float,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """ab `(h, w, 2)` on the whole grid, from one pass or from tiles, and L `(h, w)` there."""
        stride = self.model.spec.stride
        side = self.model.global_size
        area = (tile or 0) ** 2 or self._affordable_area()
        features, global_features = None, self._global_features
        if padded[0] * padded[1] <= area:
            L = _window(seen, (0, padded[0]), (0, padded[1]))
            features = self.model.low_level(L)
        if global_features is None and side is not None:
            # Whether it is tiled depends on the memory that is free, and its colours may not.
            never_tiled = max(padded) <= SMALLEST_TILE
            if features is not None and never_tiled and self.model.shares_features(padded):
                global_features = self.model.global_features(L, features)
            else:
                view = photo.L_at(side, side)[None, None]
                global_features = self.model.global_features(view)
        if features is not None:
            ab = self._ab(features, global_features, vividness, padded)
            return ab, cell_means(L[0, 0], stride)
        grid = np.empty((padded[0] // stride, padded[1] // stride, 2), np.float32)
        means = np.empty(grid.shape[:2], np.float32)
        halo = self.model.spec.halo
        for (top, bottom), (left, right) in tiles(padded, area, halo, self.model.spec.multiple):
            rows = max(0, top - halo), min(padded[0], bottom + halo)
            columns = max(0, left - halo), min(padded[1], right + halo)
            L = _window(seen, rows, columns)
            features = self.model.low_level(L)
            window = (rows[1] - rows[0], columns[1] - columns[0])
            ab = self._ab(features, global_features, vividness, window)
            cells = np.s_[top // stride : bottom // stride, left // stride : right // stride]
            inner = np.s_[
                (top - rows[0]) // stride : (bottom - rows[0]) // stride,
                (left - columns[0]) // stride : (right - columns[0]) // stride,
            ]
            grid[cells], means[cells] = ab[inner], cell_means(L[0, 0], stride)[inner]
        return grid, means

    def _ab(
        self,
        features: Features,
        global_features: NDArray[np.float32] | None,
        vividness: float,
        window: tuple[int, int],
    ) -> NDArray[np.float32]:
        """ab `(h, w, 2)` of a window of L of the size `window`."""
        ab = self.model.ab(features, global_features, vividness=vividness)
        stride = self.model.spec.stride
        expected = (1, 2, window[0] // stride, window[1] // stride)
        if ab.shape != expected:
            raise ModelError(
                f"{self.model.spec.folder}: the model gives ab {ab.shape} where its description "
                f"says {expected}"
            )
        return np.ascontiguousarray(ab[0].transpose(1, 2, 0))

    def _network_shape(self, shape: tuple[int, int], size: Size) -> tuple[int, int]:
        """The shape that the network sees: the photo's own, or shrunk to whole multiples."""
        if size == "full":
            return shape
        longest = self.model.spec.default_size if isinstance(size, str) else size
        multiple = self.model.spec.multiple
        longest = longest // multiple * multiple
        scale = longest / max(shape)
        if size == "auto":
            scale = max(scale, NARROWEST / min(shape))
        if scale >= 1:
            return shape
        height, width = (max(1, round(side * scale / multiple)) * multiple for side in shape)
        return height, width

    def _affordable_area(self) -> int:
        """Pixels that one pass may see: a quarter of the free memory's worth, within bounds."""
        affordable = available_memory() // 4 // BYTES_PER_PIXEL
        largest = max(LARGEST_PASS, (HALOS * self.model.spec.halo) ** 2)
        return min(largest, max(self.smallest_tile**2, affordable))

    def _smaller(self, tile: int | None, padded: tuple[int, ...]) -> int:
        """The next smaller tile to try when memory ran out."""
        area = min(padded[0] * padded[1], tile**2 if tile else self._affordable_area())
        current = math.isqrt(area)
        if current <= self.smallest_tile:
            raise PhotoError(
                f"the memory of {self.model.device} does not suffice, even for the smallest tiles",
                tip="close other programs, or use --device cpu or a smaller --size",
            )
        return max(self.smallest_tile, current // 2)


def _is_whole(value: object) -> bool:
    """Whether it is a whole number, Python's or numpy's."""
    return isinstance(value, Integral)


def _window(
    photo: Lightness, rows: tuple[int, int], columns: tuple[int, int]
) -> NDArray[np.float32]:
    """L of a window of the photo padded by reflection: float32 `(1, 1, h, w)`."""
    height, width = photo.shape
    L = photo.L(slice(rows[0], min(rows[1], height)))[:, columns[0] : min(columns[1], width)]
    below, right = rows[1] - rows[0] - L.shape[0], columns[1] - columns[0] - L.shape[1]
    if below or right:
        L = np.pad(L, ((0, below), (0, right)), mode="reflect")
    return np.ascontiguousarray(L, np.float32)[None, None]
