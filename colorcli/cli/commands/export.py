"""`colorize export`: a trained run → a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colorcli.cli import messages
from colorcli.errors import UsageError

_OF_A_FOLDER = {
    "default_size": "--default-size",
    "vividness": "--vividness",
    "specialist": "--specialist",
    "reduce": "--no-reduce",
}
"""Options that change the graphs, or are recorded only in `model.json`."""


def export(
    ctx: typer.Context,
    run: Annotated[Path, typer.Argument(help="Folder of a run of `colorize train`.")],
    output: Annotated[
        Path,
        typer.Option("--output", "--out", "-o", help="Model folder, or file with --single-file."),
    ],
    name: Annotated[str, typer.Option(help="Name of the model; by default the folder's.")] = "",
    version: Annotated[str, typer.Option(help="Version of the weights.")] = "1",
    license_: Annotated[
        str, typer.Option("--license", help="Licence of the weights.")
    ] = "unstated",
    description: Annotated[str, typer.Option(help="What the model is, in one line.")] = "",
    trained_on: Annotated[str, typer.Option(help="The photos, in one line.")] = "unstated",
    default_size: Annotated[
        int | None,
        typer.Option(
            min=8,
            help="Long side that the network sees at --size auto.",
            show_default="320; 256 for fusion-lite",
        ),
    ] = None,
    vividness: Annotated[
        float, typer.Option(min=0.01, help="What --vividness 1 stands for; the network's own is 1.")
    ] = 1.0,
    specialist: Annotated[
        bool, typer.Option("--specialist", help="For --model auto:…: record which scenes it knows.")
    ] = False,
    blend: Annotated[
        Path | None, typer.Option(help="Mix in the weights of the run that this one started from.")
    ] = None,
    share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the weights of --blend.")
    ] = 0.4,
    reduce: Annotated[
        bool,
        typer.Option("--reduce/--no-reduce", help="Factorise large layers, store float16."),
    ] = True,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="One graph for other runtimes.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the graphs of the folder, or the file.")
    ] = False,
) -> None:
    """Export a run to ONNX, checked against PyTorch on the run's own photos."""
    from colorcli.cli.options import given
    from colorcli.cli.outputs import refuse_unwritable
    from colorcli.training.export import Blend, Card, export_single
    from colorcli.training.export import export as export_run
    from colorcli.training.run import Run

    path = output.resolve()
    card = Card(
        name or (path.stem if single_file else path.name),
        version,
        license_,
        description,
        trained_on,
        default_size,
        vividness,
        specialist,
    )
    if blend is None and "share" in given(ctx):
        raise UsageError(f"--share {share}: no weights to mix in", tip="name them with --blend RUN")
    if single_file:
        if unfit := [option for name, option in _OF_A_FOLDER.items() if name in given(ctx)]:
            raise UsageError(
                "--single-file exports the network unchanged",
                tip=f"leave out {', '.join(unfit)}, or export a model folder",
            )
        refuse_unwritable([output], force=force, suffix=".onnx")
        mixed = None if blend is None else Blend(Run(blend), share)
        difference = export_single(Run(run), output, card, blend=mixed, force=force)
        messages.say(f"against PyTorch: |Δab| ≤ {difference:.2g}")
        print(output)
        return
    if (output / "model.json").exists() and not force:
        raise UsageError(f"{output}: already holds a model", tip="--force replaces its graphs")
    mixed = None if blend is None else Blend(Run(blend), share)
    done = export_run(Run(run), output, card, reduce=reduce, blend=mixed)
    ranks = ", ".join(f"{layer} to rank {rank}" for layer, rank in done.ranks.items())
    messages.say(f"against PyTorch: |Δab| ≤ {done.difference:.2g}")
    messages.say(
        f"PSNR on validation views: {done.psnr_full:.3f} dB in float32, {done.psnr:.3f} dB as "
        f"written ({done.psnr - done.psnr_full:+.3f} dB)"
    )
    messages.say(f"factorised: {ranks or 'nothing'}; {done.bytes / 1e6:.1f} MB")
    print(done.folder)
