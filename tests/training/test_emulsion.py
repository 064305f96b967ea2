from __future__ import annotations

import numpy as np
import pytest
import torch

from colorcli.lab import LUMINANCE, rgb_to_lab
from colorcli.training.emulsion import PLATES, exposed, seen_by

COLLODION, ORTHOCHROMATIC, YELLOW_FILTER, RED_FILTER = PLATES.values()
SKY, LIPS, GRASS, SKIN = (90, 150, 220), (190, 60, 60), (70, 120, 40), (224, 172, 145)
GRAYS = tuple((v, v, v) for v in (0, 40, 119, 200, 255))


def lab_of(*colours: tuple[int, int, int]) -> torch.Tensor:
    rgb = np.array([[colours]], np.uint8)  # (1, 1, W, 3)
    return torch.from_numpy(rgb_to_lab(rgb)).permute(0, 3, 1, 2)


def L_on(plate: tuple[float, float, float], *colours: tuple[int, int, int]) -> list[float]:
    values: list[float] = seen_by(torch.tensor([plate]), lab_of(*colours)).flatten().tolist()
    return values


def noise(count: int = 200) -> torch.Tensor:
    rgb = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return torch.from_numpy(rgb_to_lab(rgb)).permute(0, 3, 1, 2)


def test_the_eyes_own_sensitivity_gives_L() -> None:
    lab = noise()
    L = seen_by(torch.tensor([LUMINANCE]).expand(len(lab), 3), lab)
    torch.testing.assert_close(L, lab[:, :1], atol=1e-4, rtol=0)


@pytest.mark.parametrize("plate", PLATES.values())
def test_gray_is_the_same_on_every_plate(plate: tuple[float, float, float]) -> None:
    assert sum(plate) == pytest.approx(1)
    assert L_on(plate, *GRAYS) == pytest.approx(lab_of(*GRAYS)[0, 0].flatten().tolist(), abs=1e-3)


def test_old_plates_see_skies_white_and_lips_and_grass_dark() -> None:
    sky, lips, grass, skin = lab_of(SKY, LIPS, GRASS, SKIN)[0, 0].flatten().tolist()
    for plate in (COLLODION, ORTHOCHROMATIC):
        there = L_on(plate, SKY, LIPS, GRASS, SKIN)
        assert there[0] > sky
        assert there[1] < lips
        assert there[3] < skin
    assert L_on(COLLODION, GRASS)[0] < grass


def test_filters_darken_skies_and_clear_skin() -> None:
    sky, skin = lab_of(SKY, SKIN)[0, 0].flatten().tolist()
    for plate in (YELLOW_FILTER, RED_FILTER):
        there = L_on(plate, SKY, SKIN)
        assert there[0] < sky
        assert there[1] > skin


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_says_how_many_photos_change(share: float) -> None:
    lab = noise(400)
    L = exposed(lab, share, torch.Generator().manual_seed(0))
    same = (lab[:, :1] == L).all(dim=(1, 2, 3))
    assert float((~same).float().mean()) == pytest.approx(share, abs=0.06)
    assert 0 <= float(L.min()) <= float(L.max()) <= 100.01


def test_a_seed_decides() -> None:
    lab = noise()
    first, again, other = (
        exposed(lab, 0.5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_photo_given_is_left_alone() -> None:
    lab = noise()
    before = lab.clone()
    exposed(lab, 1.0, torch.Generator().manual_seed(0))
    assert torch.equal(lab, before)


def test_each_plate_is_drawn_and_each_strength() -> None:
    """A patch that each plate records differently reveals the plate and its strength."""
    photos = lab_of((200, 60, 30)).expand(600, 3, 1, 1).contiguous()
    seen = exposed(photos, 1.0, torch.Generator().manual_seed(0)).flatten()
    own = float(photos[0, 0])
    plates = [L_on(plate, (200, 60, 30))[0] for plate in PLATES.values()]
    assert float(seen.min()) == pytest.approx(min(plates), abs=2)
    assert float(seen.max()) == pytest.approx(max(plates), abs=2)
    darker = (seen < own - 1).float().mean()
    # Half of the plates are blind to red; some draws of each lie near the eye's sensitivity.
    assert 0.3 < darker < 0.6
    assert ((seen - own).abs() < 3).float().mean() > 0.05
