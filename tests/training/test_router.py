"""`--model auto:GENERAL,SPECIALIST,…`: a scene classifier picks the model of each photo."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from colorcli.__main__ import main
from colorcli.colorizer import Colorizer, FloatL
from colorcli.errors import ColorizeError, ModelError, UsageError
from colorcli.model.sessions import Model
from colorcli.router import Router, load_colorizer
from colorcli.training.export import Card, export
from colorcli.training.run import Run

from .runs import Photos


@pytest.fixture(scope="module")
def models(trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that classifies astronaut, coffee and rocket, and specialists for two of them."""
    folder = tmp_path_factory.mktemp("models")
    general = trained(network="fusion", scene_weight=1 / 300, global_pool=True)
    plain = trained(network="fusion")
    export(general, folder / "general", Card("general", default_size=64), reduce=False)
    for name, labels in (("space", ["astronaut", "moon"]), ("drinks", ["coffee", "tea"])):
        export(plain, folder / name, Card(name, default_size=64), reduce=False)
        describe(folder / name, labels=labels)
    return folder


def describe(folder: Path, **changes: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def routed(models: Path, *names: str) -> str:
    return "auto:" + ",".join(str(models / name) for name in names)


def router(models: Path, probabilities: list[float], monkeypatch: pytest.MonkeyPatch) -> Router:
    """The router with a classifier that outputs what the test wants."""
    made = load_colorizer(routed(models, "general", "space", "drinks"), device="cpu")
    assert isinstance(made, Router)
    monkeypatch.setattr(Model, "scenes", lambda *_: np.array([probabilities], np.float32))
    return made


def photo() -> FloatL:
    return FloatL(np.linspace(0, 100, 64 * 64, dtype=np.float32).reshape(64, 64))


def test_the_classifier_gives_a_probability_to_each_scene(models: Path) -> None:
    model = Model.load(str(models / "general"), device="cpu")
    assert model.spec.scenes == ("astronaut", "coffee", "rocket")
    probabilities = model.scenes(photo().L_at(224, 224)[None, None])
    assert probabilities.shape == (1, 3)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert (probabilities > 0).all()


@pytest.mark.parametrize(
    ("probabilities", "model"),
    [
        ([0.9, 0.05, 0.05], "space"),
        ([0.1, 0.8, 0.1], "drinks"),
        ([0.1, 0.1, 0.8], "general"),  # no specialist for it
        ([0.4, 0.3, 0.3], "general"),  # not confident
    ],
)
def test_a_photo_is_coloured_by_the_model_that_knows_its_scene(
    models: Path, monkeypatch: pytest.MonkeyPatch, probabilities: list[float], model: str
) -> None:
    grid = router(models, probabilities, monkeypatch).predict(photo(), vividness=1.2).grid
    expected = Colorizer.load(str(models / model), device="cpu").predict(photo(), vividness=1.2)
    assert np.array_equal(grid, expected.grid)


def test_the_scene_of_a_faded_photo_is_that_of_the_fresh_one(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []
    made = router(models, [1, 0, 0], monkeypatch)
    monkeypatch.setattr(
        Model, "scenes", lambda _, view: seen.append(view) or np.array([[1, 0, 0]], np.float32)
    )
    fresh = photo().L_at(64, 64)
    for L in (fresh, 40 + 0.5 * fresh):
        made.predict(FloatL(L))
    assert np.abs(seen[0] - seen[1]).max() < 1


def test_several_models_share_no_scene(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="belong to one"):
        router(models, [1, 0, 0], monkeypatch).for_scene_of(photo())


def test_the_command_takes_it(models: Path, tmp_path: Path) -> None:
    gray = np.tile(np.arange(48, dtype=np.uint8) * 5, (40, 1))
    cv2.imwrite(str(tmp_path / "photo.png"), gray)
    name = routed(models, "general", "space", "drinks")
    command = [sys.executable, "-m", "colorcli", "photo.png", "--model", name, "--device", "cpu"]
    done = subprocess.run(
        [*command, "-o", "out.png"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    written = cv2.imread(str(tmp_path / "out.png"))
    assert written is not None
    assert written.shape == (40, 48, 3)
    assert b"auto:general,space,drinks" in (tmp_path / "out.png").read_bytes()


def test_its_figures_bear_its_name(
    models: Path, photos: Photos, capsys: pytest.CaptureFixture[str]
) -> None:
    name = routed(models, "general", "space", "drinks")
    assert main(["evaluate", name, str(photos.folder), "--device", "cpu", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == name
    assert name in found["scores"]


@pytest.mark.parametrize(
    ("names", "error", "why"),
    [
        (("general",), UsageError, "nothing to choose from"),
        (("space", "drinks"), ModelError, "does not classify scenes"),
        (("general", "gone"), ModelError, "no model is called"),
    ],
)
def test_what_cannot_route_is_refused(
    models: Path, names: tuple[str, ...], error: type[ColorizeError], why: str
) -> None:
    with pytest.raises(error, match=why):
        load_colorizer(routed(models, *names), device="cpu")


def test_a_specialist_of_unknown_scenes_is_refused(
    models: Path, trained: Callable[..., Run], tmp_path: Path
) -> None:
    export(trained(network="fusion"), tmp_path / "sea", Card("sea"), reduce=False)
    describe(tmp_path / "sea", labels=["sea"])
    with pytest.raises(ModelError, match="knows none of the scenes"):
        load_colorizer(f"{routed(models, 'general')},{tmp_path / 'sea'}", device="cpu")
