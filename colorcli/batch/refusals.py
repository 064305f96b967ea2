"""The plans that are refused before any work: each would lose or misplace a file."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from colorcli.errors import UsageError
from colorcli.looks import identity, is_stream, stays_inside

STREAM = Path("-")
"""Standard input as a source, standard output as a target."""


def refuse_collisions(writers: Mapping[Path, Path], *, format_given: bool = False) -> None:
    """Refuses two sources that would write one target.

    Args:
        writers: source → target.
        format_given: `--format` was, and may be what makes their names one.

    Raises:
        UsageError: names the first two sources, and how many more would write what others do.
    """
    clashes = list(collisions(writers, format_given=format_given).values())
    if not clashes:
        return
    more = len({id(clash) for clash in clashes}) - 1
    raise UsageError(f"{clashes[0]}{f', and {more} more' if more else ''}", tip=clashes[0].tip)


def collisions(
    writers: Mapping[Path, Path], *, format_given: bool = False
) -> dict[Path, UsageError]:
    """Each source that would write the target of another, and what is to be said of it.

    Args:
        writers: as in `refuse_collisions`.
        format_given: as in `refuse_collisions`.
    """
    takers: dict[str, Path] = {}
    folders: dict[Path, str] = {}
    found: dict[Path, UsageError] = {}
    for source, target in writers.items():
        if target == STREAM or is_stream(target):
            continue
        other = takers.setdefault(_key(target, folders), source)
        if other != source:
            error = UsageError(
                f"{other} and {source} would both be written to {target}",
                tip=_way_out(other, source, format_given=format_given),
            )
            found.setdefault(other, error)
            found[source] = error
    return found


def writes(writers: Mapping[Path, Path], path: Path) -> bool:
    """Whether one of the targets is `path`, by whatever name."""
    folders: dict[Path, str] = {}
    key = _key(path, folders)
    return any(_key(target, folders) == key for target in writers.values() if target != STREAM)


def fold(name: str) -> str:
    """The same for all names that some file systems take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _way_out(one: Path, other: Path, *, format_given: bool) -> str:
    # Same names but for their suffixes: without --format they would not meet.
    if format_given and one.suffix.lower() != other.suffix.lower():
        return "leave --format out: each keeps its own suffix then"
    if one.parent != other.parent:
        return "colour them one after the other, each with an -o of its own"
    if fold(one.name) == fold(other.name):
        return (
            "names that differ in case alone are one file on many disks: rename one of the two, "
            "or colour each alone with -o FILE"
        )
    return "rename one of the two, or colour each alone with -o FILE"


def _key(path: Path, folders: dict[Path, str]) -> str:
    """The same for all names of one file; `folders` keeps what the folders are really called."""
    folder = folders.get(path.parent)
    if folder is None:
        # Through links: two folders of the output may be one.
        folder = folders[path.parent] = os.path.realpath(path.parent)
    # Names that differ in case or in Unicode form alone are one file on macOS, Windows, exFAT.
    return fold(os.path.join(folder, path.name))  # noqa: PTH118


def refuse_replacing_inputs(writers: Mapping[Path, Path]) -> None:
    """Refuses targets that are one of the sources, by whatever name.

    Args:
        writers: source → target.

    Raises:
        UsageError: names the target and the source. `--force` changes nothing about it.
    """
    # Few targets exist, often none: only then are the sources looked at.
    existing = {
        one: target
        for target in writers.values()
        if target != STREAM and (one := identity(target)) and not is_stream(target)
    }
    for source in writers if existing else ():
        one = _identity_of_stream() if source == STREAM else identity(source)
        if one and (target := existing.get(one)):
            what = "what is read from standard input" if source == STREAM else f"the input {source}"
            raise UsageError(
                f"{target}: the output would replace {what}",
                tip="photos are never coloured in place: choose another name with -o",
            )


def _identity_of_stream() -> tuple[int, int] | None:
    """What tells the file that standard input is read from; None where it is no file (a pipe)."""
    try:
        status = os.fstat(0)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def refuse_leaving(folders: Mapping[Path, Path]) -> None:
    """Refuses folders that lie outside their output folder once symbolic links are followed.

    Args:
        folders: folder written to → output folder it must stay in.

    Raises:
        UsageError: names the folder.
    """
    for folder, root in folders.items():
        if not stays_inside(folder, root):
            raise UsageError(
                f"{folder}: this folder leads outside the output folder {root}",
                tip="it is a symbolic link: remove it, or name what it points at with -o",
            )


def writes_over(target: Path) -> bool:
    """Whether writing `target` would replace a file, or anything else of that name."""
    return target != STREAM and os.path.lexists(target) and not is_stream(target)
