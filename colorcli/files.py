"""Files written completely or not at all.

The bytes go to a temporary file in the target's own folder, are synced, and only then get the
target's name. So whatever happens (a full disk, Ctrl-C, `kill -9`, a power cut), the target is
either unchanged or the whole new file.

A temporary file is locked by the process that writes it. The lock ends with the process, so
`sweep` can tell what a killed run left behind from what a running one is still writing.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from colorcli.errors import ExistsError, PhotoError
from colorcli.looks import is_stream

if sys.platform != "win32":  # on Windows an open file cannot be deleted, which serves as the lock
    import fcntl

PREFIX = ".colorize-"
SUFFIX = ".tmp"

# What Windows takes of a path, less the name of a temporary file; and of a name.
_LONGEST, _LONGEST_NAME = 259 - len(f"{PREFIX}123456789abc{SUFFIX}"), 255
_MINUTE = 60
_DAY = 24 * 60 * _MINUTE

_swept: set[Path] = set()
"""Folders that this process has swept."""

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

# Errors of link(2) on file systems without hard links (FAT, exFAT, some network ones). Android
# forbids them (EACCES), some FUSE file systems lack them (EINVAL).
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
    """Writes `data` to `path` so that no partial file ever has that name; creates its folders.

    The first write to a folder also removes what killed runs left there.

    Devices and pipes (`/dev/null`) are written to directly and never replaced by a file.

    Args:
        path: the file to write.
        data: all of its bytes.
        replace: whether to replace an existing file. Of a symlink, the link itself is replaced and
            not its target. A replaced file's permissions are kept.

    Raises:
        PhotoError: it cannot be written. What was at `path` is unchanged.
        ExistsError: it exists already, and `replace` is false.
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
    """As `write_whole`, for data written in pieces.

    Args:
        path: the file to write, not a device or pipe.
        replace: as in `write_whole`.

    Yields:
        The file under a temporary name. It gets its own at the end, unless the body raises.

    Raises:
        PhotoError, ExistsError: as `write_whole`; PhotoError also for an OSError in the body.
    """
    try:
        _make_folder(path.parent)
        _sweep_once(path.parent)
        with _temporary(path.parent) as (file, temporary):
            yield file
            _sync(file.fileno())
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
    """Replaces files that belong together: none of them if the disk cannot hold all.

    Every byte is on disk before the first file gets its name. Only a failure during the renames, by
    a power cut or a folder of that name, can leave some new and some old.

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
                _sync(file.fileno())
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
    """A temporary folder in the system's usual place; removed afterwards.

    Raises:
        PhotoError: there is no such place, or no space left in it.
    """
    import tempfile

    try:
        # After a second Ctrl-C threads may still write to it.
        made = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    except OSError as error:
        raise PhotoError(
            f"no place for scratch files: {error.strerror or error}", tip="set TMPDIR=FOLDER"
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
                tip="free some space, or set another folder for scratch files: TMPDIR=FOLDER",
            ) from error


def unwritable(path: Path, error: OSError) -> PhotoError:
    """The error to report for a file that cannot be written."""
    reason, tip = _REASONS.get(error.errno or 0, (error.strerror or str(error), None))
    if sys.platform == "win32":
        reason, tip = _windows_reason(path, error) or (reason, tip)
    return PhotoError(f"{path}: cannot be written: {reason}", tip=tip)


def _windows_reason(path: Path, error: OSError) -> tuple[str, str | None] | None:
    """Windows gives one error for much, and several for a name that is too long."""
    if isinstance(error, PermissionError):
        if os.path.isdir(path):  # noqa: PTH112
            return _REASONS[errno.EISDIR]
        if os.path.lexists(path):
            said = "it is read-only, or another program has it open"
            return said, "close that program or lift the protection, then run it again"
    if len(str(path.absolute())) >= _LONGEST or len(path.name) > _LONGEST_NAME:
        return _REASONS[errno.ENAMETOOLONG]
    return None


def try_folder(folder: Path) -> OSError | None:
    """Why nothing can be written to `folder`; None if it seems possible.

    Tried with an empty temporary file: permissions alone do not tell (root, read-only disks). A
    missing folder is not created; its nearest existing parent is tried instead. What killed runs
    left there is removed first.

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

    Those of a running process are left alone. A folder that cannot be listed is not an error.

    Args:
        folder: to search, without its subfolders.

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
    """A new, locked file in `folder`, and its path; always removed afterwards."""
    file, path = _open_locked(folder)
    try:
        yield file, path
    finally:
        if sys.platform == "win32":
            file.close()
        with contextlib.suppress(OSError):
            path.unlink()
        file.close()  # releases the lock, so last: no sweep takes what is about to get its name


def _open_locked(folder: Path) -> tuple[io.FileIO, Path]:
    while True:
        path = folder / f"{PREFIX}{os.urandom(6).hex()}{SUFFIX}"
        # Created with 0o666 less the umask, as usual (mkstemp would use 0o600).
        file = io.FileIO(path, "x")
        if sys.platform == "win32":
            return file, path
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                return file, path  # no locks on this file system: only its age protects it
        else:
            # A sweep may have removed the file between its creation and its locking.
            with contextlib.suppress(OSError):
                if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                    return file, path
        file.close()


def _remove_if_stray(path: Path) -> bool:
    if sys.platform == "win32":
        # Between its closing and its renaming only its age protects it.
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
        path.unlink()  # while locked, so that a writer that has just created it notices
        return True
    finally:
        os.close(descriptor)


def _lend_permissions(path: Path, file: io.FileIO) -> None:
    """Copy the permissions of a file to the one that will replace it, where the system has them."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):  # the mode of a link itself allows everything
            os.fchmod(file.fileno(), stat.S_IMODE(mode))


def fill(file: io.FileIO, data: bytes) -> None:
    """Writes all of `data`; one call of `write` may take only a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _give_name(temporary: Path, path: Path, *, replace: bool) -> None:
    if os.name == "nt":
        _patiently(lambda: temporary.replace(path) if replace else temporary.rename(path))
        return
    if replace:
        temporary.replace(path)
        return
    try:
        # Unlike a rename, a link fails if another process created the file meanwhile.
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Without links the best there is: check just before the rename.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "exists", str(path)) from None
        temporary.rename(path)


def _patiently(rename: Callable[[], object]) -> None:
    """Scanners of viruses and indexers open, for a moment, what has just been written."""
    for wait in (0.02, 0.05, 0.1, 0.2, 0.4):
        try:
            rename()
        except PermissionError:
            time.sleep(wait)
        else:
            return
    rename()


def _sync(descriptor: int) -> None:
    """Makes sure that a file or folder is on the disk."""
    if sys.platform == "darwin":  # there `fsync` leaves it in the disk's own, volatile cache
        with contextlib.suppress(OSError):  # not every disk can: network shares
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """Syncs the folder, so that the new name survives a power cut, where the system can."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)
