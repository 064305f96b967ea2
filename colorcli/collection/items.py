"""Labelled photographs from folder trees or tar shards, with their split.

A collection is a list of `Item`s. Nothing is unpacked: a photo in a tar shard is read from its
offset, so opening a collection costs one scan of the tar headers.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from colorcli.collection.lists import Entry, read_index, read_split_list
from colorcli.errors import PhotoError, UsageError
from colorcli.looks import NO_SUCH_FILE, is_folder, why_unreadable
from colorcli.photo.formats import FORMATS
from colorcli.walk import walk

T = TypeVar("T")

SPLITS = ("train", "val", "test")

VALIDATION = 0.1
"""Share of the photos held out if no split is given."""


@dataclass(frozen=True)
class Location:
    """Where the bytes of a photo are.

    Args:
        path: the photo, or the tar shard that contains it.
        offset: of its first byte in `path`.
        size: bytes; None means to the end of `path`.
    """

    path: Path
    offset: int = 0
    size: int | None = None


@dataclass(frozen=True)
class Item:
    """One photograph of a collection; its bytes are read on demand.

    Args:
        key: unique in the collection: the stem in a shard, the path relative to the root in a tree.
        split: "train", "val" or whatever the collection's index says.
        source: the data set it came from; in a tree, the name of the root.
        label: its class, "" if unknown.
        terms: "open", "research" or "unstated" as in the index; "" without one.
        location: where its bytes are.
        suffix: of its file name, in lower case (".jpg"); "" if unknown.
    """

    key: str
    split: str
    source: str
    label: str
    terms: str
    location: Location
    suffix: str = ""

    @property
    def stem(self) -> str:
        """The last part of the key, without `suffix` if it ends in that."""
        name = PurePosixPath(self.key).name
        ends = self.suffix and name.lower().endswith(self.suffix)
        return name[: -len(self.suffix)] if ends else name

    def read(self) -> bytes:
        """The encoded photo. Safe to call from several threads at once.

        Raises:
            PhotoError: the file or shard is missing, unreadable or truncated.
        """
        where = self.location
        try:
            # A separate handle for every read: no shared position, so no lock.
            with where.path.open("rb") as file:
                file.seek(where.offset)
                data = file.read(-1 if where.size is None else where.size)
        except OSError as error:
            raise PhotoError(f"{where.path}: cannot read {self.key}: {error.strerror}") from error
        if where.size is not None and len(data) != where.size:
            raise PhotoError(f"{where.path}: ends inside {self.key}", tip="copy the shard again")
        return data


def open_collection(
    path: Path, *, split: str | None = None, validation: float = VALIDATION
) -> list[Item]:
    """List the photos of a folder of tar shards, one shard, a folder tree, or one photo.

    The split of a photo is the first of: that in `split.csv` in the folder (written by `colorize
    data split`); that in `index.csv` beside its shard; the subfolder `train`, `val` or `test` it
    lies in, if the folder has both `train` and `val`; else "val" for a share `validation` of the
    keys. The last depends only on a hash of each key: adding photos moves no other, and what one
    command held out is not "train" in another.

    Args:
        path: folder with `*.tar`, a `.tar`, a folder tree of photos, or a photo.
        split: only the photos of this split; None or "all" for all.
        validation: share of the hashed split that is "val", in [0, 1]; a larger share contains the
            photos of a smaller one.

    Returns:
        Items sorted by shard and position in it, or by folder and name.

    Raises:
        UsageError: `path` is missing, or no photo has the split asked for.
        PhotoError: a shard or an index cannot be read, or there are no photos.
    """
    path = Path(path)
    if is_folder(path):
        shards = sorted(p for p in path.glob("*.tar") if not p.name.startswith("."))
        items = _from_shards(shards, validation) if shards else []
        items = items or _from_tree(path, validation)
    elif (fault := why_unreadable(path)) is not None:
        missing = fault[0] == NO_SUCH_FILE
        raise UsageError(f"{path}: {'no such file or folder' if missing else fault[0]}")
    elif path.suffix.lower() == ".tar":
        items = _from_shards([path], validation)
    else:
        key, suffix = path.name, path.suffix.lower()
        lot = hashed_split(key, validation)
        items = [Item(key, lot, "", "", "", Location(path), suffix)]
    if not items:
        raise PhotoError(
            f"{path}: no photos found",
            tip="give a folder of photos, or a folder with .tar shards and their index.csv",
        )
    return select(items, split, path)


def select(items: Sequence[Item], split: str | None, path: Path) -> list[Item]:
    """The items of a split.

    Args:
        items: to choose from.
        split: its name; None or "all" for every item.
        path: the collection, for the message.

    Raises:
        UsageError: no item has that split.
    """
    if split in (None, "all"):
        return list(items)
    chosen = [item for item in items if item.split == split]
    if not chosen:
        there = ", ".join(sorted({item.split for item in items}))
        raise UsageError(
            f"{path}: no photo has split {split!r}",
            tip=f"it has {there}; --split all takes every photo",
        )
    return chosen


def spread(items: Sequence[T], limit: int | None) -> list[T]:
    """At most `limit` of `items`, evenly spread over them; all if `limit` is None."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[i * len(items) // limit] for i in range(limit)]


def hashed_split(key: str, validation: float) -> str:
    """Put a share `validation` of all keys into "val", the others into "train".

    Formula: `hashed_fraction` of the key and 0, below `validation`.
    """
    return "val" if hashed_fraction(key, 0) < validation else "train"


def hashed_fraction(key: str, seed: int) -> float:
    """A number in [0, 1) that depends only on key and seed; uniform over keys.

    Formula: the first 8 bytes of BLAKE2b("seed:key") as a fraction of 2^64.
    """
    # File names need not be UTF-8: their bytes are hashed as they are.
    text = f"{seed}:{key}".encode("utf-8", "surrogateescape")
    digest = hashlib.blake2b(text, digest_size=8).digest()
    # 53 bits fit a float exactly; 64 could round up to 1.0.
    return (int.from_bytes(digest, "big") >> 11) / 2.0**53


def photo_paths(root: Path) -> list[Path]:
    """Photos below `root`, sorted by folder and name; see `walk`.

    No photo is listed twice, as it could get into two splits. Outputs of `colorize` (`x.color.jpg`
    beside `x.jpg`) are skipped: predicted colours are no ground truth.

    Raises:
        PhotoError: a folder cannot be listed, so photos might be missing.
    """
    entries = walk(root)
    for entry in entries:
        if entry.is_folder:
            raise PhotoError(
                f"{entry.path}: {entry.error}", tip="make it readable, or move it away"
            )
    found = [entry.path for entry in entries if not entry.skip]
    return sorted(found, key=lambda path: (path.parent.parts, path.name))


def _from_shards(shards: list[Path], validation: float) -> list[Item]:
    folder = shards[0].parent
    index, listed = read_index(folder), read_split_list(folder)
    found: dict[str, Item] = {}
    named: dict[str, str] = {}
    for shard in shards:
        for name, location in _members(shard):
            key, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix.lower()
            here = f"{name} in {shard.name}"
            if (other := named.setdefault(key, here)) != here:
                raise PhotoError(
                    f"{folder}: {other} and {here} are both called {key!r}",
                    tip="give each photo of the shards a stem of its own",
                )
            entry = index.get((shard.stem, key)) or Entry(
                hashed_split(key, validation), shard.stem, "", ""
            )
            split = listed.get(key, entry.split)
            # Of members with the same name the last counts, as when tar extracts them.
            found[key] = Item(key, split, entry.source, entry.label, entry.terms, location, suffix)
    return list(found.values())


def _members(shard: Path) -> Iterator[tuple[str, Location]]:
    try:
        # "r:" refuses compressed tars: their members have no offset to read from.
        with tarfile.open(shard, "r:") as tar:
            members = tar.getmembers()
    except (OSError, tarfile.TarError) as error:
        raise PhotoError(
            f"{shard}: not a readable plain tar: {error}", tip="compressed tars cannot be read"
        ) from error
    for member in members:
        name = PurePosixPath(member.name)
        hidden = any(part.startswith(".") and part != "." for part in name.parts)
        if not member.isreg() or member.issparse() or hidden:
            continue
        if name.suffix.lower() in FORMATS:
            yield member.name, Location(shard, member.offset_data, member.size)


def _from_tree(root: Path, validation: float) -> list[Item]:
    listed = read_split_list(root)
    # Both must be there: `train` alone is more likely a class of vehicles.
    given = (root / "train").is_dir() and (root / "val").is_dir()
    items = []
    for photo in photo_paths(root):
        relative = photo.relative_to(root)
        key = relative.as_posix()
        folders = relative.parts[:-1]
        split = listed.get(key)
        if given and folders and folders[0] in SPLITS:
            split = split or folders[0]
            folders = folders[1:]
        split = split or hashed_split(key, validation)
        label = folders[-1] if folders else ""
        suffix = photo.suffix.lower()
        items.append(Item(key, split, root.name, label, "", Location(photo), suffix))
    return items
