"""`colorize epochs`: predictions of the same photos at several epochs of a run, side by side."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from colorcli.errors import UsageError


def epochs(
    run: Annotated[Path, typer.Argument(help="Folder of a run of `colorize train`.")],
    at: Annotated[
        str, typer.Option(help="Epochs, such as 50,100,150; by default four, evenly spread.")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "--out", "-o", help="PNG to write.", show_default="RUN/epochs.png, replaced"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace --output.")] = False,
) -> None:
    """Show the predictions of several epochs beside the real photo, one row per photo.

    For each epoch asked for, the nearest one at which the run reported is shown.
    """
    from colorcli.cli.outputs import refuse_unwritable
    from colorcli.training.run import Run
    from colorcli.training.snapshots import Snapshots

    try:
        wanted = [float(number) for number in at.split(",") if number.strip()]
    except ValueError:
        wanted = [math.nan]
    if not all(map(math.isfinite, wanted)):
        raise UsageError(f"--at {at}: not numbers", tip="for example: --at 50,100,150")
    path = output or run / "epochs.png"
    refuse_unwritable([path], force=force or output is None, suffix=".png")
    Snapshots(Run(run).epochs_folder).write(wanted, path)
    print(path)
