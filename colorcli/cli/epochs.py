"""`colorize epochs`: what a run made of the same photos as it went on, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colorcli.errors import UsageError


def epochs(
    run: Annotated[Path, typer.Argument(help="Folder of a run of `colorize train`.")],
    at: Annotated[
        str, typer.Option(help="Epochs, as 50,100,150; by default four, evenly spread.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="PNG to write; RUN/epochs.png by default.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace --output.")] = False,
) -> None:
    """Lay the predictions of several epochs beside the real photo, a row a photo.

    Of each epoch asked for, the nearest one that the run reported at is shown.
    """
    from colorcli.training.run import Run
    from colorcli.training.snapshots import Snapshots

    try:
        wanted = [float(number) for number in at.split(",") if number.strip()]
    except ValueError:
        raise UsageError(f"--at {at}: not numbers", tip="for example: --at 50,100,150") from None
    if output is not None and output.exists() and not force:
        raise UsageError(f"{output}: exists", tip="--force replaces it")
    path = output or run / "epochs.png"
    Snapshots(Run(run).epochs_folder).write(wanted, path)
    print(path)
