"""`colorize models`: the available models."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from colorcli.cli import messages
from colorcli.errors import ModelError
from colorcli.model.spec import DEFAULT_MODEL


def models(
    json: Annotated[bool, typer.Option("--json", help="As one JSON list.")] = False,
) -> None:
    """List the available models.

    Any other folder with a model.json works too: --model FOLDER.
    """
    from colorcli.model.spec import ModelSpec, model_folders

    rows: list[dict[str, Any]] = []
    broken: list[ModelError] = []
    for name, folder in model_folders().items():
        try:
            rows.append(_row(name, folder, ModelSpec.read(folder)))
        except ModelError as fault:
            broken.append(fault)
    if json:
        print(json_module.dumps(rows, indent=2))
    elif rows:
        _print_table(rows)
    for error in broken:
        messages.error(str(error), error.tip)
    if not rows and not broken:
        messages.error("no model is installed", "reinstall colorize as its README says")
    if broken or not rows:
        raise typer.Exit(1)


def _row(name: str, folder: Path, spec: Any) -> dict[str, Any]:
    return {
        "name": name,
        "version": spec.version,
        "bytes": spec.bytes_at("fp32"),
        "parameters": spec.network.get("parameters"),
        "license": spec.license,
        "trained_on": spec.trained_on,
        "description": spec.description,
        "default": name == DEFAULT_MODEL,
        "vividness": "chroma" if spec.temperature is None else "temperature",
        "metrics": spec.metrics,
        "folder": str(folder),
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    metrics = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    titles = ["name", "version", "size", *metrics, "licence", "trained on"]
    lines = [titles]
    for row in rows:
        figures = [_figure(row["metrics"].get(name)) for name in metrics]
        size = f"{row['bytes'] / 1e6:.1f} MB"
        lines.append(
            [
                row["name"] + (" (default)" if row["default"] else ""),
                row["version"],
                size,
                *figures,
                row["license"],
                row["trained_on"],
            ]
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(titles))]
    for line in lines:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        print(messages.printable("  ".join(cells).rstrip()))


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
