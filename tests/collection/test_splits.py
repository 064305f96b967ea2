"""Photos are dealt out to train, val and test, by a list that the collection follows."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from colorcli.collection.items import Item, Location, open_collection
from colorcli.collection.splits import draw_split, shares_of
from colorcli.errors import UsageError

from .trees import data, shard

skimage_data = pytest.importorskip("skimage.data")


def some_items(count: int) -> list[Item]:
    return [Item(f"{i}.jpg", "train", "", "", "", Location(Path("x"))) for i in range(count)]


@pytest.mark.parametrize(
    ("text", "shares"),
    [("9:1", (0.9, 0.1)), ("95/2.5/2.5", (0.95, 0.025, 0.025)), ("8:1:1", (0.8, 0.1, 0.1))],
)
def test_ratios(text: str, shares: tuple[float, ...]) -> None:
    assert shares_of(text) == pytest.approx(shares)


@pytest.mark.parametrize("text", ["9", "a:b", "9:0", "9:-1", "1:1:1:1", "nan:1", "inf:1", ""])
def test_what_is_no_ratio(text: str) -> None:
    with pytest.raises(UsageError, match="not a ratio"):
        shares_of(text)


@pytest.mark.parametrize(
    ("count", "ratio", "counts"),
    [
        (750, "9:1", {"train": 675, "val": 75}),
        (400, "95/2.5/2.5", {"train": 380, "val": 10, "test": 10}),
    ],
)
def test_counts_are_exact(count: int, ratio: str, counts: dict[str, int]) -> None:
    assert Counter(draw_split(some_items(count), shares_of(ratio), 0).values()) == counts


@pytest.mark.parametrize(
    ("count", "ratio", "counts"),
    [
        (4, "9:1", {"train": 3, "val": 1}),
        (2, "9:1", {"train": 1, "val": 1}),
        (4, "1:99", {"train": 1, "val": 3}),
        (5, "95/2.5/2.5", {"train": 3, "val": 1, "test": 1}),
        (2, "95/2.5/2.5", {"train": 2}),
    ],
)
def test_no_split_is_left_empty_where_there_are_photos_enough(
    count: int, ratio: str, counts: dict[str, int]
) -> None:
    assert Counter(draw_split(some_items(count), shares_of(ratio), 0).values()) == counts


def test_the_draw_depends_on_the_seed_alone() -> None:
    items, shares = some_items(100), shares_of("9:1")
    assert draw_split(items, shares, 4) == draw_split(items[::-1], shares, 4)
    assert draw_split(items, shares, 4) != draw_split(items, shares, 5)


def test_split_writes_a_list_that_the_collection_follows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(40):
        (tmp_path / f"{i}.jpg").write_bytes(b"x")
    status, _, err = data(capsys, "split", tmp_path, "--ratio", "95/2.5/2.5", "--seed", 1)
    assert status == 0
    assert "38 train" in err
    assert Counter(item.split for item in open_collection(tmp_path)) == {
        "train": 38,
        "val": 1,
        "test": 1,
    }
    assert data(capsys, "split", tmp_path, "--force")[0] == 0
    assert Counter(item.split for item in open_collection(tmp_path))["val"] == 4


def test_a_split_is_not_drawn_anew_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(b"x")
    assert data(capsys, "split", tmp_path)[0] == 0
    drawn = (tmp_path / "split.csv").read_bytes()
    status, _, err = data(capsys, "split", tmp_path, "--seed", 5)
    assert status == 2
    assert "split.csv: exists already" in err
    assert "--force" in err
    assert "--skip-existing" not in err
    assert (tmp_path / "split.csv").read_bytes() == drawn


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_names_that_are_not_utf_8_are_split_and_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (b"caf\xe9.jpg", b"b.jpg"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    assert data(capsys, "split", tmp_path, "--ratio", "1:1")[0] == 0
    first, second = (item.split for item in open_collection(tmp_path))
    assert {first, second} == {"train", "val"}
    assert data(capsys, "split", tmp_path, "--ratio", "1:1", "--seed", 1, "--force")[0] == 0


@pytest.mark.parametrize("name", ["a.tar", "list.txt", "index.csv", "contacts.csv"])
def test_a_split_replaces_nothing_but_a_list_of_splits(
    name: str, tmp_path: Path, astronaut: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    target = shard(tmp_path / "shards", {"one": "train", "two": "val"}, astronaut) / name
    if not target.exists():
        target.write_text("name,address\nKäthe,Berlin\n")
    before = target.read_bytes()
    status, _, err = data(capsys, "split", target.parent, "-o", target, "--force")
    assert status == 2
    assert str(target) in err
    assert target.read_bytes() == before
