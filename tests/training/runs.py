"""Tiny runs on three public-domain photos, trained once for all tests."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from skimage import data
from torch.onnx._internal.exporter import _registration

from colorcli.collection.items import open_collection
from colorcli.training.config import TrainConfig
from colorcli.training.run import Run
from colorcli.training.store import PhotoStore
from colorcli.training.trainer import Trainer

TINY = TrainConfig(
    width=0.06, size=64, batch=3, epochs=8, short_side=72, optimizer="adam", weight_decay=0.0
)


@dataclass(frozen=True)
class Photos:
    folder: Path
    training: PhotoStore
    validation: PhotoStore


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    # Bit-identical results need one thread, and these networks are too small for more.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    # Otherwise a test's random numbers depend on the tests before it in its worker.
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def operators_read_once() -> Iterator[None]:
    """Cache PyTorch's operators: reading them anew takes a third of each export's time."""
    with pytest.MonkeyPatch.context() as patch:
        apis = _registration.onnxscript_apis
        patch.setattr(apis, "get_torchlib_ops", functools.cache(apis.get_torchlib_ops))
        yield


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    folder = tmp_path_factory.mktemp("photos")
    for split, name, size in (
        ("train", "astronaut", (96, 96)),
        ("train", "coffee", (120, 80)),
        ("train", "rocket", (110, 74)),
        ("val", "chelsea", (113, 75)),
        ("val", "astronaut", (100, 100)),
    ):
        place = folder / split / name
        place.mkdir(parents=True)
        small = cv2.resize(getattr(data, name)(), size, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(place / "photo.png"), cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return Photos(folder, decoded(folder, "train"), decoded(folder, "val"))


def decoded(folder: Path, split: str) -> PhotoStore:
    return PhotoStore.decode(
        open_collection(folder, split=split), short_side=TINY.short_side, workers=1
    )


def trainer(
    photos: Photos, folder: Path, *, resume: bool = False, init: str | None = None, **changes: Any
) -> Trainer:
    return Trainer(
        replace(TINY, **changes),
        Run(folder),
        photos.training,
        photos.validation,
        device=torch.device("cpu"),
        bf16=False,
        resume=resume,
        init=init,
    )


@pytest.fixture(scope="session")
def trained(photos: Photos, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """A finished run with some settings changed; the same settings give the same run."""
    made: dict[str, Run] = {}

    def run(**changes: Any) -> Run:
        key = repr(sorted(changes.items()))
        if key not in made:
            folder = tmp_path_factory.mktemp("run")
            assert trainer(photos, folder, **changes).train(report_every=12)
            made[key] = Run(folder)
        return made[key]

    return run
