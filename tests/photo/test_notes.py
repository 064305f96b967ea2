"""Titles, authors and comments: PNG texts and JPEG comments."""

from __future__ import annotations

import io

import pytest
from PIL import Image, PngImagePlugin

from colorcli.photo import Photo, encode_photo, png, read_photo

from . import samples
from .samples import Tint

COMMENT = "Großmutter, 1955".encode()


def png_with_texts() -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Ansel")
    texts.add_text("Comment", "a long one " * 50, zip=True)
    texts.add_itxt("Title", "Großmutter", "de", "Titel")
    return samples.saved(samples.camera(), "PNG", pnginfo=texts)


def jpeg_with_comment(comment: bytes = COMMENT) -> bytes:
    return samples.saved(samples.camera(), "JPEG", comment=comment)


def written(photo: Photo, family: str) -> tuple[bytes, list[str]]:
    said: list[str] = []
    return encode_photo(photo, Tint(), format=family, warn=said.append), said


def test_texts_of_a_png_go_on_into_a_png() -> None:
    photo = read_photo(png_with_texts())
    assert photo.warnings == ()
    file, said = written(photo, "png")
    assert said == []
    with Image.open(io.BytesIO(file)) as image:
        image.load()
        assert image.text["Author"] == "Ansel"  # type: ignore[attr-defined]
        assert image.text["Comment"] == "a long one " * 50  # type: ignore[attr-defined]
        title = image.text["Title"]  # type: ignore[attr-defined]
    assert (title, title.lang, title.tkey) == ("Großmutter", "de", "Titel")
    assert read_photo(file).metadata.notes == photo.metadata.notes


def test_comments_of_a_jpeg_go_on_into_a_jpeg() -> None:
    file, said = written(read_photo(jpeg_with_comment()), "jpeg")
    assert said == []
    with Image.open(io.BytesIO(file)) as image:
        assert image.info["comment"] == COMMENT


@pytest.mark.parametrize("family", ["tiff", "webp", "pnm"])
def test_the_loss_of_texts_is_said(family: str) -> None:
    for file, word in ((png_with_texts(), "PNG texts"), (jpeg_with_comment(), "JPEG comments")):
        _, said = written(read_photo(file), family)
        assert [line for line in said if word in line] == [f"{family} holds no {said_of(word)}"]
    photo = read_photo(png_with_texts())
    assert "PNG texts" in written(photo, "jpeg")[1][0]
    photo = read_photo(jpeg_with_comment())
    assert "JPEG comments" in written(photo, "png")[1][0]


def said_of(word: str) -> str:
    return f"{word}{' (title, author, …)' if word == 'PNG texts' else ''}: dropped"


def test_texts_without_end_are_cut_with_a_warning() -> None:
    whole = png_with_texts()
    long = png.chunk(b"tEXt", b"Description\0" + b"x" * 600_000)
    photo = read_photo(whole[:33] + long + long + whole[33:])
    assert len(photo.metadata.notes) == 1
    assert "1 MB" in photo.warnings[0]


def test_profiles_wrapped_into_text_are_dropped_with_a_warning() -> None:
    whole = png_with_texts()
    wrapped = png.chunk(b"zTXt", b"Raw profile type exif\0\0junk")
    photo = read_photo(whole[:33] + wrapped + whole[33:])
    assert len(photo.metadata.notes) == 3
    assert "ImageMagick" in photo.warnings[0]
    assert b"Raw profile" not in written(photo, "png")[0]
