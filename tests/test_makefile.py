"""`make model` trains for hours: it must not stop without good reason."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from colorcli.cli.group import load_command

MAKEFILE = Path(__file__).parent.parent / "Makefile"

COLORIZE = """#!/bin/sh
echo "$@" >> calls
case "$1" in
    train) mkdir -p "$4" && touch "$4/checkpoint.pt" ;;
    data) test "$FULL" || { mkdir -p "$5" && touch "$5/split.csv"; } ;;
esac
case "$1 $FAILING" in
    *" $1 "*) exit $STATUS ;;
esac
"""

pytestmark = pytest.mark.skipif(
    os.name == "nt" or shutil.which("make") is None, reason="there is no make"
)


def make_model(
    folder: Path, *, failing: str = "", status: int = 0, full: bool = False
) -> tuple[int, list[str]]:
    """Run `make model` with a command that only records calls; return its status and the calls.

    Args:
        folder: the target, new or from an earlier call.
        failing: the command that exits with `status`.
        status: its exit status.
        full: whether the disk is full, so that a collection never gets its list.
    """
    (folder / "pyproject.toml").touch()
    venv = folder / "venv"
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    for stamp in ("core", "dev", "lite"):
        (venv / f"{stamp}.stamp").touch()
    (venv / "bin" / "colorize").write_text(COLORIZE)
    (venv / "bin" / "colorize").chmod(0o755)
    (folder / "calls").unlink(missing_ok=True)
    environment = {"FAILING": f"{failing} ", "STATUS": str(status), "FULL": "full" if full else ""}
    done = subprocess.run(
        ["make", "-f", str(MAKEFILE), "-C", str(folder), "model", "PHOTOS=album", f"VENV={venv}"],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    return done.returncode, (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize("command", ["data", "evaluate", "compare"])
def test_a_photo_that_cannot_be_read_does_not_stop_it(tmp_path: Path, command: str) -> None:
    status, calls = make_model(tmp_path, failing=command, status=1)
    assert status == 0
    assert calls[-1].startswith("compare models/fusion models/vivid models/lifelike album")


@pytest.mark.parametrize(("command", "status"), [("data", 2), ("train", 1), ("evaluate", 130)])
def test_anything_worse_does(tmp_path: Path, command: str, status: int) -> None:
    ended, calls = make_model(tmp_path, failing=command, status=status)
    assert ended != 0
    assert calls[-1].startswith(command)


def test_the_command_line_knows_every_option(tmp_path: Path) -> None:
    """A renamed option would be noticed only after hours."""
    _, calls = make_model(tmp_path)
    assert {call.split()[0] for call in calls} == {"data", "train", "export", "evaluate", "compare"}
    for call in calls:
        command, *arguments = shlex.split(call)
        parser = load_command(command)
        if command == "data":
            parser, arguments = parser.commands[arguments[0]], arguments[1:]
        with parser.make_context(command, arguments) as context:
            assert context.params


def test_nothing_is_trained_on_a_collection_that_was_not_completed(tmp_path: Path) -> None:
    ended, calls = make_model(tmp_path, failing="data", status=1, full=True)
    assert ended != 0
    assert calls[-1].startswith("data faces album -o runs/with-faces")
    assert make_model(tmp_path)[0] == 0


def test_runs_go_on_as_they_were_begun(tmp_path: Path) -> None:
    """Including those of an older version with other options."""
    make_model(tmp_path)
    _, again = make_model(tmp_path)
    trained = [call.split() for call in again if call.startswith("train")]
    assert trained
    assert all(call[5:] == ["3", "--resume"] for call in trained)
    assert not any(call.startswith("data") for call in again)
