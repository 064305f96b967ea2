from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from colorcli.errors import ColorizeError, PhotoError, UsageError
from colorcli.files import is_temporary
from colorcli.training.building import load_trained
from colorcli.training.config import TrainConfig
from colorcli.training.optimization import OPTIMIZERS, build_optimizer, schedule
from colorcli.training.run import Run
from colorcli.training.scenes import UNLABELLED, scene_loss, scene_names, scene_targets
from colorcli.training.snapshots import Snapshots

from . import timm_stand_in
from .runs import TINY, Photos, trainer

REPO = Path(__file__).parents[2]


def state(run: Run) -> dict[str, Any]:
    return run.load_checkpoint()


def assert_same_weights(one: Run, other: Run) -> None:
    for part in ("network", "ema"):
        mine, theirs = state(one)[part], state(other)[part]
        assert mine.keys() == theirs.keys()
        for key, value in mine.items():
            assert torch.equal(value, theirs[key]), key


def test_the_loss_falls(photos: Photos, tmp_path: Path) -> None:
    rows: list[dict[str, float]] = []
    run = trainer(photos, tmp_path, network="cnn-mountain", width=0.1, epochs=40, crop_min=1.0)
    assert run.train(report_every=30, on_report=rows.append)
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]


@pytest.mark.parametrize(
    "settings", [{"network": "fusion"}, {"network": "fusion-lite", "pretrained": "none"}]
)
def test_kernels_lie_in_the_order_that_convolutions_are_fast_in(
    photos: Photos, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Including those of one channel or one pixel, whose values are the same in both orders."""
    run = trainer(photos, tmp_path, **settings)
    for kernel in (p for p in run.network.parameters() if p.ndim == 4):
        outputs, channels, _, width = kernel.shape
        assert kernel.stride()[1:] == (1, width * channels, channels), (outputs, kernel.shape)


def test_a_run_leaves_its_log_plot_sheets_and_settings(trained: Callable[..., Run]) -> None:
    run = trained(network="fusion")
    rows = run.read_log()
    assert [row["photos_seen"] for row in rows] == [12, 24]
    assert {"loss", "validation_loss", "accuracy", "training_accuracy"} <= set(rows[0])
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    plot = cv2.imread(str(run.folder / "loss.png"))
    assert plot is not None
    sheet = cv2.imread(str(run.folder / "sheets" / "000000024.png"))
    assert sheet is not None
    assert sheet.shape == (64, 2 * 3 * 64, 3)  # two photos: gray | predicted | true
    assert TrainConfig.load(run.config_path) == replace(TINY, network="fusion")


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_an_interrupted_run_goes_on_as_if_never_interrupted(
    photos: Photos, tmp_path: Path, optimizer: str
) -> None:
    settings: dict[str, Any] = {
        "network": "fusion",
        "degrade": 1.0,
        "dropout": 0.3,
        "optimizer": optimizer,
    }
    whole = trainer(photos, tmp_path / "whole", **settings)
    assert whole.train()
    first = trainer(photos, tmp_path / "halves", **settings)
    assert not first.train(
        on_step=lambda _, progress: first.stop(signal.SIGINT) if progress.steps == 3 else None
    )
    assert state(first.run)["progress"]["steps"] == 3
    second = trainer(photos, tmp_path / "halves", resume=True, **settings)
    assert second.progress.steps == 3
    assert second.train()
    assert_same_weights(whole.run, second.run)
    seen = [row["photos_seen"] for row in second.run.read_log()]
    assert seen == [row["photos_seen"] for row in whole.run.read_log()]


def test_a_run_whose_loss_is_no_number_ends_and_keeps_its_last_good_checkpoint(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"network": "cnn-cs230", "epochs": 2}
    begun = trainer(photos, tmp_path, **settings)
    assert not begun.train(on_step=lambda *_: begun.stop(signal.SIGINT))
    before = begun.run.checkpoint_path.read_bytes()
    resumed = trainer(photos, tmp_path, resume=True, **settings)
    monkeypatch.setattr(resumed.objective, "forward", lambda output, _ab: output.mean() / 0)
    with pytest.raises(ColorizeError, match="weight is not finite") as caught:
        resumed.train()
    assert f"--init {tmp_path}" in str(caught.value.tip)
    assert begun.run.checkpoint_path.read_bytes() == before


def test_a_run_whose_last_step_left_no_numbers_ends_without_a_checkpoint(
    photos: Photos, tmp_path: Path
) -> None:
    """The loss is from before the step, and finite."""
    begun = trainer(photos, tmp_path, network="cnn-cs230", epochs=1, learning_rate=1e38)
    with pytest.raises(ColorizeError, match="weight is not finite"):
        begun.train()
    assert not begun.run.checkpoint_path.exists()


def test_a_run_begun_again_before_its_first_checkpoint_mixes_with_nothing(
    photos: Photos, tmp_path: Path
) -> None:
    def killed(_row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets" / "mine.png").write_bytes(b"precious")
    settings: dict[str, Any] = {"network": "fusion", "scene_weight": 0.1, "epochs": 4}
    with pytest.raises(KeyboardInterrupt):
        trainer(photos, tmp_path, **settings).train(report_every=6, on_report=killed)
    again = trainer(photos, tmp_path, network="fusion", epochs=3)
    assert again.train(report_every=9)
    assert [row["photos_seen"] for row in again.run.read_log()] == [9]
    assert list(Snapshots(again.run.epochs_folder).epochs()) == [3.0]
    sheets = {path.name for path in (tmp_path / "sheets").iterdir()}
    assert sheets == {"mine.png", "000000009.png"}
    load_trained(again.run)  # the first run's scenes are gone


def test_files_of_reports_names_are_kept_where_no_run_was(photos: Photos, tmp_path: Path) -> None:
    mine = tmp_path / "sheets" / "1950-family.png"
    mine.parent.mkdir()
    mine.write_bytes(b"precious")
    assert trainer(photos, tmp_path, network="cnn-cs230", epochs=1).train()
    assert mine.read_bytes() == b"precious"


@pytest.mark.skipif(os.name == "nt", reason="no limit of file sizes there")
def test_a_full_disk_is_one_line_and_keeps_the_last_checkpoint(
    photos: Photos, tmp_path: Path
) -> None:
    import resource

    run = trainer(photos, tmp_path, network="cnn-cs230", epochs=1)
    assert run.train()
    before = run.run.checkpoint_path.read_bytes()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(PhotoError, match=r"checkpoint\.pt: cannot be written: .*too large"):
            trainer(photos, tmp_path, network="cnn-cs230", epochs=2, resume=True).train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert run.run.checkpoint_path.read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if is_temporary(path.name)]


def test_what_was_logged_after_the_checkpoint_is_dropped(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for seen in (10.0, 20.0, 30.0):
        run.append_log({"photos_seen": seen, "loss": 1.0})
    run.trim_log(20)
    assert [row["photos_seen"] for row in run.read_log()] == [10, 20]


def test_a_log_of_an_older_version_gains_columns(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.append_log({"photos_seen": 1.0, "loss": 2.0})
    run.append_log({"photos_seen": 2.0, "loss": 1.0, "accuracy": 0.5})
    rows = run.read_log()
    assert np.isnan(rows[0]["accuracy"])
    assert rows[1] == {"photos_seen": 2.0, "loss": 1.0, "accuracy": 0.5}


def test_a_broken_checkpoint_is_one_line(tmp_path: Path) -> None:
    for content in (None, b"", b"no checkpoint"):
        if content is not None:
            Run(tmp_path).checkpoint_path.write_bytes(content)
        with pytest.raises(UsageError, match=r"checkpoint\.pt"):
            Run(tmp_path).load_checkpoint()


def test_a_run_of_a_network_that_had_other_layers_is_one_line(
    photos: Photos, tmp_path: Path
) -> None:
    wide = trainer(photos, tmp_path, network="cnn-cs230", width=0.1)
    assert wide.train()
    replace(wide.config, width=0.05).save(wide.run.config_path)
    with pytest.raises(UsageError, match="earlier version of its network"):
        load_trained(wide.run)
    with pytest.raises(UsageError, match="earlier version of its network"):
        trainer(photos, tmp_path, network="cnn-cs230", width=0.05, resume=True)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_trains(photos: Photos, tmp_path: Path, name: str) -> None:
    run = trainer(
        photos, tmp_path, network="cnn-cs230", optimizer=name, learning_rate=1e-3, epochs=2
    )
    before = [p.detach().clone() for p in run.network.parameters()]
    assert run.train()
    moved = [not torch.equal(a, b) for a, b in zip(before, run.network.parameters(), strict=True)]
    assert all(moved)


def test_an_unknown_optimizer_is_refused(photos: Photos, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lion"):
        trainer(photos, tmp_path, network="cnn-cs230", optimizer="lion")


def test_the_rate_rises_then_falls_to_zero() -> None:
    rates = [schedule(fraction, 0.1) for fraction in (0.0, 0.05, 0.1, 0.55, 1.0)]
    assert rates == pytest.approx([1e-3, 0.5, 1.0, 0.5, 0.0])
    # No straight line.
    assert schedule(0.325, 0.1) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert schedule(0.0, 0.0) == 1.0


def test_scales_and_biases_do_not_decay_and_RMSprop_is_Keras_s() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    for name in ("adamw", "muon"):
        groups = build_optimizer(name, network, learning_rate=1, weight_decay=0.5).param_groups
        decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
        assert {p.ndim: decay[id(p)] for p in network.parameters()} == {4: 0.5, 1: 0.0}
    rmsprop = build_optimizer("rmsprop", network, learning_rate=1, weight_decay=0)
    assert [(g["alpha"], g["eps"]) for g in rmsprop.param_groups] == [(0.9, 1e-7)] * 2


def test_a_constant_rate_stays() -> None:
    rates = [schedule(fraction, 0.1, constant=True) for fraction in (0.05, 0.1, 0.55, 1.0)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 1.0])


# scenes


def test_scenes_come_from_the_labels() -> None:
    names = scene_names(["sea", "", "forest", "sea"])
    assert names == ["forest", "sea"]
    assert scene_targets(["sea", "", "desert"], names).tolist() == [1, UNLABELLED, UNLABELLED]
    with pytest.raises(UsageError, match="labels"):
        scene_names(["", "sea", "sea"])


def test_scene_loss_is_the_mean_over_labelled_photos() -> None:
    logits = torch.randn(3, 4)
    alone = torch.nn.functional.cross_entropy(logits[:2], torch.tensor([1, 3]))
    torch.testing.assert_close(scene_loss(logits, torch.tensor([1, 3, UNLABELLED])), alone)
    assert float(scene_loss(logits, torch.full((3,), UNLABELLED))) == 0


def test_a_run_can_learn_scenes_beside_colours(trained: Callable[..., Run], photos: Photos) -> None:
    plain = trained(network="fusion")
    run = trained(network="fusion", scene_weight=1 / 300)
    assert run.read_scenes() == ["astronaut", "coffee", "rocket"]
    assert any(key.startswith("scenes.") for key in state(run)["network"])
    moved = state(run)["network"]["global_.fc2.0.weight"]
    assert not torch.equal(moved, state(plain)["network"]["global_.fc2.0.weight"])
    _, network, _, _ = load_trained(run)
    assert network.forward_with_scenes(torch.rand(1, 1, 224, 224))[1].shape == (1, 3)


def test_scenes_need_a_network_that_has_them(photos: Photos, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="scenes"):
        trainer(photos, tmp_path, network="cnn-mountain", scene_weight=1 / 300)


# a frozen extractor


def test_each_photo_is_embedded_once(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timm_stand_in.install(monkeypatch)
    run = trainer(photos, tmp_path, network="koalarization", pretrained="none", epochs=4)
    extractor: Any = run.network.get_submodule("extractor.inception")
    assert extractor.seen == len(photos.training) + len(photos.validation)
    before = {k: v.clone() for k, v in extractor.state_dict().items()}
    assert run.train(report_every=3)
    assert extractor.seen == len(photos.training) + len(photos.validation)
    assert all(torch.equal(v, before[k]) for k, v in extractor.state_dict().items())
    assert run.average.frozen() is run.network.frozen()  # held, and saved, once
    resumed = trainer(
        photos,
        tmp_path,
        resume=True,
        network="koalarization",
        pretrained=str(tmp_path / "gone.pth"),  # the checkpoint has them
        epochs=5,
    )
    restored = resumed.network.get_submodule("extractor.inception").state_dict()
    assert all(torch.equal(v, before[k]) for k, v in restored.items())
    assert resumed.train()


def test_pretrained_weights_are_refused_where_nothing_is_pretrained(
    photos: Photos, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no pretrained part"):
        trainer(photos, tmp_path, network="fusion", pretrained="none")


# epochs side by side


def test_epochs_are_laid_side_by_side(trained: Callable[..., Run], tmp_path: Path) -> None:
    run = trained(network="fusion")
    snapshots = Snapshots(run.epochs_folder)
    assert list(snapshots.epochs()) == [4.0, 8.0]
    assert snapshots.write([], tmp_path / "all.png") == [4.0, 8.0]
    picture = cv2.imread(str(tmp_path / "all.png"))
    assert picture is not None
    assert picture.shape == (24 + 2 * 64, 3 * 64, 3)  # real | 4 | 8, two photos
    assert snapshots.write([5, 3], tmp_path / "one.png") == [4.0]
    with pytest.raises(UsageError, match="no saved predictions"):
        Snapshots(tmp_path / "nothing").write([], tmp_path / "none.png")


def test_the_first_picture_is_the_real_one(
    trained: Callable[..., Run], photos: Photos, tmp_path: Path
) -> None:
    from colorcli.lab import lab_to_rgb
    from colorcli.training.augmentation import centre_views

    Snapshots(trained(network="fusion").epochs_folder).write([], tmp_path / "all.png")
    picture = cv2.imread(str(tmp_path / "all.png"))
    assert picture is not None
    lab = centre_views(photos.validation, torch.tensor([0]), 64)[0].permute(1, 2, 0).numpy()
    real = lab_to_rgb(np.ascontiguousarray(lab[..., 0]), np.ascontiguousarray(lab[..., 1:]))
    assert np.abs(picture[24:88, :64, ::-1].astype(int) - real).mean() < 2


# the command


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "colorcli", *map(str, arguments)]


def test_describe_prints_the_papers_total() -> None:
    done = subprocess.run(
        command("train", "--network", "cnn-mountain", "--preset", "paper", "--describe"),
        capture_output=True,
        text=True,
        cwd=REPO,
        check=True,
    )
    assert "3,892,194" in done.stdout
    assert "1,179,904" in done.stdout


def test_ctrl_c_leaves_a_run_that_can_go_on(photos: Photos, tmp_path: Path) -> None:
    run = tmp_path / "run"
    network = ("--network", "cnn-cs230", "--width", 0.06, "--size", 64, "--batch", 3)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command(
            *("train", photos.folder, "--out", run, "--precision", "fp32"),
            *(*network, "--epochs", 10**6, "--report-every", 3),
        ),
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPO,
        env=environment,
    )
    deadline = time.monotonic() + 100
    while not (run / "log.csv").exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130, messages
    assert "--resume" in messages
    steps = state(Run(run))["progress"]["steps"]
    assert steps >= 1
    done = subprocess.run(
        command("train", photos.folder, "--out", run, "--resume", "--epochs", steps + 2),
        capture_output=True,
        text=True,
        cwd=REPO,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert state(Run(run))["progress"]["steps"] == steps + 2
