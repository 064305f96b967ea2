"""`colorize quantize`: adds 8-bit graphs to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colorcli.cli import messages
from colorcli.errors import UsageError
from colorcli.extras import pip_install


def quantize(
    model: Annotated[str, typer.Argument(help="A model's folder.")],
    photos: Annotated[
        Path, typer.Option(help="Colour photos with a train and a val split: tree or tar shards.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the model's 8-bit graphs.")
    ] = False,
) -> None:
    """Write 8-bit versions of a model's graphs, and measure their cost.

    Ranges are calibrated on training photos, the cost is measured on validation photos.
    `--precision auto` uses int8 on CPUs that gain from it, if the cost is within bounds. Needs
    the extras `train` and `evaluate`.
    """
    try:
        from colorcli.training.quantization import CALIBRATION, RELIABLE, VALIDATION
        from colorcli.training.quantization import quantize as run
    except ImportError as error:
        raise UsageError(
            f"quantize needs a package that is not installed: {error.name}",
            tip=pip_install("train", "evaluate"),
        ) from None
    from colorcli.cli.progress import progress_bar
    from colorcli.collection.items import open_collection, select
    from colorcli.model.precision import COLOUR_CHANGE, PSNR_LOSS
    from colorcli.model.spec import ModelSpec, find_model, model_folders

    folder = find_model(model)
    if model in model_folders():
        raise UsageError(
            f"{model}: comes with colorize, and its folder would be changed",
            tip=f"give a copy of {folder}, or that folder itself",
        )
    if "int8" in ModelSpec.read(folder).precisions and not force:
        raise UsageError(f"{folder}: already has 8-bit graphs", tip="--force replaces them")
    everything = open_collection(photos)
    training = select(everything, "train", photos)
    held_out = select(everything, "val", photos)
    total = min(len(training), CALIBRATION) + min(len(held_out), VALIDATION)
    with progress_bar(total) as progress:
        done = run(folder, training, held_out, progress)
    cost = done.spec
    messages.say(
        f"int8: {done.bytes / 1e6:.1f} MB; PSNR {-cost.psnr_loss:+.3f} dB, CIEDE2000 between the "
        f"two {cost.colour_change:.2f}, on {done.measured_on} validation photos; calibrated on "
        f"{done.calibrated_on} training photos"
    )
    if done.measured_on < RELIABLE:
        messages.warning(
            f"{folder}: the cost was measured on fewer than {RELIABLE} photos: do not rely on it"
        )
    choice = "uses" if cost.holds else "does not use"
    messages.say(
        f"--precision auto {choice} it: the bounds are {PSNR_LOSS} dB and CIEDE2000 {COLOUR_CHANGE}"
    )
    print(folder)
