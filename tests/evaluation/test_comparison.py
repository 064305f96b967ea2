from __future__ import annotations

import base64
import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from colorcli.cli.ending import run_command_line
from colorcli.collection.items import open_collection
from colorcli.drawing import encode_png
from colorcli.errors import PhotoError
from colorcli.evaluation.comparison import (
    Shown,
    Stopwatch,
    compare,
    contact_sheet,
    pictures_of,
    shrink,
)
from colorcli.evaluation.slider_page import slider_page

skimage_data = pytest.importorskip("skimage.data")


def blue(L: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.float32([5, -20]), (*L.shape, 2))


def brown(L: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.float32([8, 12]), (*L.shape, 2))


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("coloured")
    for name in ("astronaut", "coffee"):
        cv2.imwrite(str(root / f"{name}.png"), getattr(skimage_data, name)()[::5, ::5, ::-1])
    return root


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("old")
    camera = skimage_data.camera()[::5, ::5]
    cv2.imwrite(str(root / "camera.jpg"), camera)
    sepia = camera[..., None] * np.array([0.75, 0.9, 1.0])
    cv2.imwrite(str(root / "sepia.jpg"), sepia)
    return root


def test_photos_with_colour_have_metrics_and_truth(coloured: Path) -> None:
    found = compare({"blue": blue, "brown": brown}, open_collection(coloured))
    assert found.titles == ["gray", "blue", "brown", "true"]
    assert found.report is not None
    assert list(found.report.scores) == ["blue", "brown", "gray", "constant mean"]
    assert all(list(row.pictures) == found.titles for row in found.shown)
    assert set(found.megapixels_per_second) == {"blue", "brown"}
    assert min(found.megapixels_per_second.values()) > 0


def test_black_and_white_and_sepia_have_neither(old: Path) -> None:
    found = compare({"blue": blue}, open_collection(old))
    assert found.titles == ["gray", "blue"]
    assert found.report is None
    assert [row.key for row in found.shown] == ["camera.jpg", "sepia.jpg"]


def test_truth_can_be_denied(coloured: Path) -> None:
    found = compare({"blue": blue}, open_collection(coloured), truth=False)
    assert found.report is None
    assert found.titles == ["gray", "blue"]


def test_mixed_photos_are_measured_where_they_can_be(coloured: Path, old: Path) -> None:
    items = open_collection(coloured) + open_collection(old)
    found = compare({"blue": blue}, items)
    assert found.report is not None
    assert found.report.photos == 2
    assert ["true" in row.pictures for row in found.shown] == [True, True, False, False]
    contact_sheet(found.titles, found.shown)


def test_few_pictures_of_many_photos(coloured: Path) -> None:
    assert len(compare({"blue": blue}, open_collection(coloured), pictures=1).shown) == 1


def test_a_broken_photo_is_told_and_left_out(coloured: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no photo")
    broken = open_collection(tmp_path)
    found = compare({"blue": blue}, broken + open_collection(coloured))
    assert [key for key, _ in found.failed] == ["broken.png"]
    assert len(found.shown) == 2
    with pytest.raises(PhotoError, match="none of 1 photos"):
        compare({"blue": blue}, broken)


def test_the_pictures_are_what_they_are_called() -> None:
    rgb = np.ascontiguousarray(skimage_data.coffee()[::8, ::8])
    pictures = pictures_of(rgb, {"blue": blue})
    assert np.ptp(pictures["gray"], axis=2).max() == 0
    assert pictures["blue"][..., 2].mean() > pictures["blue"][..., 0].mean()
    assert (pictures["true"] == rgb).all()


def test_the_first_call_is_not_timed() -> None:
    calls = []
    watch = Stopwatch(lambda L: calls.append(L) or blue(L))
    assert watch.megapixels_per_second == 0
    for _ in range(2):
        watch(np.zeros((10, 20), np.float32))
    assert len(calls) == 3
    assert watch.pixels == 2 * 200


def test_all_later_calls_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 1.0, 10.0, 12.0])
    monkeypatch.setattr("colorcli.evaluation.comparison.time.perf_counter", lambda: next(ticks))
    watch = Stopwatch(blue)
    for _ in range(2):
        watch(np.zeros((1000, 1000), np.float32))
    assert watch.megapixels_per_second == pytest.approx(2 / 3)


def test_the_sheet_has_each_picture_in_its_column_and_row() -> None:
    titles = ["gray", "a very long name of a model – 2", "true"]
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    plain = {
        title: np.full((30, 60, 3), colour, np.uint8)
        for title, colour in zip(titles, colours, strict=True)
    }
    rows = [Shown("a", plain), Shown("b", {"true": plain["true"]})]
    sheet = contact_sheet(titles, rows, side=60)
    assert sheet.dtype == np.uint8
    width = sheet.shape[1] // 3
    for column, (colour, expected) in enumerate(zip(colours, (1, 1, 2), strict=True)):
        here = (sheet == colour).all(axis=2)
        assert here.sum() == expected * 30 * 60
        assert here[:, column * width : (column + 1) * width].sum() == here.sum()
    is_blue = (sheet == colours[2]).all(axis=2).any(axis=1)
    assert is_blue[: len(sheet) // 2].sum() == is_blue[len(sheet) // 2 :].sum() == 30
    decoded = cv2.imdecode(np.frombuffer(encode_png(sheet), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert (decoded == sheet).all()


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (100, 300), (20, 30)])
def test_shrinking_keeps_the_aspect_and_enlarges_nothing(shape: tuple[int, int]) -> None:
    small = shrink(np.zeros((*shape, 3), np.uint8), 100)
    assert max(small.shape[:2]) == min(100, max(shape))
    assert min(small.shape[:2]) >= 1


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(key: str = "a.jpg", title: str = "gray", heading: str = "Two models") -> str:
    red = np.full((30, 60, 3), (255, 0, 0), np.uint8)
    rows = [Shown(key, {title: red, "blue": red[..., ::-1]})]
    return slider_page(
        [title, "blue", "true"], rows, heading=heading, table=[["", "x"], ["y", "1"]]
    )


def test_the_page_is_well_formed_and_alone() -> None:
    text = page_of()
    page = Page(text)
    assert page.open == []
    assert not re.search(r"https?://|//[a-z]|url\(|@import", text.replace("<!DOCTYPE html>", ""))
    assert not page.all("link")
    assert all("src" not in script for script in page.all("script"))
    assert all((img["src"] or "").startswith("data:image/jpeg;base64,") for img in page.all("img"))
    policy = page.all("meta")[2]
    assert "default-src 'none'" in (policy["content"] or "")


def test_every_picture_is_on_the_page_in_its_colours() -> None:
    images = Page(page_of()).all("img")
    assert [image["data-title"] for image in images] == ["gray", "blue"]
    for image, channel in zip(images, (0, 2), strict=True):
        data = base64.b64decode((image["src"] or "").partition(",")[2])
        rgb = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        assert rgb.shape == (30, 60, 3)
        assert rgb[..., channel].min() > 250


def test_the_page_can_be_heard_and_typed_to() -> None:
    text = page_of()
    page = Page(text)
    assert page.all("html")[0]["lang"] == "en"
    assert all(image["alt"] for image in page.all("img"))
    assert {head["scope"] for head in page.all("th")} == {"col", "row"}
    for needed in ('type: "range"', "aria-label", "aria-valuetext", "focus-within"):
        assert needed in text


def test_names_cannot_break_out_of_the_page() -> None:
    evil = '"><script>alert(1)</script>{{table}}'
    page = Page(page_of(key=evil, title=evil, heading=evil))
    assert len(page.all("script")) == 1
    assert page.open == []
    assert len(page.all("table")) == 1


def command(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    status = run_command_line(["compare", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_the_command_writes_a_sheet_and_a_page(
    coloured: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--device", "cpu", "--size", "64", "-o", tmp_path / "out")
    status, out, _ = command(capsys, model_folder, coloured, *options)
    assert status == 0
    for word in ("PSNR", "Mpx/s", "size, MB", "gray", model_folder.name):
        assert word in out
    assert cv2.imread(str(tmp_path / "out" / "sheet.png")) is not None
    assert len(Page((tmp_path / "out" / "index.html").read_text()).all("img")) == 6
    status, _, err = command(capsys, model_folder, coloured, *options)
    assert status == 2
    assert "--force" in err


def test_the_command_shows_as_many_pictures_as_asked_for(
    coloured: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--device", "cpu", "--size", "64", "--pictures", 1, "-o", tmp_path / "out")
    assert command(capsys, model_folder, coloured, *options)[0] == 0
    assert len(Page((tmp_path / "out" / "index.html").read_text()).all("img")) == 3


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are UTF-8 there")
def test_the_command_shows_photos_whose_names_are_not_utf_8(
    old: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / os.fsdecode(b"odd")
    odd.mkdir()
    photo = next(path for path in sorted(old.rglob("*")) if path.is_file())
    (odd / os.fsdecode(b"\xff\xe9" + os.fsencode(photo.suffix))).write_bytes(photo.read_bytes())
    options = ("--device", "cpu", "--size", "64", "-o", tmp_path / "out")
    assert command(capsys, model_folder, odd, *options)[0] == 0
    assert "udcff" in (tmp_path / "out" / "index.html").read_text()


def test_the_command_compares_on_black_and_white(
    old: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--device", "cpu", "--size", "64", "--json", "-o", tmp_path / "out")
    status, out, _ = command(capsys, model_folder, model_folder, old, *options)
    assert status == 0
    found = json.loads(out)
    assert found["report"] is None
    assert list(found["models"]) == [model_folder.name, str(model_folder)]
    assert Path(found["page"]).is_file()


def test_a_model_without_photos_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = command(capsys, "fusion")
    assert status == 2
    assert "needs models and photos" in err
