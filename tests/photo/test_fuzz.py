"""A short run of `fuzz`: bad files raise nothing but PhotoError."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colorcli.errors import PhotoError
from colorcli.photo import read_photo

from . import fuzz

FILES = fuzz.seeds()


def test_the_seeds_are_sound() -> None:
    assert all(fuzz.check(file) for file in FILES)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_files_are_read_or_refused(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(150):
        fuzz.check(fuzz.mutated(rng.choice(FILES), rng, FILES))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted({file[:16] for file in FILES})), st.binary(max_size=300))
def test_a_good_beginning_and_anything_after_it(head: bytes, rest: bytes) -> None:
    with contextlib.suppress(PhotoError):
        photo = read_photo(head + rest, limits=fuzz.LIMITS)
        assert photo.L().shape == photo.shape
