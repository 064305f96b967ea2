"""A file written completely or not at all.

The bytes go to a temporary file in the target's own folder, are synced, and only then take the
target's name. So whatever happens (a full disk, Ctrl-C, `kill -9`, a power cut) the target is
either what it was before or the whole new file.

A temporary file is locked by the process that writes it. The lock dies with the process, so
`sweep` tells what a killed run left behind from what a running one is still writing.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from colorcli.errors import ExistsError, PhotoError
from colorcli.looks import is_stream

if sys.platform != "win32":  # on Windows an open file cannot be deleted: that is lock enough
    import fcntl

PREFIX = ".colorize-"
SUFFIX = ".tmp"

_MINUTE = 60
_DAY = 24 * 60 * _MINUTE

_swept: set[Path] = set()
"""Folders that this process has swept before it wrote there."""

_REASONS: dict[int, tuple[str, str | None]] = {
    errno.ENOSPC: ("the disk is full", "free some space, then run it again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, then run it again"),
    errno.EACCES: ("permission denied", "choose a folder you may write to with -o"),
    errno.EPERM: ("permission denied", "choose a folder you may write to with -o"),
    errno.EROFS: ("the folder is read-only", "choose a folder you may write to with -o"),
    errno.ENAMETOOLONG: ("the name is too long", "give a shorter name with -o"),
    errno.ELOOP: ("a part of the path is a link that leads back to itself", None),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", None),
    errno.EISDIR: ("it is a folder", "end the name with a slash to write into that folder"),
    errno.EFBIG: ("the file is too large for this disk", None),
}

# File systems without hard links (FAT, exFAT, some network ones) answer link(2) with one of these.
# Android forbids links (EACCES), some FUSE file systems know none (EINVAL).
_NO_LINKS = {
    errno.EACCES,
    errno.EINVAL,
    errno.EPERM,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
    errno.EXDEV,
}


def write_whole(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Writes `data` to `path` so that no half file ever bears that name; makes its folders.

    The first file of a folder sweeps it of what killed runs left there.

    Devices and pipes (`/dev/null`) are written to directly: they are never replaced by a file.

    Args:
        path: the file to write.
        data: all of its bytes.
        replace: whether a file already there is replaced. A symbolic link is replaced itself,
            what it points at stays. A replaced file's permissions are kept.

    Raises:
        PhotoError: it cannot be written. The folder is as it was before.
        ExistsError: it is there already, and `replace` is false.
    """
    try:
        if is_stream(path):
            with path.open("wb") as stream:
                stream.write(data)
            return
    except OSError as error:
        raise unwritable(path, error) from error
    with whole_file(path, replace=replace) as file:
        fill(file, data)


@contextlib.contextmanager
def whole_file(path: Path, *, replace: bool = False) -> Iterator[io.FileIO]:
    """As `write_whole`, for what is written piece by piece.

    Args:
        path: the file to write, no device or pipe.
        replace: as there.

    Yields:
        A file without a name. It gets its name at the end, unless an error is raised within.

    Raises:
        PhotoError, ExistsError: as `write_whole`; the first also for an OSError raised within.
    """
    try:
        _make_folder(path.parent)
        _sweep_once(path.parent)
        with _temporary(path.parent) as (file, temporary):
            yield file
            os.fsync(file.fileno())
            if replace:
                _lend_permissions(path, file)
            if sys.platform == "win32":
                file.close()  # an open file cannot be renamed there
            _give_name(temporary, path, replace=replace)
        _sync_folder(path.parent)
    except FileExistsError:
        raise ExistsError(f"{path}: exists already", tip="--force replaces it") from None
    except OSError as error:
        raise unwritable(path, error) from error


def write_together(files: Sequence[tuple[Path, bytes]]) -> None:
    """Replaces files that belong to each other: none, if the disk does not hold them all.

    Every byte is on the disk before the first file gets its name. What goes wrong among the renames
    alone, a power cut or a folder of that name, may leave some new and some old.

    Args:
        files: paths and their bytes, in the order in which they get their names.

    Raises:
        PhotoError: one cannot be written.
    """
    with contextlib.ExitStack() as stack:
        whole = []
        for path, data in files:
            try:
                _make_folder(path.parent)
                _sweep_once(path.parent)
                file, temporary = stack.enter_context(_temporary(path.parent))
                fill(file, data)
                os.fsync(file.fileno())
            except OSError as error:
                raise unwritable(path, error) from error
            _lend_permissions(path, file)
            whole.append((path, file, temporary))
        for path, file, temporary in whole:
            if sys.platform == "win32":
                file.close()
            try:
                _give_name(temporary, path, replace=True)
            except OSError as error:
                raise unwritable(path, error) from error
    for folder in {path.parent for path, _ in files}:
        _sync_folder(folder)


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for work in progress, where the system keeps such; gone afterwards.

    Raises:
        PhotoError: there is no such place, or no room in it.
    """
    import tempfile

    try:
        made = tempfile.TemporaryDirectory()
    except OSError as error:
        raise PhotoError(
            f"no place for scratch files: {error.strerror or error}", tip="TMPDIR=FOLDER names one"
        ) from error
    with made as folder:
        try:
            yield Path(folder)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            reason, _ = _REASONS[error.errno]
            raise PhotoError(
                f"{folder}: cannot be written: {reason}",
                tip="free some space, or name another place for scratch files: TMPDIR=FOLDER",
            ) from error


def unwritable(path: Path, error: OSError) -> PhotoError:
    """What is said of a file that cannot be written."""
    reason, tip = _REASONS.get(error.errno or 0, (error.strerror or str(error), None))
    return PhotoError(f"{path}: cannot be written: {reason}", tip=tip)


def try_folder(folder: Path) -> OSError | None:
    """Why nothing can be written into `folder`; None: it seems that it can be.

    Tried with an empty temporary file: permissions alone do not tell (root, read-only disks). A
    folder that is still to be made is not made: the one that it would be made in is tried. What
    killed runs left there is swept first.

    Args:
        folder: may or may not exist.
    """
    while not os.path.lexists(folder) and folder.parent != folder:
        folder = folder.parent
    if not os.path.isdir(folder):  # noqa: PTH112  (`Path.is_dir` may raise)
        return NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    sweep(folder)
    try:
        with _temporary(folder):
            return None
    except OSError as error:
        return error


def sweep(folder: Path) -> int:
    """Removes temporary files that a killed run left in `folder`.

    Those of a process that still runs are left alone. A folder that cannot be listed is no error.

    Args:
        folder: looked through, without its subfolders.

    Returns:
        How many were removed.
    """
    removed = 0
    try:
        names = [entry.name for entry in os.scandir(folder) if is_temporary(entry.name)]
    except OSError:
        return 0
    for name in names:
        with contextlib.suppress(OSError):
            removed += _remove_if_stray(folder / name)
    return removed


def _sweep_once(folder: Path) -> None:
    if folder not in _swept:
        _swept.add(folder)
        sweep(folder)


def is_temporary(name: str) -> bool:
    """Whether a file of this name is a temporary file of `write_whole`."""
    return name.startswith(PREFIX) and name.endswith(SUFFIX)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[tuple[io.FileIO, Path]]:
    """A new, locked file in `folder`, and its path; gone afterwards, whatever happens."""
    file, path = _open_locked(folder)
    try:
        yield file, path
    finally:
        if sys.platform == "win32":
            file.close()
        with contextlib.suppress(OSError):
            path.unlink()
        file.close()  # and with it the lock: nobody sweeps what is about to get its name


def _open_locked(folder: Path) -> tuple[io.FileIO, Path]:
    while True:
        path = folder / f"{PREFIX}{os.urandom(6).hex()}{SUFFIX}"
        # Made with 0o666 less the umask, as by any program (mkstemp would give 0o600).
        file = io.FileIO(path, "x")
        if sys.platform == "win32":
            return file, path
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                return file, path  # no locks on this file system: its age alone guards it
        else:
            # A sweep may have removed the file between its making and its locking.
            with contextlib.suppress(OSError):
                if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                    return file, path
        file.close()


def _remove_if_stray(path: Path) -> bool:
    if sys.platform == "win32":
        # Between its writer's closing and its renaming nothing guards it but its age.
        if time.time() - path.stat().st_mtime < _MINUTE:
            return False
        path.unlink()  # fails while its writer has it open
        return True
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            locked = error.errno in (errno.EAGAIN, errno.EACCES)
            if locked or time.time() - os.fstat(descriptor).st_mtime < _DAY:
                return False
        path.unlink()  # while locked: a writer that has only just made it sees that it is gone
        return True
    finally:
        os.close(descriptor)


def _lend_permissions(path: Path, file: io.FileIO) -> None:
    """Give a file that will replace another its permissions, where the system has them."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):  # a link's own mode lets everybody do everything
            os.fchmod(file.fileno(), stat.S_IMODE(mode))


def fill(file: io.FileIO, data: bytes) -> None:
    """Writes all of `data`, of which a file may take a part at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _give_name(temporary: Path, path: Path, *, replace: bool) -> None:
    if replace:
        temporary.replace(path)
        return
    if os.name == "nt":
        temporary.rename(path)  # never replaces on Windows
        return
    try:
        # Unlike a rename, a link fails if somebody else made the file since the plan.
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Without links the best there is: a look just before the rename.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "exists", str(path)) from None
        temporary.rename(path)


def _sync_folder(folder: Path) -> None:
    """Makes the new name itself survive a power cut, where the system can."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
