"""`colorize epochs RUN`: what a run made of the same photos as it went on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2

from colorcli.training.run import Run


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
    assert sheet.read_bytes() == b"mine"
    assert epochs(run, "-o", sheet, "--force").returncode == 0


def test_what_is_no_run_gets_one_line(tmp_path: Path) -> None:
    for arguments in ((tmp_path,), (tmp_path, "--at", "first")):
        refused = epochs(*arguments)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
    assert not list(tmp_path.iterdir())
