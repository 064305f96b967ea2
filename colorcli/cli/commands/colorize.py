"""`colorize photo.jpg`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colorcli.errors import UsageError
from colorcli.model.spec import DEFAULT_MODEL

_OUTPUT = "Output"
_COLOURS = "Colours"
_BATCH = "Batches"
_LIMITS = "Limits"


def colorize(
    photos: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PHOTO",
            help="Photos, folders (with subfolders), or - for standard input.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "--out",
            "-o",
            metavar="FILE|FOLDER|-",
            help="Where to write; the default is photo.color.jpg beside photo.jpg, "
            "album.color/ beside album/.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="jpeg, png, tiff, webp, avif, ...; the default is the photo's own.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            help="Quality of lossy formats; 100 is lossless, except in JPEG.",
            show_default="95; 100 for a lossless WebP or JPEG 2000",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace existing outputs.", rich_help_panel=_OUTPUT)
    ] = False,
    no_mark: Annotated[
        bool,
        typer.Option(
            "--no-mark",
            help="Do not record in the metadata that the colours are predicted.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            help="A name or folder (see `models`), or auto:GENERAL,SPECIALIST,…",
            rich_help_panel=_COLOURS,
        ),
    ] = DEFAULT_MODEL,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda or cuda:N.", rich_help_panel=_COLOURS)
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of CPU threads; the default is all cores.", rich_help_panel=_COLOURS
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            metavar="auto|fp32|int8",
            help="Precision of the arithmetic; auto is int8 if the model and the CPU support it.",
            rich_help_panel=_COLOURS,
        ),
    ] = "auto",
    size: Annotated[
        str,
        typer.Option(
            metavar="auto|full|N",
            help="Long side that the network sees; the photo keeps its own.",
            rich_help_panel=_COLOURS,
        ),
    ] = "auto",
    tile: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Side of the tiles for large photos, in pixels; by default, as memory allows.",
            rich_help_panel=_COLOURS,
        ),
    ] = None,
    vividness: Annotated[
        float,
        typer.Option(min=0.01, help="Above 1 more vivid, below 1 paler.", rich_help_panel=_COLOURS),
    ] = 1.0,
    scene_from: Annotated[
        str | None,
        typer.Option(
            metavar="PHOTO",
            help="Colour all photos as parts of the scene in this one.",
            rich_help_panel=_COLOURS,
        ),
    ] = None,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Skip photos whose output exists: resumes an interrupted batch.",
            rich_help_panel=_BATCH,
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be done.", rich_help_panel=_BATCH),
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Colour photos arriving in a folder, until Ctrl-C.",
            rich_help_panel=_BATCH,
        ),
    ] = False,
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="One JSON object per photo on standard output.", rich_help_panel=_BATCH
        ),
    ] = False,
    report: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.json",
            help="Write the outcome of each photo, and which ones to retry.",
            rich_help_panel=_BATCH,
        ),
    ] = None,
    max_pixels: Annotated[
        str | None,
        typer.Option(metavar="N", help="Refuse larger photos (500M).", rich_help_panel=_LIMITS),
    ] = None,
    max_bytes: Annotated[
        str | None,
        typer.Option(metavar="N", help="Refuse larger files (2G).", rich_help_panel=_LIMITS),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Report every photo, and show tracebacks.")
    ] = False,
) -> None:
    """Colours black-and-white photos.

    JPEG, PNG, TIFF, WebP, AVIF, JPEG 2000, BMP and PNM, of any size; depth, transparency and
    metadata are kept.
    """
    if not photos:
        raise UsageError("no photo given", tip="colorize photo.jpg")
    if quiet and verbose:
        raise UsageError("--quiet and --verbose contradict each other", tip="give one")
    if watch and dry_run:
        raise UsageError("--watch and --dry-run contradict each other", tip="give one")
    from colorcli.batch.engine import PHOTOS_A_CORE, Engine, EngineSettings
    from colorcli.cli.options import amount_of, size_of, threads_of
    from colorcli.looks import is_folder, why_unreadable

    network_size = size_of(size)
    asked = (
        None if max_pixels is None else amount_of(max_pixels, "--max-pixels"),
        None if max_bytes is None else amount_of(max_bytes, "--max-bytes"),
    )
    scene = None if scene_from is None else Path(scene_from)
    if scene is not None and (fault := why_unreadable(scene)) is not None:
        raise UsageError(f"--scene-from {scene}: {fault[0]}", tip=fault[1])
    engine = Engine(EngineSettings(model, device, threads_of(threads), precision, scene, asked))
    few = len(photos) < PHOTOS_A_CORE and not any(is_folder(Path(photo)) for photo in photos)
    if few and not (dry_run or skip_existing or watch):
        # onnxruntime loads while OpenCV, the plan and the first photo do. Whether many photos
        # share the cores is known only after the plan, so a batch must wait for it.
        engine.start()

    from colorcli.batch.stages import Settings
    from colorcli.cli.session import Request, Session
    from colorcli.photo import Limits

    settings = Settings(
        size=network_size,
        tile=tile,
        vividness=vividness,
        quality=quality,
        mark=not no_mark,
        replace=force,
        skip_existing=skip_existing or (watch and not force),
        limits=Limits.given(*asked),
    )
    request = Request(
        inputs=tuple(photos),
        output=output,
        format=format,
        force=force,
        skip_existing=skip_existing,
        json=json,
        report=None if report is None else Path(report),
        scene=scene,
        quiet=quiet,
        verbose=verbose,
    )
    session = Session(request, settings, engine)
    if dry_run:
        status = session.show_plan()
    elif watch:
        status = session.watch()
    else:
        status = session.run()
    raise typer.Exit(status)
