"""`colorize study`: asks people which pictures look natural."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorcli.cli import measuring, messages
from colorcli.cli.measuring import ModelsAndPhotos
from colorcli.cli.outputs import refuse_unwritable
from colorcli.cli.progress import progress_bar, say_failures
from colorcli.errors import PhotoError, UsageError

if TYPE_CHECKING:
    from colorcli.study.results import Results

study = typer.Typer(
    help="The paper's user study: make its page, and sum up the answers.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_PAGE, _KEY = "study.html", "key.json"


@study.command()
def make(
    models_and_photos: ModelsAndPhotos,
    out: Annotated[
        Path, typer.Option("--output", "--out", "-o", help="Folder for study.html and key.json.")
    ] = Path("study"),
    photos: Annotated[
        int, typer.Option(min=1, help="Draw at most this many; each is shown once per system.")
    ] = 100,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same study.")] = 0,
    question: Annotated[
        str, typer.Option(help="Yes-or-no question asked about each picture.")
    ] = "Is the image looking natural?",
    split: measuring.SplitOption = None,
    size: measuring.SizeOption = "auto",
    truth: Annotated[
        bool, typer.Option(help="--no-truth: do not show the photos' own colours.")
    ] = True,
    device: measuring.DeviceOption = "auto",
    precision: measuring.PrecisionOption = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace the page and the key.")] = False,
) -> None:
    """Write a page that shows colourings and true photos, mixed and unlabelled, and asks.

    Send study.html to participants, and keep key.json: it says which system made which picture.
    """
    from colorcli.evaluation.comparison import TRUE
    from colorcli.files import write_whole
    from colorcli.study.key import key_of, write_key
    from colorcli.study.page import study_page
    from colorcli.study.pictures import make_pictures

    if len(models_and_photos) < 2:
        raise UsageError(
            "study make needs models and photos",
            tip="for example: colorize study make fusion photos/ -o study",
        )
    if not question.strip():
        raise UsageError("--question: is empty", tip='for example "Is this a real photo?"')
    *models, last = models_and_photos
    refuse_unwritable([out / _PAGE, out / _KEY], force=force)
    _, items = measuring.choose_photos(Path(last), split)
    loaded = measuring.load_all(models, device=device, precision=precision, size=size)
    predictors = {name: predict for name, (_, predict) in loaded.items()}

    pictures, failed = [], list[tuple[str, str]]()
    drawn = make_pictures(predictors, items, photos=photos, seed=seed, truth=truth, failed=failed)
    total = min(photos, len(items))
    with progress_bar(total) as progress:
        for done, of_one_photo in enumerate(drawn, 1):
            pictures += of_one_photo
            progress(done)
    say_failures(failed)
    if not pictures:
        raise PhotoError(f"{last}: none of {len(items)} photos could be read")

    key = key_of(pictures, [*predictors, TRUE], question=question, seed=seed)
    page = study_page(pictures, study=key.study, question=question)
    write_whole(out / _KEY, write_key(key), replace=force)
    write_whole(out / _PAGE, page.encode("utf-8", "backslashreplace"), replace=force)
    messages.say(
        f"study {key.study}: {len({picture.photo for picture in pictures})} photos, "
        f"{len(pictures)} pictures by {', '.join(key.systems)}"
    )
    print(f"{out / _PAGE}\n{out / _KEY}")
    if failed:
        raise typer.Exit(1)


@study.command()
def results(
    key: Annotated[Path, typer.Argument(metavar="KEY", help="The key.json of the study.")],
    answers: Annotated[
        list[Path],
        typer.Argument(metavar="ANSWERS", help="The participants' answers-NAME.json."),
    ],
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Sum up the answers: how natural each system's pictures look."""
    from colorcli.study.answers import read_answers
    from colorcli.study.key import read_key
    from colorcli.study.results import results_of

    opened = read_key(key)
    found = results_of(opened, read_answers(answers, opened))
    if not found.systems:
        raise UsageError(
            f"{answers[0]}: no answers in {len(answers)} file(s)",
            tip="answers are saved at the end of the page",
        )
    if json:
        print(json_module.dumps(found.as_dict(), indent=2))
        return
    measuring.print_table(
        _table(found), f"“{found.question}” study {found.study}, {found.participants} participants"
    )


def _table(found: Results) -> list[list[str]]:
    systems = found.systems.values()
    fooling = [each.fooling for each in systems]
    rows = [
        ["", *found.systems],
        ["participants", *(str(each.participants) for each in systems)],
        ["answers", *(str(each.answers) for each in systems)],
        ["natural, %", *(f"{each.natural:.1f}" for each in systems)],
        ["  95 % interval", *("{:.1f} – {:.1f}".format(*each.interval) for each in systems)],
        ["  median of participants", *(f"{each.median:.1f}" for each in systems)],
        ["median time, s", *(f"{each.seconds:.2f}" for each in systems)],
    ]
    if any(fooling):
        rows += [
            ["fooling rate, %", *(f"{each.rate:.1f}" if each else "" for each in fooling)],
            ["  the true photos'", *(f"{each.true_rate:.1f}" if each else "" for each in fooling)],
            ["  pairs", *(str(each.pairs) if each else "" for each in fooling)],
        ]
    return rows
