"""Progress through many photos: a bar, and a line for each failure."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from colorcli.cli import messages


def say_failures(failed: Sequence[tuple[str, str]]) -> None:
    """One line for each photo that could not be read."""
    for key, reason in failed:
        messages.error(f"{key}: {reason}")


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal, if there is one; call it with the number of photos done."""
    if not messages.is_terminal():
        yield lambda _done: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="photo", file=sys.stderr, dynamic_ncols=True) as bar:
        yield lambda done: bar.update(done - bar.n)
