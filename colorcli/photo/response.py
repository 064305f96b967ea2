"""From stored values to luminance, through curves and primaries, as a profile defines."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from colorcli import lab, srgb
from colorcli.photo.image import STRIP, Array

Curve = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""Stored values to linear light, both in [0, 1]."""


class Response(NamedTuple):
    """How stored values map to light.

    Attributes:
        curves: one for gray, or one each for R, G, B.
        weights: share of each channel's light in the luminance; their sum is 1.
    """

    curves: tuple[Curve, ...]
    weights: tuple[float, ...]

    def is_srgb(self) -> bool:
        """Whether it equals sRGB to half an 8-bit level."""
        stored = np.linspace(0.0, 1.0, 256)
        off = max(np.abs(srgb.encode(curve(stored)) - stored).max() for curve in self.curves)
        weights = np.abs(np.subtract(self.weights, lab.LUMINANCE)) if len(self.curves) == 3 else 0.0
        return bool(off < 0.5 / 255 and np.max(weights) < 2e-3)

    def gray(self, pixels: Array) -> npt.NDArray[np.uint16]:
        """The sRGB-encoded gray of equal L.

        Args:
            pixels: uint8 or uint16, (H, W) gray, or (H, W, 3) RGB for a response of three
                channels. For such a response, gray means R = G = B.

        Returns:
            uint16 (H, W).
        """
        stored = np.linspace(0.0, 1.0, 1 << 8 * pixels.dtype.itemsize)
        tables = [
            (np.clip(curve(stored), 0, 1) * weight).astype(np.float32)
            for curve, weight in zip(self.curves, self.weights, strict=True)
        ]
        if pixels.ndim == 2:
            table = lab.gray_from_linear(np.sum(tables, axis=0))
            return table[pixels]
        gray = np.empty(pixels.shape[:2], np.uint16)
        for start in range(0, len(gray), STRIP):
            strip = pixels[start : start + STRIP]
            Y = tables[0][strip[..., 0]]
            for channel in (1, 2):
                Y += tables[channel][strip[..., channel]]
            gray[start : start + STRIP] = lab.gray_from_linear(Y)
        return gray


def power(gamma: float) -> Response:
    """The response of gray or colour stored with a power curve and sRGB's primaries."""

    def curve(stored: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(stored**gamma)

    return Response((curve,) * 3, lab.LUMINANCE)
