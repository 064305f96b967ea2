"""Training objectives; `colorize train --objective`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from colorcli.errors import UsageError
from colorcli.metrics import GRID, SPREAD
from colorcli.training.networks.base import AB_LIMIT, Head

DIRECTIONS = 8
"""Number of slices through two clouds of ab."""


class Objective(nn.Module, ABC):
    """A loss, and the decoding of a network's output into ab."""

    name: ClassVar[str]
    head: ClassVar[Head]
    bins: int = 0
    temperature: float | None = None

    @abstractmethod
    def forward(self, output: Tensor, ab: Tensor) -> Tensor:
        """The loss.

        Args:
            output: of the network.
            ab: the true ab `(N, 2, H, W)` in CIELAB units; averaged to the output's grid.

        Returns:
            A scalar.
        """

    def decode(self, output: Tensor, temperature: Tensor | float | None = None) -> Tensor:
        """The network's output → ab `(N, 2, h, w)` in CIELAB units."""
        del temperature
        return output


def on_grid(ab: Tensor, output: Tensor) -> Tensor:
    """The true ab averaged over the cells of the output's grid."""
    return functional.avg_pool2d(ab, ab.shape[-1] // output.shape[-1])


class MeanSquaredError(Objective):
    """L = mean((ŷ - y)²), y = ab scaled to [0, 1] (paper, III.B.4; `003_…`, section 4.2)."""

    name = "mse"
    head: ClassVar[Head] = "ab"

    def forward(self, output: Tensor, ab: Tensor) -> Tensor:
        """As `Objective.forward`."""
        return functional.mse_loss(output, on_grid(ab, output)) / (2 * AB_LIMIT) ** 2


class ChromaDistribution(Objective):
    """MSE plus the distance between the distributions of predicted and true colours in the batch.

    L = mean((ŷ - y)²) + w·SW²(ŷ, y), SW² as `sliced_wasserstein`. The mean of plausible colours
    minimises the error but is paler than all of them; the second term demands as much strong colour
    as there is, and the first decides where. If ŷ is a regression's and has the spread s where y
    has S, they balance at ŷ·(1 + w·S/s)/(1 + w). Meant for continuing a converged regression
    (`--init`).

    Args:
        weight: w, the weight of the distribution term.
    """

    name = "mse-distribution"
    head: ClassVar[Head] = "ab"

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, output: Tensor, ab: Tensor) -> Tensor:
        """As `Objective.forward`."""
        true = on_grid(ab, output)
        distance = sliced_wasserstein(output, true)
        return (functional.mse_loss(output, true) + self.weight * distance) / (2 * AB_LIMIT) ** 2


def sliced_wasserstein(output: Tensor, true: Tensor) -> Tensor:
    """The squared sliced Wasserstein distance of two clouds of ab (Bonneel et al. 2015).

    The mean over 8 directions θ of mean((sort ŷ·θ - sort y·θ)²), on every other row and column.

    Args:
        output: ŷ `(N, 2, h, w)` in CIELAB units.
        true: y, likewise.

    Returns:
        A scalar, in squared CIELAB units.
    """
    angles = torch.arange(DIRECTIONS, device=output.device) * math.pi / DIRECTIONS
    theta = torch.stack((angles.cos(), angles.sin()))
    clouds = (x[..., ::2, ::2].permute(0, 2, 3, 1).reshape(-1, 2) @ theta for x in (output, true))
    ours, theirs = (cloud.sort(0).values for cloud in clouds)
    return functional.mse_loss(ours, theirs)


class SmoothL1(Objective):
    """Huber loss with δ = 10 CIELAB units: like MSE for small errors, tolerant of outliers.

    Girshick 2015; used for colorization by Zhang et al. 2017. Its minimiser is nearer to the median
    than to the mean of the plausible colours.
    """

    name = "smooth-l1"
    head: ClassVar[Head] = "ab"
    delta = 10.0

    def forward(self, output: Tensor, ab: Tensor) -> Tensor:
        """As `Objective.forward`."""
        return functional.huber_loss(output, on_grid(ab, output), delta=self.delta) / AB_LIMIT


class Rebalanced(Objective):
    """An objective with larger weights for rare colours (Zhang et al. 2016, section 2.2).

    A pixel's weight is v ∝ ((1 - λ)·p̃ + λ/Q)⁻¹, E[v] = 1, where p̃ is the smoothed share of its ab
    bin in the training photos, and Q the number of bins: the cells of a 10-unit grid that contain
    an sRGB colour. Bins that do not occur weigh no more than the rarest that does.

    Args:
        prior: share of each bin in the training photos `(Q,)`, from `bin_shares`; None weights
            all pixels alike.
        uniform: λ, the share of the uniform distribution mixed into the prior.
    """

    neighbours = 5

    centres: Tensor
    weights: Tensor
    nearest: Tensor
    distances: Tensor

    def __init__(self, prior: Tensor | None = None, uniform: float = 0.5) -> None:
        super().__init__()
        centres = gamut_bins()
        self.register_buffer("centres", centres)
        weights = torch.ones(len(centres))
        if prior is not None:
            near = torch.exp(-torch.cdist(centres, centres).square() / (2 * SPREAD**2))
            smooth = (near / near.sum(0)) @ prior
            mixed = (1 - uniform) * smooth + uniform / len(centres)
            # With λ = 0 a bin far from all colours in the photos would have infinite weight.
            weights = 1 / mixed.clamp_min(mixed[prior > 0].min())
            weights /= (smooth * weights).sum()
        self.register_buffer("weights", weights)
        axis = torch.arange(-AB_LIMIT, AB_LIMIT + 1)
        grid = torch.cartesian_prod(axis, axis)
        distances, nearest = torch.cdist(grid, centres).topk(self.neighbours, largest=False)
        self.register_buffer("nearest", nearest)
        self.register_buffer("distances", distances, persistent=False)


class Distance(Rebalanced):
    """L = mean(v(y)·√(‖ŷ - y‖² + ε²)): the ab error, with larger weights for rare colours.

    ab is scaled to [0, 1] as in `mse`. The area under the curve of the ab error (Zhang et al. 2016,
    section 3.1) is 1 - mean(‖ŷ - y‖/150): the raw one without weights, the class-rebalanced one
    with v = 1/p̃; λ trades one for the other. The minimiser is the weighted geometric median of the
    plausible colours.
    """

    name = "distance"
    head: ClassVar[Head] = "ab"
    epsilon = 1.0
    """Rounds the tip of the cone, in CIELAB units: smaller differences are invisible."""

    def forward(self, output: Tensor, ab: Tensor) -> Tensor:
        """As `Objective.forward`."""
        true = on_grid(ab, output)
        distance = ((output - true).square().sum(1) + self.epsilon**2).sqrt()
        weights = self.weights[self.nearest[_cell(true), 0]]
        return (weights * distance).mean() / (2 * AB_LIMIT)


class DistanceDistribution(Distance):
    """`distance` plus the distance between the distributions of predicted and true colours.

    L = mean(v(y)·√(‖ŷ - y‖² + ε²)) + w·SW²(ŷ, y)/20, in CIELAB units before ab is scaled to
    [0, 1]; SW² as `sliced_wasserstein`. The 20 turns the square into a distance: a cloud shifted by
    20 gets the same gradient from both terms. Like `mse-distribution`, except that uncertain
    colours stay neutral rather than brown: the median of many hues is gray sooner than their mean.

    Args:
        prior: as in `Rebalanced`.
        uniform: as in `Rebalanced`.
        weight: w, the weight of the distribution term.
    """

    name = "distance-distribution"
    scale = 20.0

    def __init__(
        self, prior: Tensor | None = None, uniform: float = 0.5, weight: float = 1.0
    ) -> None:
        super().__init__(prior, uniform)
        self.weight = weight

    def forward(self, output: Tensor, ab: Tensor) -> Tensor:
        """As `Objective.forward`."""
        apart = sliced_wasserstein(output, on_grid(ab, output)) / self.scale
        return super().forward(output, ab) + self.weight * apart / (2 * AB_LIMIT)


class Classification(Rebalanced):
    """Rebalanced cross-entropy over quantised ab, and its annealed mean (Zhang et al. 2016).

    - The soft label z of a pixel: a Gaussian (σ = 5) over the 5 nearest bins.
    - The loss: -mean(v(y) Σ_q z_q log p_q), where v is the weight of the pixel's nearest bin.
    - The colour: ab = Σ_q c_q·softmax(log p / T)_q, T = 0.38 (section 2.3). T → 0 gives the mode,
      vivid and uneven; T = 1 the mean, even and pale.
    """

    name = "classification"
    head: ClassVar[Head] = "bins"
    temperature = 0.38

    labels: Tensor

    def __init__(self, prior: Tensor | None = None, uniform: float = 0.5) -> None:
        super().__init__(prior, uniform)
        self.bins = len(self.centres)
        self.register_buffer(
            "labels", torch.softmax(-self.distances.square() / (2 * SPREAD**2), -1)
        )

    def forward(self, output: Tensor, ab: Tensor) -> Tensor:
        """As `Objective.forward`."""
        cells = _cell(on_grid(ab, output)).flatten()
        logits = output.permute(0, 2, 3, 1).reshape(-1, self.bins).float()
        log_p = torch.log_softmax(logits, -1)
        nearest = self.nearest[cells]
        entropy = -(self.labels[cells] * log_p.gather(1, nearest)).sum(1)
        return (entropy * self.weights[nearest[:, 0]]).mean()

    def decode(self, output: Tensor, temperature: Tensor | float | None = None) -> Tensor:
        """The annealed mean; `temperature` None uses the objective's own."""
        p = torch.softmax(output / (self.temperature if temperature is None else temperature), 1)
        return functional.conv2d(p, self.centres.T[:, :, None, None].to(p.dtype))


OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective
    for objective in (
        Classification,
        MeanSquaredError,
        ChromaDistribution,
        Distance,
        DistanceDistribution,
        SmoothL1,
    )
}


def get_objective(name: str) -> type[Objective]:
    """The objective called `name`.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return OBJECTIVES[name]
    except KeyError:
        raise UsageError(
            f"no objective is called {name!r}", tip=f"choose one of: {', '.join(OBJECTIVES)}"
        ) from None


def gamut_bins() -> Tensor:
    """Centres of the ab bins that contain an sRGB colour: float32 `(bins, 2)`."""
    # Imported here because the exported decoding does not need it.
    from colorcli.lab import rgb_to_lab

    levels = torch.arange(0, 256, 5, dtype=torch.uint8)
    lab = torch.from_numpy(rgb_to_lab(torch.cartesian_prod(levels, levels, levels).numpy()[None]))
    bins: Tensor = torch.unique(torch.round(lab[0, :, 1:] / GRID), dim=0) * GRID
    return bins


def bin_shares(ab: Tensor, objective: Rebalanced) -> Tensor:
    """Share of each bin in the pixels: ab `(n, 2)` in CIELAB units → `(Q,)`, summing to 1."""
    nearest = objective.nearest[:, 0][_cell(ab.T[None, :, :, None]).flatten()]
    counts = torch.bincount(nearest, minlength=len(objective.centres)).float()
    return counts / counts.sum()


def _cell(ab: Tensor) -> Tensor:
    """Index into the tables of whole ab units: `(N, 2, h, w)` → int64 `(N, h, w)`."""
    side = int(2 * AB_LIMIT) + 1
    whole = torch.round(ab.clamp(-AB_LIMIT, AB_LIMIT)).long() + int(AB_LIMIT)
    return whole[:, 0] * side + whole[:, 1]
