"""colorize: black-and-white photographs in colour.

    from colorcli import Colorizer

    rgb = Colorizer.load().colorize(gray)

Names load on first use, so that the command starts fast.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colorcli.colorizer import Colorizer
    from colorcli.errors import ColorizeError, DeviceError, ModelError, PhotoError, UsageError
    from colorcli.model.sessions import Model
    from colorcli.model.spec import model_folders
    from colorcli.photo import Photo, encode_photo, read_photo

__version__ = "0.1.0"

# Before its first import: onnxruntime's telemetry would record what each run loads, and keep an id
# of the machine in the home folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "ColorizeError",
    "Colorizer",
    "DeviceError",
    "Model",
    "ModelError",
    "Photo",
    "PhotoError",
    "UsageError",
    "encode_photo",
    "model_folders",
    "read_photo",
]

_HOMES = {
    "colorcli.colorizer": ("Colorizer",),
    "colorcli.errors": ("ColorizeError", "DeviceError", "ModelError", "PhotoError", "UsageError"),
    "colorcli.model.sessions": ("Model",),
    "colorcli.photo": ("Photo", "encode_photo", "read_photo"),
    "colorcli.model.spec": ("model_folders",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
