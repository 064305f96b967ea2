from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from colorcli import files
from colorcli.__main__ import main
from colorcli.colorizer import Colorizer, FloatL
from colorcli.errors import ColorizeError, ModelError, PhotoError, UsageError
from colorcli.training import faithfulness, reduction
from colorcli.training.export import PSNR_LOSS, Blend, Card, Exported, export, export_single
from colorcli.training.objectives import Objective
from colorcli.training.run import Run, load_trained

from . import timm_stand_in
from .tables import build

# What is exported once is for one worker: an export takes ten seconds.
pytestmark = pytest.mark.xdist_group("export")

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
    """Each case exported once: the first with its weights reduced, the others in float32."""
    made: dict[str, tuple[Run, Exported]] = {}

    def get(case: str) -> tuple[Run, Exported]:
        if case not in made:
            run = trained(**CASES[case])
            folder = tmp_path_factory.mktemp("models") / "tiny"
            card = Card("tiny", license="CC0-1.0", trained_on="three photos", default_size=64)
            made[case] = run, export(run, folder, card, reduce=case == "fusion")
        return made[case]

    return get


@pytest.fixture(scope="module")
def exported_once(trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "plain"
    export(trained(network="fusion"), folder, Card("x"), reduce=False)
    return folder


@pytest.fixture
def plain(exported_once: Path, tmp_path: Path) -> Path:
    """A small fusion model in float32, the test's own."""
    return shutil.copytree(exported_once, tmp_path / "model")


def network_of(run: Run) -> tuple[Any, Objective]:
    _, network, objective, _ = load_trained(run)
    return network, objective


def ab_of(network: Any, objective: Objective, L: np.ndarray) -> np.ndarray:
    """What PyTorch says of L `(H, W)`, its global view made as the command makes it."""
    inputs = [torch.from_numpy(L)[None, None]]
    side = network.global_size
    if side is not None:
        inputs.append(torch.from_numpy(FloatL(L).L_at(side, side))[None, None])
    with torch.no_grad():
        ab: np.ndarray = objective.decode(network(*inputs))[0].permute(1, 2, 0).numpy()
    return ab


def ramp(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(0).uniform(0, 25, (height, width))
    return (noise + np.linspace(0, 75, width)).astype(np.float32)


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


def test_others_folders_are_refused_and_left_alone(
    trained: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="no model"):
        export(trained(network="cnn-mountain"), tmp_path, Card("x"))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_only_graphs_of_the_model_itself_are_replaced(
    trained: Callable[..., Run], plain: Path, tmp_path: Path
) -> None:
    folder = plain
    (folder / "mine.onnx").write_bytes(b"precious")
    (folder / "low_level.int8.onnx").write_bytes(b"of the old weights")
    description = json.loads((folder / "model.json").read_text())
    graphs = {"low_level": {"file": "low_level.int8.onnx", "sha256": ""}}
    description["precisions"] = {
        "int8": {"psnr_loss": 0.0, "colour_change": 0.0, "graphs": graphs},
        "int4": {"graphs": {"low_level": {"file": "../precious.onnx"}}},
    }
    (folder / "model.json").write_text(json.dumps(description))
    (tmp_path / "precious.onnx").write_bytes(b"precious")
    export(trained(network="cnn-mountain"), folder, Card("x"), reduce=False)
    assert {path.name for path in folder.glob("*.onnx")} == {"colorization.onnx", "mine.onnx"}
    assert (folder / "mine.onnx").read_bytes() == b"precious"
    assert (tmp_path / "precious.onnx").exists()


def test_graphs_of_another_program_are_left_alone(
    trained: Callable[..., Run], tmp_path: Path
) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "theirs", [value], [other]))
    for data in (model.SerializeToString(), b"no graph"):
        (tmp_path / "global.onnx").write_bytes(data)
        with pytest.raises(UsageError, match="no model"):
            export(trained(network="cnn-mountain"), tmp_path, Card("x"))
        assert (tmp_path / "global.onnx").read_bytes() == data


@pytest.mark.parametrize("room", [0, 1, 3])
def test_an_export_onto_a_full_disk_leaves_the_model_that_was_there(
    trained: Callable[..., Run], plain: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    run = trained(network="fusion", epochs=9)
    before = {path.name: path.read_bytes() for path in plain.iterdir()}
    filled: list[bytes] = []
    fill = files._fill

    def full(file: io.FileIO, data: bytes) -> None:
        filled.append(data)
        if len(filled) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fill(file, data)

    monkeypatch.setattr(files, "_fill", full)
    with pytest.raises(PhotoError, match="the disk is full"):
        export(run, plain, Card("x"), reduce=False)
    assert {path.name: path.read_bytes() for path in plain.iterdir()} == before


@pytest.mark.parametrize("renamed", [1, 2, 3])
def test_an_export_killed_among_its_renames_leaves_a_model_that_says_that_it_is_damaged(
    trained: Callable[..., Run], plain: Path, monkeypatch: pytest.MonkeyPatch, renamed: int
) -> None:
    run = trained(network="fusion", epochs=9)
    given: list[Path] = []
    give = files._give_name

    def cut(temporary: Path, path: Path, *, replace: bool) -> None:
        given.append(path)
        if len(given) > renamed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        give(temporary, path, replace=replace)

    monkeypatch.setattr(files, "_give_name", cut)
    with pytest.raises(PhotoError):
        export(run, plain, Card("x"), reduce=False)
    with pytest.raises(ModelError, match="damaged"):
        Colorizer.load(str(plain)).predict(FloatL(ramp(64, 64)))


def test_a_first_export_cut_short_can_be_done_again(
    trained: Callable[..., Run], plain: Path
) -> None:
    folder = plain
    (folder / "model.json").unlink()
    (folder / "global.onnx").unlink()
    with pytest.raises(ModelError, match="no model"):
        Colorizer.load(str(folder))
    export(trained(network="fusion"), folder, Card("x"), reduce=False)
    Colorizer.load(str(folder))


def test_a_model_folder_cannot_lie_where_a_file_is(
    trained: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("precious")
    for folder in (tmp_path / "file", tmp_path / "file" / "model"):
        with pytest.raises(PhotoError, match="not a folder"):
            export(trained(network="cnn-mountain"), folder, Card("x"))


def test_photos_of_a_run_that_were_cut_off_are_one_line(
    trained: Callable[..., Run], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained(network="cnn-mountain").folder, folder)
    whole = (folder / "probe.npz").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no arrays"):
        (folder / "probe.npz").write_bytes(content)
        with pytest.raises(UsageError, match=r"probe\.npz") as caught:
            export(Run(folder), tmp_path / "model", Card("x"))
        assert "--resume" in str(caught.value.tip)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"config\.json"):
        export(Run(tmp_path), tmp_path / "model", Card("x"))


def test_graphs_that_differ_are_not_shipped(
    trained: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colorcli.training.export.largest_difference", lambda *_: 1.0)
    with pytest.raises(ColorizeError, match="differ"):
        export(trained(network="cnn-mountain"), tmp_path / "model", Card("x"))
    assert not (tmp_path / "model").exists()


# reduction


@pytest.mark.parametrize("global_features", [True, False])
def test_folding_changes_nothing(global_features: bool) -> None:
    torch.manual_seed(0)
    network = build("fusion", width=0.06, global_features=global_features)
    norms = nn.BatchNorm2d, nn.BatchNorm1d
    for module in network.modules():
        if isinstance(module, norms):
            module.running_mean = torch.randn(module.num_features) * 0.1
            module.running_var = torch.rand(module.num_features) + 0.5
    L = torch.rand(1, 1, 224, 224) * 100
    with torch.no_grad():
        before = network(L)
        reduction.fold_batch_norm(network)
        torch.testing.assert_close(network(L), before, atol=1e-3, rtol=1e-4)
    assert not any(isinstance(module, norms) for module in network.modules())


def test_factorising_is_exact_on_data_of_that_rank() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(40, 30)
    data = torch.randn(200, 5) @ torch.randn(5, 40) + torch.randn(40)
    network = nn.Sequential(layer)
    mean, directions = reduction.principal_outputs(network, layer, [(data,)])
    small = reduction.factorized(layer, mean, directions, 5)
    with torch.no_grad():
        torch.testing.assert_close(small(data), layer(data), atol=1e-3, rtol=1e-3)
        smaller = reduction.factorized(layer, mean, directions, 2)
        assert (smaller(data) - layer(data)).abs().mean() > 0.1


def test_large_layers_are_factorised_within_the_allowed_loss(
    exported: Callable[[str], tuple[Run, Exported]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from colorcli.training.export import _reduce
    from colorcli.training.probe import Probe

    monkeypatch.setattr(reduction, "LARGE", 10_000)
    run, _ = exported("fusion")
    network, objective = network_of(run)
    reduction.fold_batch_norm(network)
    probe = Probe.load(run.folder)
    before = faithfulness.network_psnr(network, objective, probe)
    weights = sum(p.numel() for p in network.parameters())
    ranks = _reduce(network, objective, probe)
    assert ranks == {"global_.fc1.0": 32}
    assert sum(p.numel() for p in network.parameters()) < weights
    assert before - faithfulness.network_psnr(network, objective, probe) < PSNR_LOSS


def test_a_model_may_be_more_vivid_than_its_network(
    exported: Callable[[str], tuple[Run, Exported]], plain: Path, tmp_path: Path
) -> None:
    """A regression by more chroma, a distribution by another temperature."""
    regression, (distribution, done) = exported("fusion")[0], exported("classification")
    for run, folder in ((regression, plain), (distribution, done.folder)):
        made = tmp_path / "vivid" / folder.name
        export(run, made, Card("x", default_size=64, vividness=1.25), reduce=False)
        L = FloatL(ramp(64, 64))
        vivid, own = Colorizer.load(str(made)), Colorizer.load(str(folder))
        np.testing.assert_allclose(
            vivid.predict(L, vividness=1 / 1.25).grid, own.predict(L).grid, atol=1e-4
        )
        np.testing.assert_allclose(
            vivid.predict(L).grid, own.predict(L, vividness=1.25).grid, atol=1e-4
        )


def test_weights_of_two_runs_can_be_mixed(trained: Callable[..., Run], tmp_path: Path) -> None:
    """At a share of 0 and of 1 it is one run and the other; between, neither."""
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
    with pytest.raises(UsageError, match="another network"):
        grid(after, Blend(trained(network="fusion"), 0.5))


def test_one_file_takes_nothing_that_belongs_to_a_folder(tmp_path: Path) -> None:
    options = (
        *(["--vividness", "1.2"], ["--specialist"]),
        *(["--no-reduce"], ["--default-size", "320"]),
    )
    for option in options:
        command = [sys.executable, "-m", "colorcli", "export", str(tmp_path), "--single-file"]
        done = subprocess.run(
            [*command, "-o", str(tmp_path / "one.onnx"), *option],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "--single-file gives the network as it is" in done.stderr
        assert f"leave out {option[0]}" in done.stderr
    assert not list(tmp_path.iterdir())


def test_one_file_carries_its_card_and_replaces_nothing_unasked(
    trained: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "one.onnx"
    run = str(trained(network="cnn-mountain").folder)
    command = ["export", run, "--single-file", "-o", str(file), "--version", "7"]
    assert main([*command, "--license", "CC0-1.0", "--description", "tiny"]) == 0
    said = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    assert said["name"] == "one"
    assert (said["version"], said["license"], said["description"]) == ("7", "CC0-1.0", "tiny")
    assert said["trained_on"] == "unstated"
    file.write_bytes(b"precious")
    capsys.readouterr()
    assert main(command) == 2
    assert "--force" in capsys.readouterr().err
    assert file.read_bytes() == b"precious"
    assert main([*command, "--force"]) == 0
    folder = ["export", run, "--no-reduce", "-o", str(tmp_path / "model")]
    assert main(folder) == 0
    graph = tmp_path / "model" / "low_level.onnx"
    graph.write_bytes(b"precious")
    capsys.readouterr()
    assert main(folder) == 2
    assert "holds a model already" in capsys.readouterr().err
    assert graph.read_bytes() == b"precious"
    assert main([*folder, "--force"]) == 0
    onnx.load(file)
    assert main([*command[:-3], str(tmp_path), "--force"]) == 2
    assert "is a folder" in capsys.readouterr().err
