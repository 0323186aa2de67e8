"""Patches: where they are cut, how often they hold a label, and what lies beyond the edge."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.train.chance import generator_at  # noqa: E402
from hounsfield.train.segmentation.patches import UNKNOWN, PreparedCase, PreparedParts, draw_patches  # noqa: E402
from tests.train.segmentation import discs  # noqa: E402


def numbered(shape: tuple[int, int, int], label_at: tuple[int, int, int] | None = None) -> PreparedCase:
    """Return a case whose samples number themselves."""
    images = np.arange(np.prod(shape), dtype=np.float16).reshape(1, *shape)
    mask = np.zeros(shape, dtype=np.uint8)
    if label_at is not None:
        mask[label_at] = 1
    return PreparedCase("numbered", 0, images, mask)


def test_image_and_mask_are_cut_at_the_same_place() -> None:
    case = numbered((6, 20, 17))
    object.__setattr__(case, "mask", (case.images[0].astype(np.int64) % 5).astype(np.uint8))
    found = draw_patches([case] * 20, (2, 8, 8), 0.5, generator_at(0, "x"))
    assert found.images.shape == (20, 1, 2, 8, 8)
    assert torch.equal(found.masks, found.images[:, 0].long() % 5)
    assert len({int(image[0, 0, 0, 0]) for image in found.images}) > 10


@pytest.mark.parametrize("place", [(0, 0, 0), (5, 30, 39), (3, 16, 20)])
def test_centred_patches_hold_the_label_wherever_it_is(place: tuple[int, int, int]) -> None:
    case = numbered((6, 32, 40), place)
    found = draw_patches([case] * 10, (2, 8, 8), 1.0, generator_at(0, "x"))
    assert (found.masks.flatten(1).sum(1) == 1).all()


def test_the_share_of_centred_patches_is_the_one_asked_for() -> None:
    case = numbered((1, 256, 256), (0, 3, 3))
    found = draw_patches([case] * 2000, (1, 8, 8), 0.4, generator_at(0, "x"))
    share = float((found.masks.flatten(1).sum(1) > 0).float().mean())
    assert share == pytest.approx(0.4, abs=0.04)


def test_rare_labels_are_centred_as_often_as_common_ones() -> None:
    mask = np.zeros((1, 64, 200), dtype=np.uint8)
    mask[0, :, :60], mask[0, 30, 180] = 1, 2
    case = PreparedCase("two", 0, np.zeros((1, 1, 64, 200), dtype=np.float16), mask)
    found = draw_patches([case] * 1000, (1, 8, 8), 1.0, generator_at(0, "x"))
    assert float((found.masks == 2).flatten(1).any(1).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_beyond_a_small_case_nothing_is_known() -> None:
    case = numbered((2, 5, 6), (1, 4, 5))
    found = draw_patches([case], (4, 8, 8), 1.0, generator_at(0, "x"))
    assert torch.equal(found.images[0, 0, :2, :5, :6], torch.from_numpy(case.images[0].astype(np.float32)))
    assert float(found.images.sum()) == float(case.images.astype(np.float32).sum())
    inside = found.masks[0, :2, :5, :6]
    assert torch.equal(inside, torch.from_numpy(case.mask.astype(np.int64)))
    assert int((found.masks == UNKNOWN).sum()) == found.masks.numel() - inside.numel()


def test_the_digest_sees_every_sample_and_every_label() -> None:
    first = discs.parts()
    assert first.digest == discs.parts().digest
    for name in ("images", "mask"):
        case = discs.prepared(1)[0]
        array = getattr(case, name).copy()
        array.flat[7] += 1
        changed = PreparedCase(case.identifier, 0, *((array, case.mask) if name == "images" else (case.images, array)))
        assert PreparedParts((changed, *first.training[1:]), first.tuning, first.test).digest != first.digest
    assert first.sizes == (6, 2, 2)
