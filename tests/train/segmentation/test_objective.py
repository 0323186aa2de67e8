"""The losses of segmentation, against MONAI and against cases that are known."""

import pytest

torch = pytest.importorskip("torch")
monai = pytest.importorskip("monai.losses")

from hounsfield.train.segmentation.objective import mask_loss, soft_dice_loss, supervised_loss  # noqa: E402


def drawn(shape: tuple[int, ...] = (3, 4, 8, 10), seed: int = 0) -> tuple["torch.Tensor", "torch.Tensor"]:
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape, generator=chance)
    return logits, torch.randint(0, shape[1], (shape[0], *shape[2:]), generator=chance)


@pytest.mark.parametrize("shape", [(3, 4, 8, 10), (2, 3, 4, 8, 6)])
def test_dice_is_monais_batch_dice(shape: tuple[int, ...]) -> None:
    logits, masks = drawn(shape)
    theirs = monai.DiceLoss(
        include_background=False, to_onehot_y=True, softmax=True, batch=True, smooth_nr=1e-5, smooth_dr=1e-5
    )
    assert float(soft_dice_loss(logits, masks)) == pytest.approx(float(theirs(logits, masks[:, None])), abs=1e-6)


@pytest.mark.parametrize("shape", [(3, 4, 8, 10), (2, 3, 4, 8, 6)])
def test_the_loss_adds_torchs_cross_entropy(shape: tuple[int, ...]) -> None:
    logits, masks = drawn(shape)
    entropy = torch.nn.functional.cross_entropy(logits, masks)
    assert float(mask_loss(logits, masks)) == pytest.approx(float(entropy + soft_dice_loss(logits, masks)), abs=1e-6)


def test_a_sure_and_right_answer_costs_nothing() -> None:
    _, masks = drawn()
    logits = 50.0 * torch.nn.functional.one_hot(masks, 4).movedim(-1, 1).float()
    assert float(mask_loss(logits, masks)) == pytest.approx(0, abs=1e-4)
    assert float(mask_loss(-logits, masks)) > 20


def test_sizes_weigh_half_as_much_each_and_masks_keep_their_labels() -> None:
    whole, masks = drawn()
    lower, _ = drawn((3, 4, 4, 5), seed=1)
    parts = mask_loss(whole, masks), mask_loss(lower, masks[:, ::2, ::2])
    found = supervised_loss((whole, lower), masks)
    assert float(found) == pytest.approx(float((parts[0] + 0.5 * parts[1]) / 1.5), abs=1e-6)


def test_slices_that_are_not_halved_are_kept() -> None:
    whole, masks = drawn((2, 3, 4, 8, 8))
    lower, _ = drawn((2, 3, 4, 4, 4), seed=1)
    expected = (mask_loss(whole, masks) + 0.5 * mask_loss(lower, masks[:, :, ::2, ::2])) / 1.5
    assert float(supervised_loss((whole, lower), masks)) == pytest.approx(float(expected), abs=1e-6)


def test_gradients_are_those_of_finite_differences() -> None:
    logits, masks = drawn((1, 3, 2, 2))
    exact = logits.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda given: mask_loss(given, masks), (exact,))
