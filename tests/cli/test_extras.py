"""Errors name what is not installed and the command that installs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from colorcli.extras import pip_install

from .conftest import PACKAGES, said


@pytest.mark.parametrize(
    ("arguments", "missing", "extra"),
    [
        (["train", "photos", "--out", "run"], "torch", "train"),
        (["export", "run", "-o", "model"], "torch", "train"),
        (["evaluate", "fusion", "photos"], "skimage", "evaluate"),
        (["data", "faces", "photos", "-o", "faces"], "skimage", "evaluate"),
    ],
)
def test_a_missing_extra_is_one_line_and_the_command_that_mends_it(
    arguments, missing, extra, tmp_path, photos
) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from colorcli.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert f"pip install 'colorize-photos[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [photos.name], "nothing was written"


@pytest.mark.parametrize(
    ("package", "library", "mend"),
    [
        ("cv2", "libGL.so.1", "apt install libgl1"),
        ("onnxruntime", "libstdc++.so.6", "package manager"),
    ],
)
def test_a_library_that_a_slim_system_lacks_is_one_line_and_its_mend(
    package, library, mend, photos, run, tmp_path
) -> None:
    broken = tmp_path / "packages"
    broken.mkdir()
    message = f"{library}: cannot open shared object file: No such file or directory"
    (broken / f"{package}.py").write_text(f"raise ImportError({message!r}, name={package!r})")
    paths = os.pathsep.join([str(broken), str(PACKAGES)])
    done = run(photos / "camera.jpg", "-o", "out.png", env={"PYTHONPATH": paths})
    assert done.returncode == 1
    assert said(done)[0] == f"error: the system lacks {library}, which {package} needs"
    assert mend in said(done)[1]
    assert len(said(done)) == 2
    assert not (tmp_path / "out.png").exists()
    doctor = run("doctor", env={"PYTHONPATH": paths})
    assert doctor.returncode == 1, "it says that a photo cannot be coloured, and why"
    assert said(doctor) == said(done)


def test_the_command_that_adds_an_extra_is_for_the_environment_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It need not be the one whose `pip` a shell would find."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert pip_install("web") == "pip install 'colorize-photos[web]'"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pip_install("web") == f"{sys.executable} -m pip install 'colorize-photos[web]'"
    monkeypatch.setattr(sys, "prefix", "/home/me/.local/share/pipx/venvs/colorize-photos")
    assert pip_install("web") == "pipx runpip colorize-photos install 'colorize-photos[web]'"
