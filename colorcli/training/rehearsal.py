"""What can be known to be wrong with a run before any photo is decoded, which takes minutes."""

from __future__ import annotations

from math import lcm

from colorcli.errors import UsageError
from colorcli.training.config import TrainConfig
from colorcli.training.networks import Colorizing, get_network
from colorcli.training.optimization import build_optimizer
from colorcli.training.run import Run, build_network, build_objective, restore
from colorcli.training.warm_start import start_from

BLOCK = 8
"""Side of the blocks that `degrade` codes a view in."""


def rehearse(config: TrainConfig, run: Run, *, resume: bool, init: str | None) -> None:
    """Build all of a run that needs no photos, and let it go.

    Args:
        config: the settings.
        run: to be resumed, or begun.
        resume: whether it goes on from its checkpoint.
        init: a run or a model whose weights it is to start from.

    Raises:
        UsageError: settings that cannot be, or weights that cannot be had or do not fit.
        ModelError: there is no such model to start from.
    """
    objective = build_objective(config)
    known = len(run.read_scenes()) if resume else 0
    # Which scenes there are the photos tell. Here any two will do.
    scenes = (known or 2) if config.scene_weight else 0
    restored = weights_are_given(config, resume=resume, init=init)
    network = build_network(config, objective, scenes=scenes, restored=restored)
    refuse_size(network, side_of_views(config))
    build_optimizer(
        config.optimizer,
        network,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
    )
    if resume:
        restore(network, run.load_checkpoint()["network"], run)
    elif init is not None:
        start_from(network, init, ())


def weights_are_given(config: TrainConfig, *, resume: bool, init: str | None) -> bool:
    """Whether pretrained weights need not be had, since others will be loaded."""
    # Of a frozen extractor a model folder keeps no weights that training could take over.
    return resume or (init is not None and not get_network(config.network).extractor)


def side_of_views(config: TrainConfig) -> int:
    """Side of the views that a run trains on: its own, or the network's."""
    return config.size or get_network(config.network).training_size


def refuse_size(network: Colorizing, side: int) -> None:
    """Refuse views of a side that the network, or the ageing of L, cannot take.

    Raises:
        UsageError: it is no positive multiple of both.
    """
    step = lcm(network.multiple, BLOCK)
    if side < 1 or side % step:
        nearest = max(1, round(side / step)) * step
        raise UsageError(
            f"--size {side}: this network is trained on multiples of {step}",
            tip=f"the nearest is --size {nearest}",
        )
