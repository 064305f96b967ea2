"""The names of outputs."""

from __future__ import annotations

from pathlib import Path, PurePath

from colorcli.errors import UsageError
from colorcli.photo import FORMATS, coloured_suffix, suffix_of
from colorcli.walk import MARK


def format_named(name: str) -> str:
    """The format that `--format NAME` means: a format's name or one of its suffixes.

    Raises:
        UsageError: no such format.
    """
    name = name.lower().removeprefix(".")
    if name in FORMATS.values():
        return name
    try:
        return FORMATS[f".{name}"]
    except KeyError:
        known = ", ".join(sorted(set(FORMATS.values())))
        raise UsageError(f"--format {name}: no such format", tip=f"one of: {known}") from None


def name_for(source: Path, format: str | None) -> tuple[str, str]:  # noqa: A002
    """The name and format of the output for `source`, when it is written to another folder.

    The name stays, but for its suffix where the format changes. A source whose suffix says no
    format is written as PNG, which loses nothing.
    """
    own = FORMATS.get(source.suffix.lower())
    chosen = format or own or "png"
    if own == chosen:
        return source.stem + coloured_suffix(source.suffix), chosen
    stem = source.stem if own else source.name
    return stem + suffix_of(chosen), chosen


def default_root(folder: Path) -> Path:
    """Where the photos of `folder` go when no output is given: `album` → `album.color`.

    Raises:
        UsageError: the folder is the root of a disk and has no name.
    """
    resolved = folder.resolve()
    if not resolved.name:
        raise UsageError(f"{folder}: where should the photos go?", tip="give a folder with -o")
    if folder.name in ("", ".."):
        folder = resolved
    return folder.with_name(folder.name + MARK)


def name_beside(source: Path, format: str | None) -> Path:  # noqa: A002
    """Where the output for `source` goes when none is given: `photo.color.jpg` beside it."""
    if not source.name:
        return source
    name = PurePath(name_for(source, format)[0])
    return source.with_name(f"{name.stem}{MARK}{name.suffix}")
