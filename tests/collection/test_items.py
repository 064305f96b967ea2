from __future__ import annotations

import io
import os
import tarfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorcli.collection.items import Item, Location, hashed_split, open_collection, spread
from colorcli.errors import PhotoError, UsageError


def photo(seed: int = 0, suffix: str = ".png", shape: tuple[int, int] = (9, 12)) -> bytes:
    rgb = np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)
    return bytes(cv2.imencode(suffix, rgb)[1])


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> None:
    with tarfile.open(path, mode) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write_tar(tmp_path / "a.tar", {f"one_{i}.png": photo(i) for i in range(6)})
    write_tar(tmp_path / "b.tar", {"sub/two.png": photo(9), ".hidden.png": b"", "note.txt": b"x"})
    rows = ["shard,key,split,source,label,terms,width,height"]
    rows += [f"a,one_{i},train,ones,tree,open,12,9" for i in range(6)]
    rows += ["b,two,val,twos,,research,12,9", "c,absent,val,threes,,open,12,9"]
    (tmp_path / "index.csv").write_text("\n".join(rows))
    return tmp_path


def test_shards_follow_their_index(shards: Path) -> None:
    items = open_collection(shards)
    assert [item.key for item in items] == [*(f"one_{i}" for i in range(6)), "two"]
    first, last = items[0], items[-1]
    assert (first.split, first.source, first.label, first.terms) == (
        "train",
        "ones",
        "tree",
        "open",
    )
    assert (last.split, last.source, last.label) == ("val", "twos", "")


def test_bytes_come_from_the_middle_of_a_shard(shards: Path) -> None:
    items = open_collection(shards)
    assert [item.read() for item in items] == [*(photo(i) for i in range(6)), photo(9)]


def test_a_key_that_two_shards_share_is_refused(tmp_path: Path) -> None:
    for shard in ("a", "b"):
        write_tar(tmp_path / f"{shard}.tar", {"same.png": b"1"})
    with pytest.raises(PhotoError, match=r"same\.png in a\.tar and same\.png in b\.tar"):
        open_collection(tmp_path)


def test_of_members_of_one_name_the_last_counts_as_tar_has_it(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", {"one.png": b"old", "two.png": b"2"})
    with tarfile.open(tmp_path / "a.tar", "a") as tar:
        tar.addfile(tarfile.TarInfo("one.png"), io.BytesIO())
    items = open_collection(tmp_path)
    assert [(item.key, item.location.size) for item in items] == [("one", 0), ("two", 1)]


def test_a_single_shard_uses_the_index_beside_it(shards: Path) -> None:
    assert [item.split for item in open_collection(shards / "b.tar")] == ["val"]


def test_reading_from_threads_gives_what_reading_alone_gives(shards: Path) -> None:
    items = open_collection(shards) * 40
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(Item.read, items)) == [item.read() for item in items]


def test_a_shard_without_index_is_split_by_lot(tmp_path: Path) -> None:
    write_tar(tmp_path / "all.tar", {f"{i}.png": b"x" for i in range(200)})
    splits = Counter(item.split for item in open_collection(tmp_path))
    assert set(splits) == {"train", "val"}
    assert 8 <= splits["val"] <= 35


def test_only_the_split_asked_for(shards: Path) -> None:
    assert [item.key for item in open_collection(shards, split="val")] == ["two"]
    assert len(open_collection(shards, split="all")) == 7
    with pytest.raises(UsageError, match="no photo has split 'test'") as caught:
        open_collection(shards, split="test")
    assert "train, val" in (caught.value.tip or "")


def test_a_tree_is_labelled_by_its_folders(tmp_path: Path) -> None:
    for name in ("sea/b.jpg", "sea/a.PNG", "hills/low/c.webp", "d.tif", "sea/notes.txt"):
        write(tmp_path / name, b"x")
    items = open_collection(tmp_path)
    assert [(item.key, item.label) for item in items] == [
        ("d.tif", ""),
        ("hills/low/c.webp", "low"),
        ("sea/a.PNG", "sea"),
        ("sea/b.jpg", "sea"),
    ]


def test_hidden_files_and_folders_are_skipped(tmp_path: Path) -> None:
    for name in ("a.jpg", ".b.jpg", "._a.jpg", ".cache/c.jpg", "x/.y/d.jpg"):
        write(tmp_path / name, b"x")
    assert [item.key for item in open_collection(tmp_path)] == ["a.jpg"]


def test_train_and_val_folders_are_splits_as_given(tmp_path: Path) -> None:
    for name in ("train/sea/a.jpg", "train/b.jpg", "val/sea/c.jpg", "test/d.jpg"):
        write(tmp_path / name, b"x")
    found = {item.key: (item.split, item.label) for item in open_collection(tmp_path)}
    assert found == {
        "train/sea/a.jpg": ("train", "sea"),
        "train/b.jpg": ("train", ""),
        "val/sea/c.jpg": ("val", "sea"),
        "test/d.jpg": ("test", ""),
    }


def test_a_folder_called_train_alone_is_a_class_of_vehicles(tmp_path: Path) -> None:
    for i in range(60):
        write(tmp_path / "train" / f"{i}.jpg", b"x")
        write(tmp_path / "tram" / f"{i}.jpg", b"x")
    items = open_collection(tmp_path)
    assert {item.label for item in items} == {"train", "tram"}
    assert "val" in {item.split for item in items if item.label == "train"}


def test_a_split_list_overrules_everything(tmp_path: Path, shards: Path) -> None:
    for folder, key in ((tmp_path / "tree", "val/a.jpg"), (shards, "two")):
        write(folder / "train" / "b.jpg", b"x")
        write(folder / "val" / "a.jpg", b"x")
        (folder / "split.csv").write_text(f"key,split\n{key},test\n")
        assert [item.key for item in open_collection(folder, split="test")] == [key]


def test_adding_photos_moves_no_other(tmp_path: Path) -> None:
    for i in range(50):
        write(tmp_path / f"{i}.jpg", b"x")
    before = {item.key: item.split for item in open_collection(tmp_path)}
    for i in range(50, 80):
        write(tmp_path / f"{i}.jpg", b"x")
    after = {item.key: item.split for item in open_collection(tmp_path)}
    assert before.items() <= after.items()


def test_the_lot_keeps_its_share_and_a_larger_one_holds_a_smaller() -> None:
    keys = [f"photo {i}" for i in range(2000)]
    held = [
        {key for key in keys if hashed_split(key, share) == "val"} for share in (0, 0.1, 0.3, 1)
    ]
    assert len(held[1]) == pytest.approx(200, abs=60)
    assert len(held[2]) == pytest.approx(600, abs=90)
    assert held[0] == set() < held[1] < held[2] < held[3] == set(keys)


def test_one_photo_is_a_collection(tmp_path: Path) -> None:
    write(tmp_path / "a.png", photo())
    (item,) = open_collection(tmp_path / "a.png")
    assert (item.key, item.read()) == ("a.png", photo())


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        open_collection(tmp_path / "nothing")
    with pytest.raises(PhotoError, match="no photos found"):
        open_collection(tmp_path)


def test_a_compressed_or_broken_shard_is_refused_by_name(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", {"a.png": photo()}, "w:gz")
    with pytest.raises(PhotoError, match=r"a\.tar"):
        open_collection(tmp_path)


def test_an_index_without_its_columns_is_refused(shards: Path) -> None:
    (shards / "index.csv").write_text("shard,name\na,b\n")
    with pytest.raises(PhotoError, match="lacks the column 'key'") as caught:
        open_collection(shards)
    assert "shard,key,split" in (caught.value.tip or "")


@pytest.mark.parametrize("row", ["a,one_1", "a,one_1,,ones", ",one_1,val"])
def test_a_line_of_an_index_without_what_is_needed_is_refused_by_its_number(
    shards: Path, row: str
) -> None:
    (shards / "index.csv").write_text(f"shard,key,split,source\na,one_0,train,ones\n{row}\n")
    with pytest.raises(PhotoError, match=r"index\.csv: line 3 lacks its (split|shard)"):
        open_collection(shards)


def test_lists_may_begin_with_the_byte_order_mark_of_a_spreadsheet(shards: Path) -> None:
    index = shards / "index.csv"
    index.write_bytes(b"\xef\xbb\xbf" + index.read_bytes())
    (shards / "split.csv").write_bytes(b"\xef\xbb\xbfkey,split\r\none_3,test\r\n")
    found = {item.key: item.split for item in open_collection(shards)}
    assert (found["one_0"], found["two"], found["one_3"]) == ("train", "val", "test")


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_names_that_are_not_utf_8_are_names_like_others(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    write(tmp_path / "tree" / name, b"x")
    (item,) = open_collection(tmp_path / "tree")
    assert (item.key, item.split in ("train", "val")) == (name, True)
    (tmp_path / "tree" / "split.csv").write_bytes(b"key,split\ncaf\xe9.jpg,test\n")
    assert [item.split for item in open_collection(tmp_path / "tree")] == ["test"]
    write_tar(tmp_path / "a.tar", {name: b"x"})
    (tmp_path / "index.csv").write_bytes(b"shard,key,split\na,caf\xe9,val-large\n")
    assert [item.split for item in open_collection(tmp_path / "a.tar")] == ["val-large"]


def test_an_item_knows_its_stem_and_suffix_wherever_it_lies(tmp_path: Path) -> None:
    write(tmp_path / "tree" / "sea" / "St. Peter.JPG", b"x")
    write_tar(tmp_path / "a.tar", {"St. Peter.JPG": b"x"})
    for place in ("tree", "a.tar", "tree/sea/St. Peter.JPG"):
        (item,) = open_collection(tmp_path / place)
        assert (item.stem, item.suffix) == ("St. Peter", ".jpg")


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_to_folders_are_followed(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for split in ("train", "val"):
        write(tmp_path / "disk" / f"{split}_photos" / "sea" / f"{split}.jpg", b"x")
        (root / split).symlink_to(tmp_path / "disk" / f"{split}_photos")
    found = {item.key: (item.split, item.label) for item in open_collection(root)}
    assert found == {
        "train/sea/train.jpg": ("train", "sea"),
        "val/sea/val.jpg": ("val", "sea"),
    }


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_no_link_makes_a_loop_or_lists_a_photo_twice(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    write(root / "sea" / "a.jpg", b"x")
    write(root / "hills" / "b.jpg", b"x")
    (root / "sea" / "up").symlink_to(root)
    (root / "hills" / "out").symlink_to(tmp_path)
    (root / "also").symlink_to(root / "sea")
    (root / "gone").symlink_to(tmp_path / "nothing")
    assert [item.key for item in open_collection(root)] == ["hills/b.jpg", "sea/a.jpg"]


def test_what_colorize_made_of_a_photo_is_no_photo_to_learn_from(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.color.jpg", "alone.color.jpg", "sea/b.png", "sea.color/b.png"):
        write(tmp_path / name, b"x")
    keys = [item.key for item in open_collection(tmp_path)]
    assert keys == ["a.jpg", "alone.color.jpg", "sea/b.png"]


def test_a_shard_cut_short_after_opening(shards: Path) -> None:
    items = open_collection(shards / "a.tar")
    (shards / "a.tar").write_bytes((shards / "a.tar").read_bytes()[:1000])
    with pytest.raises(PhotoError, match="ends inside one_5"):
        items[-1].read()
    (shards / "a.tar").unlink()
    with pytest.raises(PhotoError, match="cannot read one_0"):
        items[0].read()


def test_spread_is_even_and_keeps_order() -> None:
    assert spread(range(10), 5) == [0, 2, 4, 6, 8]
    assert spread(range(3), 7) == spread(range(3), None) == [0, 1, 2]


def test_items_can_be_keys_of_a_dict() -> None:
    item = Item("a", "val", "", "", "", Location(Path("a")))
    assert {item: 1}[Item("a", "val", "", "", "", Location(Path("a")))] == 1
