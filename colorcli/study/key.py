"""The key of a study: which system made which picture. Participants never see it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorcli.errors import UsageError

if TYPE_CHECKING:
    from colorcli.study.pictures import Picture

FORMAT = 1


@dataclass(frozen=True)
class Origin:
    """Where a picture comes from.

    Args:
        system: a model's name, or "true" for the photo itself.
        photo: key of the photo.
    """

    system: str
    photo: str


@dataclass(frozen=True)
class Key:
    """The content of `key.json`.

    Args:
        study: id of the study, which is also in its answers.
        question: the question asked.
        seed: the seed the photos were drawn with.
        systems: in the order of the tables.
        pictures: origins by picture id.
    """

    study: str
    question: str
    seed: int
    systems: tuple[str, ...]
    pictures: dict[str, Origin]


def key_of(pictures: Sequence[Picture], systems: Sequence[str], *, question: str, seed: int) -> Key:
    """The key of a study of these pictures. Its id depends only on pictures and question."""
    ids = sorted(picture.id for picture in pictures)
    digest = hashlib.blake2b(
        "\n".join([question, *ids]).encode("utf-8", "surrogateescape"), digest_size=6
    )
    origins = {picture.id: Origin(picture.system, picture.photo) for picture in pictures}
    there = {picture.system for picture in pictures}
    return Key(
        digest.hexdigest(),
        question,
        seed,
        tuple(system for system in systems if system in there),
        {name: origins[name] for name in ids},
    )


def write_key(key: Key) -> bytes:
    """The bytes of `key.json`."""
    pictures = {
        name: {"system": origin.system, "photo": origin.photo}
        for name, origin in key.pictures.items()
    }
    body = {
        "colorize_study_key": FORMAT,
        "study": key.study,
        "question": key.question,
        "seed": key.seed,
        "systems": list(key.systems),
        "pictures": pictures,
    }
    return (json.dumps(body, indent=1) + "\n").encode()


def read_key(path: Path) -> Key:
    """Read `key.json`.

    Raises:
        UsageError: it is missing, broken, of a newer format, or not a key.
    """
    body = read_object(path, tip="give the key.json that `colorize study make` wrote")
    version = body.get("colorize_study_key")
    if isinstance(version, int) and version > FORMAT:
        raise UsageError(f"{path}: key format {version} is too new", tip="update colorize")
    try:
        if version != FORMAT:
            raise TypeError
        return Key(
            _text(body["study"]),
            _text(body["question"]),
            int(body["seed"]),
            tuple(_text(system) for system in body["systems"]),
            {
                name: Origin(_text(origin["system"]), _text(origin["photo"]))
                for name, origin in body["pictures"].items()
            },
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise UsageError(
            f"{path}: not the key of a study",
            tip="the key comes first, then the answers: "
            "colorize study results key.json answers-*.json",
        ) from None


def read_object(path: Path, *, tip: str) -> dict[str, Any]:
    """A JSON file that holds an object.

    Args:
        path: the file.
        tip: the next step if it holds something else.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    try:
        # Some editors write a byte order mark before it.
        body = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read: {error.strerror}", tip="check the file name"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: broken JSON: {error}", tip=tip) from None
    if not isinstance(body, dict):
        raise UsageError(f"{path}: not a JSON object", tip=tip)
    return body


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
