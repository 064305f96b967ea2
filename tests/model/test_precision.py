"""`--precision auto` uses int8 where it is faster at no visible cost, and says why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from colorcli.errors import ModelError, UsageError
from colorcli.model import precision
from colorcli.model.precision import PrecisionSpec, choose_precision
from colorcli.model.sessions import Model

GOOD = {"int8": PrecisionSpec({}, psnr_loss=0.02, colour_change=0.4)}
ANYWHERE = {"int8": PrecisionSpec({}, psnr_loss=0.02, colour_change=0.4, weight_bits=7)}
FAST, SLOW = frozenset({"avx2", "avx512_vnni"}), frozenset({"avx2"})


@pytest.mark.parametrize(
    ("offered", "flags", "on_gpu", "name", "reason"),
    [
        (GOOD, FAST, False, "int8", "avx512_vnni"),
        (GOOD, SLOW, False, "fp32", "would clip the sums of weights of 8 bits"),
        (ANYWHERE, FAST, False, "int8", "avx512_vnni"),
        (ANYWHERE, SLOW, False, "int8", "avx2"),
        (ANYWHERE, frozenset({"sse4_1"}), False, "fp32", "no byte dot product"),
        (GOOD, frozenset(), False, "fp32", "does not list"),
        (GOOD, FAST, True, "fp32", "int8 is for CPUs"),
        ({}, FAST, False, "fp32", "ships no int8"),
        ({"int8": PrecisionSpec({}, 0.2, 0.4)}, FAST, False, "fp32", "would cost 0.20 dB"),
        ({"int8": PrecisionSpec({}, 0.0, 1.4)}, FAST, False, "fp32", "ΔE 1.40"),
    ],
)
def test_the_rule_of_auto(
    monkeypatch: pytest.MonkeyPatch,
    offered: dict[str, PrecisionSpec],
    flags: frozenset[str],
    on_gpu: bool,
    name: str,
    reason: str,
) -> None:
    monkeypatch.setattr(precision, "cpu_flags", lambda: flags)
    chosen = choose_precision("auto", offered, on_gpu=on_gpu)
    assert chosen.name == name
    assert reason in chosen.reason


def test_what_is_asked_for_is_given_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_flags", lambda: FAST)
    assert choose_precision("fp32", GOOD, on_gpu=False).name == "fp32"
    assert choose_precision("int8", GOOD, on_gpu=False).name == "int8"
    with pytest.raises(UsageError, match="ships no int8"):
        choose_precision("int8", {}, on_gpu=False)
    with pytest.raises(UsageError, match="runs on the CPU"):
        choose_precision("int8", GOOD, on_gpu=True)
    with pytest.raises(UsageError, match="no such precision"):
        choose_precision("fp8", GOOD, on_gpu=False)


def test_a_cpu_that_would_clip_the_sums_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_flags", lambda: SLOW)
    with pytest.raises(UsageError, match="clip") as error:
        choose_precision("int8", GOOD, on_gpu=False)
    assert "takes 7 at most" in str(error.value.tip)
    assert choose_precision("int8", ANYWHERE, on_gpu=False).name == "int8"


def test_graphs_of_a_precision_are_named_by_the_model(model_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "model")
    shutil.copyfile(folder / "colorization.onnx", folder / "other.onnx")
    entry = {
        "psnr_loss": 9.0,
        "colour_change": 9.0,
        "graphs": {"colorization": {"file": "other.onnx"}},
    }
    description = json.loads((folder / "model.json").read_text()) | {"precisions": {"int8": entry}}
    (folder / "model.json").write_text(json.dumps(description))
    spec = Model.load(str(folder), device="cpu").spec
    assert spec.graphs_at("int8")["colorization"].path.name == "other.onnx"
    assert spec.graphs_at("int8")["global"].path.name == "global.onnx"
    assert spec.graphs_at("fp32")["colorization"].path.name == "colorization.onnx"
    (folder / "other.onnx").unlink()
    assert Model.load(str(folder), device="cpu", precision="fp32").precision.name == "fp32"
    with pytest.raises(ModelError, match=r"other\.onnx: the int8 graph is missing"):
        spec.graphs_at("int8")
    entry["graphs"]["colorization"]["file"] = "../elsewhere.onnx"  # type: ignore[index]
    (folder / "model.json").write_text(json.dumps(description))
    with pytest.raises(ModelError, match="outside the folder"):
        Model.load(str(folder), device="cpu")
