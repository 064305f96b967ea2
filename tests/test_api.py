"""The public surface is small, exact, and cheap to import."""

from __future__ import annotations

import subprocess
import sys

import pytest
from skimage import data

import colorcli


def test_every_public_name_exists_and_the_list_is_sorted() -> None:
    assert colorcli.__all__ == sorted(colorcli.__all__)
    for name in colorcli.__all__:
        assert getattr(colorcli, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Colourizer'"):
        colorcli.Colourizer  # noqa: B018


@pytest.mark.parametrize("heavy", ["torch", "onnx", "skimage", "scipy", "PIL", "matplotlib"])
def test_colouring_a_photo_imports_nothing_it_does_not_use(heavy: str, tmp_path) -> None:
    import cv2

    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), data.camera())
    program = (
        "import sys\n"
        "from colorcli.__main__ import main\n"
        "status = main([sys.argv[1], '--quiet'])\n"
        f"sys.exit(status or {heavy!r} in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, photo], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "photo.color.png").exists()
