"""`colorize data`: prepares photographs for training."""

from __future__ import annotations

import json as json_module
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorcli.cli import messages
from colorcli.errors import UsageError

if TYPE_CHECKING:
    from colorcli.collection.items import Item

data = typer.Typer(
    help="Prepare photos for training: split, augment, check, convert to gray, crop faces.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Photos = Annotated[Path, typer.Argument(help="A folder tree of photos, or tar shards.")]
_Seed = Annotated[int, typer.Option(help="Random seed; the same seed gives the same result.")]
_Force = Annotated[bool, typer.Option("--force", help="Replace existing files.")]


@data.command()
def split(
    photos: _Photos,
    ratio: Annotated[str, typer.Option(help="train:val, or train/val/test.")] = "9:1",
    seed: _Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", "--out", "-o", help="CSV to write.", show_default="split.csv in PHOTOS"
        ),
    ] = None,
    force: _Force = False,
) -> None:
    """Assign the photos to train, val and test, and list them in a file.

    The other commands use a split.csv in the folder of the photos.
    """
    from colorcli.cli.outputs import refuse_unwritable
    from colorcli.collection.items import open_collection
    from colorcli.collection.lists import INDEX, SPLIT_LIST, is_split_list, split_list
    from colorcli.collection.splits import draw_split, shares_of
    from colorcli.files import write_whole
    from colorcli.looks import is_folder, is_stream

    shares = shares_of(ratio)
    path = out or (photos if is_folder(photos) else photos.parent) / SPLIT_LIST
    if not is_stream(path):
        if path.name == INDEX:
            raise UsageError(
                f"{path}: this name is reserved for the index of shards", tip="give another name"
            )
        refuse_unwritable([path], force=force, suffix=".csv")
        if path.is_file() and not is_split_list(path):
            raise UsageError(f"{path}: is not a list of splits", tip="give another name")
    drawn = draw_split(open_collection(photos), shares, seed)
    write_whole(path, split_list(drawn), replace=force)
    counts = Counter(drawn.values())
    messages.say(f"{path}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


@data.command()
def augment(
    photos: _Photos,
    out: Annotated[Path, typer.Option("--output", "--out", "-o", help="Folder to write to.")],
    factor: Annotated[int, typer.Option(min=1, help="Pictures for each train photo.")] = 10,
    seed: _Seed = 0,
    force: _Force = False,
) -> None:
    """Write each train photo with random crops, flips, rotations and shears; others once.

    Only if you need files: `colorize train` crops and flips while it trains, and shears on request.
    """
    from colorcli.cli.outputs import refuse_among
    from colorcli.collection.curation import augment as run
    from colorcli.collection.items import open_collection

    refuse_among(out, photos)
    items = open_collection(photos)
    _tell(len(items), run(items, out, factor=factor, seed=seed, replace=force))


@data.command()
def faces(
    photos: _Photos,
    out: Annotated[Path, typer.Option("--output", "--out", "-o", help="Folder to write to.")],
    force: _Force = False,
) -> None:
    """Write each photo, and close-ups of the faces in train photos.

    For collections with few portraits. Train on the folder written with `colorize train`.
    """
    from colorcli.cli.outputs import refuse_among
    from colorcli.collection.curation import add_close_ups
    from colorcli.collection.items import open_collection

    refuse_among(out, photos)
    items = open_collection(photos)
    _tell(len(items), add_close_ups(items, out, replace=force))


@data.command()
def gray(
    photos: _Photos,
    out: Annotated[
        Path, typer.Option("--output", "--out", "-o", help="Folder to write to.")
    ] = Path("black_white"),
    split: Annotated[str, typer.Option(help="train, val, …, or all.")] = "all",
    force: _Force = False,
) -> None:
    """Write a black-and-white copy of each photo, of equal lightness."""
    from colorcli.cli.outputs import refuse_among
    from colorcli.collection.curation import gray_copies
    from colorcli.collection.items import open_collection, select

    refuse_among(out, photos)
    everything = open_collection(photos)
    items = select(everything, split, photos)
    _tell(len(items), gray_copies(items, out, others=everything, replace=force))


@data.command()
def check(
    photos: _Photos,
    tiny: Annotated[int, typer.Option(min=1, help="Tiny: below this short side.")] = 128,
    chroma: Annotated[float, typer.Option(min=0, help="Gray: below this mean chroma.")] = 2,
    toned: Annotated[
        float, typer.Option(min=0, help="Toned: below this chroma beyond a single tone.")
    ] = 1,
    distance: Annotated[
        int,
        typer.Option(min=0, max=3, help="Similar: hashes differ in at most this many of 64 bits."),
    ] = 3,
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if anything is found.")
    ] = False,
) -> None:
    """Find gray, toned, tiny, corrupt and duplicate photos."""
    from colorcli.cli.progress import progress_bar
    from colorcli.collection.inspection import inspect
    from colorcli.collection.items import open_collection

    items = open_collection(photos)
    with progress_bar(len(items)) as progress:
        found = inspect(
            items, tiny=tiny, chroma=chroma, toned=toned, distance=distance, progress=progress
        )
    if json:
        print(json_module.dumps(asdict(found), indent=2))
    else:
        for kind in ("corrupt", "tiny", "gray", "toned"):
            for key, value in getattr(found, kind):
                print(f"{kind}\t{messages.printable(key)}\t{messages.printable(str(value))}")
        for kind, groups in (("duplicate", found.duplicates), ("similar", found.similar)):
            for group in groups:
                print("\t".join([kind, *map(messages.printable, group)]))
    messages.say(
        f"{found.photos} photos: {len(found.corrupt)} corrupt, {len(found.tiny)} tiny, "
        f"{len(found.gray)} gray, {len(found.toned)} toned, "
        f"{len(found.duplicates)} groups of duplicates, {len(found.similar)} groups that look alike"
    )
    if strict and any(list(asdict(found).values())[1:]):
        raise typer.Exit(1)


def _tell(total: int, outcomes: Iterable[tuple[Item, str | None]]) -> None:
    """Report failures and totals; exit with 1 if anything failed."""
    from colorcli.cli.progress import progress_bar, say_failures

    failed = []
    with progress_bar(total) as progress:
        for done, (item, fault) in enumerate(outcomes, 1):
            progress(done)
            if fault is not None:
                failed.append((item.key, fault))
    say_failures(failed)
    messages.say(f"{total - len(failed)} done, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)
