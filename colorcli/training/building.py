"""The objective and the network that settings stand for, fresh or as a run saved them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from colorcli.errors import UsageError
from colorcli.training.config import TrainConfig
from colorcli.training.networks import Colorizing, NetworkOptions, get_network
from colorcli.training.objectives import (
    ChromaDistribution,
    DistanceDistribution,
    Objective,
    Rebalanced,
    get_objective,
)
from colorcli.training.run import Run


def weights_are_given(config: TrainConfig, *, resume: bool, init: str | None) -> bool:
    """Whether pretrained weights need not be had, since others will be loaded."""
    # Of a frozen extractor a model folder keeps no weights that training could take over.
    return resume or (init is not None and not get_network(config.network).extractor)


def side_of_views(config: TrainConfig) -> int:
    """Side of the views that a run trains on: its own, or the network's."""
    return config.size or get_network(config.network).training_size


def build_objective(config: TrainConfig, prior: torch.Tensor | None = None) -> Objective:
    """The objective of a run; `prior` as in `Rebalanced`."""
    kind = get_objective(config.objective)
    options: dict[str, Any] = {}
    if issubclass(kind, Rebalanced) and config.rebalance is not None:
        options = {"prior": prior, "uniform": config.rebalance}
    if issubclass(kind, (ChromaDistribution, DistanceDistribution)):
        options["weight"] = config.distribution
    return kind(**options)


def build_network(
    config: TrainConfig, objective: Objective, *, scenes: int = 0, restored: bool = False
) -> Colorizing:
    """The network of a run, with fresh weights.

    Args:
        config: its settings.
        objective: decides its head.
        scenes: number of scene classes to tell apart.
        restored: weights will be loaded into it, so pretrained ones need not be had.

    Raises:
        UsageError: the network cannot be trained so, or its pretrained weights cannot be had.
    """
    network = get_network(config.network)
    if objective.head not in network.heads:
        raise UsageError(
            f"the network {network.name!r} cannot be trained with the objective {objective.name!r}",
            tip=f"it has the heads: {', '.join(network.heads)}",
        )
    if scenes and not network.scenes:
        raise UsageError(
            f"the network {network.name!r} cannot tell scenes apart", tip="leave out --scene-weight"
        )
    options = NetworkOptions(
        width=config.width,
        head=objective.head,
        bins=objective.bins,
        global_features=config.global_features,
        dropout=config.dropout,
        global_pool=config.global_pool,
        scenes=scenes,
        pretrained="none" if restored else config.pretrained,
        embedding=config.embedding,
    )
    return network.build(options)


def restore(module: nn.Module, state: dict[str, Any], run: Run) -> None:
    """Give a module what a checkpoint of a run holds for it.

    Raises:
        UsageError: the network of that name has had other layers when the run was made.
    """
    try:
        module.load_state_dict(state)
    except RuntimeError:
        raise UsageError(
            f"{run.folder}: the run is of an earlier form of its network",
            tip="train anew, or use the version of colorize that made it",
        ) from None


def load_trained(run: Run) -> tuple[TrainConfig, Colorizing, Objective, dict[str, Any]]:
    """The averaged weights of a run, in evaluation mode, with its settings and progress.

    Raises:
        UsageError: the folder holds no run.
    """
    config = TrainConfig.load(run.config_path)
    state = run.load_checkpoint()
    objective = build_objective(config)
    restore(objective, state["objective"], run)
    network = build_network(config, objective, scenes=len(run.read_scenes()), restored=True)
    restore(network, state["ema"], run)
    network.eval()
    return config, network, objective, state["progress"]
