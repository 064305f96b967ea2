"""`colorize bench`: the timing table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from colorcli.cli import messages
from colorcli.errors import UsageError
from colorcli.model.spec import DEFAULT_MODEL

if TYPE_CHECKING:
    from colorcli.bench import Figures, FolderFigures
    from colorcli.bench.conversions import Progress
    from colorcli.colorizer import Size
    from colorcli.model.sessions import Model

_OF_THE_TABLE = {"sizes", "runs", "scope", "markdown", "csv", "plot", "force"}


def bench(
    ctx: typer.Context,
    sizes: Annotated[
        str, typer.Option(metavar="N,WxH,…", help="Sizes of the photos, in pixels.")
    ] = "224,512,1024,2048",
    runs: Annotated[int, typer.Option(min=1, help="Conversions of each size.")] = 100,
    scope: Annotated[
        Literal["conversion", "file", "network"],
        typer.Option(
            help="What to time: L to RGB in memory, as in the paper; JPEG to JPEG; or the "
            "network's sessions alone."
        ),
    ] = "conversion",
    size: Annotated[
        str | None,
        typer.Option(
            metavar="full|auto|N",
            help="Long side that the network sees. Default: full for the table, as in the paper; "
            "auto for --photos, as in `colorize PHOTO`.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(help="Time the photos of a folder instead, file to file.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="A model's name or folder; see `models`.")
    ] = DEFAULT_MODEL,
    device: Annotated[
        str, typer.Option(help="auto: the GPU, if there is one, and the CPU; or cpu, cuda[:N].")
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Number of CPU threads; the default is all cores.")
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32 or int8.")] = "auto",
    tile: Annotated[
        int | None, typer.Option(min=1, help="Side of the tiles for large photos, in pixels.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As Markdown.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, a row per size and device.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Draw time against pixels: a .png, .svg or .pdf.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the plot.")] = False,
) -> None:
    """Time conversions as in Table 4 of the paper, beside its own figures.

    Mean seconds, without the warm-up. Progress goes to standard error.
    """
    from colorcli.bench.conversions import measure, parse_sizes
    from colorcli.bench.plot import check_plot, draw
    from colorcli.cli.options import given, size_of, threads_of
    from colorcli.cli.outputs import refuse_unwritable
    from colorcli.files import write_whole

    threads = threads_of(threads)
    if json + markdown + csv > 1:
        raise UsageError("--json, --markdown and --csv contradict each other", tip="give one")
    if photos is not None:
        if unfit := sorted(given(ctx) & _OF_THE_TABLE):
            raise UsageError(
                f"--photos cannot be combined with --{unfit[0]}",
                tip="of the options of the table, --photos takes only --size and --json",
            )
        figures = _folder(photos, size_of(size or "auto"), model, device, threads, precision, tile)
        _print_folder(figures, json=json)
        if figures.failed:
            raise typer.Exit(1)
        return
    shapes = parse_sizes(sizes)
    network_size = size_of(size or "full")
    if plot is not None:
        check_plot(plot)
        refuse_unwritable([plot], force=force)
    models, no_gpu = _models(model, device, threads, precision)
    with _progress(runs) as progress:
        table = measure(
            models,
            shapes,
            runs=runs,
            scope=scope,
            size=network_size,
            tile=tile,
            threads=threads,
            no_gpu=no_gpu,
            progress=progress,
        )
    _print(table, json=json, markdown=markdown, csv=csv)
    if plot is not None:
        write_whole(plot, draw(table, plot.suffix), replace=force)
        messages.note(f"plot: {plot}")


def _models(
    name: str, device: str, threads: int | None, precision: str
) -> tuple[list[Model], str | None]:
    """The model on each device with a column, and why the GPU has none."""
    from colorcli.model.sessions import Model

    first = Model.load(name, device=device, threads=threads, precision=precision)
    if device != "auto":
        return [first], "not asked for" if device == "cpu" else None
    if first.fallback_reason is not None:
        return [first], first.fallback_reason
    cpu = Model.load(name, device="cpu", threads=threads, precision=precision)
    return [first, cpu], None


def _folder(
    photos: Path,
    size: Size,
    model: str,
    device: str,
    threads: int | None,
    precision: str,
    tile: int | None,
) -> FolderFigures:
    from colorcli.batch.engine import Engine, EngineSettings
    from colorcli.bench.folder import measure_folder

    engine = Engine(EngineSettings(model, device, threads, precision))
    with _bar("photo") as (total, tick):
        return measure_folder(
            photos,
            engine,
            size=size,
            tile=tile,
            threads=threads,
            total=total,
            tick=tick,
            failed=lambda photo, reason: messages.error(f"{photo}: {reason}"),
        )


def _print(figures: Figures, *, json: bool, markdown: bool, csv: bool) -> None:
    from colorcli.bench import table

    if json:
        print(table.as_json(figures), end="")
    elif markdown:
        print(table.markdown(figures), end="")
    elif csv:
        print(table.as_csv(figures), end="")
    else:
        print(table.text(figures), end="")


def _print_folder(figures: FolderFigures, *, json: bool) -> None:
    if json:
        import json as json_module

        print(json_module.dumps(figures.as_dict(), indent=2))
        return
    where = figures.environment
    print(
        f"{figures.photos_per_second:.2f} photos/s: {figures.photos} photos "
        f"({figures.pixels / 1e6:.1f} Mpixel) in {figures.seconds:.2f} s, file to file"
        + (f", {figures.failed} failed" if figures.failed else "")
    )
    memory = "" if figures.peak_memory is None else f", peak {figures.peak_memory / 1e6:.0f} MB"
    print(
        f"--size {figures.size}, {where.precision} on {where.device} ({where.provider}), "
        f"{where.threads} threads{memory}; {where.model}"
    )


@contextmanager
def _progress(runs: int) -> Iterator[Progress]:
    """Reports on standard error what is measured, and how long it will take."""
    from colorcli.bench.conversions import Progress

    with _bar("run") as (total, tick):
        cell = ""

        def begin(shape: tuple[int, int], device: str) -> None:
            nonlocal cell
            cell = f"{shape[1]}×{shape[0]} on {device}"
            messages.say(f"{cell}: warming up")

        def ready(expected: float) -> None:
            messages.say(f"{cell}: {runs} runs of about {expected:.3g} s: {runs * expected:.0f} s")
            total(runs)

        yield Progress(begin, ready, tick)


@contextmanager
def _bar(unit: str) -> Iterator[Any]:
    """(total, tick): a bar on the terminal, restarted by each total; no bar elsewhere."""
    if not messages.is_terminal():
        yield (lambda _count: None), (lambda: None)
        return
    from tqdm import tqdm

    with tqdm(unit=unit, file=sys.stderr, dynamic_ncols=True, leave=False) as bar:
        messages.write_through(lambda line: tqdm.write(line, file=sys.stderr))
        try:
            yield bar.reset, bar.update
        finally:
            messages.write_through(None)
