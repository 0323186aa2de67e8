"""The losses of segmentation against values worked out by hand, and against MONAI's sum of both."""

import math

import pytest

torch = pytest.importorskip("torch")
monai = pytest.importorskip("monai.losses")

from hounsfield.train.segmentation.objective import SMOOTH, mask_loss, soft_dice_loss, supervised_loss  # noqa: E402


def logits_of(probabilities: list[list[list[list[float]]]]) -> "torch.Tensor":
    """Return logits (image, label, row, column) whose softmax is the probabilities given."""
    return torch.tensor(probabilities, dtype=torch.float64).log()


HALF = logits_of([[[[0.75, 0.5, 0.25, 0.5]], [[0.25, 0.5, 0.75, 0.5]]]])
"""One picture of one row and four columns, two labels."""


def test_dice_of_four_samples() -> None:
    masks = torch.tensor([[[0, 0, 1, 1]]])
    # the sure part of label 1: 0.75 + 0.5 of (0.25 + 0.5 + 0.75 + 0.5) + 2
    expected = 1 - (2 * 1.25 + SMOOTH) / (4 + SMOOTH)
    assert float(soft_dice_loss(HALF, masks)) == pytest.approx(expected, abs=1e-9)


def test_cross_entropy_of_four_samples() -> None:
    masks = torch.tensor([[[0, 0, 1, 1]]])
    entropy = -(math.log(0.75) + math.log(0.5) + math.log(0.75) + math.log(0.5)) / 4
    assert float(mask_loss(HALF, masks) - soft_dice_loss(HALF, masks)) == pytest.approx(entropy, abs=1e-9)


def test_a_label_that_no_sample_has_is_charged_its_false_positives() -> None:
    three = logits_of([[[[0.5, 0.5]], [[0.25, 0.25]], [[0.25, 0.25]]]])
    masks = torch.tensor([[[1, 1]]])
    first = (2 * 0.5 + SMOOTH) / (0.5 + 2 + SMOOTH)
    absent = SMOOTH / (0.5 + SMOOTH)
    assert float(soft_dice_loss(three, masks)) == pytest.approx(1 - (first + absent) / 2, abs=1e-9)


def test_dice_is_taken_over_the_batch_and_not_image_by_image() -> None:
    """An image without foreground must not count as a whole failure: nnU-Net's batch Dice."""
    sure = 20.0 * torch.tensor([[[[-1.0, 1.0]], [[1.0, -1.0]]], [[[1.0, 1.0]], [[-1.0, -1.0]]]], dtype=torch.float64)
    masks = torch.tensor([[[1, 0]], [[0, 0]]])
    assert float(soft_dice_loss(sure, masks)) == pytest.approx(0, abs=1e-6)
    one_wrong = sure.clone()
    one_wrong[1, :, 0, 0] *= -1
    assert float(soft_dice_loss(one_wrong, masks)) == pytest.approx(1 - 2 / 3, abs=1e-4)


def test_the_background_has_no_dice_of_its_own() -> None:
    """Labels 1 and 2 exactly right: Dice is 0 however the rest of the certainty is divided."""
    masks = torch.tensor([[[0, 1, 2, 0]]])
    wanted = torch.nn.functional.one_hot(masks, 3).movedim(-1, 1).double()
    assert float(soft_dice_loss(40 * wanted, masks)) == pytest.approx(0, abs=1e-6)
    shifted = 40 * wanted + torch.tensor([5.0]).double()
    assert float(mask_loss(shifted, masks)) == pytest.approx(float(mask_loss(40 * wanted, masks)), abs=1e-9)


@pytest.mark.parametrize("shape", [(2, 2, 7, 9), (1, 5, 3, 6, 5)])
def test_the_sum_is_monais(shape: tuple[int, ...]) -> None:
    chance = torch.Generator().manual_seed(len(shape))
    logits = 3 * torch.randn(shape, generator=chance)
    masks = torch.randint(0, shape[1], (shape[0], *shape[2:]), generator=chance)
    theirs = monai.DiceCELoss(
        include_background=False, to_onehot_y=True, softmax=True, batch=True, smooth_nr=SMOOTH, smooth_dr=SMOOTH
    )
    assert float(mask_loss(logits, masks)) == pytest.approx(float(theirs(logits, masks[:, None])), abs=1e-5)


def test_order_of_images_and_samples_does_not_matter() -> None:
    chance = torch.Generator().manual_seed(5)
    logits = torch.randn((3, 3, 4, 5), generator=chance)
    masks = torch.randint(0, 3, (3, 4, 5), generator=chance)
    once = float(mask_loss(logits, masks))
    assert float(mask_loss(logits.flip(0), masks.flip(0))) == pytest.approx(once, abs=1e-6)
    assert float(mask_loss(logits.flip(2, 3), masks.flip(1, 2))) == pytest.approx(once, abs=1e-6)
    assert float(mask_loss(logits.flip(2), masks)) != pytest.approx(once, abs=1e-3)


def test_three_sizes_weigh_four_two_and_one_of_seven() -> None:
    chance = torch.Generator().manual_seed(1)
    masks = torch.randint(0, 2, (2, 16, 8), generator=chance)
    sizes = [torch.randn((2, 2, 16 // step, 8 // step), generator=chance) for step in (1, 2, 4)]
    terms = [float(mask_loss(given, masks[:, ::step, ::step])) for given, step in zip(sizes, (1, 2, 4), strict=True)]
    expected = (4 * terms[0] + 2 * terms[1] + terms[2]) / 7
    assert float(supervised_loss(sizes, masks)) == pytest.approx(expected, abs=1e-6)
    assert float(supervised_loss(sizes[:1], masks)) == pytest.approx(terms[0], abs=1e-6)


def test_a_step_along_the_gradient_lowers_it_at_every_sample() -> None:
    chance = torch.Generator().manual_seed(2)
    logits = torch.randn((2, 3, 6, 6), generator=chance).requires_grad_()
    masks = torch.randint(0, 3, (2, 6, 6), generator=chance)
    loss = mask_loss(logits, masks)
    (slope,) = torch.autograd.grad(loss, logits)
    assert bool((slope.abs().amax(1) > 0).all())
    # softmax does not see what is added to all labels of a sample, so the slopes of a sample cancel
    assert float(slope.sum(1).abs().max()) < 1e-7
    assert bool((slope.gather(1, masks[:, None]) < 0).all())
    assert float(mask_loss(logits.detach() - 0.5 * slope, masks)) < loss.item()
