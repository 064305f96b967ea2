"""Preparation of `colorize train`: photos, device, precision; and its layer table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from colorcli.cli import messages
from colorcli.errors import DeviceError, UsageError
from colorcli.model.providers import cuda_index

if TYPE_CHECKING:
    import torch

    from colorcli.collection.items import Item
    from colorcli.training.config import TrainConfig
    from colorcli.training.store import PhotoStore


def split_photos(photos: Path, config: TrainConfig) -> tuple[list[Item], list[Item]]:
    """The photos to train on and to validate on.

    Raises:
        UsageError: there are none of either kind.
    """
    from colorcli.collection.items import open_collection, spread

    items = open_collection(photos, validation=config.validation)
    training = [item for item in items if item.split == "train"]
    held_out = [item for item in items if item.split == "val"]
    if not training or not held_out:
        raise UsageError(
            f"{photos}: {len(training)} photos to train on and {len(held_out)} to validate on",
            tip="at least one of each is needed; if no split.csv, index.csv or folders give the "
            "split, --validation sets the share held out",
        )
    if limit := config.limit:
        training = spread(training, limit)
        held_out = spread(held_out, max(1, limit // 9))
    return training, held_out


def decode_photos(items: list[Item], name: str, config: TrainConfig, workers: int) -> PhotoStore:
    """Decode photos into memory, with a bar, and report those left out."""
    from tqdm import tqdm

    from colorcli.training.store import PhotoStore

    with tqdm(
        total=len(items),
        desc=name,
        unit="photo",
        file=sys.stderr,
        disable=not messages.is_terminal(),
    ) as bar:
        store = PhotoStore.decode(
            items,
            short_side=config.short_side,
            workers=workers,
            min_chroma=config.min_chroma,
            min_own_chroma=config.min_own_chroma,
            name=name,
            progress=bar.update,
        )
    if store.skipped:
        key, reason = store.skipped[0]
        messages.say(
            f"{name}: left out {len(store.skipped)} of {len(items)} (the first: {key}: {reason})"
        )
    return store


def choose_device(name: str) -> torch.device:
    """The device named auto, cpu or cuda[:N].

    Raises:
        UsageError: the name is none of these.
        DeviceError: CUDA was asked for but cannot be used.
    """
    import torch

    index = cuda_index(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if index is None:
        return torch.device(name)
    if not torch.cuda.is_available():
        raise DeviceError("PyTorch finds no CUDA device", tip="--device cpu trains on the CPU")
    if index >= torch.cuda.device_count():
        known = ", ".join(f"cuda:{number}" for number in range(torch.cuda.device_count()))
        raise DeviceError(f"PyTorch finds no device {index}", tip=f"it finds {known}")
    return torch.device(name)


@contextmanager
def enough_memory(device: torch.device) -> Iterator[None]:
    """Turns PyTorch's out-of-memory error on a GPU into ours.

    Raises:
        DeviceError: the GPU's memory is not enough.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError:
        raise DeviceError(
            f"{device} is out of memory",
            tip="use a smaller --batch or --size; once begun, in another run with --init",
        ) from None


def use_bf16(precision: str, device: torch.device) -> bool:
    """Whether to compute in bfloat16: `auto` does if the hardware supports it.

    Raises:
        UsageError: there is no such precision.
    """
    import torch

    if precision not in ("auto", "fp32", "bf16"):
        raise UsageError(f"no precision is called {precision!r}", tip="auto, fp32 or bf16")
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        # Older GPUs emulate it, which is slower than float32.
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # PyTorch for macOS on ARM is built without oneDNN and its operators.
    onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return onednn and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def describe_network(config: TrainConfig) -> None:
    """Print the layer table of the network that `config` would train."""
    from rich.console import Console
    from rich.table import Table

    from colorcli.training.building import build_network, build_objective, side_of_views
    from colorcli.training.description import describe, operations
    from colorcli.training.networks import get_network
    from colorcli.training.rehearsal import refuse_settings

    network = get_network(config.network)
    built = build_network(config, build_objective(config), restored=True)
    size = side_of_views(config)
    refuse_settings(config, built)
    layers = describe(built, size)
    table = Table(title=f"{network.name} (width {config.width:g}) — {network.source}")
    for heading in ("layer", "kernel", "stride", "output", "parameters"):
        table.add_column(heading, justify="right" if heading == "parameters" else "left")
    for layer in layers:
        table.add_row(layer.name, layer.kernel, layer.stride, layer.output, f"{layer.parameters:,}")
    Console().print(table)
    print(
        f"total: {sum(layer.parameters for layer in layers):,} parameters, "
        f"{operations(built, size) / 1e9:.2f} GFLOPs at {size}×{size} (a multiply-add is two)"
    )
