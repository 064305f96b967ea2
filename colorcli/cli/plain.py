"""Options of plain types, parsed without pydantic.

Recent typer passes every value to pydantic, even one that is already a `str`. Importing it and
building its validators takes a quarter of the time of `colorize photo.jpg`, so parameters of plain
types get this instead. If typer works differently, its own conversion stays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import typer


def read_plainly(params: Iterable[Any]) -> None:
    """Makes a command's parameters of plain types bypass pydantic."""
    for param in params:
        described = getattr(param, "type_descriptor", None)
        if described is None or not hasattr(param, "_runtime_param"):
            continue
        if described.is_choice or described.parameter_info.parser is not None:
            continue
        if described.annotation in (str, bool, int, float, list[str]):
            param._runtime_param = _Plain(described.annotation)


class _Plain:
    """Takes the place of typer's `RuntimeParam`."""

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of a parameter, from the text given or the default."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if self._annotation in (int, float):
            return _number(value, self._annotation, param, ctx)
        if self._annotation is bool and isinstance(value, str):
            return value.strip().lower() in ("1", "true", "t", "yes", "y", "on")  # environment
        return value


def _number(value: Any, kind: type[int] | type[float], param: Any, ctx: Any) -> int | float:
    try:
        number = kind(value)
    except (TypeError, ValueError):
        said = "a whole number" if kind is int else "a number"
        raise typer.BadParameter(f"{value!r} is not {said}", ctx=ctx, param=param) from None
    if isinstance(number, float) and not math.isfinite(number):  # NaN would pass any bounds
        raise typer.BadParameter(f"{number} is not a finite number", ctx=ctx, param=param)
    least, most = param.min, param.max
    if (least is not None and number < least) or (most is not None and number > most):
        bounds = f"at least {least}" if most is None else f"at most {most}"
        if least is not None and most is not None:
            bounds = f"from {least} to {most}"
        raise typer.BadParameter(f"{number} is not {bounds}", ctx=ctx, param=param)
    return number
