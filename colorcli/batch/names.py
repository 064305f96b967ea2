"""The names of outputs."""

from __future__ import annotations

from pathlib import Path, PurePath

from colorcli.errors import UsageError
from colorcli.photo import FORMATS, coloured_suffix, suffix_of
from colorcli.walk import MARK


def format_named(name: str) -> str:
    """The format for `--format NAME`, where NAME is a format or one of its suffixes.

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

    The name stays the same, except for the suffix if the format changes. A source whose suffix
    names no format is written as PNG, which is lossless.
    """
    own = FORMATS.get(source.suffix.lower())
    chosen = format or own or "png"
    if own == chosen:
        return source.stem + coloured_suffix(source.suffix), chosen
    stem = source.stem if own else source.name
    return stem + suffix_of(chosen), chosen


def default_root(folder: Path) -> Path:
    """The output folder for `folder` when none is given: `album` → `album.color`.

    Raises:
        UsageError: the folder is the root of a file system, which has no name.
    """
    resolved = folder.resolve()
    if not resolved.name:
        raise UsageError(f"{folder}: has no default output folder", tip="give one with -o")
    if folder.name in ("", ".."):
        folder = resolved
    return folder.with_name(folder.name + MARK)


def name_beside(source: Path, format: str | None) -> Path:  # noqa: A002
    """The output for `source` when none is given: `photo.color.jpg` beside it."""
    if not source.name:
        return source
    name = PurePath(name_for(source, format)[0])
    return source.with_name(f"{name.stem}{MARK}{name.suffix}")
