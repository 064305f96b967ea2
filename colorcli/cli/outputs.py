"""Files that a command will write at its end, looked at before it begins."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from colorcli.errors import UsageError
from colorcli.files import is_stream, try_folder, unwritable
from colorcli.looks import is_folder, is_too_long


def refuse_unwritable(paths: Iterable[Path], *, force: bool) -> None:
    """Refuse, before any work, files that could not be written after it.

    Raises:
        UsageError: one of them is there, and `force` is false; or it is a folder.
        PhotoError: nothing can be written into its folder.
    """
    for path in paths:
        if is_folder(path):
            raise UsageError(f"{path}: is a folder", tip="give the name of a file")
        if is_too_long(path):
            raise UsageError(f"{path}: the name is too long", tip="give a shorter one")
        if os.path.lexists(path) and not is_stream(path) and not force:
            raise UsageError(f"{path}: exists already", tip="--force replaces it")
        if not is_stream(path) and (error := try_folder(path.parent)) is not None:
            raise unwritable(path, error)
