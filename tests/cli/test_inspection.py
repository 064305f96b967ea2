"""`colorize doctor` and `colorize models`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .conftest import Run, said


def test_doctor_says_what_runs_where(run: Run, model_folder: Path) -> None:
    process = run("doctor", "--json", "--device", "cpu")
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout)
    assert found["provider"] == "CPUExecutionProvider"
    assert found["model"]["folder"] == str(model_folder)
    assert len(found["model"]["sha256"]) == 64
    assert found["problem"] is None
    text = run("doctor", "--device", "cpu").stdout.decode()
    assert found["model"]["sha256"] in text
    assert "CPUExecutionProvider" in text


def test_doctor_hashes_the_graphs_that_run(run: Run, model_folder: Path) -> None:
    for precision, ending in (("fp32", ".onnx"), ("int8", ".int8.onnx")):
        process = run("doctor", "--json", "--device", "cpu", "--precision", precision)
        found = json.loads(process.stdout)["model"]
        graphs = [model_folder / f"{n}{ending}" for n in ("low_level", "global", "colorization")]
        content = b"".join(graph.read_bytes() for graph in graphs)
        assert found["bytes"] == len(content)
        assert found["sha256"] == hashlib.sha256(content).hexdigest()


def test_doctor_says_what_is_wrong(run: Run, tmp_path: Path) -> None:
    process = run("doctor", model=tmp_path / "nowhere")
    assert process.returncode == 1
    assert [line.split(":")[0] for line in said(process)] == ["error", "tip"]
    assert b"onnxruntime" in process.stdout
    found = json.loads(run("doctor", "--json", model=tmp_path / "nowhere").stdout)
    assert found["model"] is None
    assert found["problem"]


def test_models_lists_the_shipped_one(run: Run) -> None:
    process = run("models", "--json", model=None)
    assert process.returncode == 0
    models = {row["name"]: row for row in json.loads(process.stdout)}
    assert models["fusion"]["bytes"] > 0
    lines = run("models", model=None).stdout.decode().splitlines()
    assert lines[0].split()[:3] == ["name", "version", "size"]
    assert [line.split()[0] for line in lines[1:]] == list(models)
