"""The command line: parses, prints, exits; never touches pixels.

A command named `bench` is the function `bench` (or the `typer.Typer` of that name, if it has
subcommands) in `colorcli/cli/commands/bench.py`. To add one, write that file and add a line
to `COMMANDS`. Modules are imported only when their command is called: heavy imports may stand at
their top, but those of an optional extra belong inside the function, with a tip that names it.
"""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    "models": "List the available models.",
    "doctor": "Check the installation and the device.",
    "bench": "Time conversions, beside the paper's own figures.",
    "evaluate": "Measure a model on colour photos, beside gray and the constant mean.",
    "compare": "Compare models: metrics, speed, a sheet and a page with sliders.",
    "study": "Ask people which pictures look natural, and sum up their answers.",
    "train": "Train a network on colour photos.",
    "epochs": "Show photos side by side as a run coloured them at several epochs.",
    "export": "Turn a trained run into a model folder.",
    "quantize": "Add 8-bit graphs to a model, and measure their cost.",
    "data": "Prepare photos for training: split, augment, check, convert to gray, crop faces.",
}
"""Command → the line in `colorize --help`."""

__all__ = ["COMMANDS"]
