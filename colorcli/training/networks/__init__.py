"""The registry of architectures: every file in this folder that declares one.

A file declares `NETWORK`, a `Network`: its name, its source, how it is built, and its paper's
training settings. To add an architecture, add a file here, and its name to the help of
`colorize train --network`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from colorcli.errors import UsageError
from colorcli.training.networks.base import Colorizing, Network, NetworkOptions, Preset

__all__ = ["Colorizing", "Network", "NetworkOptions", "Preset", "get_network", "networks"]


@cache
def networks() -> dict[str, Network]:
    """Every architecture by name, in alphabetical order."""
    found = {}
    for module in iter_modules(__path__):
        network = getattr(import_module(f"{__name__}.{module.name}"), "NETWORK", None)
        if network is not None:
            found[network.name] = network
    return dict(sorted(found.items()))


def get_network(name: str) -> Network:
    """The architecture `name`.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return networks()[name]
    except KeyError:
        raise UsageError(
            f"no network is called {name!r}", tip=f"choose one of: {', '.join(networks())}"
        ) from None
