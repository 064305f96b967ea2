"""The names of families and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from colorcli.batch.plan import make_plan
from colorcli.errors import PhotoError, UsageError
from colorcli.photo import FORMATS, coloured_suffix, suffix_of


def test_formats_and_suffixes_name_each_other() -> None:
    for family in FORMATS.values():
        assert FORMATS[suffix_of(family)] == family
    with pytest.raises(PhotoError):
        suffix_of("gif")


def test_a_coloured_photo_is_not_called_gray() -> None:
    changed = {suffix for suffix in FORMATS if coloured_suffix(suffix) != suffix}
    assert changed == {".pgm", ".pbm"}
    assert coloured_suffix(".PGM") == ".ppm"
    assert coloured_suffix(".JPG") == ".JPG"


@pytest.mark.parametrize("suffix", [".pgm", ".PBM"])
def test_names_that_promise_gray_are_not_written(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"a{suffix}"
    source.touch()
    assert make_plan([str(source)])[0].target == tmp_path / "a.color.ppm"
    assert make_plan([str(source)], output=f"{tmp_path}/out/")[0].target == tmp_path / "out/a.ppm"
    with pytest.raises(UsageError, match="cannot hold colours") as caught:
        make_plan([str(source)], output=str(tmp_path / f"b{suffix}"))
    assert ".ppm" in (caught.value.tip or "")
