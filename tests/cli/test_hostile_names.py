"""Hostile file names, through the real command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import Run, said

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and named pipes")


def test_what_is_no_file_ends_no_batch(run: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "self.jpg").symlink_to("self.jpg")
    (photos / "dangling.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    long = "x" * 300 + ".jpg"
    inputs = (photos, tmp_path / "pipe.jpg", long)
    process = run(*inputs, "-o", "out", "--dry-run", model=None)
    assert process.returncode == 1
    assert said(process)[-1] == "2 to do, 0 skipped, 4 failed; nothing was written"
    process = run(*inputs, "-o", "out")
    assert process.returncode == 1
    lines = said(process)
    assert lines[-1].startswith("2 done, 0 skipped, 4 failed, ")
    for name, reason in (
        ("self.jpg", "a link that leads back to itself"),
        ("dangling.jpg", "a link that leads nowhere"),
        ("pipe.jpg", "it is a named pipe, not a file"),
        (long, "the name is too long"),
    ):
        assert len([line for line in lines if line.endswith(f"{name}: {reason}")]) == 1


def test_an_output_name_that_is_too_long_is_one_line(run: Run, photos: Path) -> None:
    process = run(photos / "camera.jpg", "-o", "x" * 300 + ".jpg")
    assert process.returncode == 1
    lines = said(process)
    assert "the name of its output is too long" in lines[0]
    assert lines[1] == "tip: give a shorter name with -o"
    assert "Traceback" not in process.stderr.decode()


def test_a_device_as_output(run: Run, photos: Path) -> None:
    process = run(photos / "camera.jpg", "-o", "/dev/null")
    assert process.returncode == 0, process.stderr
    assert said(process)[-1].startswith("1 done")
