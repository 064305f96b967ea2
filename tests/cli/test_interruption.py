"""Interrupted runs, and runs that continue after them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from colorcli.__main__ import main
from colorcli.interruption import ENDINGS

from .conftest import Run, Start, said

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")

SLOW = ("--size", "full", "--device", "cpu")


def pictures(folder: Path) -> set[str]:
    """The names in `folder`; asserts that each is a complete picture."""
    names = {path.name for path in folder.glob("*") if not path.name.startswith(".")}
    for name in names:
        assert cv2.imread(str(folder / name)) is not None, name
    return names


def temporaries(folder: Path) -> list[str]:
    return [path.name for path in folder.glob(".colorize-*")]


@pytest.mark.parametrize("number", ENDINGS)
def test_a_run_that_is_stopped_ends_well_and_goes_on_later(
    start: Start, run: Run, many: Path, tmp_path: Path, number: signal.Signals
) -> None:
    # Unbuffered, or `communicate` would miss anything read along with the first line.
    with start(many, "-o", "out", "--json", *SLOW, bufsize=0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        rest, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    last = err.decode().splitlines()[-1]
    done = int(last.split(" done")[0])
    assert done == 1 + len(rest.splitlines())
    assert b"Traceback" not in err
    assert len(pictures(tmp_path / "out")) == done < 24
    assert temporaries(tmp_path / "out") == []

    again = run(many, "-o", "out", "--skip-existing", "--size", "64")
    assert again.returncode == 0
    assert said(again)[-1].startswith(f"{24 - done} done, {done} skipped, 0 failed")
    assert len(pictures(tmp_path / "out")) == 24


def test_killed_at_any_moment(start: Start, run: Run, many: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for wait in (0.0, 0.05, 0.1):
        with start(many, "-o", "out", "--json", "--skip-existing", "--size", "64") as process:
            assert process.stdout is not None
            for line in process.stdout:  # ends with the run, if that was too fast to be killed
                if b'"done"' in line:
                    break
            time.sleep(wait)
            process.kill()
        pictures(out)
    (out / ".colorize-0123456789ab.tmp").write_bytes(b"left by a killed run")
    (out / "23.png").unlink(missing_ok=True)  # so that there is something left to do
    assert run(many, "-o", "out", "--skip-existing", "--size", "64").returncode == 0
    assert len(pictures(out)) == 24
    assert temporaries(out) == []


@pytest.mark.skipif(sys.platform != "linux", reason="pipes can be made small on Linux")
def test_a_reader_that_goes_away(start: Start, many: Path, tmp_path: Path) -> None:
    options = ("--json", "--size", "64", "--report", "report.json")
    with start(many, "-o", "out", *options, bufsize=0) as process:
        import fcntl

        assert process.stdout is not None
        # Too small for all 24 lines: the run cannot end before its reader is gone.
        assert fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096) == 4096
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        assert process.wait(60) == 1
    assert b"Traceback" not in err
    # Finished photos are reported even if nobody reads it any more.
    report = json.loads((tmp_path / "report.json").read_text())
    assert 0 < report["done"] == len(pictures(tmp_path / "out")) < 24
    assert b"Exception ignored" not in err


def test_a_command_that_is_interrupted_says_so(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("colorcli.collection.items.open_collection", interrupted)
    assert main(["data", "check", str(photos)]) == 130
    assert capsys.readouterr().err.splitlines() == ["interrupted"]


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches the whole console there")
def test_a_second_ctrl_c_ends_at_once(start: Start, many: Path, tmp_path: Path) -> None:
    """The first one waits for the photo being written, here into a pipe that nobody reads."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with start(many / "00.png", "-o", pipe, "--format", "bmp") as process:
        assert select.select([reader], [], [], 60)[0], "it writes more than the pipe holds"
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        for _ in range(20):  # two that arrive while the process is busy count as one
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
                break
        assert process.poll() == 130
    os.close(reader)


def test_watch_takes_complete_photos_and_ends_on_ctrl_c(
    start: Start, photos: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "incoming", tmp_path / "incoming.color"
    folder.mkdir()
    data = (photos / "camera.jpg").read_bytes()
    (folder / "early.jpg").write_bytes(data)
    with start(folder, "--watch") as process:
        wait_for(out / "early.jpg", process)
        with (folder / "slow.jpg").open("wb") as slow:
            for part in (data[:1000], data[1000:2000], data[2000:3000]):
                slow.write(part)
                slow.flush()
                time.sleep(0.7)
                assert not (out / "slow.jpg").exists()
            slow.write(data[3000:])
        wait_for(out / "slow.jpg", process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    # If a busy machine stalls the write above, the truncated photo fails and is retried.
    assert re.match(r"2 done, 0 skipped, [0-3] failed", err.decode().splitlines()[-1])
    assert pictures(out) == {"early.jpg", "slow.jpg"}


def test_a_photo_that_a_watch_must_not_write_ends_no_watch(
    start: Start, photos: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "incoming", tmp_path / "out"
    for place in (folder, out):
        place.mkdir()
        (place / "b.jpg").write_bytes((photos / "camera.jpg").read_bytes())
    (folder / "c.jpg").write_bytes((photos / "camera.jpg").read_bytes())
    options = ("--watch", "--force", "--scene-from", "out/b.jpg", "--report", "report.json")
    with start(folder, "-o", out, *options) as process:
        wait_for(out / "c.jpg", process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"b.jpg: --scene-from out/b.jpg: a photo would overwrite it" in err
    assert json.loads((tmp_path / "report.json").read_text())["retry"] == [str(folder / "b.jpg")]
    assert (out / "b.jpg").read_bytes() == (photos / "camera.jpg").read_bytes()


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if path.exists():
            return
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError(f"{path} does not come")


@pytest.mark.parametrize(
    "option",
    [
        ("--tile", "8"),
        ("--size", "2"),
        ("--vividness", "1e9"),
        ("--force", "--skip-existing"),
    ],
)
def test_a_watch_that_could_colour_nothing_does_not_begin(
    run: Run, photos: Path, option: tuple[str, str]
) -> None:
    process = run(photos, "--watch", *option)
    assert process.returncode == 2
    assert len(said(process)) == 2
    assert option[0].lstrip("-") in said(process)[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk")
def test_a_full_log_ends_no_batch(start: Start, many: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = start(many, "-o", "out", "--verbose", stderr=full)
        assert process.wait(timeout=120) == 0
    assert len(pictures(tmp_path / "out")) == 24


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
def test_a_reader_of_messages_who_goes_away_ends_no_batch(
    start: Start, many: Path, tmp_path: Path
) -> None:
    with start(many, "-o", "out", "--verbose") as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.close()
        assert process.wait(timeout=120) == 0
    assert len(pictures(tmp_path / "out")) == 24


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk")
def test_output_that_cannot_be_written_is_said_in_a_line(start: Start, photos: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = start(photos, "--json", stdout=full)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert b"error: standard output: cannot be written (No space left on device)" in err
    assert b"unforeseen" not in err


def test_watch_takes_a_folder(run: Run, photos: Path) -> None:
    process = run(photos / "camera.jpg", "--watch")
    assert process.returncode == 2
    assert said(process)[0] == "error: --watch needs one existing folder"
