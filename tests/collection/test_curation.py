"""Transforms, close-ups and gray copies: what they write, and what they leave alone."""

from __future__ import annotations

import os
import tarfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorcli.cli.ending import run_command_line
from colorcli.collection.curation import augment, gray_of, random_transform
from colorcli.collection.items import open_collection
from colorcli.lab import rgb_to_lab

from .trees import data, files, save, shard, tree

skimage_data = pytest.importorskip("skimage.data")


needs_links = pytest.mark.skipif(os.name == "nt", reason="links need rights there")


def test_a_transform_keeps_size_and_colours(astronaut: np.ndarray) -> None:
    for seed in range(20):
        made = random_transform(astronaut, np.random.default_rng(seed))
        assert made.shape == astronaut.shape
        assert made.dtype == np.uint8
        assert np.abs(made.mean((0, 1)) - astronaut.mean((0, 1))).max() < 40
        assert not np.array_equal(made, astronaut)


def test_a_transform_turns_zooms_and_shears_no_more_than_it_says() -> None:
    """Ramps across and down show where each pixel came from."""
    down, across = np.mgrid[0:240, 0:240].astype(np.uint8)
    ramps = np.dstack([across, down, down])
    turned, zooms, shears = [], [], []
    for seed in range(60):
        made = random_transform(ramps, np.random.default_rng(seed)).astype(float)
        # Near the centre no mirrored pixels appear.
        part = made[100:140, 100:140]
        x, y = ((part[:, -1] - part[:, 0]) / 39)[:, :2].mean(0)
        u, v = ((part[-1] - part[0]) / 39)[:, :2].mean(0)
        turned.append(np.degrees(np.arctan2(y * np.sign(x), abs(x))))
        zooms.append(np.hypot(x, y))
        shears.append((x * u + y * v) / (x * x + y * y) * np.sign(x))
    assert max(map(abs, turned)) < 8.5
    assert 0.69 < min(zooms) < 0.75 < 0.95 < max(zooms) < 1.01
    assert max(map(abs, shears)) < 0.13
    assert min(turned) < -5 < 5 < max(turned)
    assert min(shears) < -0.08 < 0.08 < max(shears)


def test_a_transform_of_one_colour_changes_nothing() -> None:
    plain = np.full((20, 33, 3), (200, 100, 50), np.uint8)
    assert (random_transform(plain, np.random.default_rng(0)) == plain).all()


def test_about_half_the_transforms_are_flipped() -> None:
    ramp = np.repeat(np.linspace(0, 255, 90).astype(np.uint8)[None, :, None], 60, 0).repeat(3, 2)
    made = [random_transform(ramp, np.random.default_rng(seed)) for seed in range(200)]
    flipped = sum(m[:, :20].mean() > m[:, -20:].mean() for m in made)
    assert 70 < flipped < 130


def test_augment_writes_ten_of_each_train_photo(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert data(capsys, "augment", photos, "-o", out)[0] == 0
    names = files(out)
    assert len(names) == 10 + 10 + 1 + 1
    assert "split.csv" in names
    assert "train/people/astronaut.jpg" in names
    assert {f"train/people/astronaut.{i}.jpg" for i in range(1, 10)} < set(names)
    assert {f"train/coffee.{i}.png" for i in range(1, 10)} < set(names)
    assert "val/people/other.png" in names
    original = photos / "train" / "people" / "astronaut.jpg"
    assert (out / "train" / "people" / "astronaut.jpg").read_bytes() == original.read_bytes()
    found = Counter((item.split, item.label) for item in open_collection(out))
    assert found == {("train", "people"): 10, ("train", ""): 10, ("val", "people"): 1}


def test_augment_is_the_same_every_time(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        data(capsys, "augment", photos, "-o", tmp_path / name, "--factor", 2, "--seed", seed)
    one = "train/coffee.1.png"
    a, b, c = ((tmp_path / name / one).read_bytes() for name in "abc")
    assert a == b != c


def test_augment_overwrites_nothing_and_goes_on(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / "train").mkdir(parents=True)
    (out / "train" / "coffee.png").write_bytes(b"mine")
    (photos / "train" / "broken.jpg").write_bytes(b"no photo")
    status, _, err = data(capsys, "augment", photos, "-o", out, "--factor", 2)
    assert status == 1
    assert "2 done, 2 failed" in err
    assert "broken.jpg" in err
    assert (out / "train" / "coffee.png").read_bytes() == b"mine"
    assert (out / "train" / "people" / "astronaut.1.jpg").is_file()


def test_augment_unpacks_shards_by_label(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    with tarfile.open(shards / "a.tar", "w") as tar:
        tar.add(photos / "train" / "coffee.png", "coffee.png")
    (shards / "index.csv").write_text(
        "shard,key,split,source,label,terms,width,height\na,coffee,train,s,cups/../x,open,1,1\n"
    )
    assert data(capsys, "augment", shards, "-o", tmp_path / "out", "--factor", 2)[0] == 0
    assert files(tmp_path / "out") == [
        "split.csv",
        "train/cups____x/coffee.1.png",
        "train/cups____x/coffee.png",
    ]


@pytest.mark.parametrize("command", ["augment", "faces"])
@pytest.mark.parametrize("held_out", ["val", "val-large"])
def test_held_out_photos_stay_held_out_and_no_others_are(
    command: str,
    held_out: str,
    coffee: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    splits = {f"t{i}": "train" for i in range(12)} | {f"h{i}": held_out for i in range(8)}
    photos, out = shard(tmp_path / "shards", splits, coffee[::4, ::4]), tmp_path / "out"
    assert data(capsys, command, photos, "-o", out)[0] == 0
    for item in open_collection(out):
        assert item.split == splits[item.stem.partition(".")[0]]


def test_transforms_of_one_photo_are_all_to_train_on(
    coffee: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = shard(tmp_path / "shards", {"a": "train", "b": "train"}, coffee[::4, ::4])
    out = tmp_path / "out"
    assert data(capsys, "augment", photos, "-o", out, "--factor", 20)[0] == 0
    assert Counter(item.split for item in open_collection(out)) == {"train": 40}
    # The first run's, which the second leaves in place, are training photos as before.
    assert data(capsys, "augment", photos, "-o", out, "--factor", 2, "--force")[0] == 0
    assert Counter(item.split for item in open_collection(out)) == {"train": 40}


@pytest.mark.parametrize("command", ["augment", "faces"])
def test_what_was_trained_on_is_not_held_out_beside_what_was_made_of_it(
    command: str, coffee: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    photos = shard(tmp_path / "shards", {"a": "train", "b": "val"}, coffee[::4, ::4])
    assert data(capsys, command, photos, "-o", out)[0] == 0
    before = {name: (out / name).read_bytes() for name in files(out)}
    photos = shard(tmp_path / "dealt-anew", {"a": "val", "b": "train"}, coffee[::4, ::4])
    status, _, err = data(capsys, command, photos, "-o", out, "--force")
    assert status == 2
    assert "made when this photo was in another split (now val)" in err
    assert {name: (out / name).read_bytes() for name in files(out)} == before


def test_a_second_collection_changes_no_split_of_the_first(
    coffee: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    first = shard(tmp_path / "one", {f"h{i}": "val-large" for i in range(8)}, coffee[::4, ::4])
    second = shard(tmp_path / "two", {"t": "train"}, coffee[::4, ::4])
    assert data(capsys, "augment", first, "-o", out)[0] == 0
    assert data(capsys, "augment", second, "-o", out, "--force")[0] == 0
    splits = Counter(item.split for item in open_collection(out))
    assert splits == {"val-large": 8, "train": 10}


@pytest.mark.parametrize("command", ["augment", "faces"])
def test_a_list_of_splits_is_not_replaced_unasked(
    command: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "split.csv").write_text("key,split\nmine.jpg,val\n")
    status, _, err = data(capsys, command, photos, "-o", out)
    assert status == 2
    assert "--force replaces it" in err
    assert files(out) == ["split.csv"], "refused before the first photo"
    assert data(capsys, command, photos, "-o", out, "--force")[0] == 0
    assert "mine.jpg" not in (out / "split.csv").read_text()


@pytest.mark.parametrize("split", ["../elsewhere", "a/b", "..", ".hidden"])
def test_a_split_that_is_no_name_of_a_folder_is_refused(
    split: str, coffee: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = shard(tmp_path / "shards", {"a": "train", "b": split}, coffee)
    before = files(tmp_path)
    status, _, err = data(capsys, "augment", photos, "-o", tmp_path / "out")
    assert status == 2
    assert "b: its split" in err
    assert files(tmp_path) == before


def test_names_in_shards_may_hold_dots(
    coffee: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ["St. Peter", "photo.v2", "photo.v3"]
    photos = shard(tmp_path / "shards", dict.fromkeys(keys, "train"), coffee)
    assert data(capsys, "augment", photos, "-o", tmp_path / "out", "--factor", 2)[0] == 0
    assert {item.key for item in open_collection(tmp_path / "out")} == {
        f"train/{key}{ending}" for key in keys for ending in (".jpg", ".1.jpg")
    }
    assert data(capsys, "gray", photos, "-o", tmp_path / "gray")[0] == 0
    assert files(tmp_path / "gray") == sorted(f"{key}.jpg" for key in keys)


def test_transforms_take_no_name_that_a_photo_has(
    photos: Path, coffee: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("coffee.1.png", "coffee.3.png"):
        save(photos / "train" / name, coffee[::2])
    out = tmp_path / "out"
    for force in ([], ["--force"]):
        assert data(capsys, "augment", photos, "-o", out, "--factor", 3, *force)[0] == 0
        names = {name for name in files(out / "train") if name.startswith("coffee")}
        assert names == {
            f"coffee{number}.png"
            for number in ("", ".2", ".4", ".1", ".1.1", ".1.2", ".3", ".3.1", ".3.2")
        }
        for item in open_collection(photos):
            assert (out / item.key).read_bytes() == item.read()


def test_what_faces_wrote_can_be_augmented(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data(capsys, "faces", photos, "-o", tmp_path / "faces")[0] == 0
    train = len(open_collection(tmp_path / "faces", split="train"))
    status, _, _ = data(
        capsys, "augment", tmp_path / "faces", "-o", tmp_path / "out", "--factor", 3
    )
    assert status == 0
    assert len(open_collection(tmp_path / "out", split="train")) == 3 * train


@pytest.mark.parametrize("command", ["augment", "faces"])
def test_nothing_that_augment_writes_lies_among_the_photos(
    command: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(photos)
    status, _, err = data(capsys, command, photos, "-o", photos / "more")
    assert status == 2
    assert "lies among the photos" in err
    assert files(photos) == before


@pytest.mark.parametrize("command", ["augment", "faces", "gray"])
@pytest.mark.parametrize("link", [False, pytest.param(True, marks=needs_links)])
def test_no_photo_of_the_collection_is_replaced(
    command: str, link: bool, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {name: (photos / name).read_bytes() for name in files(photos)}
    out = photos
    if link:
        out = tmp_path / "link"
        out.symlink_to(photos)
    status, _, err = data(capsys, command, photos, "-o", out, "--force")
    assert status == 2
    assert "lies among the photos" in err
    assert {name: (photos / name).read_bytes() for name in files(photos)} == before


@needs_links
def test_a_photo_is_told_by_more_than_its_name(
    coffee: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where case is ignored, one file has many names; here it has two by a hard link."""
    save(tmp_path / "photos" / "a.png", coffee)
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").hardlink_to(tmp_path / "photos" / "a.png")
    status, _, err = data(capsys, "gray", tmp_path / "photos", "-o", out, "--force")
    assert status == 2
    assert "a.png: is a photo of the collection itself" in err


@needs_links
def test_a_gray_copy_replaces_no_photo_of_another_split(
    coffee: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    save(photos / "a.png", coffee)
    save(photos / "a.webp", coffee)
    (photos / "split.csv").write_text("key,split\na.png,train\na.webp,val\n")
    out.mkdir()
    (out / "a.png").hardlink_to(photos / "a.png")
    original = (photos / "a.png").read_bytes()
    status, _, err = data(capsys, "gray", photos, "-o", out, "--split", "val", "--force")
    assert status == 2
    assert "a.png: is a photo of the collection itself" in err
    assert (photos / "a.png").read_bytes() == original


@pytest.mark.parametrize("command", ["gray", "compare", "evaluate"])
def test_no_picture_is_written_where_it_would_count_as_a_photo(
    command: str, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(photos)
    monkeypatch.chdir(photos)  # where `gray` and `compare` write by default
    arguments = {
        "gray": ["data", "gray", "."],
        "compare": ["compare", "fusion", "."],
        "evaluate": ["evaluate", "fusion", ".", "--sheet", "sheet.png"],
    }
    assert run_command_line(arguments[command]) == 2
    assert "lies among the photos of ." in capsys.readouterr().err
    assert files(photos) == before


def test_two_photos_never_write_one_file(
    photos: Path, coffee: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(photos / "train" / "coffee.webp", coffee)
    status, _, err = data(capsys, "gray", photos, "-o", tmp_path / "out")
    assert status == 2
    assert "coffee.png" in err
    assert not (tmp_path / "out").exists()


def test_gray_copies_have_the_lightness_of_their_photos(
    photos: Path, coffee: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "black_white"
    assert data(capsys, "gray", photos, "-o", out)[0] == 0
    assert files(out) == files(photos)
    gray = cv2.imread(str(out / "train" / "coffee.png"), cv2.IMREAD_UNCHANGED)
    assert gray.ndim == 2
    L = rgb_to_lab(np.repeat(gray[..., None], 3, axis=2))[..., 0]
    assert np.abs(L - rgb_to_lab(coffee)[..., 0]).max() < 0.6
    jpeg = cv2.imread(str(out / "train" / "people" / "astronaut.jpg"), cv2.IMREAD_UNCHANGED)
    assert jpeg.ndim == 2


def test_gray_of_gray_is_itself() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (gray_of(np.repeat(ramp[..., None], 3, axis=2)) == ramp).all()


def test_an_interrupted_augment_leaks_nothing_and_goes_on(photos: Path, tmp_path: Path) -> None:
    items = open_collection(photos)
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    assert all(error is None for _, error in augment(items, whole, factor=3))
    work = augment(items, halves, factor=3)
    for _ in range(len(items) // 2):
        next(work)
    work.close()
    assert not (halves / "split.csv").exists()
    for item in open_collection(halves):
        assert item.split == Path(item.key).parts[0], item.key
    made = {path: path.stat().st_mtime_ns for path in halves.rglob("*.*")}
    assert all(error is None for _, error in augment(items, halves, factor=3))
    assert tree(halves) == tree(whole)
    assert all(path.stat().st_mtime_ns == time for path, time in made.items())
