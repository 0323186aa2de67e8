"""What lies beyond an image teaches nothing: losses and gradients are those of the image alone."""

import numpy as np
import pytest
import torch
from monai.losses import MaskedDiceLoss
from torch.nn import functional

from hounsfield.train.augment import Affine, Noise, augment_with_masks
from hounsfield.train.chance import generator_at
from hounsfield.train.segmentation.objective import SMOOTH, mask_loss, soft_dice_loss, supervised_loss
from hounsfield.train.segmentation.patches import UNKNOWN, PreparedCase, draw_patches, resized


def drawn(labels: int = 3, shape: tuple[int, ...] = (2, 8, 10), seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape[0], labels, *shape[1:], generator=chance, dtype=torch.float64)
    return logits, torch.randint(labels, shape, generator=chance)


def padded(logits: torch.Tensor, masks: torch.Tensor, by: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both with a border whose logits are wild and whose labels are unknown."""
    wild = 50 * torch.randn(*logits.shape[:2], *(side + by for side in logits.shape[2:]), dtype=logits.dtype)
    wild[(..., *(slice(0, side) for side in logits.shape[2:]))] = logits
    unknown = torch.full((masks.shape[0], *(side + by for side in masks.shape[1:])), UNKNOWN)
    unknown[(slice(None), *(slice(0, side) for side in masks.shape[1:]))] = masks
    return wild, unknown


@pytest.mark.parametrize("loss", [soft_dice_loss, mask_loss])
@pytest.mark.parametrize("shape", [(2, 8, 10), (1, 3, 6, 5)], ids=["planar", "volume"])
@pytest.mark.parametrize("seed", range(4))
def test_a_border_changes_no_loss(loss, shape, seed) -> None:
    logits, masks = drawn(shape=shape, seed=seed)
    assert float(loss(*padded(logits, masks))) == pytest.approx(float(loss(logits, masks)), rel=1e-12)


@pytest.mark.parametrize("loss", [soft_dice_loss, mask_loss])
def test_a_border_has_no_gradient(loss) -> None:
    logits, masks = padded(*drawn())
    logits.requires_grad_()
    (slope,) = torch.autograd.grad(loss(logits, masks), logits)
    beyond = (masks == UNKNOWN)[:, None].expand_as(slope)
    assert not slope[beyond].any()
    assert slope[~beyond].abs().min() > 0


def test_the_dice_is_that_of_monai_with_a_mask() -> None:
    logits, masks = padded(*drawn())
    theirs = MaskedDiceLoss(include_background=False, softmax=False, batch=True, smooth_nr=SMOOTH, smooth_dr=SMOOTH)
    wanted = functional.one_hot(masks.clamp(min=0), 3).movedim(-1, 1).double()
    known = (masks >= 0)[:, None].double()
    expected = theirs(logits.softmax(1), wanted, known)
    assert float(soft_dice_loss(logits, masks)) == pytest.approx(float(expected), rel=1e-9)


def test_the_cross_entropy_is_that_of_torch_which_ignores_the_label() -> None:
    logits, masks = padded(*drawn())
    expected = functional.cross_entropy(logits, masks, ignore_index=UNKNOWN)
    assert float(mask_loss(logits, masks) - soft_dice_loss(logits, masks)) == pytest.approx(float(expected), rel=1e-9)


def test_a_patch_of_nothing_but_border_is_no_number_of_its_own() -> None:
    logits, masks = drawn()
    loss = mask_loss(logits, torch.full_like(masks, UNKNOWN))
    assert float(loss) == pytest.approx(0.0)


def test_lower_sizes_leave_the_border_out_too() -> None:
    logits, masks = drawn(shape=(2, 8, 8))
    lower = drawn(shape=(2, 4, 4), seed=1)[0]
    by = padded(logits, masks, 4), padded(lower, masks[:, ::2, ::2], 2)
    whole = supervised_loss((logits, lower), masks)
    assert float(supervised_loss((by[0][0], by[1][0]), by[0][1])) == pytest.approx(float(whole), rel=1e-12)


def small_case() -> PreparedCase:
    mask = np.zeros((1, 6, 7), dtype=np.uint8)
    mask[0, 2:4, 2:5] = 1
    return PreparedCase("small", 0, np.full((1, 1, 6, 7), 0.5, dtype=np.float16), mask)


def test_augmentation_moves_the_border_as_labels_are_moved() -> None:
    """Mirrored left to right, what is unknown on the right comes to lie on the left, and keeps its number."""
    batch = draw_patches([small_case()], (1, 8, 10), 0.0, generator_at(0, "x"))
    kinds = [Affine(flip_probability=1.0), Noise(probability=1.0)]
    _, masks = augment_with_masks(batch.images, batch.masks, kinds, generator_at(0, "y"))
    assert torch.equal(masks, batch.masks.flip(-1))
    assert set(masks.unique().tolist()) == {UNKNOWN, 0, 1}


def test_another_size_keeps_the_border() -> None:
    batch = resized(draw_patches([small_case()], (1, 8, 10), 0.0, generator_at(0, "x")), (1, 16, 20))
    assert set(batch.masks.unique().tolist()) == {UNKNOWN, 0, 1}
    assert int((batch.masks == UNKNOWN).sum()) == 4 * (80 - 42)
