"""Whether the device waits for photos: training steps on stored photos against random tensors.

    python benchmarks/training.py PHOTOS [--width 0.5] [--size 224] [--batch 32] [--device auto]

Prints photos/s of both, alternating, and their ratio: 1.00 means that cropping, flipping and ageing
add nothing to the network's time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch

from colorcli.collection.items import open_collection, spread
from colorcli.training.augmentation import Views, random_views
from colorcli.training.degradation import degrade
from colorcli.training.networks import NetworkOptions, get_network
from colorcli.training.objectives import MeanSquaredError
from colorcli.training.store import PhotoStore


def main() -> None:
    """Print the three lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--width", type=float, default=0.5)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--limit", type=int, default=512)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()

    device = torch.device(given.device)
    items = spread(open_collection(given.photos, split="train"), given.limit)
    store = PhotoStore.decode(items, short_side=256, workers=4).to(device)
    network = get_network("fusion").build(NetworkOptions(width=given.width))
    network.to(device=device, memory_format=torch.channels_last)
    objective = MeanSquaredError()
    optimizer = torch.optim.AdamW(network.parameters())
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(given.batch, 3, given.size, given.size, device=device) * 100

    def photos() -> torch.Tensor:
        chosen = torch.randint(len(store), (given.batch,), generator=generator).to(device)
        lab = random_views(store, chosen, Views(given.size), generator)
        lab[:, :1] = degrade(lab[:, :1], 0.5, generator)
        return lab

    def step(lab: torch.Tensor) -> None:
        L = lab[:, :1].contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16):
            output = network(L)
        loss = objective(output.float(), lab[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    rates: dict[str, list[float]] = {"photos": [], "random tensors": []}
    sources = {"photos": photos, "random tensors": lambda: noise}
    for round_ in range(given.rounds + 1):
        for name, source in sources.items():
            began = time.perf_counter()
            for _ in range(given.steps):
                step(source())
            if device.type == "cuda":
                torch.cuda.synchronize()
            if round_:  # the first warms up
                seconds = time.perf_counter() - began
                rates[name].append(given.steps * given.batch / seconds)
    for name, values in rates.items():
        print(f"{name}: {statistics.median(values):.1f} photos/s (median of {len(values)})")
    ratio = statistics.median(
        a / b for a, b in zip(rates["photos"], rates["random tensors"], strict=True)
    )
    print(f"photos / random tensors: {ratio:.3f}")


if __name__ == "__main__":
    main()
