"""What is installed, how to install an extra, and access to scikit-image."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

from colorcli.errors import UsageError

DISTRIBUTION = "colorize-photos"
"""The name of this program on PyPI."""


def versions(*packages: str) -> dict[str, str]:
    """The versions of the installed ones of `packages`, by their names on PyPI."""
    from importlib import metadata  # with its imports, 5 % of a short run

    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def pip_install(*extras: str) -> str:
    """The command that installs extras in the running environment."""
    import shlex
    import shutil
    import subprocess

    windows = sys.platform == "win32"
    wanted = f"{DISTRIBUTION}[{','.join(extras)}]"
    wanted = f'"{wanted}"' if windows else f"'{wanted}'"
    if "pipx" in Path(sys.prefix).parts:
        return f"pipx runpip {DISTRIBUTION} install {wanted}"
    pip = shutil.which("pip")
    if pip is not None and Path(pip).parent == Path(sys.executable).parent:
        return f"pip install {wanted}"
    python = subprocess.list2cmdline if windows else shlex.join
    return f"{python([sys.executable])} -m pip install {wanted}"


def scikit_image(module: str) -> ModuleType:
    """A module of scikit-image, which is an extra. Call this before work that will need it.

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
