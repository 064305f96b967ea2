"""A network's inputs for a batch of L: L with its levels, and the view of its global branch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from colorcli.training.augmentation import whole_views
from colorcli.training.leveled import leveled
from colorcli.training.networks import Colorizing
from colorcli.training.store import PhotoStore

CHUNK = 16


def network_inputs(
    network: Colorizing, L: Tensor, embedding: Tensor | None = None
) -> tuple[Tensor, ...]:
    """The arguments of `network` for a batch.

    Args:
        network: determines whether there is a global view.
        L: `(N, 1, S, S)` in [0, 100].
        embedding: `(N, G)`, the output of the network's frozen extractor for these photos.

    Returns:
        L as `leveled`, then the embedding, or L at the global size if that differs.
    """
    return _inputs(network, leveled(L), embedding)


def training_inputs(
    network: Colorizing, L: Tensor, embedding: Tensor | None = None
) -> tuple[Tensor, ...]:
    """As `network_inputs`, but a view below the global size is its own global view.

    Small views make training fast; computing the features of an enlarged view as well would not.
    See `Colorizing.forward`.
    """
    side, L = network.global_size, leveled(L)
    if embedding is None and side is not None and L.shape[-1] < side:
        return (L.contiguous(memory_format=torch.channels_last),)
    return _inputs(network, L, embedding)


def _inputs(network: Colorizing, L: Tensor, embedding: Tensor | None) -> tuple[Tensor, ...]:
    L = L.contiguous(memory_format=torch.channels_last)
    if embedding is not None:
        return L, embedding
    return with_global_view(L, network.global_size)


def with_global_view(L: Tensor, side: int | None) -> tuple[Tensor, ...]:
    """L, and its rescale to the global size `side`, unless that is L's size or None."""
    if side is None or side == L.shape[-1]:
        return (L,)
    shrinks = side < L.shape[-1]
    return L, functional.interpolate(L, (side, side), mode="bilinear", antialias=shrinks)


@torch.no_grad()
def embed_photos(network: Colorizing, photos: PhotoStore) -> Tensor | None:
    """The frozen extractor's output for each whole photo, computed once per run.

    Returns:
        `(n, G)` on the photos' device, or None for a network without one.
    """
    extractor = network.frozen()
    if extractor is None:
        return None
    assert network.global_size is not None
    indices = torch.arange(len(photos), device=photos.offsets.device)
    return torch.cat(
        [
            extractor(leveled(whole_views(photos, some, network.global_size)[:, :1]))
            for some in torch.split(indices, CHUNK)
        ]
    )
