"""Check a run's settings before the photos are decoded, which takes minutes."""

from __future__ import annotations

from math import lcm

from colorcli.errors import UsageError
from colorcli.training.building import (
    build_network,
    build_objective,
    restore,
    side_of_views,
    weights_are_given,
)
from colorcli.training.config import TrainConfig
from colorcli.training.networks import Colorizing, get_network
from colorcli.training.objectives import (
    ChromaDistribution,
    DistanceDistribution,
    Rebalanced,
    get_objective,
)
from colorcli.training.optimization import build_optimizer
from colorcli.training.run import Run
from colorcli.training.warm_start import start_from

BLOCK = 8
"""Side of the JPEG blocks of `degrade`."""


def rehearse(config: TrainConfig, run: Run, *, resume: bool, init: str | None) -> None:
    """Build, and discard, everything of a run that needs no photos.

    Args:
        config: the settings.
        run: to be resumed or begun.
        resume: whether to continue from its checkpoint.
        init: a run or a model whose weights to start from.

    Raises:
        UsageError: settings are invalid, or weights are unavailable or do not fit.
        ModelError: there is no such model to start from.
    """
    objective = build_objective(config)
    known = len(run.read_scenes()) if resume else 0
    # The photos determine the scenes; any two will do here.
    scenes = (known or 2) if config.scene_weight else 0
    restored = weights_are_given(config, resume=resume, init=init)
    if restored and not resume and config.pretrained != TrainConfig().pretrained:
        raise UsageError(
            f"--pretrained {config.pretrained}: --init {init} already gives the weights",
            tip="leave out one of them",
        )
    network = build_network(config, objective, scenes=scenes, restored=restored)
    if not resume:
        refuse_settings(config, network)
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


def refuse_settings(config: TrainConfig, network: Colorizing) -> None:
    """Refuse to begin a run whose network lacks what the settings ask for.

    Not for existing runs: earlier versions ignored settings that a network lacks.

    Raises:
        UsageError: an option does not apply to the network or the objective, or the network and
            `degrade` do not both accept views of that side.
    """
    kind, usual = get_network(config.network), TrainConfig()
    _refuse_unheard(config, usual)
    pretrained = kind.extractor or kind.trunk
    for asked, has, option, lacks in (
        (config.pretrained != usual.pretrained, pretrained, "--pretrained", "pretrained part"),
        (config.embedding != usual.embedding, kind.extractor, "--embedding", "extractor"),
        (not config.global_features, kind.baseline, "--no-global", "form without global branch"),
        (config.global_pool, kind.global_pool, "--global-pool", "maps to average"),
        (config.dropout > 0, kind.dropout, "--dropout", "layers to drop units of"),
    ):
        if asked and not has:
            raise UsageError(f"the network {kind.name!r} has no {lacks}", tip=f"leave out {option}")
    side, step = side_of_views(config), lcm(network.multiple, BLOCK)
    if side < 1 or side % step:
        nearest = max(1, round(side / step)) * step
        raise UsageError(
            f"--size {side}: this network is trained on multiples of {step}",
            tip=f"the nearest is --size {nearest}",
        )


def _refuse_unheard(config: TrainConfig, usual: TrainConfig) -> None:
    """Refuse settings that do not apply to the objective."""
    kind = get_objective(config.objective)
    distribution = issubclass(kind, (ChromaDistribution, DistanceDistribution))
    for asked, has, option in (
        (config.distribution != usual.distribution, distribution, "--distribution"),
        (config.rebalance != usual.rebalance, issubclass(kind, Rebalanced), "--rebalance"),
    ):
        if asked and not has:
            raise UsageError(
                f"the objective {kind.name!r} takes no {option}", tip=f"leave out {option}"
            )
