"""Lists of splits survive a round trip."""

from __future__ import annotations

import tempfile
from pathlib import Path

from colorcli.collection.lists import read_split_list, split_list


def test_a_list_of_splits_holds_any_name() -> None:
    names = {f"{odd}.jpg": "val" for odd in ("a,b", 'a"b', "a\nb", "a\rb", "a\r\nb", " a ", "")}
    assert read_list(split_list(names)) == names


def read_list(text: bytes) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "split.csv").write_bytes(text)
        return read_split_list(Path(folder))
