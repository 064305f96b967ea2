"""Checks that refuse a plan before any work: it would lose or misplace a file."""

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
    """Refuses two sources that would write the same target.

    Args:
        writers: source → target.
        format_given: whether `--format` was given, which may be why names collide.

    Raises:
        UsageError: names the first two sources, and how many more collide.
    """
    clashes = list(collisions(writers, format_given=format_given).values())
    if not clashes:
        return
    more = len({id(clash) for clash in clashes}) - 1
    raise UsageError(f"{clashes[0]}{f', and {more} more' if more else ''}", tip=clashes[0].tip)


def collisions(
    writers: Mapping[Path, Path], *, format_given: bool = False
) -> dict[Path, UsageError]:
    """Each source that would write the target of another, with the error to report.

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
    """Whether one of the targets is `path`, under any name."""
    folders: dict[Path, str] = {}
    key = _key(path, folders)
    return any(_key(target, folders) == key for target in writers.values() if target != STREAM)


def fold(name: str) -> str:
    """A form that is equal for names that some file systems treat as the same."""
    return unicodedata.normalize("NFC", name).casefold()


def _way_out(one: Path, other: Path, *, format_given: bool) -> str:
    # Only the suffixes differ: without --format they would not collide.
    if format_given and one.suffix.lower() != other.suffix.lower():
        return "omit --format, so that each keeps its own suffix"
    if one.parent != other.parent:
        return "colour them one at a time, each with its own -o"
    if fold(one.name) == fold(other.name):
        return (
            "names that differ only in case are one file on many disks: rename one, "
            "or colour each separately with -o FILE"
        )
    return "rename one, or colour each separately with -o FILE"


def _key(path: Path, folders: dict[Path, str]) -> str:
    """A key that is equal for all names of a file; `folders` caches the real paths of folders."""
    folder = folders.get(path.parent)
    if folder is None:
        # Symlinks resolved: two folders of the output may be the same.
        folder = folders[path.parent] = os.path.realpath(path.parent)
    # Names that differ only in case or Unicode form are one file on macOS, Windows, exFAT.
    return fold(os.path.join(folder, path.name))  # noqa: PTH118


def refuse_replacing_inputs(writers: Mapping[Path, Path]) -> None:
    """Refuses targets that are one of the sources, under any name.

    Args:
        writers: source → target.

    Raises:
        UsageError: names the target and the source. `--force` does not override it.
    """
    # Few targets exist, often none: sources are only checked if any does.
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
    """Identity of the file that standard input reads; None if it is not a file (a pipe)."""
    try:
        status = os.fstat(0)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def refuse_leaving(folders: Mapping[Path, Path]) -> None:
    """Refuses folders that lie outside their output folder once symlinks are followed.

    Args:
        folders: folder to write to → output folder it must stay in.

    Raises:
        UsageError: names the folder.
    """
    for folder, root in folders.items():
        if not stays_inside(folder, root):
            raise UsageError(
                f"{folder}: leads outside the output folder {root}",
                tip="it is a symbolic link: remove it, or give its target with -o",
            )


def writes_over(target: Path) -> bool:
    """Whether writing `target` would replace a file, or anything else of that name."""
    return target != STREAM and os.path.lexists(target) and not is_stream(target)
