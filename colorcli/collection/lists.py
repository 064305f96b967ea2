"""The lists that lie beside photographs: `index.csv` of tar shards, `split.csv` of any collection.

Names of files need not be UTF-8. Where they are not, their bytes go into a list as they are, and
come out of it as Python spells them ("surrogateescape").
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from colorcli.errors import PhotoError

INDEX = "index.csv"
SPLIT_LIST = "split.csv"


@dataclass(frozen=True)
class Entry:
    """What an index says of a photo.

    Args:
        split: never empty.
        source: the data set it came from, "" where the index does not say.
        label: its class, "" where the index does not say.
        terms: "open", "research" or "unstated", "" where the index does not say.
    """

    split: str
    source: str
    label: str
    terms: str


def read_index(folder: Path) -> dict[tuple[str, str], Entry]:
    """What `folder/index.csv` says, by shard (without ".tar") and key; nothing without the file.

    Raises:
        PhotoError: it cannot be read, or lacks a column or a value that is needed.
    """
    rows = _read(folder / INDEX, ("shard", "key", "split"))
    return {
        (row["shard"], row["key"]): Entry(
            row["split"], row.get("source") or "", row.get("label") or "", row.get("terms") or ""
        )
        for row in rows
    }


def read_split_list(folder: Path) -> dict[str, str]:
    """What `folder/split.csv` says: key → split; nothing without the file.

    Raises:
        PhotoError: it cannot be read, or lacks a column or a value.
    """
    return {row["key"]: row["split"] for row in _read(folder / SPLIT_LIST, ("key", "split"))}


def split_list(splits: Mapping[str, str]) -> bytes:
    """The text of a `split.csv` of these keys and their splits, which `open_collection` follows."""
    text = io.StringIO()
    # A carriage return alone is quoted only on request, and ends the line where it is read.
    if any("\r" in key for key in splits):
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    else:
        writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["key", "split"])
    writer.writerows(splits.items())
    return text.getvalue().encode("utf-8", "surrogateescape")


def _read(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    rows = []
    try:
        # Spreadsheets put a byte order mark before UTF-8.
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
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
