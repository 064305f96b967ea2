"""Which photos a run trains on, and which it holds out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from colorcli.collection.items import Item
from colorcli.errors import UsageError
from colorcli.files import write_whole


@dataclass(frozen=True)
class Membership:
    """The photos of a run, by their keys.

    Attributes:
        train: number of training photos.
        val: number of held-out photos.
        digest: of the keys of both, identifying these photos and this split.
    """

    train: int
    val: int
    digest: str

    @classmethod
    def of(cls, training: Iterable[Item], held_out: Iterable[Item]) -> Membership:
        """The membership of these photos."""
        lists = [sorted(item.key for item in items) for items in (training, held_out)]
        text = json.dumps(lists).encode()
        digest = hashlib.blake2b(text, digest_size=16).hexdigest()
        return cls(len(lists[0]), len(lists[1]), digest)

    def save(self, path: Path) -> None:
        """Write as JSON."""
        write_whole(path, (json.dumps(asdict(self)) + "\n").encode(), replace=True)

    def refuse_others(self, path: Path) -> None:
        """Refuse to resume a run that, according to `path`, used other photos.

        Photos held out before would be trained on, and the validation figures be too optimistic.
        Runs of earlier versions have no such file and are not checked.

        Raises:
            UsageError: the photos or the split differ, or the file cannot be read.
        """
        if not path.exists():
            return
        try:
            begun = Membership(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise UsageError(
                f"{path}: not a record of the run's photos ({error})",
                tip=f"begin another run from its weights: --out NEW --init {path.parent}",
            ) from None
        if begun != self:
            counts = f"{begun.train} and {begun.val} held out; now {self.train} and {self.val}"
            if (begun.train, begun.val) == (self.train, self.val):
                counts = "the counts agree, the names differ"
            raise UsageError(
                f"{path.parent}: the run was begun with other photos, or another split ({counts})",
                tip=f"begin another run from its weights: --out NEW --init {path.parent}",
            )
