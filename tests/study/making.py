"""Small studies of public-domain photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest
from skimage import data

from colorcli.cli.ending import run_command_line

PHOTOS = ("astronaut", "coffee", "rocket", "chelsea")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for name in PHOTOS:
        cv2.imwrite(str(root / f"{name}.png"), getattr(data, name)()[::2, ::2, ::-1])
    return root


def make(*arguments: Any) -> int:
    return run_command_line(
        ["study", "make", *map(str, arguments), "--device", "cpu", "--size", "64"]
    )


@pytest.fixture(scope="module")
def folder(model_folder: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three photos, each as coloured by the model and in its true colours."""
    out = tmp_path_factory.mktemp("study") / "of-three"
    assert make(model_folder, photos, "-o", out, "--photos", 3) == 0
    return out
