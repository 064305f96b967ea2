"""Standard output and error of a process, which may be full, gone or closed while it works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from colorcli.errors import PhotoError


class Guarded:
    """A text stream that hands the failures of writing to it to somebody.

    Args:
        stream: written to.
        failed: given each failure; may raise.
    """

    def __init__(self, stream: TextIO, failed: Callable[[OSError], None]) -> None:
        self._stream = stream
        self._failed = failed

    def write(self, text: str) -> int:
        """As of a text stream."""
        with self._guard():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As of a text stream."""
        with self._guard():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._failed(error)


def unheard(error: OSError) -> None:
    """Of standard error: photos are coloured all the same, though nobody hears of them."""
    del error


def lost(error: OSError) -> None:
    """Of standard output, which is what a command was called for.

    Raises:
        BrokenPipeError: its reader has gone, and knows why.
        PhotoError: it cannot be written for another reason.
    """
    if isinstance(error, BrokenPipeError):
        raise error
    raise PhotoError(f"standard output: cannot be written ({error.strerror})") from error
