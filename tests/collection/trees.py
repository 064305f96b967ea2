"""Small collections, and `colorize data` run on them."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from colorcli.cli.ending import run_command_line


def save(path: Path, rgb: np.ndarray, *options: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 else rgb, list(options))
    return path


def data(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    status = run_command_line(["data", *map(str, arguments)])
    return status, *capsys.readouterr()


def shard(folder: Path, splits: dict[str, str], rgb: np.ndarray) -> Path:
    """A shard of JPEGs, the same picture under each of these keys, and its index."""
    folder.mkdir()
    picture = save(folder.parent / "picture.jpg", rgb)
    with tarfile.open(folder / "a.tar", "w") as tar:
        for key in splits:
            tar.add(picture, f"{key}.jpg")
    rows = [f"a,{key},{split}" for key, split in splits.items()]
    (folder / "index.csv").write_text("\n".join(["shard,key,split", *rows]))
    return folder


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def tree(folder: Path) -> dict[Path, bytes]:
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
