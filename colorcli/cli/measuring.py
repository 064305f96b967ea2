"""Shared by the commands that measure models: photos, models, the table of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colorcli.cli import messages
from colorcli.errors import UsageError

if TYPE_CHECKING:
    from colorcli.collection.items import Item
    from colorcli.evaluation.evaluate import Predict, Report
    from colorcli.evaluation.scores import Scores
    from colorcli.model.sessions import Model

ModelsAndPhotos = Annotated[
    list[str],
    typer.Argument(
        metavar="MODELS... PHOTOS",
        help="Names or folders of models, then photos: a folder tree, tar shards, one photo.",
        show_default=False,
    ),
]
"""The arguments of commands that run several models on the same photos."""

SplitOption = Annotated[
    str | None,
    typer.Option(help="train, val, …, or all.", show_default="val if there is one, else all"),
]
SizeOption = Annotated[
    str, typer.Option(help="Long side that the network sees: auto, full or a number.")
]
VividnessOption = Annotated[
    float, typer.Option(min=0.01, help="Above 1 more vivid, below 1 paler.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda[:N].")]
PrecisionOption = Annotated[
    str,
    typer.Option(
        metavar="auto|fp32|int8",
        help="Precision of the arithmetic; auto may be int8, as in `colorize PHOTO`.",
    ),
]
"""`--precision` of commands that measure: figures are for the one used."""

_ROWS: tuple[tuple[str, str, str], ...] = (
    ("PSNR, dB", "psnr", ".2f"),
    ("SSIM", "ssim", ".4f"),
    ("AuC, %", "auc", ".2f"),
    ("AuC rebalanced, %", "auc_rebalanced_unsmoothed", ".2f"),
    ("  smoothed, %", "auc_rebalanced_smoothed", ".2f"),
    ("CIEDE2000", "ciede2000", ".2f"),
    ("colorfulness", "colorfulness", ".1f"),
    ("  to originals", "colorfulness_ratio", ".2f"),
    ("mean chroma", "chroma", ".1f"),
    ("  to originals", "chroma_ratio", ".2f"),
)


def _load(
    name: str, *, device: str, precision: str, size: str, vividness: float
) -> tuple[Model, Predict]:
    """A model, and its L → ab with the options of the command line.

    Args:
        name: the model's name or folder.
        device: `--device`.
        precision: `--precision`.
        size: `--size`.
        vividness: `--vividness`.

    Raises:
        UsageError: an option is invalid, or does not fit this model.
        ModelError: there is no such model, or it is broken.
        DeviceError: the device asked for by name cannot be used.
    """
    from colorcli.cli.options import size_of
    from colorcli.router import load_colorizer

    longest = size_of(size)
    colorizer = load_colorizer(name, device=device, precision=precision)

    def predict(L: Any) -> Any:
        return colorizer.predict_L(L, size=longest, vividness=vividness)

    return colorizer.model, predict


def _name_of(model: Model) -> str:
    """A model's name beside others: that of its folder.

    Raises:
        UsageError: the name is reserved for a baseline column.
    """
    from colorcli.evaluation.comparison import TRUE
    from colorcli.evaluation.evaluate import CONSTANT, GRAY

    folder = model.spec.folder.resolve()
    if folder.name in (GRAY, CONSTANT, TRUE):
        raise UsageError(
            f"{folder}: {folder.name!r} is reserved for a baseline column",
            tip="rename the folder",
        )
    return folder.name


def load_all(
    models: Sequence[str], *, device: str, precision: str, size: str, vividness: float = 1.0
) -> dict[str, tuple[Model, Predict]]:
    """Models, each with its L → ab, by the names of their folders.

    Args:
        models: names or folders, or routers (`auto:…`), which keep the name given.
        device: `--device`.
        precision: `--precision`.
        size: `--size`.
        vividness: `--vividness`.

    Raises:
        UsageError: an option is invalid, or does not fit one of them; two have the same name, or
            one has the name of a baseline column.
        ModelError: there is no such model, or it is broken.
        DeviceError: the device asked for by name cannot be used.
    """
    from colorcli.router import PREFIX

    loaded: dict[str, tuple[Model, Predict]] = {}
    for given in models:
        model, predict = _load(
            given, device=device, precision=precision, size=size, vividness=vividness
        )
        name = _name_of(model)
        # Two folders may hold models of the same name, such as runs of one training.
        name = given if name in loaded or given.startswith(PREFIX) else name
        if name in loaded:
            raise UsageError(f"{given}: a second system named {name!r}", tip="give each model once")
        loaded[name] = model, predict
    for reason in {model.fallback_reason for model, _ in loaded.values()} - {None}:
        messages.note(f"running on the CPU: {reason}")
    return loaded


def choose_photos(photos: Path, split: str | None) -> tuple[list[Item], list[Item]]:
    """All photos of a collection, and those to run the models on.

    Args:
        photos: a folder tree, tar shards or one photo.
        split: `--split`; None takes the `val` photos if such a split is given, else all.

    Raises:
        UsageError: there are no photos.
    """
    from colorcli.collection.items import VALIDATION, open_collection, select

    # Without --split none is drawn at random: photos without a given one are all "train".
    items = open_collection(photos, validation=0 if split is None else VALIDATION)
    if split is None:
        split = "val" if any(item.split == "val" for item in items) else "all"
    return items, select(items, split, photos)


def held_out(items: Sequence[Item]) -> str:
    """The split that no training has seen: `val`, given or drawn as by `train`; `all` without one.

    Says which photos these are if no split is given.
    """
    from colorcli.collection.items import VALIDATION, hashed_split

    count = sum(item.split == "val" for item in items)
    drawn = all(item.split == hashed_split(item.key, VALIDATION) for item in items)
    if drawn and 0 < count < len(items):
        messages.note(
            f"measuring {count} of {len(items)} photos, those that `train` would hold out; "
            "--split all takes all"
        )
    return "val" if count else "all"


def table_of(scores: Mapping[str, Scores]) -> list[list[str]]:
    """A header row, then one row per metric: its name, then one figure per predictor."""
    rows = [["", *scores]]
    for title, field, form in _ROWS:
        rows.append([title, *(format(getattr(each, field), form) for each in scores.values())])
    return rows


def originals_of(report: Report) -> str:
    """One line on the photos themselves."""
    photos = "1 photo" if report.photos == 1 else f"{report.photos} photos"
    return (
        f"{photos}, {report.pixels / 1e6:.1f} Mpx; originals: "
        f"colorfulness {report.colorfulness:.1f}, mean chroma {report.chroma:.1f}; "
        f"constant mean a {report.mean_ab[0]:.1f}, b {report.mean_ab[1]:.1f}"
    )


def print_table(rows: Sequence[Sequence[str]], caption: str | None = None) -> None:
    """Print a table on standard output; the first row is the header."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(caption=caption and Text(caption), caption_justify="left")
    for index, title in enumerate(rows[0]):
        # A name must not be cropped, nor read as rich's markup.
        table.add_column(Text(title), justify="right" if index else "left", overflow="fold")
    for row in rows[1:]:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
