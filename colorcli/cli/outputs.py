"""Checks, before a command begins, of the files that it writes at its end."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from colorcli.errors import UsageError
from colorcli.files import try_folder, unwritable
from colorcli.looks import identity, is_folder, is_stream, is_too_long, stays_inside


def refuse_unwritable(
    paths: Iterable[Path], *, force: bool, reads: Collection[Path] = (), suffix: str = ""
) -> None:
    """Refuse, before any work, output files that cannot or must not be written.

    Args:
        paths: the files.
        force: replace existing ones.
        reads: files that the command reads: not even `force` replaces them.
        suffix: required suffix, or "": protects a photo given by mistake.

    Raises:
        UsageError: one of them exists, and `force` is false or it is a picture that this
            program did not draw; or it is a folder, or one of `reads`, or has another suffix.
        PhotoError: its folder is not writable.
    """
    for path in paths:
        if is_folder(path):
            raise UsageError(f"{path}: is a folder", tip="give the name of a file")
        if suffix and path.suffix.lower() != suffix and not is_stream(path):
            raise UsageError(
                f"{path}: the output is a {suffix} file",
                tip=f"give a name that ends in {suffix}",
            )
        there = identity(path)
        if there and not is_stream(path) and any(identity(one) == there for one in reads):
            raise UsageError(
                f"{path}: it would be read, and then replaced",
                tip="choose another name or folder, not among the photos",
            )
        if is_too_long(path):
            raise UsageError(f"{path}: the name is too long", tip="give a shorter one")
        if os.path.lexists(path) and not is_stream(path) and not force:
            raise UsageError(f"{path}: exists already", tip="--force replaces it")
        if _is_somebodys_picture(path):
            raise UsageError(
                f"{path}: is a picture that colorize did not draw",
                tip="choose another name, or move it away (a sheet of an earlier version, too)",
            )
        if not is_stream(path) and (error := try_folder(path.parent)) is not None:
            raise unwritable(path, error)


def refuse_among(out: Path, photos: Path) -> None:
    """Refuse to write pictures into the tree of photos read: they would be counted as photos.

    Args:
        out: the folder or file to write to.
        photos: a folder tree, tar shards, or one photo. Beside shards nothing is read.

    Raises:
        UsageError: `out` is the folder tree or lies inside it.
    """
    shards = is_folder(photos) and any(photos.glob("*.tar"))
    if is_folder(photos) and not shards and stays_inside(out, photos):
        raise UsageError(
            f"{out}: lies among the photos of {photos}; its pictures would be counted as photos",
            tip="choose a folder outside with -o",
        )


def _is_somebodys_picture(path: Path) -> bool:
    """Whether `path` is a PNG that is not an earlier sheet or graph: perhaps a photo."""
    if path.suffix.lower() != ".png" or is_stream(path) or not os.path.isfile(path):  # noqa: PTH113
        return False
    from colorcli.drawing import is_drawn

    return os.path.getsize(path) > 0 and not is_drawn(path)  # noqa: PTH202
