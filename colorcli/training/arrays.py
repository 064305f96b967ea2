"""Arrays in an `.npz` file: atomic writes, one clear error on reading."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorcli.errors import UsageError
from colorcli.files import write_whole

_BROKEN = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error)
"""What numpy raises for a missing or truncated file, another format, or a missing array."""


def save_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write compressed arrays, replacing an existing file.

    Raises:
        PhotoError: the file cannot be written.
    """
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    write_whole(path, stream.getvalue(), replace=True)


def load_arrays(path: Path, *names: str, tip: str) -> list[NDArray[Any]]:
    """Read the arrays `names`, in this order.

    Args:
        path: written by `save_arrays`.
        names: of the arrays.
        tip: how to fix an unreadable file.

    Raises:
        UsageError: the file is missing or broken, or lacks one of the arrays.
    """
    try:
        with np.load(path) as file:
            return [file[name] for name in names]
    except _BROKEN as error:
        raise UsageError(f"{path}: cannot be read ({type(error).__name__})", tip=tip) from None
