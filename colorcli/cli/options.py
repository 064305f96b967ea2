"""Values of command-line options, parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from colorcli.errors import UsageError
from colorcli.processor import usable_cores

if TYPE_CHECKING:
    import typer

_UNITS = {"k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def given(ctx: typer.Context) -> set[str]:
    """Names of the command's parameters that were given explicitly."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return {name for name, source in sources.items() if source and "DEFAULT" not in source.name}


def size_of(text: str) -> int | Literal["auto", "full"]:
    """`--size auto|full|N`.

    Raises:
        UsageError: it is none of these.
    """
    if text == "auto":
        return "auto"
    if text == "full":
        return "full"
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise UsageError(f"--size {text}: not a size", tip="auto, full, or a number of pixels")


def threads_of(count: int | None) -> int | None:
    """`--threads N`, bounded: each takes memory, and more than a few per core only slow it down.

    Raises:
        UsageError: above 64 and above four per core.
    """
    most = max(64, 4 * usable_cores())
    if count is not None and count > most:
        raise UsageError(
            f"--threads {count}: at most {most} on this machine",
            tip="leave it out: the default is the number of cores",
        )
    return count


def amount_of(text: str, option: str) -> int:
    """A number that may end in k, M or G: `500M` is 500 million.

    Raises:
        UsageError: not such a number, or not above 0.
    """
    factor = _UNITS.get(text[-1:].lower(), 1)
    digits = text[:-1] if factor > 1 else text
    try:
        value = round(float(digits) * factor)
    except (ValueError, OverflowError):
        value = 0
    if value < 1:
        raise UsageError(f"{option} {text}: not a number above 0", tip=f"for example {option} 500M")
    return value
