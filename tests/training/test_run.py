"""No part of a run is lost or misread: full disks, damaged files, kills, two at once."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from colorcli.errors import PhotoError, UsageError
from colorcli.files import write_together
from colorcli.training.config import TrainConfig
from colorcli.training.membership import Membership
from colorcli.training.run import Run

from .runs import Photos, trainer

STATE = {"network": {}, "ema": {}, "objective": {}, "optimizer": {}, "progress": {"seen": 1}}


class Full(io.FileIO):
    """A file on a disk that is full after some bytes, with a short last write."""

    room = 400_000

    def write(self, data: Any) -> int:
        taken = memoryview(data)[: self.room]
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= len(taken)
        return super().write(taken)


def test_a_full_disk_leaves_the_last_checkpoint_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    run.save_checkpoint(STATE)
    before = run.checkpoint_path.read_bytes()
    monkeypatch.setattr(io, "FileIO", Full)
    with pytest.raises(PhotoError, match=r"checkpoint\.pt: cannot be written: the disk is full"):
        run.save_checkpoint({**STATE, "network": {"w": torch.zeros(1_000_000)}})
    monkeypatch.undo()
    assert run.checkpoint_path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_checkpoint_whose_bits_have_changed_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.save_checkpoint({**STATE, "network": {"w": torch.ones(10_000)}})
    data = bytearray(run.checkpoint_path.read_bytes())
    data[data.index(b"\x00\x00\x80\x3f" * 8) + 4001] ^= 16
    run.checkpoint_path.write_bytes(data)
    with pytest.raises(UsageError, match="damaged"):
        run.load_checkpoint()
    for cut in (10, len(data) // 2):
        run.checkpoint_path.write_bytes(data[:cut])
        with pytest.raises(UsageError, match="the checkpoint cannot be read"):
            run.load_checkpoint()


def test_a_second_training_in_one_folder_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    script = (
        "import sys; from pathlib import Path; from colorcli.training.run import Run\n"
        "with Run(Path(sys.argv[1])).claimed(): print('mine', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(run.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"mine\n"
        with pytest.raises(UsageError, match="another training"), run.claimed():
            pass
        other.stdin.close()
        other.wait()
    with run.claimed():
        assert list(run.folder.iterdir()) == []  # and nothing is left behind


def test_more_epochs_that_were_begun_and_lost_are_not_taken_for_done(
    photos: Photos, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "colorcli", "train", str(photos.folder)]
    command += ["--out", str(tmp_path / "r")]
    tiny = ["--width", "0.05", "--size", "64", "--batch", "3", "--device", "cpu"]
    subprocess.run([*command, *tiny, "--epochs", "1"], check=True, capture_output=True)
    run = Run(tmp_path / "r")
    seen = run.load_checkpoint()["progress"]["seen"]
    # As a kill before the first checkpoint of the longer run leaves it.
    values = json.loads(run.config_path.read_text()) | {"epochs": 2.0}
    run.config_path.write_text(json.dumps(values))
    more = [*command, "--resume", "--epochs", "2"]
    done = subprocess.run(more, check=True, capture_output=True, text=True)
    assert "already done" not in done.stderr
    assert run.load_checkpoint()["progress"]["seen"] == 2 * seen
    again = subprocess.run(more, check=True, capture_output=True, text=True)
    assert "already done" in again.stderr


def test_what_was_learned_and_not_said_is_said_by_the_next_run(
    photos: Photos, tmp_path: Path
) -> None:
    first = trainer(photos, tmp_path, epochs=1)
    blocked = first.run.sheets_folder / f"{len(first.photos):09d}.png"
    blocked.mkdir(parents=True)
    with pytest.raises(PhotoError):
        first.train()
    blocked.rmdir()
    second = trainer(photos, tmp_path, epochs=1, resume=True)
    assert second.train()
    assert blocked.is_file()
    rows = second.run.read_log()
    assert [row["photos_seen"] for row in rows] == [len(first.photos)]
    assert second.run.load_checkpoint()["progress"]["done"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.json", '{"network": "fusion", "objective": "mse", "width": "a"}'),
        ("config.json", '{"network": "fusion", "objective": "mse", "batch": 0}'),
        ("config.json", '{"network": "fusion", "objective": ["mse"]}'),
        ("photos.json", "{"),
        ("photos.json", "[]"),
        ("photos.json", '{"train": 1}'),
        ("log.csv", "photos_seen,loss\n1,much\n"),
        ("labels.json", "[1]"),
        ("scenes.json", "{"),
    ],
)
def test_a_broken_file_of_a_run_is_named(tmp_path: Path, name: str, text: str) -> None:
    run = Run(tmp_path)
    (tmp_path / name).write_text(text)
    read: dict[str, Callable[[], object]] = {
        "config.json": lambda: TrainConfig.load(run.config_path),
        "photos.json": lambda: Membership(1, 1, "").refuse_others(run.photos_path),
        "log.csv": run.read_log,
        "labels.json": run.read_labels,
        "scenes.json": run.read_scenes,
    }
    with pytest.raises(UsageError, match=re.escape(name)):
        read[name]()


def test_files_that_belong_together_are_replaced_together_or_not_at_all(tmp_path: Path) -> None:
    one, other = tmp_path / "a.onnx", tmp_path / "model.json"
    one.write_bytes(b"old a")
    (tmp_path / "model.json").mkdir()  # cannot be replaced by a file
    (other / "inside").touch()
    long = tmp_path / ("x" * 300)
    with pytest.raises(PhotoError, match="too long"):
        write_together([(one, b"new a"), (long / "y", b"new")])
    assert one.read_bytes() == b"old a"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "model.json"]
    write_together([(one, b"new a"), (tmp_path / "b.onnx", b"new b")])
    assert (one.read_bytes(), (tmp_path / "b.onnx").read_bytes()) == (b"new a", b"new b")
