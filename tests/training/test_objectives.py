from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from colorcli.errors import UsageError
from colorcli.training.objectives import (
    OBJECTIVES,
    ChromaDistribution,
    Classification,
    Distance,
    MeanSquaredError,
    SmoothL1,
    bin_shares,
    gamut_bins,
    get_objective,
)


@pytest.fixture(scope="module")
def classification() -> Classification:
    return Classification()


def logits_of(classification: Classification, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, classification.bins, 3, 4, generator=generator)


def ab_of(height: int, width: int) -> torch.Tensor:
    return torch.rand(2, 2, height, width, generator=torch.Generator().manual_seed(1)) * 120 - 60


def test_mse_is_the_papers_formula() -> None:
    output, ab = ab_of(8, 8), ab_of(8, 8).flip(0)
    y, y_hat = (ab + 110) / 220, (output + 110) / 220  # ab scaled to [0, 1]
    torch.testing.assert_close(MeanSquaredError()(output, ab), ((y - y_hat) ** 2).mean())


def test_truth_is_averaged_over_the_cells_of_the_grid() -> None:
    ab = ab_of(8, 8)
    cells = ab.reshape(2, 2, 4, 2, 4, 2).mean((3, 5))
    assert float(MeanSquaredError()(cells, ab)) < 1e-12


def test_mse_on_doubled_cells_pulls_as_mse_on_the_cells_does() -> None:
    ab = ab_of(8, 8)
    small, large = torch.zeros(2, 2, 4, 4), torch.zeros(2, 2, 4, 4)
    for cells, output in (
        (small.requires_grad_(), small),
        (large.requires_grad_(), large.repeat_interleave(2, 2).repeat_interleave(2, 3)),
    ):
        MeanSquaredError()(output, ab).backward()
        assert cells.grad is not None
    torch.testing.assert_close(small.grad, large.grad)


def test_colours_that_never_occur_weigh_no_more_than_the_rarest_that_does() -> None:
    """With λ = 0 their share is zero and its inverse would be infinite."""
    plain = Distance()
    prior = torch.zeros(len(plain.centres))
    gray, red = (
        int((plain.centres == torch.tensor(centre)).all(1).nonzero())
        for centre in ([0.0, 0.0], [60.0, 50.0])
    )
    prior[[gray, red]] = torch.tensor([0.999, 0.001])
    rebalanced = Distance(prior, 0.0)
    assert rebalanced.weights.isfinite().all()
    assert float(rebalanced.weights.max()) == float(rebalanced.weights[red])
    blue = torch.tensor([70.0, -100.0])[None, :, None, None].expand(1, 2, 2, 2)
    assert rebalanced(torch.zeros(1, 2, 2, 2), blue).isfinite()


def test_smooth_l1_is_quadratic_up_to_ten_units_and_linear_beyond() -> None:
    ab = torch.zeros(1, 2, 1, 1)
    assert float(SmoothL1()(ab + 4, ab)) == pytest.approx(0.5 * 4**2 / 110)
    assert float(SmoothL1()(ab + 30, ab)) == pytest.approx(10 * (30 - 5) / 110)


def test_the_distribution_term_asks_which_colours_and_not_where() -> None:
    ab = ab_of(16, 16)
    moved = ab[..., 1::2, 1::2].repeat_interleave(2, 2).repeat_interleave(2, 3).flip(2, 3)
    there = ab[..., 1::2, 1::2].repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(ChromaDistribution()(moved, there), MeanSquaredError()(moved, there))


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_the_distribution_term_raises_a_regressions_chroma_towards_the_true_spread(
    weight: float,
) -> None:
    true = torch.randn(1, 2, 64, 64, generator=torch.Generator().manual_seed(0)) * 20
    known = torch.randn(1, 2, 64, 64, generator=torch.Generator().manual_seed(1)) * 20
    ab = (true + known) / 2**0.5  # half of the variance is predictable: the regression predicts it
    regression = known / 2**0.5
    scales = torch.linspace(0.8, 2.0, 121)
    losses = torch.stack([ChromaDistribution(weight)(k * regression, ab) for k in scales])
    best = float(scales[losses.argmin()])
    assert best == pytest.approx((1 + weight * 2**0.5) / (1 + weight), abs=0.03)


def test_distance_is_how_far_off_the_colours_are() -> None:
    ab = torch.zeros(1, 2, 1, 2)
    off = torch.tensor([[[[30.0, 0.0]], [[40.0, 0.0]]]])
    assert float(Distance()(off, ab)) == pytest.approx((50 + 1) / 2 / 220, abs=1e-4)


def test_distance_without_rebalancing_is_the_area_above_the_curve_of_the_error() -> None:
    # AuC = 1 - mean(‖ŷ - y‖)/150, so a lower distance means a higher AuC.
    ab, off = ab_of(16, 16), ab_of(16, 16).flip(0) * 0.3
    errors = (off - ab).square().sum(1).sqrt().flatten()
    thresholds = torch.arange(151)
    shares = (errors[:, None] <= thresholds).float().mean(0)
    auc = float(torch.trapezoid(shares) / 150)
    assert float(Distance()(off, ab)) * 220 / 150 == pytest.approx(1 - auc, abs=0.005)


def test_distance_counts_rare_colours_more() -> None:
    plain = Distance()
    prior = torch.full((len(plain.centres),), 1e-4)
    prior[int((plain.centres == 0).all(1).nonzero())] = 1
    rebalanced = Distance(prior / prior.sum(), 0.5)
    gray, red = torch.zeros(1, 2, 1, 1), torch.tensor([60.0, 40.0])[None, :, None, None]
    ratio = rebalanced(gray + 5, gray) / plain(gray + 5, gray)
    assert float(rebalanced(red + 5, red) / plain(red + 5, red)) > 10 * float(ratio)


def test_bins_hold_the_colours_of_srgb() -> None:
    bins = gamut_bins()
    assert torch.equal(bins, torch.round(bins / 10) * 10)
    assert len(torch.unique(bins, dim=0)) == len(bins)
    for colour in ([80, 70], [-90, 80], [80, -110], [0, 0]):  # red, green, blue, gray
        assert (bins == torch.tensor(colour)).all(1).any()
    assert not (bins == torch.tensor([-100.0, -100.0])).all(1).any()


def test_soft_labels_sum_to_one_over_the_five_nearest_bins(
    classification: Classification,
) -> None:
    sums = classification.labels.sum(1)
    torch.testing.assert_close(sums, torch.ones_like(sums))
    assert classification.nearest.shape[1] == 5
    assert (classification.labels[:, :-1] >= classification.labels[:, 1:]).all()  # nearest first


def test_cross_entropy_is_its_formula(classification: Classification) -> None:
    logits, ab = logits_of(classification), ab_of(3, 4).round()
    log_p = torch.log_softmax(logits, 1)
    expected = []
    for n, y, x in ((n, y, x) for n in range(2) for y in range(3) for x in range(4)):
        distance = (classification.centres - ab[n, :, y, x]).square().sum(1)
        near = distance.topk(5, largest=False).indices
        z = functional.softmax(-distance[near] / (2 * 5.0**2), 0)
        expected.append(-(z * log_p[n, near, y, x]).sum())
    torch.testing.assert_close(classification(logits, ab), torch.stack(expected).mean())


def test_temperature_moves_the_colour_from_the_mode_to_the_mean(
    classification: Classification,
) -> None:
    logits = logits_of(classification)
    p = torch.softmax(logits, 1)
    mean = torch.einsum("nqhw,qc->nchw", p, classification.centres)
    mode = classification.centres[logits.argmax(1)].permute(0, 3, 1, 2)
    torch.testing.assert_close(classification.decode(logits, 1.0), mean, atol=1e-3, rtol=0)
    torch.testing.assert_close(classification.decode(logits, 1e-5), mode, atol=1e-3, rtol=0)
    torch.testing.assert_close(
        classification.decode(logits), classification.decode(logits, torch.tensor(0.38))
    )


@pytest.mark.parametrize("uniform", [0.25, 0.5, 1.0])
def test_rebalancing_weights_average_to_one(uniform: float) -> None:
    plain = Classification()
    prior = torch.rand(plain.bins, generator=torch.Generator().manual_seed(2)) ** 4
    prior /= prior.sum()
    balanced = Classification(prior, uniform)
    near = torch.exp(-torch.cdist(plain.centres, plain.centres).square() / 50)
    smooth = (near / near.sum(0)) @ prior
    assert float(smooth.sum()) == pytest.approx(1, abs=1e-5)
    assert float((smooth * balanced.weights).sum()) == pytest.approx(1, abs=1e-5)  # E[v] = 1
    expected = 1 / ((1 - uniform) * smooth + uniform / plain.bins)
    torch.testing.assert_close(balanced.weights / balanced.weights[0], expected / expected[0])


def test_rare_colours_weigh_more() -> None:
    plain = Classification()
    prior = torch.full((plain.bins,), 1e-6)
    gray = int((plain.centres == 0).all(1).nonzero())
    prior[gray] = 1
    weights = Classification(prior / prior.sum(), 0.5).weights
    assert weights.argmin() == gray


def test_bin_shares_count_pixels(classification: Classification) -> None:
    ab = torch.tensor([[0.0, 0.0], [1.0, -2.0], [40.0, 41.0], [1e3, 1e3]])
    shares = bin_shares(ab, classification)
    assert float(shares.sum()) == pytest.approx(1)
    gray = int((classification.centres == 0).all(1).nonzero())
    assert float(shares[gray]) == 0.5


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_gradients_reach_every_output(name: str) -> None:
    objective = get_objective(name)()
    channels = objective.bins or 2
    output = (torch.randn(2, channels, 4, 4) * 0.1).requires_grad_()
    objective(output, ab_of(8, 8)).backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    assert (output.grad.abs().amax(1) > 0).all()


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(UsageError, match="huber"):
        get_objective("huber")


@pytest.mark.parametrize("angle", range(0, 180, 15))
def test_clouds_that_differ_in_one_direction_are_told_apart(angle: int) -> None:
    """The slices cover all directions of a half turn."""
    direction = torch.tensor([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
    along = torch.linspace(-40, 40, 256).reshape(1, 1, 16, 16).repeat_interleave(2, 2)
    along = along.repeat_interleave(2, 3)
    narrow = along * direction[None, :, None, None] / 2
    wide = along * direction[None, :, None, None]
    term = ChromaDistribution()(narrow, wide) - MeanSquaredError()(narrow, wide)
    # The mean over all directions of a squared cosine is a half.
    whole = functional.mse_loss(narrow, wide) * 2  # per pixel, over both channels
    scale = MeanSquaredError()(narrow, wide) / functional.mse_loss(narrow, wide)
    assert float(term) == pytest.approx(float(scale * whole / 2), rel=0.02)


def test_clouds_that_cross_are_told_apart_though_a_and_b_alone_are_alike() -> None:
    along = torch.linspace(-40, 40, 256).reshape(1, 1, 16, 16).repeat_interleave(2, 2)
    along = along.repeat_interleave(2, 3)
    one, other = torch.cat((along, along), 1), torch.cat((along, -along), 1)
    term = ChromaDistribution()(one, other) - MeanSquaredError()(one, other)
    assert float(term) > 0.1 * float(MeanSquaredError()(one, other))
