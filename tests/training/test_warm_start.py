"""`colorize train --init`: start from the weights of a run or of a model folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from colorcli.errors import ModelError, UsageError
from colorcli.model.sessions import Model
from colorcli.training.augmentation import centre_views, random_views
from colorcli.training.export import Card, export
from colorcli.training.networks import Colorizing
from colorcli.training.run import Run
from colorcli.training.views import network_inputs

from . import timm_stand_in
from .runs import Photos, trainer


@pytest.fixture(scope="module")
def folder(trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small fusion network as shipped: folded, large layers factorised, in float16."""
    made = tmp_path_factory.mktemp("model") / "fusion"
    export(trained(network="fusion"), made, Card("fusion"))
    return made


def test_a_run_goes_on_from_another_runs_weights(
    photos: Photos, tmp_path: Path, trained: Callable[..., Run]
) -> None:
    run = trained(network="fusion")
    theirs = run.load_checkpoint()["ema"]
    begun = trainer(
        photos, tmp_path, network="fusion", objective="classification", init=str(run.folder)
    )
    ours = begun.network.state_dict()
    fresh = {key for key, value in ours.items() if not torch.equal(value, theirs.get(key, value))}
    assert fresh <= {key for key in ours if key.startswith("colorization.head")}


def test_a_run_that_goes_on_is_shown_other_views(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would overfit to views that its weights were already trained on."""
    views: list[torch.Tensor] = []

    def watched(*arguments: Any) -> torch.Tensor:
        views.append(random_views(*arguments))
        return views[-1]

    monkeypatch.setattr("colorcli.training.trainer.random_views", watched)
    first = trainer(photos, tmp_path / "first", network="cnn-cs230", epochs=1)
    first.train()
    for name in ("second", "again"):
        trainer(
            photos, tmp_path / name, network="cnn-cs230", epochs=1, init=str(first.run.folder)
        ).train()
    one, second, again = views
    assert not torch.equal(second, one)
    assert torch.equal(again, second), "so that two ways to go on can be compared"


@pytest.mark.parametrize("name", ["fusion", "fusion-lite"])
def test_a_run_goes_on_from_what_a_model_says(
    photos: Photos, tmp_path: Path, folder: Path, trained: Callable[..., Run], name: str
) -> None:
    if name == "fusion-lite":
        folder = tmp_path / "lite"
        export(trained(network=name, pretrained="none"), folder, Card("lite"))
    # A trunk's pretrained weights are not needed here: the model has its own.
    network = trainer(photos, tmp_path / "run", network=name, init=str(folder)).network.eval()
    model = Model.load(str(folder), device="cpu")
    indices = torch.arange(len(photos.validation))
    for L in centre_views(photos.validation, indices, 64)[:, :1].split(1):
        small, view = (tensor.numpy() for tensor in network_inputs(network, L))
        theirs = model.ab(model.low_level(small), model.global_features(view, None))
        with torch.no_grad():
            ours = network(*network_inputs(network, L)).numpy()
        assert np.abs(ours - theirs).max() < 1e-3


def test_unfolded_normalisation_has_the_statistics_of_the_photos(
    photos: Photos, tmp_path: Path, folder: Path
) -> None:
    """So that the first training step does not destroy what the model has learned."""
    begun = trainer(photos, tmp_path, network="fusion", init=str(folder))
    L = centre_views(photos.training, torch.arange(len(photos.training)), 64)[:, :1]

    def output(network: Colorizing) -> torch.Tensor:
        with torch.no_grad():
            result: torch.Tensor = network(L)
        return result

    still = output(begun.network.eval())
    learning = output(begun.network.train())
    assert (still - learning).abs().max() < 0.02 * still.abs().max()


def test_a_model_of_another_width_is_refused(photos: Photos, tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match="none of its weights fit"):
        trainer(photos, tmp_path, network="fusion", width=0.12, init=str(folder))


@pytest.mark.parametrize(("network", "width"), [("fusion", 0.12), ("cnn-cs230", 0.06)])
def test_a_run_of_another_width_or_network_is_refused(
    photos: Photos, tmp_path: Path, trained: Callable[..., Run], network: str, width: float
) -> None:
    """Even though its normalisation's counters and some biases fit any network."""
    init = str(trained(network="fusion").folder)
    with pytest.raises(UsageError, match="none of its weights fit"):
        trainer(photos, tmp_path, network=network, width=width, init=init)


def test_a_model_with_a_frozen_extractor_is_taken_over_but_for_that(
    photos: Photos, tmp_path: Path, trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    timm_stand_in.install(monkeypatch)
    settings = {"network": "koalarization", "pretrained": "none"}
    run = trained(**settings)
    export(run, tmp_path / "model", Card("koala"), reduce=False)
    begun = trainer(photos, tmp_path / "run", init=str(tmp_path / "model"), **settings).network
    theirs = run.load_checkpoint()["ema"]
    for name, ours in begun.state_dict().items():
        torch.testing.assert_close(ours, theirs[name], atol=1e-6, rtol=1e-5, msg=name)
    with pytest.raises(UsageError, match="none of its weights fit"):
        trainer(photos, tmp_path / "wide", init=str(tmp_path / "model"), **settings, width=0.12)


def test_an_unknown_name_is_refused(photos: Photos, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="sepia"):
        trainer(photos, tmp_path, network="fusion", init="sepia")


def test_small_views_share_their_features_with_the_global_branch(
    photos: Photos, tmp_path: Path
) -> None:
    network = trainer(photos, tmp_path, network="fusion").network
    seen: list[tuple[int, ...]] = []
    assert network.get_submodule("low_level") is not None
    network.get_submodule("low_level").register_forward_pre_hook(
        lambda _module, inputs: seen.append(tuple(inputs[0].shape[2:]))
    )
    network.eval()(torch.rand(2, 1, 64, 64) * 100)
    assert seen == [(64, 64)]
