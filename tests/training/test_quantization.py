"""int8 graphs are written beside the others, run, and have their cost recorded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from colorcli.__main__ import main
from colorcli.bench.conversions import synthetic_gray
from colorcli.collection.items import open_collection
from colorcli.colorizer import Colorizer
from colorcli.evaluation.evaluate import evaluate
from colorcli.lab import clamp_to_gamut, rgb_to_lab
from colorcli.metrics import ciede2000
from colorcli.model.sessions import Model
from colorcli.model.spec import ModelSpec, find_model
from colorcli.photo import read_rgb


@pytest.fixture(scope="module")
def quantized(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped model with int8 graphs, made from three photos per split."""
    place = tmp_path_factory.mktemp("quantized")
    folder = place / "model"
    shutil.copytree(model_folder, folder, ignore=shutil.ignore_patterns("*.int8.onnx"))
    description = json.loads((folder / "model.json").read_text())
    description.pop("precisions", None)
    (folder / "model.json").write_text(json.dumps(description | {"default_size": 64}))
    for split in ("train", "val"):
        (place / "photos" / split).mkdir(parents=True)
        for seed in range(3):
            channels = [synthetic_gray((48, 64), 10 * seed + index) for index in range(3)]
            cv2.imwrite(str(place / "photos" / split / f"{seed}.png"), np.dstack(channels))
    (place / "photos" / "train" / "broken.png").write_bytes(b"no photo")
    before = {path.name: path.read_bytes() for path in folder.glob("*.onnx")}
    assert main(["quantize", str(folder), "--photos", str(place / "photos")]) == 0
    assert (
        before.items() <= {path.name: path.read_bytes() for path in folder.glob("*.onnx")}.items()
    )
    return folder


def test_its_cost_is_written_beside_it(quantized: Path) -> None:
    spec = ModelSpec.read(quantized)
    int8 = spec.precisions["int8"]
    assert int8.graphs.keys() == spec.graphs_at("fp32").keys()
    items = open_collection(quantized.parent / "photos", split="val")
    predictors = {
        precision: Colorizer.load(str(quantized), device="cpu", precision=precision).predict_L
        for precision in ("fp32", "int8")
    }
    scores = evaluate(predictors, items).scores
    assert int8.psnr_loss != 0
    assert int8.psnr_loss == pytest.approx(scores["fp32"].psnr - scores["int8"].psnr, abs=1e-3)
    changes = []
    for item in items:
        L = np.ascontiguousarray(rgb_to_lab(read_rgb(item.read()))[..., 0])
        made = [clamp_to_gamut(L, predict(L)) for predict in predictors.values()]
        changes.append(ciede2000(*(np.dstack([L, ab]) for ab in made)))
    assert int8.colour_change > 0
    assert int8.colour_change == pytest.approx(np.mean(changes), abs=1e-3)


def test_colours_are_near_those_of_fp32(quantized: Path) -> None:
    L = np.ascontiguousarray(synthetic_gray((64, 64)) / np.float32(2.55), np.float32)[None, None]
    view = cv2.resize(L[0, 0], (224, 224))[None, None]
    made = []
    for precision in ("fp32", "int8"):
        model = Model.load(str(quantized), device="cpu", precision=precision)
        assert model.precision.name == precision
        made.append(model.ab(model.low_level(L), model.global_features(view)))
    assert made[0].shape == made[1].shape
    # Calibrated on a few synthetic pictures, it is coarser than on photographs.
    assert 0 < np.abs(made[0] - made[1]).mean() < np.abs(made[0]).mean() / 3


def test_the_layer_that_says_ab_stays_whole(quantized: Path) -> None:
    graph = onnx.load(quantized / "colorization.int8.onnx").graph
    made_by = {name: node for node in graph.node for name in node.output}
    *others, last = [node for node in graph.node if node.op_type == "Conv"]
    weights = [made_by[node.input[1]].op_type for node in others if node.input[1] in made_by]
    assert weights == ["DequantizeLinear"] * len(others)
    assert last.input[1] not in made_by


def test_no_cpu_can_clip_its_sums(quantized: Path) -> None:
    """Two products of a byte and a weight fit in 16 bits, in which AVX2 adds them."""
    assert ModelSpec.read(quantized).precisions["int8"].weight_bits == 7
    for path in quantized.glob("*.int8.onnx"):
        for tensor in onnx.load(path).graph.initializer:
            if tensor.data_type == onnx.TensorProto.INT8:
                weights = onnx.numpy_helper.to_array(tensor).astype(int)
                assert 2 * 255 * abs(weights).max() < 2**15


def test_it_is_made_again_only_if_asked(
    quantized: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["quantize", str(quantized), "--photos", str(quantized.parent / "photos")]
    before = {path: path.read_bytes() for path in quantized.iterdir()}
    assert main(command) == 2
    assert "--force" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in quantized.iterdir()} == before
    assert main([*command, "--force"]) == 0


def test_a_cost_measured_on_few_photos_is_called_unreliable(
    quantized: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = str(quantized.parent / "photos")
    assert main(["quantize", str(quantized), "--photos", photos, "--force"]) == 0
    assert "warning: " in (err := capsys.readouterr().err)
    assert "fewer than 50 photos" in err


def test_a_model_that_comes_with_the_program_is_not_changed_by_its_name(
    quantized: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in find_model("lifelike").iterdir()}
    photos = str(quantized.parent / "photos")
    assert main(["quantize", "lifelike", "--photos", photos, "--force"]) == 2
    assert "comes with colorize" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in find_model("lifelike").iterdir()} == before


def test_photos_of_both_splits_are_needed(quantized: Path) -> None:
    photos = str(quantized.parent / "photos" / "train" / "0.png")
    assert main(["quantize", str(quantized), "--photos", photos, "--force"]) == 2
