"""Every shipped model is complete, runs, and has the card of its weights."""

from __future__ import annotations

import hashlib
import os
import re
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from colorcli.colorizer import Colorizer
from colorcli.lab import rgb_to_lab
from colorcli.model.spec import ModelSpec, model_folders

SAMPLE = Path(__file__).parent.parent / "samples" / "camera.png"
SHIPPED = sorted(model_folders())


@pytest.mark.parametrize("name", SHIPPED)
def test_its_graphs_are_the_ones_that_it_names(name: str) -> None:
    spec = ModelSpec.read(model_folders()[name])
    assert (spec.name, spec.folder.name) == (name, name)
    for precision in ("fp32", *spec.precisions):
        for graph in spec.graphs_at(precision).values():
            assert hashlib.sha256(graph.path.read_bytes()).hexdigest() == graph.sha256
            said = onnx.load(graph.path).metadata_props
            found = {entry.key: entry.value for entry in said}
            assert [found[key] for key in ("name", "version", "license", "trained_on")] == [
                *(spec.name, spec.version, spec.license, spec.trained_on)
            ]


@pytest.mark.parametrize("name", SHIPPED)
def test_it_colours_the_sample_and_keeps_its_lightness(name: str) -> None:
    gray = cv2.imread(str(SAMPLE), cv2.IMREAD_GRAYSCALE)
    assert gray is not None
    rgb = Colorizer.load(name, device="cpu").colorize(gray)
    made, given = rgb_to_lab(rgb), rgb_to_lab(np.dstack([gray] * 3))
    assert np.abs(made[..., 0] - given[..., 0]).mean() < 0.2
    assert np.hypot(made[..., 1], made[..., 2]).mean() > 2


@pytest.mark.parametrize("name", SHIPPED)
def test_its_card_is_of_these_weights(name: str) -> None:
    folder = model_folders()[name]
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^\| version \| (\S+) \|$", card, re.MULTILINE).group(1) == (  # type: ignore[union-attr]
        ModelSpec.read(folder).version
    )


@pytest.mark.skipif(not os.environ.get("CI"), reason="a developer may go without some extras")
@pytest.mark.parametrize("module", ["torch", "onnxscript", "skimage"])
def test_where_it_is_decided_no_test_is_left_out(module: str) -> None:
    """Without these packages whole folders of tests are not collected."""
    assert find_spec(module) is not None
