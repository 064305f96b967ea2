"""`colorize doctor`: what runs on which device, and what is wrong."""

from __future__ import annotations

import json as json_module
import platform
from typing import Annotated, Any

import typer

from colorcli.cli import messages
from colorcli.cli.ending import lacking_library, was_interrupted
from colorcli.errors import ColorizeError
from colorcli.extras import DISTRIBUTION, versions
from colorcli.model.spec import DEFAULT_MODEL
from colorcli.processor import notable_flags, usable_cores

_PACKAGES = (DISTRIBUTION, "onnxruntime-gpu", "onnxruntime", "opencv-python", "numpy", "typer")


def doctor(
    model: Annotated[str, typer.Option(help="A model's name or folder.")] = DEFAULT_MODEL,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or int8.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Show what colorize runs on here, and what is wrong.

    Colours a small picture. The exit status is 0 if that works, else 1.
    """
    findings = _examine(model, device, precision)
    if json:
        print(json_module.dumps(findings, indent=2))
    else:
        _print(findings)
    if findings["problem"] is not None:
        if not json:
            messages.error(findings["problem"], findings["tip"])
        raise typer.Exit(1)


def _examine(model: str, device: str, precision: str) -> dict[str, Any]:
    findings: dict[str, Any] = {
        "versions": versions(*_PACKAGES),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": {"cores": usable_cores(), "features": notable_flags()},
        "providers": None,
        "device": None,
        "provider": None,
        "fallback_reason": None,
        "precision": None,
        "precision_reason": None,
        "model": None,
        "problem": None,
        "tip": None,
    }
    try:
        findings.update(_try_out(model, device, precision))
    except ColorizeError as error:
        findings.update(problem=str(error), tip=error.tip)
    except ImportError as error:
        if was_interrupted(error):
            raise
        problem, tip = lacking_library(error) or (
            f"a library cannot be loaded: {error}",
            "reinstall colorize as its README says",
        )
        findings.update(problem=problem, tip=tip)
    if {"onnxruntime", "onnxruntime-gpu"} <= findings["versions"].keys():
        findings.update(
            problem="onnxruntime and onnxruntime-gpu are both installed: one hides the other",
            tip="pip uninstall onnxruntime onnxruntime-gpu; pip install onnxruntime-gpu",
        )
    return findings


def _try_out(model: str, device: str, precision: str) -> dict[str, Any]:
    import numpy as np
    import onnxruntime

    from colorcli.colorizer import Colorizer
    from colorcli.photo import Photo, encode_photo, read_photo

    colorizer = Colorizer.load(model, device=device, precision=precision)
    loaded = colorizer.model
    spec = loaded.spec
    wedge = Photo.from_array(np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1)))
    read_photo(encode_photo(wedge, colorizer.predict(wedge), format="jpeg"))
    return {
        "providers": onnxruntime.get_available_providers(),
        "device": loaded.device,
        "provider": loaded.provider,
        "fallback_reason": loaded.fallback_reason,
        "precision": loaded.precision.name,
        "precision_reason": loaded.precision.reason,
        "model": {
            "name": spec.name,
            "version": spec.version,
            "folder": str(spec.folder),
            "bytes": spec.bytes_at(loaded.precision.name),
            "sha256": spec.sha256_at(loaded.precision.name),
        },
    }


def _print(findings: dict[str, Any]) -> None:
    rows = [(name, version) for name, version in findings["versions"].items()]
    rows += [("python", findings["python"]), ("system", findings["system"])]
    cpu = findings["cpu"]
    rows.append(("cpu", f"{cpu['cores']} cores, {' '.join(cpu['features']) or 'features unknown'}"))
    if findings["providers"]:
        rows.append(("providers", ", ".join(findings["providers"])))
        rows.append(("runs on", f"{findings['device']} ({findings['provider']})"))
    if findings["fallback_reason"]:
        rows.append(("not a GPU", findings["fallback_reason"]))
    if findings["precision"]:
        rows.append(("precision", f"{findings['precision']}: {findings['precision_reason']}"))
    if model := findings["model"]:
        rows.append(("model", f"{model['name']} {model['version']}, {model['bytes'] / 1e6:.1f} MB"))
        rows.append(("folder", model["folder"]))
        rows.append(("sha256", model["sha256"]))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {messages.printable(str(value))}")
