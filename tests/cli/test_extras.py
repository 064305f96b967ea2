"""A command whose extra is not installed says which one to install."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("arguments", "missing", "extra"),
    [
        (["train", "photos", "--out", "run"], "torch", "train"),
        (["export", "run", "-o", "model"], "torch", "train"),
        (["evaluate", "fusion", "photos"], "skimage", "evaluate"),
    ],
)
def test_a_missing_extra_is_one_line_and_the_command_that_mends_it(
    arguments, missing, extra, tmp_path
) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from colorcli.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert f"pip install 'colorize-cli[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
