"""The answers that participants return, checked against the key."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorcli.errors import UsageError
from colorcli.study.key import Key, read_object

_LONGEST = 1e12
"""Milliseconds, about 30 years: a longer answer time is invalid."""

_BROKEN = "ask the participant for the file again, or leave it out"


@dataclass(frozen=True)
class Answer:
    """One participant's answer about one picture.

    Args:
        participant: name or id.
        picture: id.
        natural: the answer.
        ms: milliseconds from showing the picture to the answer.
    """

    participant: str
    picture: str
    natural: bool
    ms: float


def read_answers(paths: Sequence[Path], key: Key) -> list[Answer]:
    """Read the files of all participants of a study.

    Args:
        paths: one file per participant.
        key: of the study.

    Raises:
        UsageError: a file cannot be read, is not a file of answers, belongs to another study,
            names a picture not in the study, answers one twice, or repeats a participant.
    """
    answers: list[Answer] = []
    seen: dict[str, Path] = {}
    for path in paths:
        participant, own = _read(path, key)
        # A participant who took part twice may write the name in another case or Unicode form.
        name = unicodedata.normalize("NFC", " ".join(participant.split())).casefold()
        if name in seen:
            raise UsageError(
                f"{path}: participant {participant!r} is in {seen[name]} already",
                tip="leave one of the two out, or rename the participant if they are two people",
            )
        seen[name] = path
        answers += own
    return answers


def _read(path: Path, key: Key) -> tuple[str, list[Answer]]:
    body = read_object(path, tip=_BROKEN)
    study, participant, listed = (body.get(k) for k in ("study", "participant", "answers"))
    if not isinstance(study, str) or not isinstance(listed, list):
        raise UsageError(
            f"{path}: not the answers of a participant",
            tip="give the files that the page saves at its end",
        )
    if study != key.study:
        raise UsageError(
            f"{path}: answers to study {study}, the key is of study {key.study}",
            tip="leave it out, or give the key.json of its own study",
        )
    if not isinstance(participant, str) or not participant.strip():
        raise UsageError(f"{path}: no participant is named", tip='set "participant" to a name')
    answers = {}
    for number, entry in enumerate(listed, 1):
        answer = _answer(entry, participant)
        if answer is None:
            raise UsageError(f"{path}: answer {number} is broken", tip=_BROKEN)
        if answer.picture not in key.pictures:
            raise UsageError(
                f"{path}: answer {number} is to {answer.picture!r}, which is not in the key",
                tip="if the study was made again since, give the key.json of that time",
            )
        if answer.picture in answers:
            raise UsageError(
                f"{path}: answer {number} is the second to picture {answer.picture}",
                tip=_BROKEN,
            )
        answers[answer.picture] = answer
    return participant, list(answers.values())


def _answer(entry: Any, participant: str) -> Answer | None:
    if not isinstance(entry, dict):
        return None
    picture, natural, ms = entry.get("picture"), entry.get("natural"), entry.get("ms")
    if not isinstance(picture, str) or not isinstance(natural, bool):
        return None
    if isinstance(ms, bool) or not isinstance(ms, int | float):
        return None
    if not 0 <= ms <= _LONGEST:
        return None
    return Answer(participant, picture, natural, ms)
