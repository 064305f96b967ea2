"""`make model` trains for hours: it must not stop for what is no reason to."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parent.parent / "Makefile"

COLORIZE = """#!/bin/sh
echo "$@" >> calls
case "$1 $FAILING" in
    *" $1 "*) exit $STATUS ;;
esac
case "$1" in train) mkdir -p "$4" ;; esac
"""

pytestmark = pytest.mark.skipif(
    os.name == "nt" or shutil.which("make") is None, reason="there is no make"
)


def make_model(folder: Path, *, failing: str, status: int) -> tuple[int, list[str]]:
    """Runs `make model` with a command that only takes notes: its status, and what was called."""
    (folder / "pyproject.toml").touch()
    venv = folder / "venv"
    (venv / "bin").mkdir(parents=True)
    for stamp in ("core", "dev", "lite"):
        (venv / f"{stamp}.stamp").touch()
    (venv / "bin" / "colorize").write_text(COLORIZE)
    (venv / "bin" / "colorize").chmod(0o755)
    done = subprocess.run(
        ["make", "-f", str(MAKEFILE), "-C", str(folder), "model", "PHOTOS=album", f"VENV={venv}"],
        env={**os.environ, "FAILING": f"{failing} ", "STATUS": str(status)},
        capture_output=True,
        check=False,
    )
    return done.returncode, (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize("command", ["data", "evaluate", "compare"])
def test_a_photo_that_cannot_be_read_does_not_stop_it(tmp_path: Path, command: str) -> None:
    (tmp_path / "runs").mkdir()
    status, calls = make_model(tmp_path, failing=command, status=1)
    assert status == 0
    assert calls[-1].startswith("compare models/fusion models/vivid models/lifelike album")
    assert (tmp_path / "runs" / "with-faces.stamp").exists()


@pytest.mark.parametrize(("command", "status"), [("data", 2), ("train", 1), ("evaluate", 130)])
def test_anything_worse_does(tmp_path: Path, command: str, status: int) -> None:
    (tmp_path / "runs").mkdir()
    ended, calls = make_model(tmp_path, failing=command, status=status)
    assert ended != 0
    assert calls[-1].startswith(command)
    assert not (command == "data" and (tmp_path / "runs" / "with-faces.stamp").exists())
