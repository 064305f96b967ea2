"""`colorize train`: train a network on photographs."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colorcli.cli import messages
from colorcli.cli.outputs import refuse_among
from colorcli.cli.settings import chosen_settings, refuse_changes, settled
from colorcli.cli.training import (
    choose_device,
    decode_photos,
    describe_network,
    enough_memory,
    split_photos,
    use_bf16,
)
from colorcli.collection.items import VALIDATION
from colorcli.errors import UsageError
from colorcli.files import try_folder, unwritable

if TYPE_CHECKING:
    from colorcli.training.config import TrainConfig
    from colorcli.training.progress import Progress
    from colorcli.training.trainer import Trainer


def train(
    ctx: typer.Context,
    photos: Annotated[
        Path | None,
        typer.Argument(help="A folder tree of colour photos, or a folder of tar shards."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--output", "--out", "-o", help="Folder of the run.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
    init: Annotated[
        str | None, typer.Option("--init", help="Start from the weights of a run or a model.")
    ] = None,
    network: Annotated[
        str,
        typer.Option(
            "--network", help="fusion, fusion-lite, cnn-mountain, cnn-cs230 or koalarization."
        ),
    ] = "fusion",
    width: Annotated[float, typer.Option(min=0.01, help="Factor on every channel count.")] = 1.0,
    no_global: Annotated[
        bool, typer.Option("--no-global", help="The baseline without the global branch.")
    ] = False,
    global_pool: Annotated[
        bool, typer.Option("--global-pool", help="Average the maps of the global branch first.")
    ] = False,
    pretrained: Annotated[
        str,
        typer.Option(
            "--pretrained",
            "--inception-weights",
            help="Weights of a pretrained part: imagenet, a file, or none for random ones.",
        ),
    ] = "imagenet",
    embedding: Annotated[int, typer.Option(min=1, help="Length of the extractor's output.")] = 1000,
    objective: Annotated[
        str | None,
        typer.Option(
            help="mse, smooth-l1, distance, mse-distribution, distance-distribution or "
            "classification.",
            show_default="mse",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="`paper`: train as the network's paper describes, with nothing added."),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help="muon, adamw, adam, rmsprop, adadelta or sgd.", show_default="adamw"),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0.0, help="Peak learning rate.", show_default="0.001")
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option(min=0.0, help="How fast weights shrink.", show_default="0.01"),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=2, help="Photos per step.", show_default="32")
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(min=0.0, help="Passes over the photos.", show_default="20")
    ] = None,
    hours: Annotated[
        float | None, typer.Option(min=0.0, help="Stop after this many hours of steps, if sooner.")
    ] = None,
    dropout: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=0.9,
            help="Dropout rate of the fully connected layers; in fusion-lite also of the "
            "trunk's blocks.",
        ),
    ] = 0.0,
    size: Annotated[int, typer.Option(help="Side of the views; 0: the network's own.")] = 0,
    crop_min: Annotated[
        float, typer.Option(min=0.05, max=1.0, help="Smallest share of a photo in a view.")
    ] = 0.6,
    zoom: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Views larger or smaller by up to this share.")
    ] = 0.0,
    shear: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Views slanted by up to this tangent.")
    ] = 0.0,
    degrade: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Old-photograph faults on L; each applies to a third of this share of the views.",
        ),
    ] = 0.0,
    emulsion: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of views rendered as early plates and films recorded them.",
        ),
    ] = 0.0,
    distribution: Annotated[
        float, typer.Option(min=0.0, help="Weight of the Wasserstein term in …-distribution.")
    ] = 1.0,
    rebalance: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="λ of classification and distance…; 1: none.")
    ] = 0.5,
    scene_weight: Annotated[
        float, typer.Option(min=0.0, help="Weight of learning the photos' labels too; try 0.0033.")
    ] = 0.0,
    validation: Annotated[
        float,
        typer.Option(
            min=VALIDATION,
            max=0.9,
            help="Share held out if no split is given; at least what `evaluate` takes.",
        ),
    ] = VALIDATION,
    report_every: Annotated[
        int, typer.Option(min=0, help="Photos between reports; 0: once an epoch.")
    ] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Threads that decode photos.")] = 4,
    limit: Annotated[int, typer.Option(min=0, help="Use this many photos; 0: all.")] = 0,
    min_chroma: Annotated[
        float,
        typer.Option(min=0.0, help="Skip photos with a lower mean chroma, as gray."),
    ] = 2.0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda[:N].")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    compile_: Annotated[
        bool, typer.Option("--compile/--no-compile", help="Compile the network: for GPUs.")
    ] = False,
    seed: Annotated[
        int, typer.Option(help="Random seed of the weights, the order and the views.")
    ] = 0,
    describe: Annotated[
        bool, typer.Option("--describe", help="Print the layers and exit.")
    ] = False,
) -> None:
    """Train a colorizer; interrupt it at any time, and continue with --resume."""
    from colorcli.training.config import TrainConfig
    from colorcli.training.membership import Membership
    from colorcli.training.rehearsal import rehearse
    from colorcli.training.run import Run
    from colorcli.training.trainer import Trainer

    for option, value in (("learning-rate", learning_rate), ("epochs", epochs), ("hours", hours)):
        if value == 0:
            raise UsageError(f"--{option} 0: nothing would be learned", tip="give more than 0")
    chosen = chosen_settings(ctx)
    if describe:
        describe_network(settled(TrainConfig(), chosen, preset))
        return
    if photos is None or out is None:
        raise UsageError("no photos or no --out given", tip="colorize train PHOTOS --out RUN")
    if resume and init is not None:
        messages.note(f"--init {init} is ignored: {out} continues with its own weights")
    run = Run(out)
    if not resume:
        refuse_among(out, photos)
    if (error := try_folder(out)) is not None:
        raise unwritable(out, error)
    with run.claimed():
        if resume:
            begun = TrainConfig.load(run.config_path, unsaid=chosen)
            config = settled(begun, chosen, preset, resume=True)
            refuse_changes(out, begun, config)
        elif run.checkpoint_path.exists():
            raise UsageError(
                f"{out}: already holds a run",
                tip="continue it with --resume, or give another --out",
            )
        else:
            run.refuse_strangers()
            config = settled(TrainConfig(), chosen, preset)
        place = choose_device(device)
        bf16 = use_bf16(precision, place)
        rehearse(config, run, resume=resume, init=init)
        training, held_out = split_photos(photos, config)
        membership = Membership.of(training, held_out)
        if resume:
            membership.refuse_others(run.photos_path)
            if begun == config and _is_done(run.load_checkpoint()["progress"], config):
                messages.say(f"{out}: already done; give more --epochs or --hours to continue")
                print(run.folder)
                return
        with enough_memory(place):
            store = decode_photos(training, "training photos", config, workers).to(place)
            held = decode_photos(held_out, "validation photos", config, workers).to(place)
            if twice := len(set(store.digests) & set(held.digests)):
                messages.say(
                    f"{twice} of the photos held out are also trained on, under another name: the "
                    "validation figures will be too optimistic. `colorize data check` lists them"
                )
            trainer = Trainer(
                config,
                run,
                store,
                held,
                device=place,
                bf16=bf16,
                compile_network=compile_,
                resume=resume,
                init=init,
                membership=membership,
            )
            _train(trainer, report_every)


def _is_done(progress: dict[str, Any], config: TrainConfig) -> bool:
    """Whether the budget asked for is used up; runs of earlier versions do not record theirs."""
    asked = (config.epochs, config.hours)
    return bool(progress.get("done")) and tuple(progress.get("budget") or asked) == asked


def _train(trainer: Trainer, report_every: int) -> None:
    """Train to the end or to an interruption, with a progress line."""
    from tqdm import tqdm

    run = trainer.run
    start = trainer.progress.seen
    with tqdm(
        total=1.0,
        initial=round(trainer.fraction, 4),
        bar_format="{percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
        mininterval=1.0,
        file=sys.stderr,
        disable=not messages.is_terminal(),
    ) as bar:
        began = time.monotonic()

        def on_step(loss: float, progress: Progress) -> None:
            rate = (progress.seen - start) / max(1e-9, time.monotonic() - began)
            bar.set_postfix_str(
                f"loss {loss:.5g}, {progress.seen:,} photos seen, {rate:.1f} photos/s",
                refresh=False,
            )
            bar.update(min(1.0, trainer.fraction) - bar.n)

        def on_report(row: dict[str, float]) -> None:
            bar.write(
                f"{row['photos_seen']:,.0f} photos, {row['hours']:.2f} h: "
                f"loss {row['loss']:.5g}, validation {row['validation_loss']:.5g}, "
                f"ab error {row['ab_error']:.2f}, accuracy {row['accuracy']:.3f}, "
                f"chroma {row['chroma']:.1f} of {row['true_chroma']:.1f}",
                file=sys.stderr,
            )

        finished = trainer.train(report_every=report_every, on_step=on_step, on_report=on_report)
    if not finished:
        messages.say(f"interrupted; continue with: colorize train … --out {run.folder} --resume")
        raise typer.Exit(128 + (trainer.stopped_by or signal.SIGINT))
    print(run.folder)
