from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from colorcli.collection.items import open_collection
from colorcli.errors import UsageError
from colorcli.training.augmentation import centre_views, whole_views
from colorcli.training.store import PhotoStore, encode_lab

from .runs import Photos


def store_of(*photos: np.ndarray) -> PhotoStore:
    sizes = torch.tensor([photo.shape[:2] for photo in photos])
    areas = sizes.prod(1)
    return PhotoStore(
        torch.cat([torch.from_numpy(photo.reshape(-1, 3)) for photo in photos]),
        torch.cat([torch.zeros(1, dtype=torch.int64), areas.cumsum(0)[:-1]]),
        sizes[:, 0],
        sizes[:, 1],
    )


def noise(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def physical(lab: np.ndarray) -> np.ndarray:
    """8-bit Lab `(H, W, 3)` → L and ab `(3, H, W)`."""
    scaled = lab.astype(np.float32)
    scaled[..., 0] /= 2.55
    scaled[..., 1:] -= 128
    return scaled.transpose(2, 0, 1)


def grid_of(y: np.ndarray, x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(np.broadcast_arrays(y, x), -1).astype(np.float32))[None]


def test_lab_is_stored_in_eight_bits() -> None:
    rgb = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], np.uint8)
    lab = encode_lab(rgb, 10)
    assert lab[0].tolist() == [[255, 128, 128], [0, 128, 128], [136, 208, 195]]


def test_photos_shrink_to_the_short_side_and_never_grow() -> None:
    assert encode_lab(noise(40, 60, 0), 20).shape == (20, 30, 3)
    assert encode_lab(noise(40, 60, 0), 80).shape == (40, 60, 3)


def test_a_crop_is_the_pixels_themselves() -> None:
    store = store_of(noise(30, 20, 0), noise(18, 44, 1), noise(25, 25, 2))
    for index, seed, shape in ((0, 0, (30, 20)), (1, 1, (18, 44)), (2, 2, (25, 25))):
        y, x = np.arange(4, 16)[:, None], np.arange(5, 17)[None]
        crop = store.sample(torch.tensor([index]), grid_of(y, x))[0].numpy()
        expected = physical(noise(*shape, seed))[:, 4:16, 5:17]
        np.testing.assert_allclose(crop, expected, atol=1e-4)


def test_a_flip_is_the_columns_backwards() -> None:
    store = store_of(noise(30, 20, 0))
    y, x = np.arange(12)[:, None], np.arange(19, 7, -1)[None]
    flipped = store.sample(torch.tensor([0]), grid_of(y, x))[0].numpy()
    expected = physical(noise(30, 20, 0))[:, :12, ::-1][:, :, :12]
    np.testing.assert_allclose(flipped, expected, atol=1e-4)


def test_any_points_are_sampled_as_opencv_does() -> None:
    photos = noise(30, 20, 0), noise(18, 44, 1)
    rng = np.random.default_rng(5)
    y = rng.uniform(-6, 40, (2, 9, 9)).astype(np.float32)  # some outside: edge pixels repeat
    x = rng.uniform(-6, 50, (2, 9, 9)).astype(np.float32)
    grid = torch.from_numpy(np.stack((y, x), -1))
    sampled = store_of(*photos).sample(torch.tensor([0, 1]), grid).numpy()
    for index, photo in enumerate(photos):
        expected = cv2.remap(
            physical(photo).transpose(1, 2, 0),
            x[index],
            y[index],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        # OpenCV interpolates at 1/32 of a pixel.
        assert np.abs(sampled[index].transpose(1, 2, 0) - expected).max() < 255 / 16
        assert np.abs(sampled[index].transpose(1, 2, 0) - expected).mean() < 2


def test_one_batch_mixes_sizes() -> None:
    photos = [noise(20 + 7 * i, 50 - 5 * i, i) for i in range(5)]
    store = store_of(*photos)
    views = centre_views(store, torch.arange(5), 16)
    alone = [centre_views(store_of(photo), torch.tensor([0]), 16)[0] for photo in photos]
    torch.testing.assert_close(views, torch.stack(alone))


def test_the_central_view_is_the_largest_square() -> None:
    store = store_of(noise(16, 40, 3))
    view = centre_views(store, torch.tensor([0]), 16)[0].numpy()
    np.testing.assert_allclose(view, physical(noise(16, 40, 3))[:, :, 12:28], atol=1e-4)


def test_the_whole_view_spans_both_sides() -> None:
    ramp = np.zeros((20, 40, 3), np.uint8)
    ramp[..., 1] = np.arange(40)[None]
    ramp[..., 2] = np.arange(20)[:, None]
    view = whole_views(store_of(ramp), torch.tensor([0]), 10)[0].numpy() + 128
    np.testing.assert_allclose(view[1, 0], np.arange(10) * 4 + 1.5, atol=1e-3)
    np.testing.assert_allclose(view[2, :, 0], np.arange(10) * 2 + 0.5, atol=1e-3)


def toned(height: int, width: int) -> np.ndarray:
    """A black-and-white photo on sepia paper, BGR."""
    ramp = np.tile(np.linspace(40, 220, width), (height, 1))
    return np.rint(ramp[..., None] * [0.72, 0.88, 1.0]).astype(np.uint8)


def test_decoding_carries_labels_and_leaves_out_what_is_no_use(tmp_path: Path) -> None:
    for label, image in (
        ("beach", noise(40, 60, 0)),
        ("gray", np.full((40, 60, 3), 90, np.uint8)),
        ("sepia", toned(40, 60)),
        ("tiny", noise(8, 60, 0)),
        ("forest", noise(30, 30, 1)),
    ):
        (tmp_path / label).mkdir()
        cv2.imwrite(str(tmp_path / label / "photo.png"), image)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "photo.png").write_bytes(b"no photo")
    steps = []
    store = PhotoStore.decode(
        open_collection(tmp_path),
        short_side=24,
        workers=2,
        min_chroma=2,
        min_own_chroma=1,
        progress=lambda: steps.append(1),
    )
    assert store.labels == ("beach", "forest")
    assert store.heights.tolist() == [24, 24]
    assert store.widths.tolist() == [36, 24]
    assert len(steps) == 6
    left_out = {Path(key).parts[0] for key, _ in store.skipped}
    assert left_out == {"gray", "sepia", "tiny", "broken"}
    assert store.to(torch.device("cpu")).labels == store.labels


def test_no_photo_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"no photo")
    with pytest.raises(UsageError, match="photos: none of 1 is left"):
        PhotoStore.decode(open_collection(tmp_path), short_side=24, workers=1)


def test_a_store_of_real_photos_is_dense(photos: Photos) -> None:
    store = photos.training
    assert len(store.pixels) == int((store.heights * store.widths).sum())
    assert store.offsets[0] == 0
