from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from colorcli.colorizer import Colorizer, FloatL
from colorcli.errors import UsageError
from colorcli.training import reduction
from colorcli.training.building import load_trained
from colorcli.training.export import PSNR_LOSS, Blend, Card, Exported, export, export_single
from colorcli.training.objectives import Objective
from colorcli.training.run import Run

from . import timm_stand_in

CASES: dict[str, dict[str, Any]] = {
    "fusion": {"network": "fusion"},
    "fusion --no-global": {"network": "fusion", "global_features": False},
    "classification": {"network": "fusion", "objective": "classification"},
    "scenes": {"network": "fusion", "scene_weight": 1 / 300, "global_pool": True},
    "cnn-mountain": {"network": "cnn-mountain"},
    "koalarization": {"network": "koalarization", "pretrained": "none"},
    "fusion-lite": {"network": "fusion-lite", "pretrained": "none"},
    "fusion-lite bins": {
        "network": "fusion-lite",
        "pretrained": "none",
        "objective": "classification",
    },
}
GRAPHS = {
    "fusion": {"low_level", "global", "colorization"},
    "fusion --no-global": {"low_level", "colorization"},
    "classification": {"low_level", "global", "colorization"},
    "scenes": {"low_level", "global", "colorization"},
    "cnn-mountain": {"colorization"},
    "koalarization": {"global", "colorization"},
    "fusion-lite": {"low_level", "global", "colorization"},
    "fusion-lite bins": {"low_level", "global", "colorization"},
}


@pytest.fixture(scope="module")
def stand_in() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        timm_stand_in.install(patch)
        yield


@pytest.fixture(scope="module")
def exported(
    stand_in: None, trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Run, Exported]]:
    """Each case, exported once: the first with reduced weights, the others in float32."""
    made: dict[str, tuple[Run, Exported]] = {}

    def get(case: str) -> tuple[Run, Exported]:
        if case not in made:
            run = trained(**CASES[case])
            folder = tmp_path_factory.mktemp("models") / "tiny"
            card = Card("tiny", license="CC0-1.0", trained_on="three photos", default_size=64)
            made[case] = run, export(run, folder, card, reduce=case == "fusion")
        return made[case]

    return get


def network_of(run: Run) -> tuple[Any, Objective]:
    _, network, objective, _ = load_trained(run)
    return network, objective


def ab_of(network: Any, objective: Objective, L: np.ndarray) -> np.ndarray:
    """PyTorch's ab for L `(H, W)`, with the global view made as the command makes it."""
    inputs = [torch.from_numpy(L)[None, None]]
    side = network.global_size
    if side is not None:
        inputs.append(torch.from_numpy(FloatL(L).L_at(side, side))[None, None])
    with torch.no_grad():
        ab: np.ndarray = objective.decode(network(*inputs))[0].permute(1, 2, 0).numpy()
    return ab


def ramp(height: int, width: int) -> np.ndarray:
    """From black to white at any size, so that its levels are its own."""
    noise = np.random.default_rng(0).uniform(0, 25, (height, width))
    return np.clip(noise + np.linspace(-40, 115, width), 0, 100).astype(np.float32)


@pytest.mark.parametrize("case", CASES)
def test_the_command_runs_what_the_folder_declares(
    exported: Callable[[str], tuple[Run, Exported]], case: str
) -> None:
    run, done = exported(case)
    assert done.difference <= 1e-3  # of float32 graphs, against PyTorch
    L = ramp(96, 160)
    grid = Colorizer.load(str(done.folder)).predict(FloatL(L), size="full").grid
    expected = ab_of(*network_of(run), L)
    assert grid.shape == expected.shape
    # float16 rounds the weights of the reduced one to 5e-4.
    assert np.abs(grid - expected).max() <= (0.5 if case == "fusion" else 1e-3)


@pytest.mark.parametrize("case", ["fusion-lite", "fusion-lite bins"])
def test_a_photo_that_is_its_own_rescale_is_coloured_as_the_network_alone_would(
    exported: Callable[[str], tuple[Run, Exported]], case: str
) -> None:
    run, done = exported(case)
    network, objective = network_of(run)
    L = ramp(192, 256)
    grid = Colorizer.load(str(done.folder)).predict(FloatL(L), size="full").grid
    with torch.no_grad():
        alone = objective.decode(network(torch.from_numpy(L)[None, None]))
    expected = alone[0].permute(1, 2, 0).numpy()
    assert np.abs(grid - expected).max() <= 1e-3


@pytest.mark.parametrize("case", CASES)
def test_graphs_keep_to_what_old_runtimes_read(
    exported: Callable[[str], tuple[Run, Exported]], case: str
) -> None:
    _, done = exported(case)
    paths = {path.stem: path for path in done.folder.glob("*.onnx")}
    assert set(paths) == GRAPHS[case]
    for path in paths.values():
        model = onnx.load(path, load_external_data=False)
        assert model.ir_version <= 10
        assert max(entry.version for entry in model.opset_import) <= 20
        kinds = {node.op_type for node in model.graph.node}
        assert "BatchNormalization" not in kinds
        assert not any(tensor.external_data for tensor in model.graph.initializer)


@pytest.mark.parametrize("case", CASES)
def test_tiles_equal_the_whole(exported: Callable[[str], tuple[Run, Exported]], case: str) -> None:
    _, done = exported(case)
    colorizer = Colorizer.load(str(done.folder))
    tile = colorizer.smallest_tile
    photo = FloatL(ramp(tile * 5 // 4, tile * 9 // 8))
    whole = colorizer.predict(photo, size="full", tile=4096).grid
    tiled = colorizer.predict(photo, size="full", tile=tile).grid
    assert np.abs(whole - tiled).max() <= 1e-4


def test_sizes_are_dynamic(exported: Callable[[str], tuple[Run, Exported]]) -> None:
    _, done = exported("fusion")
    colorizer = Colorizer.load(str(done.folder))
    for shape in ((1, 1), (7, 300), (64, 64), (224, 224), (225, 31)):
        assert colorizer.predict_L(ramp(*shape), size="full").shape == (*shape, 2)
    session = onnxruntime.InferenceSession(
        done.folder / "low_level.onnx", providers=["CPUExecutionProvider"]
    )
    batch = session.run(None, {"L": np.zeros((3, 1, 40, 64), np.float32)})[0]
    assert batch.shape == (3, 31, 5, 8)


def test_weights_are_stored_as_float16(
    exported: Callable[[str], tuple[Run, Exported]],
) -> None:
    _, done = exported("fusion")
    stored = [
        tensor
        for path in done.folder.glob("*.onnx")
        for tensor in onnx.load(path).graph.initializer
        if int(np.prod(tensor.dims)) >= 1000
    ]
    assert stored
    assert {tensor.data_type for tensor in stored} == {onnx.TensorProto.FLOAT16}
    assert done.psnr_full - done.psnr < PSNR_LOSS


def test_the_description_says_what_was_exported(
    exported: Callable[[str], tuple[Run, Exported]], tmp_path: Path
) -> None:
    run, done = exported("scenes")
    values = json.loads((done.folder / "model.json").read_text())
    network, _ = network_of(run)
    assert values["network"]["parameters"] == sum(p.numel() for p in network.parameters())
    assert values["graphs"]["global"]["scenes"] == ["astronaut", "coffee", "rocket"]
    assert values["labels"] == []
    assert values["license"] == "CC0-1.0"
    assert values["input"] == {"multiple": 8, "halo": 64}
    export(run, tmp_path / "specialist", Card("tiny", specialist=True), reduce=False)
    values = json.loads((tmp_path / "specialist" / "model.json").read_text())
    assert values["labels"] == ["astronaut", "coffee", "rocket"]
    _, koala = exported("koalarization")
    graph = json.loads((koala.folder / "model.json").read_text())["graphs"]["global"]
    assert (graph["reads"], graph["size"]) == ("L", 299)


def test_temperature_is_an_input(exported: Callable[[str], tuple[Run, Exported]]) -> None:
    _, done = exported("classification")
    colorizer = Colorizer.load(str(done.folder))
    assert colorizer.model.spec.temperature == pytest.approx(0.38)
    pale, vivid = (colorizer.predict_L(ramp(64, 64), vividness=v) for v in (0.4, 4.0))
    assert np.hypot(*vivid.transpose(2, 0, 1)).mean() > np.hypot(*pale.transpose(2, 0, 1)).mean()


def test_the_single_file_equals_the_three_graphs(
    exported: Callable[[str], tuple[Run, Exported]], tmp_path: Path
) -> None:
    run, _ = exported("classification")
    export_single(run, tmp_path / "single.onnx", Card("one"))
    session = onnxruntime.InferenceSession(
        tmp_path / "single.onnx", providers=["CPUExecutionProvider"]
    )
    assert [node.name for node in session.get_inputs()] == ["L", "L_global", "temperature"]
    L = ramp(96, 64)
    feeds = {
        "L": L[None, None],
        "L_global": FloatL(L).L_at(224, 224)[None, None],
        "temperature": np.array(0.38, np.float32),
    }
    single = session.run(None, feeds)[0][0].transpose(1, 2, 0)
    colorizer = Colorizer.load(str(exported("classification")[1].folder))
    grid = colorizer.predict(FloatL(L), size="full").grid
    assert np.abs(single - grid).max() <= 1e-3


def test_large_layers_are_factorised_within_the_allowed_loss(
    exported: Callable[[str], tuple[Run, Exported]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, whole = exported("fusion")
    monkeypatch.setattr(reduction, "LARGE", 10_000)
    small = export(run, tmp_path / "small", Card("small"))
    assert small.ranks == {"global_.fc1.0": 32}
    assert small.psnr_full - small.psnr < PSNR_LOSS

    def weights(folder: Path, graph: str) -> int:
        model = onnx.load(folder / f"{graph}.onnx")
        return sum(onnx.numpy_helper.to_array(tensor).size for tensor in model.graph.initializer)

    assert weights(small.folder, "global") < weights(whole.folder, "global")
    for other in ("low_level", "colorization"):
        assert weights(small.folder, other) == weights(whole.folder, other)


def test_a_model_may_be_more_vivid_than_its_network(
    exported: Callable[[str], tuple[Run, Exported]], tmp_path: Path
) -> None:
    """A regression through more chroma, a distribution through another temperature."""
    for case in ("fusion --no-global", "classification"):
        run, done = exported(case)
        made = tmp_path / case
        export(run, made, Card("x", default_size=64, vividness=1.25), reduce=False)
        L = FloatL(ramp(64, 64))
        vivid, own = Colorizer.load(str(made)), Colorizer.load(str(done.folder))
        np.testing.assert_allclose(
            vivid.predict(L, vividness=1 / 1.25).grid, own.predict(L).grid, atol=1e-4
        )
        np.testing.assert_allclose(
            vivid.predict(L).grid, own.predict(L, vividness=1.25).grid, atol=1e-4
        )


def test_weights_of_two_runs_can_be_mixed(trained: Callable[..., Run], tmp_path: Path) -> None:
    """Shares of 0 and 1 give one run and the other; in between, neither."""
    before, after = trained(network="cnn-mountain"), trained(network="cnn-mountain", epochs=16)
    L = FloatL(ramp(64, 64))

    def grid(run: Run, blend: Blend | None = None) -> np.ndarray:
        folder = tmp_path / f"{run.folder.name}-{blend.share if blend else ''}"
        export(run, folder, Card("mixed"), reduce=False, blend=blend)
        return Colorizer.load(str(folder)).predict(L, size="full").grid

    ours, theirs = grid(after), grid(before)
    np.testing.assert_allclose(grid(after, Blend(before, 0.0)), ours, atol=1e-4)
    np.testing.assert_allclose(grid(after, Blend(before, 1.0)), theirs, atol=1e-4)
    half = grid(after, Blend(before, 0.5))
    assert min(np.abs(half - ours).max(), np.abs(half - theirs).max()) > 1e-3
    with pytest.raises(UsageError, match="different network"):
        grid(after, Blend(trained(network="fusion"), 0.5))
