"""From the inputs of a command to photos."""

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
    """A source, and its place in the tree to mirror.

    Attributes:
        path: the photo, or a folder that cannot be used.
        inside: its folder, relative to `tree`; None for a file given by name.
        tree: the input folder it was found in; None for a file given by name.
        error: why it cannot be read, or None.
        tip: the next step after an error, or None.
        skip: why it is skipped, or None.
    """

    path: Path
    inside: Path | None = None
    tree: Path | None = None
    error: str | None = None
    tip: str | None = None
    skip: str | None = None


def find(paths: Sequence[Path], root: Path | None = None) -> Iterator[Found]:
    """Every photo of the inputs, once, in order; also what is skipped or cannot be read.

    Args:
        paths: files and folders.
        root: the output folder, not searched if it lies in one of them.
    """
    seen: set[str] = set()
    folders = {_key(path) for path in paths if is_folder(path)}
    for path in paths:
        if _is_of_earlier_outputs(path, folders):
            yield Found(path, Path(), path, skip=EARLIER_OUTPUTS)
            continue
        if not is_folder(path):
            key = _key(path)
            if key not in seen:
                seen.add(key)
                yield found_alone(path)
            continue
        photos = 0
        for entry in walk(path, leave_out=root):
            photos += entry.skip != NOT_READ
            if len(paths) > 1:  # a single folder yields no photo twice
                key = _key(entry.path)
                if key in seen:
                    continue
                seen.add(key)
            # A folder that cannot be listed may be the input itself.
            inside = Path() if entry.error else entry.path.parent.relative_to(path)
            yield Found(entry.path, inside, path, entry.error, skip=entry.skip)
        if not photos:
            suffixes = " ".join(sorted(FORMATS))
            tip = f"photos are recognised by suffix: {suffixes}"
            yield Found(path, Path(), path, "no photos in this folder", tip)


def _is_of_earlier_outputs(path: Path, folders: set[str]) -> bool:
    """Whether `path` is a folder `x.color` and the folder `x` is an input too."""
    name = _key(path)
    return name in folders and name.endswith(MARK) and name.removesuffix(MARK) in folders


def found_alone(path: Path) -> Found:
    """A photo given by name, not found in a folder."""
    error, tip = why_unreadable(path) or (None, None)
    return Found(path, error=error, tip=tip)


def places_of(folders: Sequence[Path], root: Path, *, alone: bool) -> dict[Path, Path]:
    """Where the photos of each folder go.

    Args:
        folders: the inputs that are folders.
        root: the output folder.
        alone: there is one input, mirrored directly into the output.

    Raises:
        UsageError: two different folders have the same name, so their photos would be mixed.
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
                tip="colour them one at a time, each with its own -o",
            )
    return places


def _key(path: Path) -> str:
    """One for all spellings of a path; on Windows whatever its case."""
    return os.path.normcase(os.path.abspath(path))  # noqa: PTH100
