"""The photos in a folder and its subfolders."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from colorcli.looks import identity, is_folder, leads_somewhere, why_unreadable
from colorcli.photo import FOREIGN, FORMATS

EARLIER_OUTPUT = "an earlier output"
EARLIER_OUTPUTS = "a folder of earlier outputs"

PHOTOS_LIBRARY = "a Photos library: export photos from it first"

NOT_READ = "this kind of picture is not supported: convert it to PNG or TIFF first"

_LIBRARY = ".photoslibrary"
"""The end of a folder in which macOS' Photos keeps originals, previews and thumbnails."""

MARK = ".color"
"""The end of an output's stem, or of an output folder's name."""


class Entry(NamedTuple):
    """A photo in a tree, another picture, or a folder that is not entered.

    Attributes:
        path: the picture or the folder.
        error: why it cannot be read or listed, or None.
        skip: why it is skipped, or None.
        is_folder: whether it is a folder that could not be listed, so its content is unknown.
    """

    path: Path
    error: str | None = None
    skip: str | None = None
    is_folder: bool = False


def walk(folder: Path, *, leave_out: Path | None = None) -> list[Entry]:
    """The photos in `folder` and below it, sorted by path.

    A photo is a file whose suffix names a known format. Hidden files and folders (`._*` of macOS
    among them) and `leave_out` are ignored. Other pictures (`FOREIGN`), libraries of macOS' Photos
    and earlier outputs become entries with `skip`: the photo `x.color.jpg` beside a photo `x`, the
    folder `x.color` beside a folder `x`. Symlinks are followed, but no folder is entered twice, so
    loops end; a broken symlink with a photo's suffix is an entry with `error`.

    Args:
        folder: where to begin; must exist.
        leave_out: a folder not to enter, such as an output folder inside the input folder.
    """
    entered: set[tuple[int, int]] = set()
    if leave_out is not None and is_folder(leave_out):
        _enter_once(leave_out, entered)
    found: list[Entry] = []
    links: list[Path] = []
    _enter(folder, entered, found, links.append)
    # Symlinked folders last, so that a folder is found under its real path if it is in the tree.
    while links:
        links.sort(reverse=True)
        _enter(links.pop(), entered, found, links.append)
    # Not by `path.parts`, which each path would cache: this keeps large plans small.
    return sorted(found, key=lambda entry: str(entry.path).split(os.sep))  # noqa: PTH206


def is_own_output(name: str) -> bool:
    """Whether this is a name that `colorize` gives outputs by default: `photo.color.jpg`."""
    return Path(name).stem.lower().endswith(MARK)


def original_of(name: str) -> str:
    """For a name that `is_own_output`: the `stem_of` the photo it was made from."""
    return Path(name).stem[: -len(MARK)]


def stem_of(name: str) -> str:
    """The part of a name that its output's name begins with: without the suffix of a format."""
    path = Path(name)
    return path.stem if path.suffix.lower() in FORMATS else name


def _enter(
    folder: Path,
    entered: set[tuple[int, int]],
    found: list[Entry],
    link: Callable[[Path], None],
) -> None:
    folders = [folder]
    while folders:  # a stack, not recursion: trees can be deeper than Python's stack
        folder = folders.pop()
        try:
            if not _enter_once(folder, entered):
                continue
            with os.scandir(folder) as listing:
                entries = [entry for entry in listing if not _is_hidden(entry)]
        except OSError as error:
            reason = f"the folder cannot be listed: {error.strerror}"
            found.append(Entry(folder, reason, is_folder=True))
            continue
        inside = {entry.name for entry in entries if _is_folder(entry)}
        stems = {stem_of(entry.name) for entry in entries if entry.name not in inside}
        for entry in entries:
            path = folder / entry.name
            if entry.name not in inside:
                if photo := _photo(entry, path, stems):
                    found.append(photo)
            elif entry.name.endswith(MARK) and entry.name.removesuffix(MARK) in inside:
                if identity(path) not in entered:
                    found.append(Entry(path, skip=EARLIER_OUTPUTS))
            elif entry.name.lower().endswith(_LIBRARY):
                found.append(Entry(path, skip=PHOTOS_LIBRARY))
            elif entry.is_symlink():
                link(path)
            else:
                folders.append(path)


def _photo(entry: os.DirEntry[str], path: Path, stems: set[str]) -> Entry | None:
    """The entry of something other than a folder; None if it is not a picture."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        return Entry(path, skip=NOT_READ) if suffix in FOREIGN else None
    # Without its original it is not our output, or is the only copy left.
    if is_own_output(entry.name) and original_of(entry.name) in stems:
        return Entry(path, skip=EARLIER_OUTPUT)
    with contextlib.suppress(OSError):  # a link to itself
        if entry.is_file():
            return Entry(path)
    # Pipes and devices are not photos, nor are links to them.
    if not entry.is_symlink() or leads_somewhere(path):
        return None
    reason, _ = why_unreadable(path) or ("a link that leads nowhere", None)
    return Entry(path, reason)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _enter_once(folder: Path, entered: set[tuple[int, int]]) -> bool:
    """Whether it was not entered before; a folder without an identity counts as new."""
    if (one := identity(folder)) is None:
        return True
    fresh = one not in entered
    entered.add(one)
    return fresh


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    if sys.platform == "win32":  # the recycle bin among them
        hidden = stat.FILE_ATTRIBUTE_HIDDEN | stat.FILE_ATTRIBUTE_SYSTEM
        if entry.stat(follow_symlinks=False).st_file_attributes & hidden:
            return True
    return entry.name.startswith(".")
