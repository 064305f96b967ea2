"""The extras of the distribution: what to type to get one, and the door to scikit-image."""

from __future__ import annotations

import importlib
from types import ModuleType

from colorcli.errors import UsageError

DISTRIBUTION = "colorize-photos"
"""What pip calls this program."""


def pip_install(*extras: str) -> str:
    """The command that adds extras to what is installed."""
    return f"pip install '{DISTRIBUTION}[{','.join(extras)}]'"


def scikit_image(module: str) -> ModuleType:
    """A module of scikit-image, which is an extra. Call it before work that will need it.

    Args:
        module: "metrics", "color", …

    Raises:
        UsageError: scikit-image is not installed.
    """
    try:
        return importlib.import_module(f"skimage.{module}")
    except ImportError as error:
        raise UsageError(
            f"this needs scikit-image, which cannot be imported: {error}",
            tip=pip_install("evaluate"),
        ) from error
