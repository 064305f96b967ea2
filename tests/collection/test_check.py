"""`data check` finds what is wrong with a collection, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorcli.collection.inspection import inspect
from colorcli.collection.items import open_collection

from .trees import data, save

skimage_data = pytest.importorskip("skimage.data")


@pytest.fixture
def messy(tmp_path: Path, astronaut: np.ndarray, coffee: np.ndarray) -> Path:
    root = tmp_path / "messy"
    save(root / "good.png", coffee)
    save(root / "face.png", astronaut)
    (root / "copy.png").write_bytes((root / "face.png").read_bytes())
    small = cv2.resize(astronaut, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    save(root / "smaller.jpg", small, cv2.IMWRITE_JPEG_QUALITY, 70)
    camera = skimage_data.camera()[::2, ::2]
    save(root / "gray.png", camera)
    moon = skimage_data.moon()[::2, ::2].astype(float)[..., None]
    save(root / "sepia.png", (moon * (1.0, 0.87, 0.7)).astype(np.uint8))
    save(root / "tiny.png", skimage_data.chelsea()[:100, 200:420])
    whole = cv2.imencode(".jpg", skimage_data.rocket()[::2, ::2, ::-1])[1].tobytes()
    (root / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "text.jpg").write_bytes(b"no photo")
    return root


def test_check_finds_what_is_wrong_and_nothing_else(
    messy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = data(capsys, "check", messy, "--json")
    assert status == 0
    found = json.loads(out)
    assert found["photos"] == 9
    for kind, names in (
        ("corrupt", ["cut.jpg", "text.jpg"]),
        ("tiny", ["tiny.png"]),
        ("gray", ["gray.png"]),
        ("toned", ["sepia.png"]),
    ):
        assert [key for key, _ in found[kind]] == names
    assert found["duplicates"] == [["copy.png", "face.png"]]
    assert found["similar"] == [["copy.png", "smaller.jpg"]]
    assert "2 corrupt" in err


def test_check_in_words_and_strictly(messy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = data(capsys, "check", messy, "--strict")
    assert status == 1
    assert "duplicate\tcopy.png\tface.png\n" in out
    assert "tiny\ttiny.png\t100\n" in out


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_check_names_what_is_not_utf_8(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / os.fsdecode(b"caf\xe9.jpg")).symlink_to(photos / "nothing")
    status, out, _ = data(capsys, "check", photos)
    assert status == 0
    assert "caf\\udce9.jpg" in out


def test_sound_photos_pass_strictly(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = data(capsys, "check", photos, "--strict")
    assert (status, out) == (0, "")


def test_progress_of_an_inspection(photos: Path) -> None:
    done: list[int] = []
    inspect(open_collection(photos), progress=done.append)
    assert done == [1, 2, 3]
