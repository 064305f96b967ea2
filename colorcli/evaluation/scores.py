"""Scores of one photo, and their summary over many."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from colorcli import metrics

Array: TypeAlias = npt.NDArray[Any]

PSNR_CEILING = 60.0
"""Limit for one photo in dB. Rounding to 8 bits alone is 59 dB; one gray photo would be inf."""


@dataclass(frozen=True)
class Scores:
    """The scores of one predictor; `colorcli.metrics` has the formulas.

    Args:
        psnr: mean over photos in dB, each at most `PSNR_CEILING`.
        ssim: mean over photos, at most 1.
        auc: percent, all pixels with equal weight.
        auc_rebalanced_smoothed: percent, pixels weighted inversely to the smoothed share of their
            true colour in these photos (Zhang et al. 2016, equation 4 with λ = 0).
        auc_rebalanced_unsmoothed: the same, by the plain share.
        ciede2000: mean over photos.
        colorfulness: mean over photos.
        colorfulness_ratio: to that of the originals; nan if those are gray.
        chroma: mean over photos.
        chroma_ratio: to that of the originals; nan if those are gray.
    """

    psnr: float
    ssim: float
    auc: float
    auc_rebalanced_smoothed: float
    auc_rebalanced_unsmoothed: float
    ciede2000: float
    colorfulness: float
    colorfulness_ratio: float
    chroma: float
    chroma_ratio: float


class Tally:
    """Collects the scores of every predictor; keeps a few numbers per photo, no pixels.

    Args:
        names: of the predictors.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.photos = self.pixels = 0
        self._lock = threading.Lock()
        self._errors = {name: metrics.ErrorHistogram() for name in names}
        self._rows: dict[str, list[dict[str, float]]] = {name: [] for name in self._errors}
        self._originals: list[dict[str, float]] = []

    def add(
        self,
        original: dict[str, float],
        rows: dict[str, dict[str, float]],
        errors: dict[str, tuple[Array, Array]],
    ) -> None:
        """Add a photo. Safe to call from several threads.

        Args:
            original: "colorfulness" and "chroma" of the photo.
            rows: `row_of` for each predictor.
            errors: true and predicted ab (H, W, 2) for each predictor.
        """
        with self._lock:
            self.photos += 1
            self._originals.append(original)
            true_ab, _ = next(iter(errors.values()))
            self.pixels += true_ab[..., 0].size
            for name, row in rows.items():
                self._rows[name].append(row)
                self._errors[name].add(*errors[name])

    def original(self, metric: str) -> float:
        """Mean over photos of "colorfulness" or "chroma" of the originals."""
        return float(np.mean(sorted(row[metric] for row in self._originals)))

    def scores(self) -> dict[str, Scores]:
        """The summary of each predictor."""
        return {name: self._scores(name) for name in self._errors}

    def _scores(self, name: str) -> Scores:
        rows, errors = self._rows[name], self._errors[name]
        # Sorted, because photos finish in any order and the sum of floats must not depend on it.
        mean = {key: float(np.nanmean(sorted(row[key] for row in rows))) for key in rows[0]}
        return Scores(
            auc=errors.auc(),
            auc_rebalanced_smoothed=errors.auc_rebalanced(),
            auc_rebalanced_unsmoothed=errors.auc_rebalanced(sigma=0),
            colorfulness_ratio=_ratio(mean["colorfulness"], self.original("colorfulness")),
            chroma_ratio=_ratio(mean["chroma"], self.original("chroma")),
            **mean,
        )


def row_of(truth: tuple[Array, Array], made: tuple[Array, Array]) -> dict[str, float]:
    """The scores of one predictor on one photo.

    Args:
        truth: RGB uint8 (H, W, 3) and CIELAB (H, W, 3) of the photo.
        made: the same of the prediction.

    Returns:
        Values by the field names of `Scores`.
    """
    return {
        "psnr": min(metrics.psnr(truth[0], made[0]), PSNR_CEILING),
        "ssim": metrics.ssim(truth[0], made[0]),
        "ciede2000": metrics.ciede2000(truth[1], made[1]),
        "colorfulness": metrics.colorfulness(made[0]),
        "chroma": metrics.mean_chroma(made[1][..., 1:]),
    }


def _ratio(value: float, reference: float) -> float:
    # Gray photos have a chroma of 1e-6, not 0, in float32.
    return value / reference if reference > 1e-3 else float("nan")
