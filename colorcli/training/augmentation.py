"""Random views of photographs: crop, flip, zoom, shear. Geometry only; see `degradation` for L."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from colorcli.training.store import PhotoStore
from colorcli.training.transfer import sent


@dataclass(frozen=True)
class Views:
    """How random views are drawn.

    Attributes:
        size: side of the square view in pixels.
        crop: smallest and largest share of the photo's area that a view covers (random-resized
            crop: Szegedy et al. 2015; the paper's "random crops to the final size", III.C).
        aspect: largest aspect ratio of the cropped region, and its inverse.
        flip: probability of a left-right flip.
        zoom: the region is scaled further by a factor drawn from [1 - zoom, 1 + zoom].
        shear: largest shear, as a tangent (CS230 report, section 3.1: zooms, flips and shears).
    """

    size: int = 224
    crop: tuple[float, float] = (0.6, 1.0)
    aspect: float = 4 / 3
    flip: float = 0.5
    zoom: float = 0.0
    shear: float = 0.0


def random_views(
    store: PhotoStore, indices: Tensor, views: Views, generator: torch.Generator
) -> Tensor:
    """One random view of each photo.

    Args:
        store: the photos.
        indices: int64 `(N,)`, on the store's device.
        views: how they are drawn.
        generator: on the CPU, so that a run draws the same views on every device.

    Returns:
        float32 `(N, 3, size, size)`: L and ab.
    """
    device = indices.device
    count = len(indices)

    def uniform(low: float, high: float) -> Tensor:
        return sent(torch.rand(count, generator=generator) * (high - low) + low, device)

    heights = store.heights[indices].float()
    widths = store.widths[indices].float()
    area = uniform(*views.crop) * heights * widths
    ratio = torch.exp(uniform(-math.log(views.aspect), math.log(views.aspect)))
    height = torch.sqrt(area / ratio).minimum(heights)
    width = torch.sqrt(area * ratio).minimum(widths)
    centre_y = height / 2 + uniform(0, 1) * (heights - height)
    centre_x = width / 2 + uniform(0, 1) * (widths - width)
    zoom = uniform(1 - views.zoom, 1 + views.zoom)
    mirror = torch.where(uniform(0, 1) < views.flip, -1.0, 1.0)
    shear = uniform(-views.shear, views.shear)
    steps = (torch.arange(views.size, device=device) + 0.5) / views.size - 0.5
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    column = (slice(None), None, None)
    y = centre_y[column] + v * (height * zoom)[column] - 0.5
    x = centre_x[column] + (u * mirror[column] + v * shear[column]) * (width * zoom)[column] - 0.5
    return store.sample(indices, torch.stack((y, x), -1))


def whole_views(store: PhotoStore, indices: Tensor, size: int) -> Tensor:
    """Each whole photo, resized to a square of side `size`, as the runtime feeds a global branch.

    Returns:
        float32 `(N, 3, size, size)`: L and ab.
    """
    steps = (torch.arange(size, device=indices.device) + 0.5) / size
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    column = (slice(None), None, None)
    y = v * store.heights[indices].float()[column] - 0.5
    x = u * store.widths[indices].float()[column] - 0.5
    return store.sample(indices, torch.stack((y, x), -1))


def centre_views(store: PhotoStore, indices: Tensor, size: int) -> Tensor:
    """The largest central square of each photo, scaled to `size`.

    Returns:
        float32 `(N, 3, size, size)`: L and ab.
    """
    heights = store.heights[indices].float()
    widths = store.widths[indices].float()
    side = heights.minimum(widths)
    steps = (torch.arange(size, device=indices.device) + 0.5) / size - 0.5
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    column = (slice(None), None, None)
    y = (heights / 2)[column] + v * side[column] - 0.5
    x = (widths / 2)[column] + u * side[column] - 0.5
    return store.sample(indices, torch.stack((y, x), -1))
