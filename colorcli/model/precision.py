"""fp32 or int8: which graphs of a model to run, and why.

A model folder may hold its graphs a second time with integer weights and activations, made by
`colorize quantize`. They take about half the time on most CPUs and cost a little colour, which is
measured when they are made and stored in `model.json`.

The rule of `auto`: int8 if the model ships it, it costs at most `PSNR_LOSS` and `COLOUR_CHANGE`,
the model runs on the CPU, and the CPU has one of `INT8_FLAGS`, or has AVX2 and the weights have at
most `PAIRED_BITS`. Otherwise fp32.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from colorcli.errors import UsageError
from colorcli.processor import AVX2, INT8_FLAGS, cpu_flags

PRECISIONS = ("auto", "fp32", "int8")

PSNR_LOSS = 0.1
"""dB of PSNR on validation photos that int8 may cost at most."""

COLOUR_CHANGE = 1.0
"""Mean CIEDE2000 between int8 and fp32 colours at most: about the smallest visible difference."""

PAIRED_BITS = 7
"""Most bits of weights whose products with bytes AVX2 adds in pairs, in 16 bits, unclipped."""


class PrecisionSpec(NamedTuple):
    """The description of a second precision in `model.json`.

    Attributes:
        graphs: graph name → its file in the folder and the file's hash ("" if none is given);
            graphs not listed stay fp32.
        psnr_loss: its cost on validation photos in dB of PSNR.
        colour_change: mean CIEDE2000 between its colours and those of fp32.
        weight_bits: bits of its weights.
    """

    graphs: Mapping[str, tuple[str, str]]
    psnr_loss: float
    colour_change: float
    weight_bits: int = 8

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> PrecisionSpec:
        """An entry of `precisions`. Raises KeyError, TypeError or ValueError if it is invalid."""
        graphs = {
            name: (str(entry["file"]), str(entry.get("sha256", "")))
            for name, entry in values["graphs"].items()
        }
        for file, _ in graphs.values():
            if Path(file).name != file:
                raise ValueError(f"graph {file!r} lies outside the folder")
        return cls(
            graphs=graphs,
            psnr_loss=float(values["psnr_loss"]),
            colour_change=float(values["colour_change"]),
            weight_bits=int(values.get("weight_bits", 8)),
        )

    @property
    def holds(self) -> bool:
        """Whether it costs no more than `auto` accepts."""
        return self.psnr_loss <= PSNR_LOSS and self.colour_change <= COLOUR_CHANGE

    @property
    def fast_by(self) -> str | None:
        """The CPU flag that makes its graphs faster than fp32, or None."""
        flags = cpu_flags()
        paired = AVX2 & flags if self.weight_bits <= PAIRED_BITS else frozenset()
        return min(INT8_FLAGS & flags or paired, default=None)

    @property
    def clips(self) -> bool:
        """Whether this CPU would clip sums, with wrong colours as the result."""
        return bool(AVX2 & cpu_flags()) and self.fast_by is None


class Precision(NamedTuple):
    """The precision chosen.

    Attributes:
        name: `fp32` or `int8`.
        reason: why, in words.
    """

    name: str
    reason: str


def choose_precision(
    wanted: str, offered: Mapping[str, PrecisionSpec], *, on_gpu: bool
) -> Precision:
    """Decide which graphs to run.

    Args:
        wanted: `auto`, `fp32` or `int8`.
        offered: the precisions that the model ships beside fp32.
        on_gpu: whether the sessions run on a GPU.

    Raises:
        UsageError: the precision is unknown, or the model, device or CPU does not support it.
    """
    if wanted not in PRECISIONS:
        raise UsageError(f"--precision {wanted}: no such precision", tip=", ".join(PRECISIONS))
    int8 = offered.get("int8")
    if wanted == "fp32":
        return Precision("fp32", "asked for")
    if wanted == "int8":
        if int8 is None:
            raise UsageError(
                "--precision int8: the model ships no int8 graphs",
                tip="make them with: colorize quantize",
            )
        if int8.clips:
            raise UsageError(
                "--precision int8: this CPU would clip sums, and colours would be wrong",
                tip=f"use --precision fp32, or run colorize quantize again: weights have "
                f"{int8.weight_bits} bits, this CPU takes {PAIRED_BITS} at most",
            )
        if on_gpu:
            raise UsageError("--precision int8 runs on the CPU", tip="add --device cpu")
        return Precision("int8", "asked for")
    if on_gpu:
        return Precision("fp32", "int8 is for CPUs")
    if int8 is None:
        return Precision("fp32", "the model ships no int8 graphs")
    cost = f"{int8.psnr_loss:.2f} dB and ΔE {int8.colour_change:.2f}"
    if not int8.holds:
        return Precision("fp32", f"int8 would cost {cost}")
    if int8.clips:
        return Precision(
            "fp32", f"the CPU would clip the sums of weights of {int8.weight_bits} bits"
        )
    if int8.fast_by is None:
        known = "has no byte dot product" if cpu_flags() else "does not list its instruction sets"
        return Precision("fp32", f"the CPU {known}, so int8 might be slower")
    return Precision("int8", f"the CPU has {int8.fast_by}; it costs {cost}")
