"""Metrics of predicted against true colours: PSNR, SSIM, AuC, CIEDE2000, colour statistics.

Each function scores one photo; `ErrorHistogram` collects ab errors over any number of photos in
constant memory. scikit-image is imported when first needed: it is in the extra `evaluate`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from colorcli.extras import scikit_image

Array: TypeAlias = npt.NDArray[Any]

THRESHOLDS = 150
"""The AuC sweeps thresholds 0, 1, …, 150 of the ab error (Zhang et al. 2016, section 3.1)."""

GRID = 10
"""Side of an ab bin in CIELAB units (ibid., section 2.1)."""

SPREAD = 5.0
"""σ, in CIELAB units, of the Gaussian that smooths the distribution of colours (ibid., section 2.2)
and softens the labels of the classification."""

_DUST = 1e-3
_REACH = 120
_SIDE = 2 * _REACH // GRID + 1
_BINS = _SIDE**2


def psnr(rgb_true: Array, rgb_pred: Array) -> float:
    """Peak signal-to-noise ratio: 10 · log10(255² / MSE), the MSE over all pixels and channels.

    Args:
        rgb_true: uint8 (H, W, 3).
        rgb_pred: uint8 (H, W, 3).

    Returns:
        dB; inf if the two are equal.
    """
    difference = rgb_true.astype(np.float32) - rgb_pred.astype(np.float32)
    error = float(np.mean(np.square(difference), dtype=np.float64))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def ssim(rgb_true: Array, rgb_pred: Array) -> float:
    """Structural similarity (Wang et al. 2004) in a 7×7 uniform window, mean over R, G, B.

    scikit-image's `structural_similarity`. A photo below 7 pixels gets the largest window that
    fits; below 3, nan.

    Args:
        rgb_true: uint8 (H, W, 3).
        rgb_pred: uint8 (H, W, 3).

    Returns:
        At most 1, for equal photos.
    """
    side = min(7, *rgb_true.shape[:2])
    if side < 3:
        return float("nan")
    window = side if side % 2 else side - 1
    return float(
        scikit_image("metrics").structural_similarity(
            rgb_true, rgb_pred, win_size=window, channel_axis=-1, data_range=255
        )
    )


def ciede2000(lab_true: Array, lab_pred: Array) -> float:
    """Mean colour difference ΔE00 (CIE 142-2001; Sharma et al. 2005) over pixels.

    scikit-image's `deltaE_ciede2000`. Around 1 is just noticeable.

    Args:
        lab_true: CIELAB (..., 3).
        lab_pred: CIELAB (..., 3).

    Returns:
        At least 0.
    """
    # float32 halves the time and changes the mean by less than 1e-4.
    difference = scikit_image("color").deltaE_ciede2000(
        lab_true.astype(np.float32), lab_pred.astype(np.float32)
    )
    return float(np.mean(difference, dtype=np.float64))


def colorfulness(rgb: Array) -> float:
    """Hasler & Süsstrunk 2003: √(σ_rg² + σ_yb²) + 0.3 · √(μ_rg² + μ_yb²).

    With rg = R − G, yb = (R + G)/2 − B. One bright block can raise it a lot: compare with
    `mean_chroma`.

    Args:
        rgb: uint8 (H, W, 3).

    Returns:
        At least 0 (gray); 59 is quite, 82 highly, 109 extremely colourful.
    """
    red, green, blue = (rgb[..., i].astype(np.float32) for i in range(3))
    rg = red - green
    yb = (red + green) / 2 - blue
    spread = np.hypot(rg.std(dtype=np.float64), yb.std(dtype=np.float64))
    centre = np.hypot(rg.mean(dtype=np.float64), yb.mean(dtype=np.float64))
    return float(spread + 0.3 * centre)


def mean_chroma(ab: Array) -> float:
    """Mean of √(a² + b²) over pixels.

    Args:
        ab: (..., 2) in CIELAB units.

    Returns:
        At least 0.
    """
    return float(np.hypot(ab[..., 0], ab[..., 1]).mean(dtype=np.float64))


TONED = 1.0
"""`own_chroma` below which a photo counts as a toned black-and-white photo."""


def own_chroma(lab: Array) -> float:
    """Mean distance of ab from the best-fitting tone: √(Δa² + Δb²).

    The tone is a quadratic in L, fitted by least squares. It absorbs sepia, selenium and colour
    casts, which are functions of lightness alone: a toned black-and-white photo scores near 0, and
    a colour photo keeps most of its chroma.

    Args:
        lab: CIELAB (..., 3).

    Returns:
        At least 0, in CIELAB units.
    """
    flat = lab.reshape(-1, 3).astype(np.float64)
    L = flat[:, 0] / 100
    powers = np.column_stack([np.ones_like(L), L, L * L])
    tone = powers @ np.linalg.lstsq(powers, flat[:, 1:], rcond=None)[0]
    return mean_chroma(flat[:, 1:] - tone)


def ab_bin(ab: Array) -> npt.NDArray[np.intp]:
    """The bin of each colour on the grid of 10 units centred on gray.

    Args:
        ab: (..., 2) in CIELAB units.

    Returns:
        (...) in [0, 625).
    """
    cell = np.clip(np.rint((ab + _REACH) * (1 / GRID)), 0, _SIDE - 1).astype(np.intp)
    return np.asarray(cell[..., 0] * _SIDE + cell[..., 1])


def rebalancing(counts: Array, *, sigma: float = SPREAD) -> Array:
    """Pixel weights by the bin of the true colour: rare colours count as much as common ones.

    w = 1/p̃, where p̃ is the share of each bin smoothed by a Gaussian of σ on the ab grid: the
    inverse class probability of Zhang et al. 2016, section 3.1.

    Args:
        counts: pixels in each bin (625,).
        sigma: in CIELAB units; 0 does not smooth.

    Returns:
        float64 (625,), scaled to a mean of 1 over the pixels counted; 0 for bins without pixels.
    """
    counts = np.asarray(counts, np.float64)
    there = counts > 0
    if not there.any():
        return np.zeros(_BINS)
    share = counts / counts.sum()
    smooth = share.reshape(_SIDE, _SIDE)
    if sigma:
        centres = GRID * np.arange(_SIDE)
        kernel = np.exp(-np.square(centres[:, None] - centres) / (2 * sigma**2))
        # Normalised so that the total is kept, at the border too.
        kernel /= kernel.sum(axis=0)
        smooth = kernel @ smooth @ kernel.T
    weights = np.where(there, 1 / np.where(there, smooth.reshape(-1), 1), 0)
    return np.asarray(weights / (weights * share).sum())


class ErrorHistogram:
    """ab errors of any number of photos, by the bin of the true colour, in 0.8 MB."""

    def __init__(self) -> None:
        self.counts = np.zeros((_BINS, THRESHOLDS + 2), np.int64)

    def add(self, ab_true: Array, ab_pred: Array) -> None:
        """Count the pixels of a photo.

        Args:
            ab_true: (..., 2) in CIELAB units.
            ab_pred: the same shape.
        """
        difference = np.asarray(ab_true, np.float32) - np.asarray(ab_pred, np.float32)
        error = np.hypot(difference[..., 0], difference[..., 1]).reshape(-1)
        cell = ab_bin(ab_true).reshape(-1) * (THRESHOLDS + 2) + _threshold(error)
        self.counts += np.bincount(cell, minlength=self.counts.size).reshape(self.counts.shape)

    def auc(self) -> float:
        """Area under the cumulative curve of errors, thresholds 0-150 (Zhang et al. 2016, 3.1).

        The curve at t is the share of pixels whose error ‖ab_true − ab_pred‖₂ is ≤ t (+ 0.001 for
        float32 rounding); the area is its mean over t = 0, 1, …, 150. Code that uses the
        trapezoidal rule instead gives up to 0.33 points more.

        Returns:
            Percent; 100 if every error is 0, nan before the first pixel.
        """
        return _area(self.counts.sum(axis=0))

    def auc_rebalanced(self, *, sigma: float = SPREAD) -> float:
        """`auc` with each pixel weighted by `rebalancing` of the true colours counted here.

        Args:
            sigma: smoothing of the colour distribution, CIELAB units; 0 does not smooth.

        Returns:
            Percent; nan before the first pixel.
        """
        return _area(rebalancing(self.counts.sum(axis=1), sigma=sigma) @ self.counts)


def _threshold(error: Array) -> npt.NDArray[np.intp]:
    """The smallest integer threshold that each error is within; 151 for those above 150."""
    # A gray pixel's own ab is 1e-5, not 0, in float32, which must not count as an error.
    counted = np.clip(error, _DUST, THRESHOLDS + 1)
    return np.ceil(counted - _DUST).astype(np.intp)


def _area(passed_at: Array) -> float:
    total = float(passed_at.sum())
    if not total:
        return float("nan")
    return float(100 * np.mean(np.cumsum(passed_at)[: THRESHOLDS + 1] / total))
