"""The settings of a training run, as chosen by options, a preset and the run that is resumed."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorcli.cli.options import given
from colorcli.errors import UsageError

if TYPE_CHECKING:
    import typer

    from colorcli.training.config import TrainConfig

_SAID_AGAIN = ("objective", "optimizer", "learning_rate", "batch", "weight_decay")


def chosen_settings(ctx: typer.Context) -> dict[str, Any]:
    """The settings given explicitly as options of `train`, which have the settings' names."""
    from colorcli.training.config import TrainConfig

    settings = {field.name for field in fields(TrainConfig)}
    chosen = {name: ctx.params[name] for name in given(ctx) & settings}
    if ctx.params["no_global"]:
        chosen["global_features"] = False
    if chosen.get("rebalance") == 1:
        chosen["rebalance"] = None
    return chosen


def settled(
    base: TrainConfig, chosen: dict[str, Any], preset: str | None, *, resume: bool = False
) -> TrainConfig:
    """The settings `base`, overridden by a preset, then by those chosen one by one.

    For a resumed run the preset repeats only the settings in `_SAID_AGAIN`: all others, including
    the budget, stay as begun.

    Raises:
        UsageError: there is no such preset or network.
    """
    from colorcli.training.networks import get_network

    if preset == "paper":
        network = get_network(chosen.get("network", base.network))
        whole = chosen.get("global_features", base.global_features)
        own = network.preset if whole else network.baseline or network.preset
        if own is None:
            raise UsageError(
                f"--preset paper: the network {network.name!r} is from no paper",
                tip="leave the preset out",
            )
        values = asdict(own)
        if resume:
            values = {name: values[name] for name in _SAID_AGAIN}
        return replace(base, **(values | chosen))
    if preset is not None:
        raise UsageError(f"no preset is called {preset!r}", tip="the preset is `paper`")
    return replace(base, **chosen)


def refuse_changes(out: Path, begun: TrainConfig, config: TrainConfig) -> None:
    """Refuse to continue a run with other settings; only its budget may change.

    Raises:
        UsageError: a setting differs.
    """
    now = asdict(config)
    for name, was in asdict(begun).items():
        if name in ("epochs", "hours") or now[name] == was:
            continue
        option = "--" + ("no_global" if name == "global_features" else name).replace("_", "-")
        if isinstance(was, bool):
            words = f"without {option}"
        else:
            # None is stored only for λ = 1.
            before, wanted = (1 if value is None else value for value in (was, now[name]))
            words = f"with {option} {before}, not {wanted}"
        raise UsageError(
            f"{out}: the run was begun {words}",
            tip=f"leave it out to continue as begun, or start another run: --out NEW --init {out}",
        )
