from __future__ import annotations

import sys

import numpy as np
import pytest

from colorcli import metrics
from colorcli.errors import UsageError
from colorcli.extras import scikit_image
from colorcli.lab import lab_to_rgb, rgb_to_lab
from colorcli.metrics import ErrorHistogram

skimage_data = pytest.importorskip("skimage.data")


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return np.ascontiguousarray(skimage_data.astronaut()[::4, ::4])


@pytest.fixture(scope="module")
def lab(rgb: np.ndarray) -> np.ndarray:
    return rgb_to_lab(rgb)


def gray_of(lab: np.ndarray) -> np.ndarray:
    return lab_to_rgb(lab[..., 0], np.zeros_like(lab[..., 1:]))


def test_psnr_of_a_known_error() -> None:
    black = np.zeros((4, 5, 3), np.uint8)
    assert metrics.psnr(black, black + 255) == pytest.approx(0)
    assert metrics.psnr(black, black + 1) == pytest.approx(48.1308, abs=1e-4)


def test_psnr_of_equal_photos_is_infinite(rgb: np.ndarray) -> None:
    assert metrics.psnr(rgb, rgb) == float("inf")


def test_psnr_is_that_of_scikit_image(rgb: np.ndarray, lab: np.ndarray) -> None:
    theirs = scikit_image("metrics").peak_signal_noise_ratio(rgb, gray_of(lab))
    assert metrics.psnr(rgb, gray_of(lab)) == pytest.approx(theirs, abs=1e-4)


def test_ssim_falls_with_damage(rgb: np.ndarray, lab: np.ndarray) -> None:
    assert metrics.ssim(rgb, rgb) == pytest.approx(1)
    noise = np.random.default_rng(0).integers(0, 256, rgb.shape, np.uint8)
    assert 1 > metrics.ssim(rgb, gray_of(lab)) > metrics.ssim(rgb, noise)


@pytest.mark.parametrize("shape", [(3, 200), (4, 4), (6, 30)])
def test_ssim_of_small_photos(shape: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert metrics.ssim(photo, photo) == pytest.approx(1)


def test_ssim_of_the_tiniest_photos_is_unknown() -> None:
    assert np.isnan(metrics.ssim(np.zeros((2, 9, 3), np.uint8), np.zeros((2, 9, 3), np.uint8)))


def test_ciede2000_of_published_pairs() -> None:
    # Sharma, Wu, Dalal 2005, table 1: pairs 1, 7, 17, 25.
    first = [(50, 2.6772, -79.7751), (50, 0, 0), (50, 2.5, 0), (60.2574, -34.0099, 36.2677)]
    second = [(50, 0, -82.7485), (50, -1, 2), (73, 25, -18), (60.4626, -34.1751, 39.4387)]
    expected = [2.0425, 2.3669, 27.1492, 1.2644]
    for a, b, difference in zip(first, second, expected, strict=True):
        found = metrics.ciede2000(np.array([[a]], np.float32), np.array([[b]], np.float32))
        assert found == pytest.approx(difference, abs=2e-4)


def test_ciede2000_in_float32_is_that_in_float64(lab: np.ndarray) -> None:
    gray = lab * np.array([1, 0, 0], np.float32)
    exact = scikit_image("color").deltaE_ciede2000(lab.astype(float), gray.astype(float))
    assert metrics.ciede2000(lab, gray) == pytest.approx(exact.mean(), abs=1e-4)


def test_colorfulness_of_gray_is_nothing(lab: np.ndarray) -> None:
    assert metrics.colorfulness(gray_of(lab)) == 0


def test_colorfulness_of_one_colour_is_its_distance_from_gray() -> None:
    red = np.full((6, 6, 3), (255, 0, 0), np.uint8)
    assert metrics.colorfulness(red) == pytest.approx(0.3 * np.hypot(255, 127.5))


def test_colorfulness_of_two_halves() -> None:
    halves = np.zeros((2, 2, 3), np.uint8)
    halves[0] = (200, 0, 0)
    # rg: 200 and 0, so σ = μ = 100; yb half of that.
    assert metrics.colorfulness(halves) == pytest.approx(1.3 * np.hypot(100, 50))


def test_mean_chroma() -> None:
    ab = np.array([[[3.0, 4.0], [0.0, 0.0]]])
    assert metrics.mean_chroma(ab) == pytest.approx(2.5)


def test_toning_is_no_colour_of_its_own(lab: np.ndarray) -> None:
    sepia = lab.copy()
    sepia[..., 1] = 8 - lab[..., 0] / 20
    sepia[..., 2] = 20 - (lab[..., 0] / 25) ** 2
    assert metrics.mean_chroma(sepia[..., 1:]) > 10
    assert metrics.own_chroma(sepia) < 0.01
    assert metrics.own_chroma(lab) > 5


def auc(error: np.ndarray, weights: np.ndarray | None = None) -> float:
    """AuC by its definition, threshold by threshold; in percent."""
    share = [np.average(error <= threshold + 1e-3, weights=weights) for threshold in range(151)]
    return float(100 * np.mean(share))


def counted(error: np.ndarray) -> ErrorHistogram:
    histogram = ErrorHistogram()
    ab = np.stack([error, np.zeros_like(error)], -1)
    histogram.add(np.zeros_like(ab), ab)
    return histogram


def test_auc_of_a_perfect_prediction_is_100() -> None:
    assert counted(np.zeros((5, 6))).auc() == pytest.approx(100)


def test_auc_of_errors_beyond_the_last_threshold_is_0() -> None:
    assert counted(np.full(7, 150.5)).auc() == 0


@pytest.mark.parametrize(("error", "passed"), [(0.0, 151), (0.5, 150), (1.0, 150), (150.0, 1)])
def test_auc_counts_thresholds_that_are_passed(error: float, passed: int) -> None:
    assert counted(np.array([error])).auc() == pytest.approx(100 * passed / 151)


def test_bins_are_centred_on_gray() -> None:
    ab = np.array([[0, 0], [4.9, -4.9], [5.1, 0], [-120, -120], [120, 120], [999, -999]])
    bins = metrics.ab_bin(ab)
    assert bins[0] == bins[1] == 312
    assert bins[2] == bins[0] + 25
    assert (bins[3], bins[4]) == (0, 624)
    assert 0 <= bins[5] < 625


@pytest.mark.parametrize("sigma", [0.0, 5.0])
def test_rebalancing_weights_average_to_one(sigma: float) -> None:
    counts = np.random.default_rng(0).integers(0, 50, 625)
    weights = metrics.rebalancing(counts, sigma=sigma)
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1)
    assert (weights[counts == 0] == 0).all()


def test_plain_rebalancing_gives_every_colour_the_same_say() -> None:
    counts = np.zeros(625, int)
    counts[[10, 300, 600]] = 1, 100, 10_000
    share = metrics.rebalancing(counts, sigma=0) * counts
    assert share[[10, 300, 600]] == pytest.approx(share.sum() / 3)


def test_smoothing_lends_weight_to_neighbours() -> None:
    counts = np.zeros(625, int)
    counts[[312, 313, 0]] = 1000, 10, 10
    weights = metrics.rebalancing(counts, sigma=5)
    assert weights[313] < weights[0]


def test_the_histogram_is_the_definition(lab: np.ndarray) -> None:
    ab = lab[..., 1:]
    histogram = ErrorHistogram()
    histogram.add(ab, ab * 0.4)
    error = np.hypot(*np.moveaxis(ab * 0.6, -1, 0))
    assert histogram.auc() == pytest.approx(auc(error), abs=1e-3)
    for sigma in (0.0, 5.0):
        counts = np.bincount(metrics.ab_bin(ab).ravel(), minlength=625)
        weights = metrics.rebalancing(counts, sigma=sigma)[metrics.ab_bin(ab)]
        expected = auc(error, weights)
        assert histogram.auc_rebalanced(sigma=sigma) == pytest.approx(expected, abs=1e-3)


def test_the_histogram_adds_up_photos(lab: np.ndarray) -> None:
    ab = lab[..., 1:]
    whole, halves = ErrorHistogram(), ErrorHistogram()
    whole.add(ab, ab * 0)
    for half in (ab[:50], ab[50:]):
        halves.add(half, half * 0)
    assert (whole.counts == halves.counts).all()
    assert whole.counts.sum() == lab[..., 0].size


def test_perfect_predictions_score_100_rebalanced_too(lab: np.ndarray) -> None:
    histogram = ErrorHistogram()
    histogram.add(lab[..., 1:], lab[..., 1:])
    assert histogram.auc() == histogram.auc_rebalanced() == pytest.approx(100)


def test_rebalancing_is_harder_on_gray(lab: np.ndarray) -> None:
    histogram = ErrorHistogram()
    histogram.add(lab[..., 1:], np.zeros_like(lab[..., 1:]))
    assert histogram.auc_rebalanced() < histogram.auc()


def test_an_empty_histogram_knows_nothing() -> None:
    assert np.isnan(ErrorHistogram().auc())
    assert np.isnan(ErrorHistogram().auc_rebalanced())


def test_without_scikit_image_there_is_a_tip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(UsageError, match="scikit-image") as caught:
        scikit_image("metrics")
    assert str(caught.value.tip).endswith("pip install 'colorize-photos[evaluate]'")


def test_smoothing_gives_away_what_there_is_at_the_border_too() -> None:
    """Otherwise colours at the border of the grid would count as rarer than they are."""
    shares = []
    for bin_ in (0, 312):
        counts = np.zeros(625, int)
        counts[[bin_, 24 if bin_ else 312]] = 100, 100
        weights = metrics.rebalancing(counts, sigma=5)
        shares.append(weights[bin_] / weights[counts > 0].sum())
    assert shares[0] < 0.5 < shares[1]  # at a corner fewer neighbours share the rest
