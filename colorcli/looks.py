"""Checks of a file's name and kind, without opening it. None of them raises."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

NO_SUCH_FILE = "no such file"

_OPEN_FILES = re.compile(r"/dev/fd|/proc/[^/]+(/task/[^/]+)?/fd")
"""Folders that list the open files of a process."""

_REASONS = {
    errno.ENOENT: NO_SUCH_FILE,
    errno.ENOTDIR: NO_SUCH_FILE,
    errno.ELOOP: "a link that leads back to itself",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EACCES: "permission denied",
}


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder. Unlike `Path.is_dir`, an impossible name is just not one."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def leads_somewhere(link: Path) -> bool:
    """Whether the target of a link exists, whatever its kind."""
    return os.path.exists(link)  # noqa: PTH110  (`Path.exists` may raise)


def why_unreadable(path: Path) -> tuple[str, str | None] | None:
    """Why the photo `path` cannot be read, and a tip; None if it looks like an ordinary file."""
    try:
        mode = path.stat().st_mode
    except ValueError:  # a NUL in the name
        return NO_SUCH_FILE, None
    except OSError as error:
        if error.errno == errno.ENOENT and os.path.lexists(path):
            return "a link that leads nowhere", None
        return _REASONS.get(error.errno or 0, error.strerror or str(error)), None
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        return "it is a folder", None
    if stat.S_ISSOCK(mode):
        return "it is a socket, not a file", None
    kind = "a named pipe" if stat.S_ISFIFO(mode) else "a device"
    # Reading it could block for ever, and the batch with it.
    return f"it is {kind}, not a file", f"colorize - < {path} reads a photo from it"


def is_too_long(target: Path) -> bool:
    """Whether a part of `target` is longer than its disk allows.

    Folders that do not exist yet count too: their names are tried where they would be created.
    """
    if os.name == "posix" and _is_short(target):
        return False
    missing: list[str] = []
    there = target
    while not os.path.lexists(there) and there.parent != there:
        missing.append(there.name)
        there = there.parent
    return _is_refused(target) or any(_is_refused(there / part) for part in missing)


def is_stream(path: Path) -> bool:
    """Whether `path` must be written to directly and never replaced.

    True for a device, a pipe, or a name of an open file such as `/dev/stdout`, even if that file is
    an ordinary one.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode) or stat.S_ISBLK(mode):
        return True
    return _names_an_open_file(path)


def _names_an_open_file(path: Path) -> bool:
    folder = os.path.realpath(path.parent)
    if _OPEN_FILES.fullmatch(folder):
        return True
    # `/dev/stdout` is a link to `/proc/self/fd/1`.
    is_link = folder == "/dev" and path.is_symlink()
    return is_link and _names_an_open_file(Path(folder, path.readlink()))


def stays_inside(folder: Path, root: Path) -> bool:
    """Whether `folder`, with symlinks followed, is `root` or lies in it."""
    # Not `Path.resolve`, which raises on a symlink loop.
    return Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root))


def identity(path: Path) -> tuple[int, int] | None:
    """The same for all names of a file, and for no other file; None if it does not exist."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else None  # some shares number none


def _is_short(path: Path) -> bool:
    """Whether every disk accepts the name. Asking the disk takes several calls per photo.

    The tightest in use is eCryptfs: 143 bytes a part. Every system allows paths of 1024.
    """
    encoded = os.fsencode(path)
    return len(encoded) < 1000 and all(len(part) <= 140 for part in encoded.split(b"/"))


def _is_refused(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError) as error:
        return isinstance(error, OSError) and (
            error.errno == errno.ENAMETOOLONG or (os.name == "nt" and len(path.name) > 255)
        )
    return False
