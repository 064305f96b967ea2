"""A model's metrics over a collection, always beside two trivial baselines.

The protocol: each photo at its own size (or a centre crop); the model gets its L; the predicted ab
is clamped to the gamut and, for metrics on RGB, rounded to 8 bits, as a user gets it. The AuC pools
the pixels of all photos; every other figure is a mean over photos.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from colorcli import metrics
from colorcli.collection.items import Item, spread
from colorcli.errors import PhotoError
from colorcli.evaluation.scores import Scores, Tally, row_of
from colorcli.extras import scikit_image
from colorcli.lab import clamp_to_gamut, lab_to_rgb, rgb_to_lab
from colorcli.photo import read_rgb
from colorcli.processor import usable_cores

Array: TypeAlias = npt.NDArray[Any]
Predict: TypeAlias = Callable[[npt.NDArray[np.float32]], Array]
"""L float32 (H, W) in [0, 100] → ab (H, W, 2) in CIELAB units."""

GRAY = "gray"
CONSTANT = "constant mean"

_MEAN_SAMPLE = 500


@dataclass(frozen=True)
class Report:
    """The result of `evaluate`.

    Args:
        photos: how many were measured.
        pixels: their total.
        colorfulness: mean of the originals.
        chroma: mean of the originals.
        mean_ab: the colour of the constant baseline.
        scores: by predictor: the models in the order given, then `GRAY`, then `CONSTANT`.
        by_source: the same for each source, if asked for.
        failed: key and reason of photos that could not be measured.
    """

    photos: int
    pixels: int
    colorfulness: float
    chroma: float
    mean_ab: tuple[float, float]
    scores: dict[str, Scores]
    by_source: dict[str, dict[str, Scores]] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts; nan and inf are None, as JSON has neither."""
        plain: dict[str, Any] = _without_nan(asdict(self))
        return plain


def evaluate(
    predict: Predict | Mapping[str, Predict],
    items: Sequence[Item],
    *,
    mean_ab: tuple[float, float] | None = None,
    crop: int | None = None,
    by_source: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Measure one or more models and the two baselines over photos with colour.

    Args:
        predict: a model, called "model" in the report, or several by name.
        items: the photos.
        mean_ab: the colour of the constant baseline: the mean of the training photos, see
            `mean_colour`; None takes the mean of these photos.
        crop: scale each photo's short side to this and take the central square; None measures
            photos at their own size.
        by_source: also break the scores down by `Item.source`.
        progress: called after each photo with the number done.

    Returns:
        The report. Memory grows by a few numbers per photo, not by pixels.

    Raises:
        UsageError: scikit-image is missing.
        PhotoError: no photo could be read.
    """
    for module in ("metrics", "color"):
        scikit_image(module)
    if mean_ab is None:
        mean_ab = mean_colour(items)
    constant = np.asarray(mean_ab, np.float32)
    models = dict(predict) if isinstance(predict, Mapping) else {"model": predict}
    models[GRAY] = lambda L: np.zeros((*L.shape, 2), np.float32)
    models[CONSTANT] = lambda L: np.broadcast_to(constant, (*L.shape, 2))

    total, sources = Tally(models), defaultdict[str, Tally](lambda: Tally(models))
    failed: list[tuple[str, str]] = []
    workers = min(4, usable_cores())
    waiting: deque[Future[None]] = deque()
    # The models use all cores; scoring fills the gaps they leave.
    with ThreadPoolExecutor(workers) as pool:
        for done, item in enumerate(items, 1):
            try:
                photo = _Photo.read(item, crop)
            except PhotoError as error:
                failed.append((item.key, str(error)))
            else:
                for name, model in models.items():
                    photo.predict(name, model)
                tallies = [total, sources[item.source]] if by_source else [total]
                waiting.append(pool.submit(_score, photo, tallies))
            while len(waiting) > 2 * workers:
                waiting.popleft().result()
            if progress is not None:
                progress(done)
        for future in waiting:
            future.result()
    if not total.photos:
        raise PhotoError(f"none of {len(items)} photos could be read: {': '.join(failed[0])}")
    return Report(
        photos=total.photos,
        pixels=total.pixels,
        colorfulness=total.original("colorfulness"),
        chroma=total.original("chroma"),
        mean_ab=(float(constant[0]), float(constant[1])),
        scores=total.scores(),
        by_source={name: sources[name].scores() for name in sorted(sources)},
        failed=failed,
    )


def mean_colour(items: Sequence[Item], limit: int = _MEAN_SAMPLE) -> tuple[float, float]:
    """The mean ab over photos of equal weight: the best constant in the mean-square sense.

    Args:
        items: the photos; unreadable ones are skipped.
        limit: at most this many are read, evenly spread.

    Returns:
        a and b in CIELAB units; 0, 0 if no photo can be read.
    """
    means = []
    for item in spread(items, limit):
        try:
            means.append(rgb_to_lab(read_rgb(item.read()))[..., 1:].mean((0, 1), np.float64))
        except PhotoError:
            continue
    a, b = np.mean(means, axis=0) if means else (0.0, 0.0)
    return float(a), float(b)


def central_square(rgb: Array, side: int) -> Array:
    """The central square of a picture, rescaled.

    Args:
        rgb: uint8 (H, W, 3).
        side: pixels, at least 1.

    Returns:
        uint8 (side, side, 3).
    """
    height, width = rgb.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    cut = rgb[top : top + short, left : left + short]
    method = cv2.INTER_AREA if short > side else cv2.INTER_CUBIC
    return cv2.resize(cut, (side, side), interpolation=method)


class _Photo:
    """A photo in both colour spaces, with each predictor's ab."""

    def __init__(self, rgb: Array) -> None:
        self.rgb = rgb
        self.lab = rgb_to_lab(rgb)
        self.L = np.ascontiguousarray(self.lab[..., 0])
        self.predicted: dict[str, Array] = {}

    @classmethod
    def read(cls, item: Item, crop: int | None) -> _Photo:
        rgb = read_rgb(item.read())
        return cls(rgb if crop is None else central_square(rgb, crop))

    def predict(self, name: str, model: Predict) -> None:
        self.predicted[name] = model(self.L)


def _score(photo: _Photo, tallies: Sequence[Tally]) -> None:
    rows, errors = {}, {}
    for name, raw in photo.predicted.items():
        ab = clamp_to_gamut(photo.L, raw)
        rgb = lab_to_rgb(photo.L, ab)
        truth, made = (photo.rgb, photo.lab), (rgb, np.dstack([photo.L, ab]))
        rows[name] = row_of(truth, made)
        errors[name] = photo.lab[..., 1:], ab
    original = {
        "colorfulness": metrics.colorfulness(photo.rgb),
        "chroma": metrics.mean_chroma(photo.lab[..., 1:]),
    }
    for tally in tallies:
        tally.add(original, rows, errors)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
