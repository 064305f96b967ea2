"""Faces are found in colour photos, and cut out to train on."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from colorcli.collection.closeups import close_ups, find_faces
from colorcli.collection.curation import gray_of

from .trees import data, files

skimage_data = pytest.importorskip("skimage.data")


def test_a_face_is_found_where_it_is(astronaut: np.ndarray) -> None:
    (face,) = find_faces(astronaut)
    rows, columns = face.inner
    assert rows.start < 40 < rows.stop, "her nose, a third of the way down"
    assert columns.start < 75 < columns.stop


def test_what_has_not_the_colour_of_skin_is_no_face(astronaut: np.ndarray) -> None:
    assert find_faces(np.ascontiguousarray(astronaut[..., ::-1])) == []
    gray = gray_of(astronaut)
    assert find_faces(np.dstack([gray] * 3)) == []


def test_close_ups_are_faces_large_enough_to_train_on() -> None:
    (small,) = close_ups(np.ascontiguousarray(skimage_data.astronaut()[::4, ::4]))
    assert min(small.shape[:2]) == 256
    large = list(close_ups(skimage_data.astronaut()))
    assert len(large) == 3, "at several distances"
    sides = [max(face.side for face in find_faces(picture)) / len(picture) for picture in large]
    assert all(near > far for near, far in pairwise(sides))
    for picture in (small, *large):
        assert find_faces(picture)


def test_faces_writes_close_ups_of_train_photos_beside_them(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert data(capsys, "faces", photos, "-o", out)[0] == 0
    people = [name for name in files(out) if "people" in name]
    assert people == [
        "train/people/astronaut.1.jpg",
        "train/people/astronaut.jpg",
        "val/people/other.png",
    ], "of photos to validate on there are no close-ups"
    assert (out / "train" / "coffee.png").is_file()
