"""Similar photos are found by their perceptual hashes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from colorcli.collection.inspection import alike, perceptual_hash
from colorcli.photo import read_rgb


def test_the_perceptual_hash_survives_what_files_go_through(
    astronaut: np.ndarray, coffee: np.ndarray
) -> None:
    def bits(a: int | None, b: int | None) -> int:
        assert a is not None
        assert b is not None
        return (a ^ b).bit_count()

    original = perceptual_hash(astronaut)
    small = cv2.resize(astronaut, (90, 90), interpolation=cv2.INTER_AREA)
    jpeg = read_rgb(cv2.imencode(".jpg", astronaut[..., ::-1], [1, 40])[1].tobytes())
    assert bits(original, perceptual_hash(small)) <= 3
    assert bits(original, perceptual_hash(jpeg)) <= 3
    assert bits(original, perceptual_hash(coffee)) > 12
    assert perceptual_hash(np.full((50, 50, 3), 90, np.uint8)) is None


def test_alike_finds_every_pair_within_its_distance() -> None:
    random = np.random.default_rng(0)
    base = [int(value) for value in random.integers(0, 2**63, 40)]
    near = [value ^ (1 << 3) ^ (1 << 30) ^ (1 << 61) for value in base]
    hashes = [(f"a{i}", value) for i, value in enumerate(base)]
    hashes += [(f"b{i}", value) for i, value in enumerate(near)]
    assert alike(hashes, 3) == [[f"a{i}", f"b{i}"] for i in range(40)]
    assert alike(hashes, 2) == []


def test_alike_joins_chains_and_refuses_what_it_cannot_find() -> None:
    assert alike([("a", 0), ("b", 0b11), ("c", 0b1111)], 2) == [["a", "b", "c"]]
    with pytest.raises(ValueError, match="distance 4"):
        alike([], 4)
