"""The results of a study: how natural each system's pictures look."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from colorcli.evaluation.comparison import TRUE
from colorcli.study.answers import Answer
from colorcli.study.key import Key

_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Fooling:
    """A model's pictures against the true photos, for participants who judged both.

    Args:
        pairs: number of pairs of a participant and a photo with both versions judged.
        rate: % of pairs whose coloured version was judged natural.
        true_rate: % of pairs whose true version was.
    """

    pairs: int
    rate: float
    true_rate: float


@dataclass(frozen=True)
class Naturalness:
    """How natural the pictures of one system look.

    Args:
        participants: number who judged any.
        answers: number of their answers.
        natural: % of the answers that said natural.
        interval: Wilson's 95 % interval of `natural`, %.
        median: median over participants of each one's % natural: the figure of Kaushik et al.,
            IV.B.
        seconds: median time to an answer.
        fooling: None for the true photos, and if no pair was judged.
    """

    participants: int
    answers: int
    natural: float
    interval: tuple[float, float]
    median: float
    seconds: float
    fooling: Fooling | None


@dataclass(frozen=True)
class Results:
    """The results of a study.

    Args:
        study: its id.
        question: the question asked.
        participants: total number.
        systems: those with answers, in the order of the key.
    """

    study: str
    question: str
    participants: int
    systems: dict[str, Naturalness]

    def as_dict(self) -> dict[str, Any]:
        """The values for JSON."""
        return asdict(self)


def results_of(key: Key, answers: Sequence[Answer]) -> Results:
    """Compute the results of a study.

    Args:
        key: of the study.
        answers: of all participants, to pictures in the key.
    """
    systems = {}
    for system in key.systems:
        own = [answer for answer in answers if key.pictures[answer.picture].system == system]
        if own:
            systems[system] = _naturalness(own, _fooling(key, system, answers))
    people = len({answer.participant for answer in answers})
    return Results(key.study, key.question, people, systems)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²)) / (1 + z²/n), z = 1.96

    Args:
        successes: 0 to `trials`.
        trials: at least 1.

    Returns:
        Both ends, in [0, 1].
    """
    p, z2 = successes / trials, _Z95**2
    centre = p + z2 / (2 * trials)
    half = _Z95 * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials**2))
    scale = 1 + z2 / trials
    # At p = 0 and p = 1 an end is exactly 0 or 1, except for rounding.
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def _naturalness(answers: Sequence[Answer], fooling: Fooling | None) -> Naturalness:
    by_person: dict[str, list[bool]] = {}
    for answer in answers:
        by_person.setdefault(answer.participant, []).append(answer.natural)
    low, high = wilson(sum(answer.natural for answer in answers), len(answers))
    return Naturalness(
        participants=len(by_person),
        answers=len(answers),
        natural=_percent(answer.natural for answer in answers),
        interval=(100 * low, 100 * high),
        median=median(map(_percent, by_person.values())),
        seconds=median(answer.ms for answer in answers) / 1000,
        fooling=fooling,
    )


def _fooling(key: Key, system: str, answers: Sequence[Answer]) -> Fooling | None:
    if system == TRUE:
        return None
    judged: dict[tuple[str, str], dict[str, bool]] = {}
    for answer in answers:
        origin = key.pictures[answer.picture]
        if origin.system in (system, TRUE):
            judged.setdefault((answer.participant, origin.photo), {})[origin.system] = (
                answer.natural
            )
    pairs = [pair for pair in judged.values() if len(pair) == 2]
    if not pairs:
        return None
    return Fooling(
        len(pairs),
        _percent(pair[system] for pair in pairs),
        _percent(pair[TRUE] for pair in pairs),
    )


def _percent(answers: Iterable[bool]) -> float:
    listed = list(answers)
    return 100 * sum(listed) / len(listed)
