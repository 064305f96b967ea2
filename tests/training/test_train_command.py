"""`colorize train`: what a resumed run keeps, and what is refused before a run begins."""

from __future__ import annotations

import inspect
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from colorcli.__main__ import main
from colorcli.cli.commands import train as command
from colorcli.cli.training import choose_device, split_photos, use_bf16
from colorcli.collection.items import Item, open_collection
from colorcli.errors import DeviceError
from colorcli.training.config import TrainConfig
from colorcli.training.run import Run
from colorcli.training.store import PhotoStore
from colorcli.training.trainer import Trainer

TINY = ("--network", "cnn-cs230", "--width", "0.06", "--size", "64", "--batch", "2")
HERE = ("--precision", "fp32", "--device", "cpu", "--workers", "1")

Decoded = dict[str, list[str]]
Begun = Callable[..., Path]


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Twelve colour photos without a given split."""
    folder = tmp_path / "flat"
    folder.mkdir()
    for number in range(12):
        noise = np.random.default_rng(number).integers(0, 256, (64, 72, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number:02}.png"), noise)
    return folder


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Decoded:
    """The photos of each set as decoded by the last command."""
    seen: Decoded = {}
    decode = command.decode_photos

    def watched(items: list[Item], name: str, config: TrainConfig, workers: int) -> PhotoStore:
        seen[name] = [item.key for item in items]
        return decode(items, name, config, workers)

    monkeypatch.setattr(command, "decode_photos", watched)
    return seen


@pytest.fixture
def begun(flat: Path, tmp_path: Path) -> Begun:
    """Train a run for one epoch with some options; return its folder."""

    def begin(*options: str) -> Path:
        run = tmp_path / "run"
        assert main(["train", str(flat), "--out", str(run), *TINY, *HERE, *options]) == 0
        return run

    return begin


def test_a_run_that_goes_on_holds_out_the_photos_that_it_held_out(
    flat: Path, begun: Begun, decoded: Decoded
) -> None:
    run = begun("--validation", "0.5", "--limit", "4", "--epochs", "1")
    first = dict(decoded)
    assert len(first["training photos"]) == 4
    assert main(["train", str(flat), "--out", str(run), *HERE, "--resume", "--epochs", "2"]) == 0
    assert decoded == first


def test_a_run_of_an_older_version_goes_on_with_what_is_said_now(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"network": "fusion", "objective": "mse", "batch": 7}))
    assert TrainConfig.load(path).validation == TrainConfig().validation
    said = TrainConfig.load(path, unsaid={"limit": 8000, "batch": 3})
    assert (said.limit, said.batch) == (8000, 7)
    assert said.min_own_chroma == 0  # it was trained on toned photos too


def test_a_preset_said_again_changes_nothing_of_the_run(flat: Path, tmp_path: Path) -> None:
    preset = ("--network", "cnn-mountain", "--preset", "paper", "--width", "0.05", "--size", "64")
    command = ["train", str(flat), "--out", str(tmp_path / "run"), *preset, *HERE]
    assert main([*command, "--epochs", "1", "--validation", "0.5"]) == 0
    assert main([*command, "--resume", "--validation", "0.5"]) == 0
    assert TrainConfig.load(Run(tmp_path / "run").config_path).epochs == 1
    assert Run(tmp_path / "run").read_log()[-1]["epoch"] == 1


def test_what_no_paper_trained_has_no_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--network", "fusion-lite", "--preset", "paper", "--describe"]) == 2
    assert "'fusion-lite' is from no paper" in capsys.readouterr().err


def test_more_of_what_is_used_up_by_the_other_measure_keeps_what_was_logged(
    flat: Path, begun: Begun
) -> None:
    run = begun("--validation", "0.5", "--epochs", "1")
    before = Run(run).log_path.read_text()
    command = ["train", str(flat), "--out", str(run), *HERE, "--resume"]
    assert main([*command, "--hours", "5"]) == 0
    assert Run(run).log_path.read_text() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--objective", "smooth-l1"), "with --objective mse, not smooth-l1"),
        (("--learning-rate", "5"), "with --learning-rate 0.001, not 5.0"),
        (("--rebalance", "1"), "with --rebalance 0.5, not 1"),
        (("--validation", "0.2"), "with --validation 0.5, not 0.2"),
        (("--global-pool",), "without --global-pool"),
        (("--preset", "paper"), "not rmsprop"),
    ],
)
def test_what_a_run_learns_from_cannot_change_on_the_way(
    flat: Path,
    begun: Begun,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    words: str,
) -> None:
    run = begun("--validation", "0.5", "--epochs", "1")
    before = Run(run).checkpoint_path.read_bytes()
    capsys.readouterr()
    assert main(["train", str(flat), "--out", str(run), *HERE, "--resume", *options]) == 2
    assert words in capsys.readouterr().err.splitlines()[0]
    assert Run(run).checkpoint_path.read_bytes() == before


def test_the_options_of_a_run_may_be_repeated_and_its_budget_changed(
    flat: Path, begun: Begun, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script passes all of them every time."""
    run = begun("--validation", "0.5", "--degrade", "0.5", "--epochs", "1")
    repeated = (*TINY, *HERE, "--validation", "0.5", "--degrade", "0.5", "--init", "elsewhere")
    budget = ("--epochs", "2", "--hours", "1")
    assert main(["train", str(flat), "--out", str(run), *repeated, *budget, "--resume"]) == 0
    assert "--init elsewhere is ignored" in capsys.readouterr().err
    assert Run(run).read_log()[-1]["epoch"] >= 2


def test_a_photo_that_is_held_out_and_trained_on_is_told_of(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    for number, path in enumerate(sorted(flat.rglob("*.png"))):
        split = photos / ("val" if number == 0 else "train")
        split.mkdir(parents=True, exist_ok=True)
        (split / path.name).write_bytes(path.read_bytes())
    command = ["train", str(photos), *TINY, *HERE, "--epochs", "1", "--out"]
    assert main([*command, str(tmp_path / "one")]) == 0
    assert "held out are also trained on" not in capsys.readouterr().err
    twin = next((photos / "val").iterdir())
    (photos / "train" / "twin.png").write_bytes(twin.read_bytes())
    assert main([*command, str(tmp_path / "two")]) == 0
    assert "1 of the photos held out are also trained on" in capsys.readouterr().err


def test_a_run_whose_network_passed_over_an_option_goes_on(
    flat: Path, begun: Begun, tmp_path: Path
) -> None:
    """An older version accepted `--dropout` for networks without dropout."""
    run = begun("--validation", "0.5", "--epochs", "1")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "dropout": 0.3}))
    budget = ("--epochs", "2", "--hours", "1")
    assert main(["train", str(flat), "--out", str(run), *HERE, *budget, "--resume"]) == 0
    assert main(["export", str(run), "-o", str(tmp_path / "model")]) == 0


@pytest.mark.parametrize(
    ("name", "text"), [("log.csv", "my,log\n"), ("config.json", '{"of": "another program"}')]
)
def test_a_folder_with_others_files_of_its_names_is_refused(
    name: str,
    text: str,
    flat: Path,
    tmp_path: Path,
    decoded: Decoded,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / name).write_text(text)
    assert main(["train", str(flat), "--out", str(run), *TINY, *HERE]) == 2
    assert name in capsys.readouterr().err.splitlines()[0]
    assert (run / name).read_text() == text
    assert not decoded


def test_an_option_left_out_is_the_setting_of_a_run_that_says_nothing() -> None:
    usual = TrainConfig()
    for name, parameter in inspect.signature(command.train).parameters.items():
        if parameter.default is not None and hasattr(usual, name):
            assert parameter.default == getattr(usual, name), name


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--network", "vgg"), "no network is called 'vgg'"),
        (("--objective", "beauty"), "no objective is called 'beauty'"),
        (("--optimizer", "lion"), "no optimizer is called 'lion'"),
        (("--precision", "fp8"), "no precision is called 'fp8'"),
        (("--device", "abacus"), "no device is called 'abacus'"),
        (("--device", "mps"), "no device is called 'mps'"),
        (("--init", "sepia"), "no model is called 'sepia'"),
        (("--size", "100"), "--size 100: this network is trained on multiples of 8"),
        (("--size", "-8"), "--size -8"),
        (("--network", "fusion", "--size", "68", "--degrade", "1"), "--size 68"),
        (("--network", "fusion-lite", "--pretrained", "none", "--size", "112"), "multiples of 32"),
        (("--network", "fusion-lite", "--pretrained", "none", "--no-global"), "global branch"),
        (("--network", "fusion-lite", "--pretrained", "none", "--global-pool"), "to average"),
        (("--dropout", "0.5"), "no layers to drop units of"),
        (("--no-global",), "global branch"),
        (("--embedding", "64"), "no extractor"),
        (("--scene-weight", "0.1"), "cannot classify scenes"),
        (("--distribution", "5"), "the objective 'mse' takes no --distribution"),
        (("--rebalance", "0.9"), "the objective 'mse' takes no --rebalance"),
        (("--learning-rate", "0"), "--learning-rate 0"),
        (("--hours", "0"), "--hours 0"),
        (("--hours", "nan"), "nan is not a finite number"),
        (("--degrade", "nan"), "nan is not a finite number"),
    ],
)
def test_what_cannot_be_is_refused_before_any_photo_is_decoded(
    flat: Path,
    tmp_path: Path,
    decoded: Decoded,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    words: str,
) -> None:
    status = main(["train", str(flat), "--out", str(tmp_path / "run"), *TINY, *HERE, *options])
    assert status in (1, 2)
    lines = capsys.readouterr().err.splitlines()
    assert words in lines[0]
    assert len(lines) <= 2
    assert not decoded
    assert not (tmp_path / "run").exists()


def test_a_run_cannot_lie_where_a_file_is(
    flat: Path, tmp_path: Path, decoded: Decoded, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis").write_text("precious")
    for out in (tmp_path / "thesis", tmp_path / "thesis" / "run"):
        assert main(["train", str(flat), "--out", str(out), *TINY, *HERE]) == 1
        assert "not a folder" in capsys.readouterr().err
    assert not decoded
    assert (tmp_path / "thesis").read_text() == "precious"


def test_one_photo_is_too_few(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    assert main(["train", str(flat), "--out", run, *TINY, *HERE, "--limit", "1"]) == 2
    assert "at least 2 are needed" in capsys.readouterr().err


def test_where_all_photos_of_a_set_are_left_out_it_says_of_which_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for split, name, image in (
        ("train", "a.png", colour),
        ("train", "b.png", colour),
        ("val", "old.png", np.full((64, 64, 3), 90, np.uint8)),
    ):
        (tmp_path / "photos" / split).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "photos" / split / name), image)
    arguments = (str(tmp_path / "photos"), "--out", str(tmp_path / "run"), *TINY, *HERE)
    assert main(["train", *arguments]) == 2
    said = capsys.readouterr().err
    assert "validation photos: none of 1 is left" in said
    assert "old.png: gray" in said


def test_what_mends_a_missing_split_depends_on_who_gives_it(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    for item in open_collection(flat, split="val"):
        (flat / item.key).unlink()
    left = len(list(flat.iterdir()))
    assert main(["train", str(flat), "--out", run, *TINY, *HERE]) == 2
    said = capsys.readouterr().err
    assert f"{left} photos to train on and 0 to validate on" in said
    assert "if no split.csv, index.csv or folders give the split" in said


def test_every_setting_of_the_command_line_reaches_the_run(begun: Begun) -> None:
    chosen = {
        "objective": "mse-distribution",
        "optimizer": "adam",
        "learning_rate": 2e-4,
        "weight_decay": 0.25,
        "epochs": 1.0,
        "crop_min": 0.5,
        "zoom": 0.1,
        "shear": 0.2,
        "degrade": 0.3,
        "emulsion": 0.4,
        "distribution": 0.7,
        "seed": 3,
    }
    options = [(f"--{name.replace('_', '-')}", str(value)) for name, value in chosen.items()]
    run = begun(*(word for option in options for word in option))
    config = json.loads((run / "config.json").read_text())
    assert {name: config[name] for name in chosen} == chosen


def test_evaluate_measures_no_photo_that_was_trained_on(
    flat: Path, begun: Begun, decoded: Decoded, capsys: pytest.CaptureFixture[str]
) -> None:
    begun("--validation", "0.5", "--epochs", "1", "--seed", "1")
    trained_on = set(decoded["training photos"])
    measured = {item.key for item in open_collection(flat, split="val")}
    assert measured
    assert trained_on
    assert not measured & trained_on
    assert main(["train", str(flat), "--out", "other", *TINY, *HERE, "--validation", "0.05"]) == 2
    assert "0.05 is not from 0.1 to 0.9" in capsys.readouterr().err


def test_a_folder_with_anothers_checkpoint_is_no_run(
    flat: Path, tmp_path: Path, decoded: Decoded, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    torch.save({"state_dict": {}}, theirs / "checkpoint.pt")
    arguments = (str(flat), "--out", str(tmp_path / "run"), *TINY, *HERE, "--init", str(theirs))
    assert main(["train", *arguments]) == 2
    assert "not a checkpoint of `colorize train`" in capsys.readouterr().err
    assert not decoded


def test_a_run_does_not_go_on_with_photos_that_it_had_held_out(
    flat: Path, begun: Begun, decoded: Decoded, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begun("--epochs", "1")
    decoded.clear()
    assert main(["data", "split", str(flat), "--ratio", "1:1", "--seed", "5"]) == 0
    assert main(["train", str(flat), "--out", str(run), *HERE, "--resume", "--epochs", "2"]) == 2
    error, tip = capsys.readouterr().err.splitlines()[-2:]
    assert "other photos, or another split" in error
    assert f"--init {run}" in tip
    assert not decoded


def test_a_run_that_is_done_decodes_nothing(
    flat: Path, begun: Begun, decoded: Decoded, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begun("--epochs", "1")
    decoded.clear()
    again = ["train", str(flat), "--out", str(run), *HERE, "--resume"]
    assert main(again) == 0
    assert "already done" in capsys.readouterr().err
    assert not decoded
    assert main([*again, "--epochs", "2"]) == 0
    assert decoded


def test_memory_that_does_not_suffice_is_a_known_error(
    flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_arguments: object) -> PhotoStore:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(command, "decode_photos", full)
    assert main(["train", str(flat), "--out", str(tmp_path / "run"), *TINY, *HERE]) == 1
    error, tip = capsys.readouterr().err.splitlines()
    assert "memory" in error
    assert "--batch" in tip


def test_a_limit_takes_photos_of_every_class(tmp_path: Path) -> None:
    for label in "abcdefghij":
        for number in range(40):
            path = tmp_path / label / f"{number:02}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x")
    training, held_out = split_photos(tmp_path, TrainConfig(limit=100))
    assert (len(training), len(held_out)) == (100, 11)
    assert {item.label for item in training} == set("abcdefghij")
    assert len({item.label for item in held_out}) > 7


@pytest.mark.skipif(os.name == "nt", reason="signals are other there")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_by_what(
    flat: Path,
    tmp_path: Path,
    number: int,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    step = Trainer._step

    def interrupted(trainer: Trainer, indices: torch.Tensor) -> object:
        os.kill(os.getpid(), number)
        return step(trainer, indices)

    monkeypatch.setattr(Trainer, "_step", interrupted)
    assert main(["train", str(flat), "--out", str(tmp_path / "run"), *TINY, *HERE]) == status
    assert "--resume" in capsys.readouterr().err.splitlines()[-1]
    assert (tmp_path / "run" / "checkpoint.pt").exists()


def test_a_run_does_not_lie_among_its_photos(
    flat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its sheets would be training photos, so they would differ from those it was begun with."""
    for out in (flat, flat / "run"):
        assert main(["train", str(flat), "--out", str(out), *TINY, *HERE]) == 2
        assert "lies among the photos" in capsys.readouterr().err
    assert sorted(path.suffix for path in flat.iterdir()) == [".png"] * 12


def test_a_gpu_that_is_not_there_is_named_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(DeviceError, match="no device 7") as error:
        choose_device("cuda:7")
    assert error.value.tip == "it finds cuda:0, cuda:1"


def test_without_onednn_there_is_no_bfloat16_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in PyTorch for macOS on ARM, which lacks oneDNN's operators too."""
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops, "mkldnn", object())
    assert not use_bf16("auto", torch.device("cpu"))
