"""Small tensors on their way to the GPU, which must not wait for them."""

from __future__ import annotations

import torch
from torch import Tensor


def sent(values: Tensor, device: torch.device) -> Tensor:
    """`values` of the CPU on a device, without waiting for what it does meanwhile.

    A copy from ordinary memory ends only once the GPU has done all that was asked of it before;
    one from pinned memory is asked for like any other work.
    """
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)
