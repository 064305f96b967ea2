"""`colorize compare`: several models beside each other on the same photos."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colorcli.cli import measuring
from colorcli.cli.measuring import ModelsAndPhotos
from colorcli.cli.outputs import refuse_among, refuse_unwritable
from colorcli.cli.progress import progress_bar, say_failures
from colorcli.errors import UsageError

if TYPE_CHECKING:
    from colorcli.evaluation.comparison import Comparison
    from colorcli.model.spec import ModelSpec

_SHEET, _PAGE = "sheet.png", "index.html"


def compare(
    models_and_photos: ModelsAndPhotos,
    out: Annotated[
        Path, typer.Option("--output", "--out", "-o", help="Folder for sheet.png and index.html.")
    ] = Path("comparison"),
    split: measuring.SplitOption = None,
    size: measuring.SizeOption = "auto",
    limit: Annotated[
        int, typer.Option(min=1, help="Measure at most this many photos, evenly spread.")
    ] = 200,
    pictures: Annotated[
        int, typer.Option(min=1, help="Photos on the sheet and the page, evenly spread.")
    ] = 12,
    truth: Annotated[
        bool,
        typer.Option(help="--no-truth: for tinted photos, whose colours are not real."),
    ] = True,
    vividness: measuring.VividnessOption = 1.0,
    device: measuring.DeviceOption = "auto",
    precision: measuring.PrecisionOption = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace the sheet and the page.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Compare models: metrics for photos that have colour, speed, size, and pictures.

    Writes a contact sheet gray | models | true, and a self-contained page with before/after
    sliders.
    """
    from colorcli.collection.items import spread
    from colorcli.drawing import encode_png
    from colorcli.evaluation.comparison import compare as run
    from colorcli.evaluation.comparison import contact_sheet
    from colorcli.evaluation.evaluate import mean_colour
    from colorcli.evaluation.slider_page import slider_page
    from colorcli.files import write_whole

    if len(models_and_photos) < 2:
        raise UsageError(
            "compare needs models and photos", tip="for example: colorize compare fusion photos/"
        )
    *models, last = models_and_photos
    refuse_among(out, Path(last))
    everything, chosen = measuring.choose_photos(Path(last), split)
    read = {item.location.path for item in everything}
    refuse_unwritable([out / _SHEET, out / _PAGE], force=force, reads=read)
    items = spread(chosen, limit)
    training = [item for item in everything if item.split == "train"]

    loaded = measuring.load_all(
        models, device=device, precision=precision, size=size, vividness=vividness
    )
    specs = {name: model.spec for name, (model, _) in loaded.items()}
    predictors = {name: predict for name, (_, predict) in loaded.items()}
    mean_ab = mean_colour(training or items) if truth else None
    with progress_bar(len(items)) as progress:
        result = run(
            predictors, items, pictures=pictures, truth=truth, mean_ab=mean_ab, progress=progress
        )

    precisions = {name: model.precision.name for name, (model, _) in loaded.items()}
    rows = _table(result, specs, precisions)
    say_failures(result.failed)
    # Figures first: they took long, and the disk may be full.
    if json:
        print(json_module.dumps(_as_json(result, specs, precisions, out), indent=2))
    else:
        caption = measuring.originals_of(result.report) if result.report else "no colour known"
        measuring.print_table(rows, caption)
    sheet = encode_png(contact_sheet(result.titles, result.shown))
    page = slider_page(
        result.titles,
        result.shown,
        heading=f"{' · '.join(specs)} on {Path(last).resolve().name}",
        table=rows,
    )
    # Names of photos need not be UTF-8.
    written = page.encode("utf-8", "backslashreplace")
    write_whole(out / _SHEET, sheet, replace=force)
    write_whole(out / _PAGE, written, replace=force)
    if not json:
        print(f"{out / _SHEET}\n{out / _PAGE}")
    if result.failed:
        raise typer.Exit(1)


def _table(
    result: Comparison, specs: dict[str, ModelSpec], precisions: dict[str, str]
) -> list[list[str]]:
    scores = result.report.scores if result.report else {}
    names = list(scores) or list(specs)
    rows = measuring.table_of(scores) if scores else [["", *names]]

    def row(title: str, values: dict[str, str]) -> list[str]:
        return [title, *(values.get(name, "") for name in names)]

    speeds = {name: f"{speed:.2f}" for name, speed in result.megapixels_per_second.items()}
    parameters = {name: spec.network.get("parameters") for name, spec in specs.items()}
    rows.append(row("precision", precisions))
    rows.append(row("speed, Mpx/s", speeds))
    sizes = {name: spec.bytes_at(precisions[name]) for name, spec in specs.items()}
    rows.append(row("size, MB", {name: f"{size / 1e6:.1f}" for name, size in sizes.items()}))
    rows.append(
        row("parameters, M", {k: f"{n / 1e6:.1f}" for k, n in parameters.items() if n is not None})
    )
    return rows


def _as_json(
    result: Comparison, specs: dict[str, ModelSpec], precisions: dict[str, str], out: Path
) -> dict[str, Any]:
    return {
        "models": {
            name: {
                "folder": str(spec.folder),
                "precision": precisions[name],
                "bytes": spec.bytes_at(precisions[name]),
                "parameters": spec.network.get("parameters"),
                "megapixels_per_second": result.megapixels_per_second[name],
            }
            for name, spec in specs.items()
        },
        "report": result.report.as_dict() if result.report else None,
        "failed": result.failed,
        "sheet": str(out / _SHEET),
        "page": str(out / _PAGE),
    }
