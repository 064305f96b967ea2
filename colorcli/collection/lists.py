"""The lists beside photographs: `index.csv` of tar shards, `split.csv` of any collection.

File names need not be UTF-8. Other bytes are written to a list as they are, and read from it as
Python represents them ("surrogateescape").
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from colorcli.errors import PhotoError

INDEX = "index.csv"
SPLIT_LIST = "split.csv"

_OF_SPLITS = ("key", "split")


@dataclass(frozen=True)
class Entry:
    """A photo in an index.

    Args:
        split: never empty.
        source: the data set it came from, "" if the index does not say.
        label: its class, "" if the index does not say.
        terms: "open", "research" or "unstated", "" if the index does not say.
    """

    split: str
    source: str
    label: str
    terms: str


def read_index(folder: Path) -> dict[tuple[str, str], Entry]:
    """The entries of `folder/index.csv` by shard (without ".tar") and key; none without the file.

    Raises:
        PhotoError: it cannot be read, or lacks a required column or value.
    """
    rows = _read(folder / INDEX, ("shard", "key", "split"))
    return {
        (row["shard"], row["key"]): Entry(
            row["split"], row.get("source") or "", row.get("label") or "", row.get("terms") or ""
        )
        for row in rows
    }


def read_split_list(folder: Path) -> dict[str, str]:
    """The content of `folder/split.csv`, key → split; empty without the file.

    Raises:
        PhotoError: it cannot be read, or lacks a column or a value.
    """
    return {row["key"]: row["split"] for row in _read(folder / SPLIT_LIST, _OF_SPLITS)}


def is_split_list(path: Path) -> bool:
    """Whether a file begins as a `split.csv` does."""
    try:
        with _opened(path) as file:
            return set(_OF_SPLITS) <= set(next(csv.reader(file), ()))
    except (OSError, csv.Error):
        return False


def split_list(splits: Mapping[str, str]) -> bytes:
    """The bytes of a `split.csv`, which `open_collection` follows, from key → split."""
    text = io.StringIO()
    # A lone carriage return is quoted only on request, and would end the line when read.
    if any("\r" in key for key in splits):
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    else:
        writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_OF_SPLITS)
    writer.writerows(splits.items())
    return text.getvalue().encode("utf-8", "surrogateescape")


def _read(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    rows = []
    try:
        with _opened(path) as file:
            reader = csv.DictReader(file)
            for name in needed:
                if name not in (reader.fieldnames or ()):
                    raise PhotoError(
                        f"{path}: lacks the column {name!r}",
                        tip=f"its first line names the columns, as in: {','.join(needed)}",
                    )
            for row in reader:
                for name in needed:
                    if not row[name]:
                        raise PhotoError(
                            f"{path}: line {reader.line_num} lacks its {name}",
                            tip="complete the line, or delete it",
                        )
                rows.append(row)
    except (OSError, csv.Error) as error:
        raise PhotoError(f"{path}: cannot be read: {error}") from error
    return rows


def _opened(path: Path) -> TextIO:
    # Spreadsheets write a byte order mark before UTF-8.
    return path.open(newline="", encoding="utf-8-sig", errors="surrogateescape")
