"""The real command in a separate process, and real photographs for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
import skimage.data

import colorcli.errors

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
Start = Callable[..., "subprocess.Popen[bytes]"]

PACKAGES = Path(colorcli.errors.__file__).parent.parent
"""The folder of `colorcli`: the tests' processes run in other folders."""


# Pipes on Windows would have an encoding of their own.
SURROUNDINGS = {"PYTHONPATH": str(PACKAGES), "PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with `camera.jpg` (gray), `sub/astronaut.png` (colour) and a file not a photo."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    cv2.imwrite(str(folder / "camera.jpg"), skimage.data.camera()[::4, ::4])
    cv2.imwrite(str(folder / "sub" / "astronaut.png"), skimage.data.astronaut()[::4, ::4, ::-1])
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of 24 photos, which together take a few seconds."""
    folder = tmp_path / "many"
    folder.mkdir()
    data = cv2.imencode(".png", skimage.data.camera())[1].tobytes()
    for number in range(24):
        (folder / f"{number:02}.png").write_bytes(data)
    return folder


class Killed(subprocess.Popen[bytes]):
    """A process that is killed when a test fails: a watch would never end."""

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, *rest)


@pytest.fixture
def start(tmp_path: Path, model_folder: Path) -> Start:
    """Starts `colorize ARGUMENTS` in `tmp_path`, with the test model unless `model=None`."""

    def start(
        *arguments: str | Path, model: Path | None = model_folder, env: Any = None, **options: Any
    ) -> subprocess.Popen[bytes]:
        chosen = [] if model is None else ["--model", str(model)]
        return Killed(
            [sys.executable, "-m", "colorcli", *map(str, arguments), *chosen],
            cwd=options.pop("cwd", tmp_path),
            env={**os.environ, **SURROUNDINGS, **(env or {})},
            stdin=options.pop("stdin", subprocess.PIPE),
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            **options,
        )

    return start


@pytest.fixture
def run(start: Start) -> Run:
    """Runs `colorize ARGUMENTS` to its end."""

    def run(
        *arguments: str | Path, stdin_data: bytes | None = None, **options: Any
    ) -> subprocess.CompletedProcess[bytes]:
        with start(*arguments, **options) as process:
            out, err = process.communicate(stdin_data, timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


def said(process: subprocess.CompletedProcess[bytes]) -> list[str]:
    """The lines on standard error."""
    return process.stderr.decode().splitlines()
