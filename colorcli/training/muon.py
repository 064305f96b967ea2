"""Muon: steps of equal size in every direction in which a kernel can move."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn, optim

MOMENTUM = 0.95

NEWTON_SCHULZ = ((3.4445, -4.7750, 2.0315),) * 5
"""Coefficients of the quintic for each iteration; singular values end near 1, not at it."""

STEP = 0.4
"""Root mean square of a kernel's step in learning rates; 1 works as well, Adam's is about 0.2."""


class Muon(optim.AdamW):
    """Muon on the kernels of convolutions, AdamW on everything else.

    A kernel is the matrix `(outputs, inputs · height · width)`. Its step is the momentum of its
    gradients, orthogonalised: as far in rare directions as in frequent ones (Jordan et al. 2024,
    "Muon: an optimizer for hidden layers in neural networks"; the size of the step as in Liu et
    al. 2025, "Muon is scalable for LLM training"). AdamW takes kernels with one input channel
    (depthwise ones, and those that read L) and those that output a and b, which are not such
    matrices, and fully connected layers, which are too large to orthogonalise at every step.

    Args:
        params: parameter groups, as for `AdamW`.
        lr: learning rate of both.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update every parameter that has a gradient; the kernels' gradients become None."""
        for group in self.param_groups:
            for kernel in filter(is_kernel, group["params"]):
                if kernel.grad is None:
                    continue
                state = self.state[kernel]
                if not state:
                    # AdamW loads only states that have a step count.
                    state["step"] = torch.zeros(())
                    state["momentum"] = torch.zeros_like(kernel)
                state["step"] += 1
                momentum = state["momentum"]
                momentum.lerp_(kernel.grad, 1 - MOMENTUM)
                step = orthogonal(kernel.grad.lerp(momentum, MOMENTUM).flatten(1))
                kernel.mul_(1 - group["lr"] * group["weight_decay"])
                size = group["lr"] * STEP * max(step.shape) ** 0.5
                kernel.sub_(step.view_as(kernel), alpha=size)
                kernel.grad = None  # so that AdamW skips it
        return super().step(closure)


def is_kernel(parameter: nn.Parameter) -> bool:
    """Whether a parameter is a convolution kernel with > 1 input and > 2 output channels."""
    return parameter.ndim == 4 and parameter.shape[0] > 2 and parameter.shape[1] > 1


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with its singular values near 1, by Newton-Schulz iteration.

    They end between 0.7 and 1.2, except very small ones, which end lower.

    Under autocast the products are in bfloat16, which is exact enough.

    Args:
        matrix: `(r, c)`, of any size; zeros stay zeros.

    Returns:
        float32 `(r, c)`.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-30)
    for a, b, c in NEWTON_SCHULZ:
        gram = x @ x.T
        # Few, large operations: on a GPU their number determines the cost for small kernels.
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    made = x if wide else x.T
    return made.float()
