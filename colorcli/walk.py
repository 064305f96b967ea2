"""The photos in a folder, and all folders in it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from colorcli.looks import identity, is_folder, leads_somewhere, why_unreadable
from colorcli.photo import FOREIGN, FORMATS

EARLIER_OUTPUT = "an earlier output"
EARLIER_OUTPUTS = "a folder of earlier outputs"

NOT_READ = "a kind of picture that is not read: convert it first, to PNG or TIFF, say"

MARK = ".color"
"""What an output's name, or its folder's, ends in, before the suffix."""


class Entry(NamedTuple):
    """A photo of a tree, or a folder of it that is not entered.

    Attributes:
        path: the photo, or the folder.
        error: why it cannot be read or listed, or None.
        skip: why it is left out, or None.
        is_folder: whether it is a folder that could not be listed: what is in it is not known.
    """

    path: Path
    error: str | None = None
    skip: str | None = None
    is_folder: bool = False


def walk(folder: Path, *, leave_out: Path | None = None) -> list[Entry]:
    """The photos in `folder` and below it, sorted by path.

    A photo is a file whose suffix names a known format; other pictures (`FOREIGN`) are entries that
    say so. Hidden files and folders (`._*` of macOS among them) are left out, and so is
    `leave_out`. Earlier outputs are entries that say so: the photo `x.color.jpg` beside a photo
    `x`, the folder `x.color` beside a folder `x`. Symbolic links are followed, but no folder is
    entered twice, so loops end; a link with a photo's name that leads nowhere is an entry with an
    error.

    Args:
        folder: where to begin; it exists.
        leave_out: a folder not to enter, as the output folder inside the input folder.
    """
    entered: set[tuple[int, int]] = set()
    if leave_out is not None and is_folder(leave_out):
        _enter_once(leave_out, entered)
    found: list[Entry] = []
    links: list[Path] = []
    _enter(folder, entered, found, links.append)
    # Linked folders last, so that a folder is found under its real path where it has one.
    while links:
        links.sort(reverse=True)
        _enter(links.pop(), entered, found, links.append)
    # Not by `path.parts`, which each path would keep: plans of many photos stay small.
    return sorted(found, key=lambda entry: str(entry.path).split(os.sep))  # noqa: PTH206


def is_own_output(name: str) -> bool:
    """Whether this is the name that `colorize photo.jpg` gives its output: `photo.color.jpg`."""
    return Path(name).stem.lower().endswith(MARK)


def original_of(name: str) -> str:
    """Of a name that `is_own_output`: what `stem_of` gives for the photo it was made from."""
    return Path(name).stem[: -len(MARK)]


def stem_of(name: str) -> str:
    """What an output's name begins with: the suffix stays unless it names a format."""
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
                entries = [entry for entry in listing if not entry.name.startswith(".")]
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
            elif entry.is_symlink():
                link(path)
            else:
                folders.append(path)


def _photo(entry: os.DirEntry[str], path: Path, stems: set[str]) -> Entry | None:
    """The entry of what is no folder; None: no photo."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        return Entry(path, skip=NOT_READ) if suffix in FOREIGN else None
    # One without its original beside it is no output of ours, or all that is left of the photo.
    if is_own_output(entry.name) and original_of(entry.name) in stems:
        return Entry(path, skip=EARLIER_OUTPUT)
    with contextlib.suppress(OSError):  # a link to itself
        if entry.is_file():
            return Entry(path)
    # Pipes and devices are no photos, nor are links to them.
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
    """Whether it was not entered before; what cannot be told from others is."""
    if (one := identity(folder)) is None:
        return True
    fresh = one not in entered
    entered.add(one)
    return fresh
