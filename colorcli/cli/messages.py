"""Messages to the user: one line each, on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache

_COLOURS = {"error": "31;1", "warning": "33", "tip": "36", "note": "2"}

# tqdm's writer, which keeps its bar intact, while one is shown.
_writer: Callable[[str], None] | None = None


def write_through(writer: Callable[[str], None] | None) -> None:
    """Sends lines through `writer` from now on, around a progress bar; None: directly again."""
    global _writer
    _writer = writer


def say(text: str) -> None:
    """A plain line."""
    line = printable(text)
    if _writer is not None:
        _writer(line)
    elif sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


def error(text: str, tip: str | None = None) -> None:
    """What went wrong, and the next step."""
    _say_as("error", text)
    if tip:
        _say_as("tip", tip)


def warning(text: str) -> None:
    """A problem that stopped nothing."""
    _say_as("warning", text)


def note(text: str) -> None:
    """A remark."""
    _say_as("note", text)


def printable(text: str) -> str:
    """`text` with control characters escaped: file names may hold anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _say_as(kind: str, text: str) -> None:
    line = f"{kind}: {printable(text)}"
    if not uses_colour():
        say(line)
        return
    label = f"\x1b[{_COLOURS[kind]}m{kind}:\x1b[0m"
    line = label + line.removeprefix(f"{kind}:")
    if _writer is not None:
        _writer(line)
    else:
        print(line, file=sys.stderr, flush=True)


def uses_colour() -> bool:
    """Whether standard error is a terminal that wants colour (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return is_terminal() and _understands_escapes()


@cache
def _understands_escapes() -> bool:
    """Whether the terminal does; the console of Windows has to be told."""
    if sys.platform == "win32":
        import ctypes

        mode, kernel = ctypes.c_ulong(), ctypes.windll.kernel32
        kernel.GetStdHandle.restype = ctypes.c_void_p
        handle = ctypes.c_void_p(kernel.GetStdHandle(-12))
        return bool(
            kernel.GetConsoleMode(handle, ctypes.byref(mode))
            and kernel.SetConsoleMode(handle, mode.value | 4)
        )
    return True


def is_terminal() -> bool:
    """Whether standard error is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


def is_debugging() -> bool:
    """Whether `COLORIZE_DEBUG` asks for tracebacks, whatever the command."""
    return bool(os.environ.get("COLORIZE_DEBUG"))
