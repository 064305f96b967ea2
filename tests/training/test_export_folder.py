from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from colorcli import files
from colorcli.__main__ import main
from colorcli.colorizer import Colorizer, FloatL
from colorcli.errors import ColorizeError, ModelError, PhotoError, UsageError
from colorcli.training.export import Card, export
from colorcli.training.run import Run


@pytest.fixture(scope="module")
def exported_once(trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "plain"
    export(trained(network="fusion"), folder, Card("x"), reduce=False)
    return folder


@pytest.fixture
def plain(exported_once: Path, tmp_path: Path) -> Path:
    """A small fusion model in float32, a new one for each test."""
    return shutil.copytree(exported_once, tmp_path / "model")


def test_others_folders_are_refused_and_left_alone(
    trained: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="not a model"):
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
        with pytest.raises(UsageError, match="not a model"):
            export(trained(network="cnn-mountain"), tmp_path, Card("x"))
        assert (tmp_path / "global.onnx").read_bytes() == data


@pytest.mark.parametrize("room", [0, 1, 3])
def test_an_export_onto_a_full_disk_leaves_the_model_that_was_there(
    trained: Callable[..., Run], plain: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    run = trained(network="fusion", epochs=9)
    before = {path.name: path.read_bytes() for path in plain.iterdir()}
    filled: list[bytes] = []
    fill = files.fill

    def full(file: io.FileIO, data: bytes) -> None:
        filled.append(data)
        if len(filled) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fill(file, data)

    monkeypatch.setattr(files, "fill", full)
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
        Colorizer.load(str(plain)).predict(FloatL(np.full((64, 64), 50, np.float32)))


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


def test_a_run_without_labels_is_no_specialist(trained: Callable[..., Run], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained(network="cnn-mountain").folder, folder)
    (folder / "labels.json").unlink()
    with pytest.raises(UsageError, match="have no labels"):
        export(Run(folder), tmp_path / "model", Card("x", specialist=True))
    assert not (tmp_path / "model").exists()


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
    with pytest.raises(UsageError, match="holds no training run"):
        export(Run(tmp_path), tmp_path / "model", Card("x"))


def test_graphs_that_differ_are_not_shipped(
    trained: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colorcli.training.export.largest_difference", lambda *_: 1.0)
    with pytest.raises(ColorizeError, match="differ"):
        export(trained(network="cnn-mountain"), tmp_path / "model", Card("x"))
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "option", [["--vividness", "1.2"], ["--specialist"], ["--no-reduce"], ["--default-size", "320"]]
)
def test_one_file_takes_nothing_that_belongs_to_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    command = ["export", str(tmp_path), "--single-file", "-o", str(tmp_path / "one.onnx")]
    assert main([*command, *option]) == 2
    said = capsys.readouterr().err
    assert "--single-file exports the network unchanged" in said
    assert f"leave out {option[0]}" in said
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
    assert "already holds a model" in capsys.readouterr().err
    assert graph.read_bytes() == b"precious"
    assert main([*folder, "--force"]) == 0
    onnx.load(file)
    assert main([*command[:-3], str(tmp_path), "--force"]) == 2
    assert "is a folder" in capsys.readouterr().err
