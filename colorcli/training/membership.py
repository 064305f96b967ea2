"""Which photos a run is trained on, and which it never sees."""

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
        train: how many are trained on.
        val: how many are held out.
        digest: of the keys of both, which tells these photos and this split from others.
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
        """Write it beside a run."""
        write_whole(path, (json.dumps(asdict(self)) + "\n").encode(), replace=True)

    def refuse_others(self, path: Path) -> None:
        """Refuse to go on with a run whose photos, as `path` tells, were not these.

        A photo that was held out would be trained on, and the figures of the run be of photos that
        it knows. Runs of earlier versions left no such file: they are not asked.

        Raises:
            UsageError: they were others, or another split.
        """
        if not path.exists():
            return
        try:
            begun = Membership(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise UsageError(
                f"{path}: does not say which photos the run is trained on ({error})",
                tip=f"begin another run from its weights: --out NEW --init {path.parent}",
            ) from None
        if begun != self:
            counts = f"{begun.train} and {begun.val} held out; now {self.train} and {self.val}"
            if (begun.train, begun.val) == (self.train, self.val):
                counts = "as many, with other names"
            raise UsageError(
                f"{path.parent}: the run was begun with other photos, or another split ({counts})",
                tip=f"begin another run from its weights: --out NEW --init {path.parent}",
            )
