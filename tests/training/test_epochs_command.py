"""`colorize epochs RUN`: a run's predictions for the same photos over time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorcli.drawing import encode_png, is_drawn
from colorcli.errors import UsageError
from colorcli.training.run import Run
from colorcli.training.snapshots import Snapshots


def epochs(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "colorcli", "epochs", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_writes_the_sheet_and_says_where(trained: Callable[..., Run], tmp_path: Path) -> None:
    run, sheet = trained(network="fusion").folder, tmp_path / "sheet.png"
    done = epochs(run, "--at", "4,8", "-o", sheet)
    assert (done.returncode, done.stdout.strip()) == (0, str(sheet)), done.stderr
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape[1] > picture.shape[0]  # real | epoch 4 | epoch 8, two photos below


def test_an_earlier_sheet_is_kept_unless_asked(trained: Callable[..., Run], tmp_path: Path) -> None:
    run, sheet = trained(network="fusion").folder, tmp_path / "sheet.png"
    sheet.write_bytes(b"mine")
    refused = epochs(run, "-o", sheet)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    refused = epochs(run, "-o", sheet, "--force")
    assert "colorize did not draw" in refused.stderr
    assert sheet.read_bytes() == b"mine"
    sheet.write_bytes(encode_png(np.zeros((9, 9, 3), np.uint8)))
    assert epochs(run, "-o", sheet).returncode == 2
    assert epochs(run, "-o", sheet, "--force").returncode == 0
    assert is_drawn(sheet)


def test_what_cannot_be_written_is_said_and_nothing_is(
    trained: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "dir.png").mkdir()
    run = trained(network="fusion").folder
    for target, words in (
        ("sheet.txt", "ends in .png"),
        ("dir.png", "is a folder"),
        ("file/sheet.png", "not a folder"),
    ):
        refused = epochs(run, "-o", tmp_path / target, "--force")
        assert refused.returncode in (1, 2), target
        assert words in refused.stderr
        assert "unforeseen" not in refused.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"file", "dir.png"}


@pytest.mark.parametrize("name", ["000000024.npz", "true.npz"])
def test_a_snapshot_that_was_cut_off_is_named(
    trained: Callable[..., Run], tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "epochs"
    shutil.copytree(trained(network="fusion").epochs_folder, folder)
    whole = (folder / name).read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no arrays"):
        (folder / name).write_bytes(content)
        with pytest.raises(UsageError, match=name):
            Snapshots(folder).write([], tmp_path / "sheet.png")


def test_what_is_no_run_gets_one_line(tmp_path: Path) -> None:
    for arguments in ((tmp_path,), (tmp_path, "--at", "first"), (tmp_path, "--at", "nan")):
        refused = epochs(*arguments)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
    assert not list(tmp_path.iterdir())
