"""Standard output and error of a process, which may become full, gone or closed at any time."""

from __future__ import annotations

import codecs
import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from colorcli.errors import PhotoError

_SPELLINGS = {
    "→": "->",
    "…": "...",
    "×": "x",
    "≤": "<=",
    "–": "-",
    "—": "-",
    "Δ": "d",
    "λ": "lambda",
}


def spell(error: UnicodeError) -> tuple[str | bytes, int]:
    """For `codecs.register_error`: what the encoding lacks is spelled in ASCII, or escaped.

    On Windows a file or pipe takes the letters of one language only, and no arrow.
    """
    if isinstance(error, UnicodeEncodeError):
        error.end = error.start + 1
        if spelling := _SPELLINGS.get(error.object[error.start]):
            return spelling, error.end
    return codecs.backslashreplace_errors(error)


class Guarded:
    """A text stream with a handler for failed writes.

    Args:
        stream: written to.
        failed: called with each failure; may raise.
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
    """For standard error: photos are still coloured, though no message arrives."""
    del error


def lost(error: OSError) -> None:
    """For standard output, which carries a command's result.

    Raises:
        BrokenPipeError: its reader has gone.
        PhotoError: it cannot be written for another reason.
    """
    if isinstance(error, BrokenPipeError):
        raise error
    if sys.platform == "win32" and error.errno == errno.EINVAL:  # so it is called there
        raise BrokenPipeError(*error.args) from error
    raise PhotoError(f"standard output: cannot be written ({error.strerror})") from error
