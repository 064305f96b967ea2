"""Photographs decoded once and kept in memory as 8-bit CIELAB, on the CPU or on the GPU."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from colorcli.collection.items import Item
from colorcli.errors import PhotoError, UsageError
from colorcli.lab import rgb_to_lab
from colorcli.metrics import own_chroma
from colorcli.photo import read_rgb
from colorcli.training.transfer import sent

MIN_SIDE = 16


def encode_lab(rgb: np.ndarray, short_side: int) -> np.ndarray:
    """RGB uint8 `(H, W, 3)` → Lab uint8 `(h, w, 3)`: L·2.55, a + 128, b + 128.

    The rounding error (0.2 in L, 0.5 in ab) is a fifth of that of the photos' own compression.

    Args:
        rgb: the photo.
        short_side: photos with a longer short side are reduced to it.
    """
    scale = short_side / min(rgb.shape[:2])
    if scale < 1:
        size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    lab = rgb_to_lab(rgb)
    lab[..., 0] *= 2.55
    lab[..., 1:] += 128.0
    return np.clip(np.rint(lab), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class PhotoStore:
    """Photos of any size in one flat tensor, so that a batch of crops is one gather.

    Attributes:
        pixels: uint8 `(total, 3)`, the Lab pixels of all photos in order.
        offsets: int64 `(n,)`, each photo's first pixel.
        heights: int64 `(n,)`.
        widths: int64 `(n,)`.
        labels: of each photo, "" if unknown.
        skipped: `(key, reason)` of each skipped photo.
        digests: of each photo's pixels; equal for the same photo under two names.
    """

    pixels: Tensor
    offsets: Tensor
    heights: Tensor
    widths: Tensor
    labels: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    digests: tuple[bytes, ...] = ()

    def __len__(self) -> int:
        return len(self.offsets)

    @classmethod
    def decode(
        cls,
        items: Sequence[Item],
        *,
        short_side: int,
        workers: int,
        min_chroma: float = 0.0,
        min_own_chroma: float = 0.0,
        name: str = "photos",
        progress: Callable[[], None] = lambda: None,
    ) -> PhotoStore:
        """Decode `items` with `workers` threads.

        Args:
            items: the photos.
            short_side: photos with a longer short side are reduced to it.
            workers: decoding threads (OpenCV releases the GIL while it decodes).
            min_chroma: photos with a lower mean chroma are skipped as gray; the paper removes them
                too (section IV).
            min_own_chroma: photos with a lower `own_chroma` are skipped as toned.
            name: of the photos, for the error if none is left.
            progress: called once per photo.

        Raises:
            UsageError: no photo is left.
        """

        def load(item: Item) -> np.ndarray | str:
            try:
                lab = encode_lab(read_rgb(item.read()), short_side)
            except PhotoError as error:
                return str(error)
            finally:
                progress()
            if min(lab.shape[:2]) < MIN_SIDE:
                return f"smaller than {MIN_SIDE} pixels"
            if min_chroma and np.hypot(*(lab[..., 1:] - 128.0).T).mean() < min_chroma:
                return f"gray: mean chroma below {min_chroma:g}"
            # Offset and scale of the stored L and ab are absorbed by the fit of the tone.
            if min_own_chroma and own_chroma(lab[::4, ::4]) < min_own_chroma:
                return "toned: its colours follow from lightness alone"
            return lab

        photos: list[np.ndarray] = []
        labels: list[str] = []
        digests: list[bytes] = []
        skipped: list[tuple[str, str]] = []
        with ThreadPoolExecutor(workers) as pool:
            for item, result in zip(items, pool.map(load, items), strict=True):
                if isinstance(result, str):
                    skipped.append((item.key, result))
                else:
                    photos.append(result)
                    labels.append(item.label)
                    digests.append(hashlib.blake2b(result.tobytes(), digest_size=16).digest())
        if not photos:
            first = "".join(f" (the first: {key}: {reason})" for key, reason in skipped[:1])
            raise UsageError(
                f"{name}: none of {len(items)} is left{first}", tip="see `colorize data check`"
            )
        sizes = torch.tensor([photo.shape[:2] for photo in photos])
        areas = sizes.prod(1)
        pixels = torch.empty((int(areas.sum()), 3), dtype=torch.uint8)
        offsets = torch.cat([torch.zeros(1, dtype=torch.int64), areas.cumsum(0)[:-1]])
        for index, start in enumerate(offsets.tolist()):
            photo = photos[index]
            pixels[start : start + photo.shape[0] * photo.shape[1]] = torch.from_numpy(
                photo.reshape(-1, 3)
            )
            photos[index] = np.empty(0)  # so that each photo is in memory only once
        return cls(
            pixels, offsets, sizes[:, 0], sizes[:, 1], tuple(labels), tuple(skipped), tuple(digests)
        )

    def to(self, device: torch.device) -> PhotoStore:
        """The same photos on `device`."""
        return PhotoStore(
            self.pixels.to(device),
            self.offsets.to(device),
            self.heights.to(device),
            self.widths.to(device),
            self.labels,
            self.skipped,
            self.digests,
        )

    def sample(self, indices: Tensor, grid: Tensor) -> Tensor:
        """Sample photos bilinearly at arbitrary points.

        Args:
            indices: int64 `(N,)`.
            grid: float32 `(N, S, S, 2)`, (y, x) in pixels of each photo, pixel centres at integers;
                points outside take the nearest edge pixel.

        Returns:
            float32 `(N, 3, S, S)`: L in [0, 100] and ab in CIELAB units.
        """
        heights = self.heights[indices][:, None, None]
        widths = self.widths[indices][:, None, None]
        y = grid[..., 0].clamp_min(0).minimum(heights - 1)
        x = grid[..., 1].clamp_min(0).minimum(widths - 1)
        y0, x0 = y.long(), x.long()
        y1, x1 = (y0 + 1).minimum(heights - 1), (x0 + 1).minimum(widths - 1)
        base = self.offsets[indices][:, None, None]

        def at(row: Tensor, column: Tensor) -> Tensor:
            return self.pixels[base + row * widths + column].float()

        fy, fx = (y - y0)[..., None], (x - x0)[..., None]
        top = torch.lerp(at(y0, x0), at(y0, x1), fx)
        bottom = torch.lerp(at(y1, x0), at(y1, x1), fx)
        lab = torch.lerp(top, bottom, fy).permute(0, 3, 1, 2)
        scale = sent(torch.tensor([1 / 2.55, 1.0, 1.0]), lab.device)[:, None, None]
        shift = sent(torch.tensor([0.0, -128.0, -128.0]), lab.device)[:, None, None]
        return lab * scale + shift
