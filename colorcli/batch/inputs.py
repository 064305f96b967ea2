"""The photos that the inputs of a command stand for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from colorcli.batch.refusals import fold
from colorcli.errors import UsageError
from colorcli.looks import is_folder, why_unreadable
from colorcli.photo import FORMATS
from colorcli.walk import EARLIER_OUTPUTS, MARK, NOT_READ, walk


class Found(NamedTuple):
    """A source, and where it lies in the tree that is mirrored (None: named by itself)."""

    path: Path
    inside: Path | None = None
    tree: Path | None = None
    error: str | None = None
    tip: str | None = None
    skip: str | None = None


def find(paths: Sequence[Path], root: Path | None = None) -> Iterator[Found]:
    """Every photo of the inputs, once, in order.

    Args:
        paths: files and folders.
        root: the output folder, which is not walked if it lies in one of them.
    """
    seen: set[str] = set()
    folders = {os.path.abspath(path) for path in paths if is_folder(path)}  # noqa: PTH100
    for path in paths:
        if _is_of_earlier_outputs(path, folders):
            yield Found(path, Path(), path, skip=EARLIER_OUTPUTS)
            continue
        if not is_folder(path):
            key = os.path.abspath(path)  # noqa: PTH100
            if key not in seen:
                seen.add(key)
                yield found_alone(path)
            continue
        photos = 0
        for entry in walk(path, leave_out=root):
            photos += entry.skip != NOT_READ
            if len(paths) > 1:  # one folder alone holds no photo twice
                key = os.path.abspath(entry.path)  # noqa: PTH100
                if key in seen:
                    continue
                seen.add(key)
            # A folder that cannot be listed may be the input itself.
            inside = Path() if entry.error else entry.path.parent.relative_to(path)
            yield Found(entry.path, inside, path, entry.error, skip=entry.skip)
        if not photos:
            suffixes = " ".join(sorted(FORMATS))
            tip = f"photos are known by their names: {suffixes}"
            yield Found(path, Path(), path, "no photos in this folder", tip)


def _is_of_earlier_outputs(path: Path, folders: set[str]) -> bool:
    """Whether it is the folder `x.color` and the folder `x` is an input too."""
    name = os.path.abspath(path)  # noqa: PTH100
    return name in folders and name.endswith(MARK) and name.removesuffix(MARK) in folders


def found_alone(path: Path) -> Found:
    """A photo that is named by itself."""
    error, tip = why_unreadable(path) or (None, None)
    return Found(path, error=error, tip=tip)


def places_of(folders: Sequence[Path], root: Path, *, alone: bool) -> dict[Path, Path]:
    """Where the photos of each folder go.

    Args:
        folders: the inputs that are folders.
        root: the output folder.
        alone: there is one input: it is mirrored straight into the output.

    Raises:
        UsageError: two different folders have one name, and their photos would be mixed.
    """
    if alone:
        return dict.fromkeys(folders, root)
    places: dict[Path, Path] = {}
    takers: dict[str, Path] = {}
    for folder in folders:
        name = os.path.basename(os.path.realpath(folder))  # noqa: PTH119
        places[folder] = root / name
        other = takers.setdefault(fold(name), folder)
        if not folder.samefile(other):
            raise UsageError(
                f"{other} and {folder} would both be written to {places[folder]}",
                tip="colour them one after the other, each with an -o of its own",
            )
    return places
