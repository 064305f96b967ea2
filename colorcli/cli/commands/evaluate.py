"""`colorize evaluate`: a model's metrics over photos whose colours are known."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from colorcli.cli import measuring
from colorcli.errors import UsageError

_SHEET_PHOTOS = 16


def evaluate(
    model: Annotated[str, typer.Argument(help="A model's name, or its folder.")],
    photos: Annotated[
        Path, typer.Argument(help="Colour photos: a folder tree, tar shards, or one photo.")
    ],
    split: measuring.SplitOption = None,
    size: measuring.SizeOption = "auto",
    crop: Annotated[
        int | None,
        typer.Option(min=16, help="Measure centre squares scaled to this side, not whole photos."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most this many photos, evenly spread.")
    ] = None,
    vividness: measuring.VividnessOption = 1.0,
    device: measuring.DeviceOption = "auto",
    precision: measuring.PrecisionOption = "auto",
    by_source: Annotated[
        bool, typer.Option("--by-source", help="With --json: the scores of each source too.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a contact sheet gray | model | true, as PNG.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the sheet.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Measure a model beside two baselines: gray, and the constant mean colour.

    The constant is the mean colour of the train split, or of the photos measured if there is
    none. Needs the extra `evaluate` (scikit-image).
    """
    from colorcli.cli.outputs import refuse_among, refuse_unwritable
    from colorcli.cli.progress import progress_bar, say_failures
    from colorcli.collection.items import open_collection, select, spread
    from colorcli.evaluation.evaluate import evaluate as measure
    from colorcli.evaluation.evaluate import mean_colour
    from colorcli.extras import scikit_image

    if by_source and not json:
        raise UsageError("--by-source needs --json", tip="add --json")
    scikit_image("metrics")
    everything = open_collection(photos)
    split = measuring.held_out(everything) if split is None else split
    if sheet is not None:
        refuse_among(sheet, photos)
        read = {item.location.path for item in everything}
        refuse_unwritable([sheet], force=force, reads=read, suffix=".png")
    items = spread(select(everything, split, photos), limit)
    training = [item for item in everything if item.split == "train"]
    loaded = measuring.load_all(
        [model], device=device, precision=precision, size=size, vividness=vividness
    )
    ((name, (used, predict)),) = loaded.items()
    with progress_bar(len(items)) as progress:
        report = measure(
            {name: predict},
            items,
            mean_ab=mean_colour(training or items),
            crop=crop,
            by_source=by_source,
            progress=progress,
        )
    say_failures(report.failed)
    if json:
        said = {"model": name, "precision": used.precision.name, "split": split}
        print(json_module.dumps({**said, **report.as_dict()}, indent=2))
    else:
        rows = measuring.table_of(report.scores)
        caption = f"{measuring.originals_of(report)}; precision {used.precision.name}"
        measuring.print_table(rows, caption)
    if sheet is not None:
        from colorcli.drawing import encode_png
        from colorcli.evaluation.comparison import contact_sheet, show
        from colorcli.files import write_whole

        titles, shown, _ = show({name: predict}, spread(items, _SHEET_PHOTOS))
        write_whole(sheet, encode_png(contact_sheet(titles, shown)), replace=force)
    if report.failed:
        raise typer.Exit(1)
