from __future__ import annotations

import errno
import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from colorcli import files
from colorcli.errors import PhotoError
from colorcli.files import (
    PREFIX,
    SUFFIX,
    is_stream,
    is_temporary,
    sweep,
    try_folder,
    unwritable,
    write_whole,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_all_bytes_and_makes_folders(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    write_whole(tmp_path / "a" / "b" / "photo.jpg", data)
    assert (tmp_path / "a" / "b" / "photo.jpg").read_bytes() == data
    assert names(tmp_path / "a" / "b") == ["photo.jpg"]


def test_never_replaces_unless_told(tmp_path: Path) -> None:
    target = tmp_path / "photo.jpg"
    target.write_bytes(b"old")
    with pytest.raises(PhotoError, match="exists already") as caught:
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert caught.value.tip
    write_whole(target, b"new", replace=True)
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["photo.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_link_that_is_replaced_lends_no_permissions(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "link").symlink_to("old")
    write_whole(tmp_path / "link", b"new", replace=True)
    write_whole(tmp_path / "fresh", b"new")
    modes = {stat.S_IMODE((tmp_path / name).lstat().st_mode) for name in ("link", "fresh")}
    assert len(modes) == 1


def test_a_file_that_appears_while_writing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "photo.jpg"

    def somebody_else_writes(descriptor: int) -> None:
        target.write_bytes(b"theirs")

    monkeypatch.setattr(os, "fsync", somebody_else_writes)
    with pytest.raises(PhotoError, match="exists already"):
        write_whole(target, b"ours")
    assert target.read_bytes() == b"theirs"
    assert names(tmp_path) == ["photo.jpg"]


def test_without_hard_links_it_still_refuses_to_replace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(self: Path, other: Path) -> None:
        raise OSError(errno.EPERM, "no hard links on FAT")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    target = tmp_path / "photo.jpg"
    write_whole(target, b"first")
    with pytest.raises(PhotoError, match="exists already"):
        write_whole(target, b"second")
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["photo.jpg"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
    ],
)
@pytest.mark.parametrize("replace", [False, True])
def test_a_failed_write_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str, replace: bool
) -> None:
    target = tmp_path / "photo.jpg"
    if replace:
        target.write_bytes(b"old")
    before = names(tmp_path)

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(PhotoError, match=words) as caught:
        write_whole(target, b"new", replace=replace)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == before
    if replace:
        assert target.read_bytes() == b"old"


def test_ctrl_c_while_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "photo.jpg", b"new")
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_real_full_device_is_an_error() -> None:
    with pytest.raises(PhotoError, match="disk is full"):
        write_whole(Path("/dev/full"), b"new" * 10_000, replace=True)


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    write_whole(Path(os.devnull), b"new", replace=True)
    assert not stat.S_ISREG(Path(os.devnull).stat().st_mode)


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="open files have no names there")
def test_an_open_file_is_written_to_by_its_names_and_not_replaced(tmp_path: Path) -> None:
    with (tmp_path / "redirected").open("wb") as file:
        name = Path(f"/dev/fd/{file.fileno()}")
        assert is_stream(name)
        write_whole(name, b"new", replace=True)
        assert name.exists()
    assert (tmp_path / "redirected").read_bytes() == b"new"
    assert not is_stream(tmp_path / "redirected")


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"a file")
    for target in (tmp_path / "out" / "photo.jpg", tmp_path / "out" / "deep" / "photo.jpg"):
        with pytest.raises(PhotoError, match="is a file, not a folder"):
            write_whole(target, b"new")


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").mkdir()
    with pytest.raises(PhotoError, match="is a folder"):
        write_whole(tmp_path / "photo.jpg", b"new", replace=True)
    assert names(tmp_path) == ["photo.jpg"]


def test_a_name_too_long(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="name is too long"):
        write_whole(tmp_path / ("x" * 300 + ".jpg"), b"new")
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_permissions_follow_the_umask_and_are_kept_when_replacing(tmp_path: Path) -> None:
    target = tmp_path / "photo.jpg"
    before = os.umask(0o027)
    try:
        write_whole(target, b"new")
        assert stat.S_IMODE(target.stat().st_mode) == 0o640
        target.chmod(0o604)
        write_whole(target, b"newer", replace=True)
        assert stat.S_IMODE(target.stat().st_mode) == 0o604
    finally:
        os.umask(before)


@pytest.mark.skipif(os.name == "nt", reason="POSIX links")
def test_a_symbolic_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "photo.jpg").symlink_to(tmp_path / "precious")
    with pytest.raises(PhotoError, match="exists already"):
        write_whole(tmp_path / "photo.jpg", b"new")
    write_whole(tmp_path / "photo.jpg", b"new", replace=True)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "photo.jpg").is_symlink()


WRITER = """
import os, sys
from pathlib import Path
from colorcli import files

def hang(descriptor):
    print("writing", flush=True)
    sys.stdin.read()

files.os.fsync = hang
files.write_whole(Path(sys.argv[1]), b"half a photo")
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_what_a_killed_run_left_is_swept_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    target = tmp_path / "photo.jpg"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        (stray,) = names(tmp_path)
        assert files.is_temporary(stray)
        assert sweep(tmp_path) == 0, "it is still being written"
        writer.kill()
    assert names(tmp_path) == [stray], "no file under the final name"
    assert sweep(tmp_path) == 1
    assert names(tmp_path) == []


def test_the_first_file_of_a_folder_sweeps_it(tmp_path: Path) -> None:
    stray = tmp_path / "sheets" / f"{PREFIX}abc{SUFFIX}"
    stray.parent.mkdir()
    stray.write_bytes(b"half a sheet")
    write_whole(tmp_path / "sheets" / "1.png", b"whole")
    assert names(stray.parent) == ["1.png"]


def test_sweep_touches_nothing_else(tmp_path: Path) -> None:
    for name in ("photo.jpg", ".colorize.tmp", ".colorize-notes.txt", "x.colorize-1.tmp"):
        (tmp_path / name).write_bytes(b"kept")
    (tmp_path / ".colorize-folder.tmp").mkdir()
    before = names(tmp_path)
    assert sweep(tmp_path) == 0
    assert sweep(tmp_path / "not there") == 0
    assert names(tmp_path) == before


def test_trying_a_folder_leaves_nothing_and_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    stray = tmp_path / f"{PREFIX}0123456789ab{SUFFIX}"
    stray.write_bytes(b"")
    assert try_folder(tmp_path) is None
    assert try_folder(tmp_path / "new" / "folder") is None
    assert names(tmp_path) == ["file"], "what a killed run left is gone too"
    for folder in (tmp_path / "file", tmp_path / "file" / "new"):
        error = try_folder(folder)
        assert error is not None
        assert "not a folder" in str(unwritable(folder / "photo.jpg", error))
    if Path("/proc/self").exists():
        assert try_folder(Path("/proc/colorize")) is not None


def test_a_disk_that_takes_a_part_at_a_time_gets_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write

    class Slow(io.FileIO):
        def write(self, data: Any) -> int:
            return whole(self.fileno(), bytes(data[:7]))

    monkeypatch.setattr(files.io, "FileIO", Slow)
    files.write_whole(tmp_path / "a", bytes(range(100)))
    assert (tmp_path / "a").read_bytes() == bytes(range(100))


@pytest.mark.skipif(os.name == "nt", reason="POSIX")
@pytest.mark.parametrize("can", [True, False], ids=["a disk", "a share"])
def test_on_macos_the_disk_s_own_cache_is_emptied_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can: bool
) -> None:
    asked: list[object] = []

    def control(_descriptor: int, command: int) -> None:
        asked.append(command)
        if not can:
            raise OSError(errno.ENOTSUP, "unsupported")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(files.fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(files.fcntl, "fcntl", control)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: asked.append("fsync"))
    write_whole(tmp_path / "photo.png", b"whole")
    of_each = [51] if can else [51, "fsync"]
    assert asked == of_each * 2  # the file and its folder
    assert (tmp_path / "photo.png").read_bytes() == b"whole"


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what a descriptor is")
@pytest.mark.parametrize("replace", [False, True])
def test_bytes_reach_the_disk_before_the_name_and_the_name_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool
) -> None:
    """Or a power cut could leave an empty file, or none."""
    target = tmp_path / "photo.png"
    synced: list[tuple[str, bool]] = []
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), target.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(target, b"whole", replace=replace)
    (temporary, named), folder = synced
    assert is_temporary(Path(temporary).name)
    assert not named
    assert folder == (str(tmp_path), True)
    assert target.read_bytes() == b"whole"
