"""L of any size → ab: rescale, level, pad, tile, share features."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from colorcli.abmap import AbMap
from colorcli.errors import ModelError, PhotoError, UsageError
from colorcli.guided import cell_means
from colorcli.levels import Levels
from colorcli.memory import available_memory, is_out_of_memory
from colorcli.model.sessions import Features, Model
from colorcli.model.spec import DEFAULT_MODEL
from colorcli.photo import Photo, render
from colorcli.photo.image import rescaled
from colorcli.tiling import tiles

Size = int | Literal["auto", "full"]

BYTES_PER_PIXEL = 420
"""Peak memory of a pass per pixel of L, for `lifelike`; for the papers' full network it is 400."""

SMALLEST_TILE = 256

MOST_VIVID = 100.0
"""Every colour reaches the edge of the gamut long before this."""

NARROWEST = 64
"""Pixels that `auto` leaves a panorama's short side: in fewer, the network recognises nothing."""

FARTHEST = 1e6
"""Bound of |ab|, whatever the vividness: values beyond it, and NaN, are not colours."""

LARGEST_PASS = 2048**2
"""Most pixels per pass, however much memory is free: beyond, halos cost next to nothing."""

HALOS = 6
"""Side of the largest pass in halos, if that is larger: two thirds of its rows are its own."""


class Lightness(Protocol):
    """Anything that provides L by rows, and rescaled, such as `Photo`."""

    @property
    def shape(self) -> tuple[int, int]:
        """`(H, W)`."""

    def L(self, rows: slice = ...) -> NDArray[np.float32]:
        """L of some rows: float32 `(h, W)` in [0, 100]."""

    def L_at(self, height: int, width: int) -> NDArray[np.float32]:
        """L rescaled: float32 `(height, width)`."""


class FloatL(NamedTuple):
    """L as a float array: float32 `(H, W)` in [0, 100]."""

    values: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """`(H, W)`."""
        return self.values.shape[0], self.values.shape[1]

    def L(self, rows: slice = slice(None)) -> NDArray[np.float32]:
        """L of some rows."""
        return self.values[rows]

    def L_at(self, height: int, width: int) -> NDArray[np.float32]:
        """L rescaled, as for a photo."""
        return rescaled(self.L, self.shape, height, width)


class Scene(NamedTuple):
    """What the network knows of a scene as a whole.

    Attributes:
        levels: of its photo.
        features: its global features `(1, G)`.
    """

    levels: Levels
    features: NDArray[np.float32] | None


class Colorizer:
    """Colours photographs with one model.

    In short: `Colorizer.load().colorize(array)`.

    Args:
        model: predicts the colours.
        scene: of all photos; None: each photo is its own.
    """

    def __init__(self, model: Model, scene: Scene | None = None) -> None:
        self.model = model
        self._scene = scene

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
        """Name of the model, as recorded with the colours."""
        return self.model.spec.name

    def for_scene_of(self, photo: Lightness) -> Colorizer:
        """The same model, colouring all photos as parts of the scene in this one.

        "Setting different overall features manually" (Kaushik et al., section IV.E).

        Raises:
            UsageError: the model has no global features.
        """
        if self.model.global_size is None:
            raise UsageError(f"{self.name} has no global features, which define a scene")
        levels = self._levels(photo)
        return Colorizer(self.model, Scene(levels, self._global_features(photo, levels)))

    @property
    def smallest_tile(self) -> int:
        """Side of the smallest tile: smaller ones would be nearly all halo."""
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
                f"vividness {vividness:g}: must be above 0 and at most {MOST_VIVID:g}",
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
            PhotoError: `image` is not such an array.
            Others: as `predict`.
        """
        photo = Photo.from_array(np.asarray(image))
        return render(photo, self.predict(photo, size=size, tile=tile, vividness=vividness))

    def predict_L(
        self, L: NDArray[Any], *, size: Size = "auto", vividness: float = 1.0
    ) -> NDArray[np.float32]:
        """ab for L given as an array of numbers: `(H, W)` in [0, 100] → float32 `(H, W, 2)`.

        Raises:
            PhotoError: L is not 2-D, is empty, or is not finite.
            Others: as `predict`.
        """
        if L.ndim != 2 or not L.size or not np.isfinite(L).all():
            raise PhotoError(f"L of shape {L.shape}: must be 2-D, not empty, and finite")
        values = np.ascontiguousarray(L, np.float32)
        return self.predict(FloatL(values), size=size, vividness=vividness).whole(values)

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
            size: the longest side that the network sees; the photo keeps its size. `auto` is the
                model's default, and more where the short side would be below `NARROWEST`; `full`
                is the photo's.
            tile: side of the largest square the network sees at once; larger photos are tiled, with
                halos of the exact receptive field, so that nothing changes but the memory. None
                decides by free memory.
            vividness: 1 is the model's own; above it more vivid, below it paler, as in `Model.ab`.

        Returns:
            ab at the resolution at which it was predicted, for `render`.

        Raises:
            UsageError: an invalid vividness, size or tile.
            PhotoError: there is not enough memory, even for the smallest tiles.
            ModelError: the graphs cannot be run, or returned values that are not colours.
        """
        self.check(size=size, tile=tile, vividness=vividness)
        network_shape = self._network_shape(photo.shape, size)
        scaled = network_shape != photo.shape
        seen = FloatL(photo.L_at(*network_shape)) if scaled else photo
        height, width = (
            -(-side // self.model.spec.multiple) * self.model.spec.multiple
            for side in network_shape
        )
        padded = height, width
        extent = photo.shape if scaled else padded
        if self._scene is not None:
            levels = self._scene.levels
        else:
            levels = self._levels(seen if size == "auto" else photo)
        side = tile
        while True:
            try:
                grid, means = self._grid(photo, seen, levels, padded, side, vividness)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                side = self._smaller(side, padded)
            else:
                break
        # Overflow or broken weights would otherwise end as black pixels in a finished photo.
        if not np.abs(grid).max() < FARTHEST:
            raise ModelError(
                f"{self.model.spec.folder}: the model returned values that are not colours",
                tip="reinstall the model, and try COLORIZE_CACHE=off",
            )
        return AbMap(grid, means, extent=extent, shape=photo.shape)

    def _grid(
        self,
        photo: Lightness,
        seen: Lightness,
        levels: Levels,
        padded: tuple[int, int],
        tile: int | None,
        vividness: float,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """ab `(h, w, 2)` of the whole grid, from one pass or tiles, and the mean L of its cells."""
        stride = self.model.spec.stride
        area = (tile or 0) ** 2 or self._affordable_area()
        features, global_features = None, self._scene.features if self._scene else None
        if padded[0] * padded[1] <= area:
            L = _window(seen, (0, padded[0]), (0, padded[1]))
            leveled = levels.apply(L)
            features = self.model.low_level(leveled)
        if global_features is None and self.model.global_size is not None:
            # Tiling depends on the memory that is free; the colours must not.
            never_tiled = max(padded) <= SMALLEST_TILE
            if features is not None and never_tiled and self.model.shares_features(padded):
                global_features = self.model.global_features(leveled, features)
            else:
                global_features = self._global_features(photo, levels)
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
            features = self.model.low_level(levels.apply(L))
            window = (rows[1] - rows[0], columns[1] - columns[0])
            ab = self._ab(features, global_features, vividness, window)
            cells = np.s_[top // stride : bottom // stride, left // stride : right // stride]
            inner = np.s_[
                (top - rows[0]) // stride : (bottom - rows[0]) // stride,
                (left - columns[0]) // stride : (right - columns[0]) // stride,
            ]
            grid[cells], means[cells] = ab[inner], cell_means(L[0, 0], stride)[inner]
        return grid, means

    def _levels(self, photo: Lightness) -> Levels:
        """Of the photo at the default size, at whatever size the network will see it."""
        return Levels.of(photo.L_at(*self._network_shape(photo.shape, "auto")))

    def _global_features(self, photo: Lightness, levels: Levels) -> NDArray[np.float32] | None:
        return self.model.global_features(self._global_view(photo, levels))

    def _global_view(self, photo: Lightness, levels: Levels) -> NDArray[np.float32]:
        """The photo as the global branch sees it: L `(1, 1, S, S)`, S = `Model.global_size`."""
        side = self.model.global_size
        assert side is not None
        return levels.apply(photo.L_at(side, side))[None, None]

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
                f"{self.model.spec.folder}: the model returned ab {ab.shape} where its description "
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
        """Pixels per pass: as many as fit into a quarter of the free memory, within bounds."""
        affordable = available_memory() // 4 // BYTES_PER_PIXEL
        largest = max(LARGEST_PASS, (HALOS * self.model.spec.halo) ** 2)
        return min(largest, max(self.smallest_tile**2, affordable))

    def _smaller(self, tile: int | None, padded: tuple[int, ...]) -> int:
        """The next smaller tile to try when memory ran out."""
        area = min(padded[0] * padded[1], tile**2 if tile else self._affordable_area())
        current = math.isqrt(area)
        if current <= self.smallest_tile:
            raise PhotoError(
                f"not enough memory on {self.model.device}, even for the smallest tiles",
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
