"""Patches as a run draws them: the share that holds a label, every place in reach, and image with mask throughout."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.train.augment import Affine, Augmentation, augment_with_masks  # noqa: E402
from hounsfield.train.chance import generator_at  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.segmentation.fingerprint import take_mask_fingerprint  # noqa: E402
from hounsfield.train.segmentation.patches import PLACES_PER_LABEL, PreparedCase, PreparedParts, draw_patches  # noqa: E402
from hounsfield.train.segmentation.planner import make_mask_plan  # noqa: E402
from hounsfield.train.segmentation.way import PatchRunner, Segmentation  # noqa: E402
from tests.train.segmentation import discs  # noqa: E402

SMALL = (1, 16, 16)


def speck(identifier: str = "speck", at: tuple[int, int, int] | None = (0, 3, 130)) -> PreparedCase:
    """Return a case of 1 x 128 x 160 whose one labelled sample is bright; None gives no label at all."""
    mask = np.zeros((1, 128, 160), dtype=np.uint8)
    if at:
        mask[at] = 1
    return PreparedCase(identifier, 0, mask[None].astype(np.float16), mask)


@pytest.mark.parametrize("share", [0.0, 0.33, 0.5, 1.0])
def test_an_epoch_holds_the_share_of_foreground_that_the_plan_promises(share: float) -> None:
    """By chance alone a patch meets the speck in 1.5 % of the draws at most, so what is above is by choice."""
    parts = PreparedParts((speck("a"), speck("b", (0, 90, 20)), speck("c", (0, 64, 80))), (speck("d"),))
    plan = discs.plan(SMALL, foreground_fraction=share, batches_per_epoch=150, augment=())
    held = [int(mask.any()) for batch in Segmentation(plan, parts).batches(0) for mask in batch.masks]
    assert len(held) == 600
    by_chance = 16 * 16 / (113 * 145)
    expected = share + (1 - share) * by_chance
    spread = 4 * np.sqrt(expected * (1 - expected) / 600)
    assert abs(np.mean(held) - expected) <= spread


def test_a_case_without_a_label_still_gives_patches_from_everywhere() -> None:
    case = PreparedCase(
        "empty", 0, np.arange(12 * 9, dtype=np.float16).reshape(1, 1, 12, 9), np.zeros((1, 12, 9), np.uint8)
    )
    found = draw_patches([case] * 900, (1, 8, 8), 1.0, generator_at(0, "x"))
    corners = found.images[:, 0, 0, 0, 0].tolist()
    # 5 rows by 2 columns of starts, all as often
    assert set(corners) == {9.0 * row + column for row in range(5) for column in range(2)}
    assert min(corners.count(corner) for corner in set(corners)) > 55
    assert not found.masks.any()


def test_centred_patches_have_their_sample_in_the_middle_where_the_edge_allows() -> None:
    found = draw_patches([speck(at=(0, 60, 70))], SMALL, 1.0, generator_at(0, "x"))
    assert torch.nonzero(found.masks).tolist() == [[0, 0, 8, 8]]
    assert torch.nonzero(found.images).tolist() == [[0, 0, 0, 8, 8]]
    at_edge = draw_patches([speck(at=(0, 127, 2))], SMALL, 1.0, generator_at(0, "x"))
    assert torch.nonzero(at_edge.masks).tolist() == [[0, 0, 15, 2]]


def test_places_of_a_large_label_are_thinned_out_evenly_and_those_of_a_small_one_kept() -> None:
    mask = np.ones((4, 120, 120), dtype=np.uint8)
    mask[2, 7, :11] = 3
    case = PreparedCase("large", 0, np.zeros((1, *mask.shape), np.float16), mask)
    large, small = case.places
    assert PLACES_PER_LABEL <= len(large) < 2 * PLACES_PER_LABEL
    assert np.diff(large).max() <= mask.size // PLACES_PER_LABEL + 11
    assert (mask.ravel()[large] == 1).all()
    assert small.tolist() == list(range(2 * 120 * 120 + 7 * 120, 2 * 120 * 120 + 7 * 120 + 11))


def test_every_channel_is_cut_at_the_same_place() -> None:
    chance = np.random.default_rng(0)
    mask = (chance.random((5, 20, 23)) < 0.01).astype(np.uint8)
    images = np.stack([mask, 2 * mask, mask + 3]).astype(np.float16)
    found = draw_patches([PreparedCase("x", 0, images, mask)] * 30, (3, 8, 8), 0.5, generator_at(1, "x"))
    given = found.masks.float()
    assert given.any()
    for channel, expected in enumerate((given, 2 * given, given + 3)):
        assert torch.equal(found.images[:, channel], expected)


def test_the_generator_alone_decides() -> None:
    cases = discs.prepared(3)
    once = draw_patches(cases, (1, 32, 32), 0.5, generator_at(4, "batch", 0, 1))
    again = draw_patches(cases, (1, 32, 32), 0.5, generator_at(4, "batch", 0, 1))
    other = draw_patches(cases, (1, 32, 32), 0.5, generator_at(4, "batch", 0, 2))
    assert torch.equal(once.images, again.images)
    assert torch.equal(once.masks, again.masks)
    assert not torch.equal(once.images, other.images)
    # how many cases a batch holds does not change what an earlier one of them gives
    assert torch.equal(
        draw_patches(cases[:1], (1, 32, 32), 0.5, generator_at(4, "batch", 0, 1)).images, once.images[:1]
    )


def planned(reader: discs.SceneReader) -> tuple[Augmentation, ...]:
    table = discs.table(4, reader)
    found = take_mask_fingerprint(table, table.with_mask)
    return make_mask_plan(TrainOptions(), Recipe(), found, table, 1).augment


@pytest.mark.parametrize(
    "reader", [discs.SceneReader(), discs.SceneReader(is_instances=True)], ids=["labels", "objects"]
)
@pytest.mark.parametrize("seed", range(3))
def test_a_marked_place_stays_marked_under_the_whole_augmentation(reader: discs.SceneReader, seed: int) -> None:
    """A bright square on grey, marked in the mask: after all kinds that a plan has, centres agree within a pixel."""
    images, masks = torch.full((8, 1, 2, 64, 64), 0.3), torch.zeros((8, 2, 64, 64), dtype=torch.int64)
    images[..., 24:33, 36:45], masks[..., 24:33, 36:45] = 0.9, 2
    moved, labels = augment_with_masks(images, masks, planned(reader), generator_at(seed, "x"))
    assert set(labels.unique().tolist()) == {0, 2}
    places = torch.stack(torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij"))
    for image, label in zip(moved[:, 0], labels, strict=True):
        assert torch.equal(label[0], label[1])
        middle = places[:, label[0] > 0].mean(1)
        contrast = (image[0] - image[0].median()).clamp(min=0)
        weight = torch.where(contrast > 0.6 * contrast.max(), contrast, 0.0)
        near = (places * weight).sum((1, 2)) / weight.sum()
        assert float((near - middle).norm()) < 1.5
    assert len({tuple(torch.nonzero(label[0])[0].tolist()) for label in labels}) > 4


def test_a_single_marked_pixel_lands_on_the_brightest_one() -> None:
    """Quarter turns and mirrors move samples onto samples, so not even one pixel may part from its mark."""
    turn = Affine(flip_probability=0.5, upside_down_probability=0.5)
    chance = torch.Generator().manual_seed(0)
    images, masks = torch.zeros((16, 1, 1, 33, 33)), torch.zeros((16, 1, 33, 33), dtype=torch.int64)
    for index, (row, column) in enumerate(torch.randint(0, 33, (16, 2), generator=chance).tolist()):
        images[index, 0, 0, row, column], masks[index, 0, row, column] = 1, 5
    moved, labels = augment_with_masks(images, masks, [turn], generator_at(0, "x"))
    assert [int(image.argmax()) for image in moved] == [int(label.argmax()) for label in labels]
    assert bool((labels.flatten(1).sum(1) == 5).all())
    assert not torch.equal(labels, masks)


def test_what_continues_a_small_case_is_cut_off_before_it_is_measured() -> None:
    """Loss and labels of the tuning part count the samples of the case alone, however large the patch is."""
    case = discs.prepared(1, shape=(1, 20, 40))[0]

    class Strange(torch.nn.Module):
        """Sure of the background within the case, and of the label beyond it."""

        def forward(self, images: "torch.Tensor") -> "torch.Tensor":
            logits = torch.zeros((1, 2, 64, 64))
            logits[:, 0, :20, :40] = 30
            logits[:, 1, 20:], logits[:, 1, :, 40:] = 30, 30
            return logits

    called, loss = PatchRunner(Strange(), discs.plan((1, 64, 64))).case(case, 0.5)  # type: ignore[arg-type]
    assert called.shape == case.mask.shape
    assert not called.any()
    assert loss == pytest.approx((case.mask > 0).mean() * -np.log(1e-7), rel=1e-3)
