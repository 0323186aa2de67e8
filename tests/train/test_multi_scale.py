"""Several sizes: in whole strides, drawn by place, and what is on an image or patch stays where it is."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import SettingsError  # noqa: E402
from hounsfield.model.networks.build import build_network  # noqa: E402
from hounsfield.model.networks.catalogue import NETWORKS, NetworkSettings  # noqa: E402
from hounsfield.train.chance import generator_at  # noqa: E402
from hounsfield.train.classification import Classification  # noqa: E402
from hounsfield.train.memory import estimate_memory  # noqa: E402
from hounsfield.train.multi_scale import (  # noqa: E402
    at_drawn_size,
    memory_at_sizes,
    stride_of,
    whole_strides,
    with_sizes,
)
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.plan import Plan, differences  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.segmentation.patches import UNKNOWN, PatchBatch, draw_patches, drawn_patch, resized  # noqa: E402
from hounsfield.train.segmentation.planner import make_mask_plan  # noqa: E402
from hounsfield.train.segmentation.way import Segmentation  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.segmentation import discs  # noqa: E402
from tests.train.segmentation.test_planner import FOUND  # noqa: E402
from tests.train.test_loop import plan as article_plan  # noqa: E402
from tests.train.tiny import parts  # noqa: E402

SMALL = NetworkSettings("small-residual", 2, 1, 28, 28, widths=(8, 16), depths=(1, 1), strides=(2, 1), stem_width=8)


def plan(**changes) -> Plan:
    made = article_plan(2).model_copy(update={"network": SMALL})
    return with_sizes(made, is_wanted=True).model_copy(update=changes)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (NetworkSettings("resnet18", 2, 1, 128, 128), (96, 128, 160)),
        (NetworkSettings("densenet121", 2, 1, 64, 64), (32, 64, 96)),
        (NetworkSettings("small-residual", 2, 1, 64, 64, stem_stride=1), (48, 64, 80)),
        (SMALL, (20, 28, 36)),
        (NetworkSettings("efficientnet-b0", 2, 1, 1024, 1024), (768, 1024)),
    ],
)
def test_sizes_are_whole_strides_around_the_networks_own(form, expected):
    assert whole_strides(form, stride_of(form)) == expected


def test_the_stride_of_our_network_is_what_its_map_shows():
    for form in (SMALL, NetworkSettings("small-residual", 2, 1, 64, 64), replace(SMALL, stem_stride=1)):
        network = build_network(form).eval()
        for side in whole_strides(form, stride_of(form)):
            rows = network.trunk(torch.zeros(1, 1, side, side)).shape[-1]
            assert rows == -(-side // stride_of(form))


@pytest.mark.parametrize("name", [name for name, facts in NETWORKS.items() if not facts.has_activation_map])
def test_networks_with_dense_layers_are_refused(name):
    with pytest.raises(SettingsError, match="E915"):
        whole_strides(NetworkSettings(name, 2, 1, 64, 64), 4)


def test_without_a_wish_the_plan_and_its_digest_are_what_they_were():
    made = article_plan(2)
    assert with_sizes(made, is_wanted=False) is made
    assert "sizes" not in made.deciding()
    assert "sizes" in plan().deciding()
    assert differences(plan(), made.model_copy(update={"network": SMALL})) == ("sizes",)
    assert [reason.choice for reason in plan().reasons] == ["sizes"]
    assert all("20, 28, 36" in reason.text(language) for reason in plan().reasons for language in ("en", "zh"))


@pytest.mark.parametrize("promise", ways.PROMISES)
def test_keeps_the_promises_of_a_way(promise):
    data = parts(48, 24)
    promise(lambda: Classification(plan(), data))


def test_every_size_comes_as_often_and_one_for_each_batch():
    way = Classification(plan(), parts(48, 24))
    sides = [int(batch.images.shape[-1]) for epoch in range(60) for batch in way.batches(epoch)]
    assert set(sides) == {20, 28, 36}
    assert all(np.mean([side == size for side in sides]) == pytest.approx(1 / 3, abs=0.1) for size in (20, 28, 36))


def test_a_smaller_image_is_the_mean_of_what_it_covers():
    image = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    half = plan(sizes=(14,))
    found = at_drawn_size(image, half, 0, 0)
    assert found.shape == (2, 1, 14, 14)
    assert float(found.mean()) == pytest.approx(float(image.mean()), abs=0.01)
    flat = torch.full((1, 1, 28, 28), 0.3)
    torch.testing.assert_close(at_drawn_size(flat, plan(sizes=(36,)), 0, 0), torch.full((1, 1, 36, 36), 0.3))
    assert at_drawn_size(image, plan(sizes=(28,)), 0, 0) is image
    assert at_drawn_size(image, article_plan(), 0, 0) is image


def test_oblong_images_keep_their_shape():
    form = replace(SMALL, rows=28, columns=56)
    made = plan(network=form, sizes=(14,))
    assert at_drawn_size(torch.zeros(1, 1, 28, 56), made, 0, 0).shape[-2:] == (14, 28)


def test_sizes_do_not_disturb_the_other_chance():
    data = parts(48, 24)
    with_one, without = Classification(plan(sizes=(28,)), data), Classification(plan(sizes=()), data)
    assert ways.is_same(list(with_one.batches(1)), list(without.batches(1)))


def test_memory_is_that_of_the_largest_batch():
    made = plan()
    base = estimate_memory(made.network, 100, made.learning.batch_size)
    found = memory_at_sizes(made, 100)
    assert (found.images_bytes, found.weights_bytes) == (base.images_bytes, base.weights_bytes)
    # what does not grow with the images is in both: the work space of a step
    assert 1 < found.batch_bytes / base.batch_bytes <= (36 / 28) ** 2 * 1.1
    assert memory_at_sizes(article_plan(), 100) == estimate_memory(article_plan().network, 100, 16)


# ---- masks


def mask_plan(**changes):
    return discs.plan(patch_shares=(0.6, 1.6), **changes)


@pytest.mark.parametrize("promise", ways.PROMISES)
def test_masks_keep_the_promises_too(promise):
    data = discs.parts()
    promise(lambda: Segmentation(mask_plan(), data))


def test_every_patch_comes_at_the_size_of_the_network():
    for shape, patch in ((discs.FLAT, (1, 32, 32)), (discs.DEEP, (8, 32, 32))):
        way = Segmentation(mask_plan(patch=patch), discs.parts(shape))
        for batch in way.batches(0):
            assert batch.images.shape[2:] == patch
            assert batch.masks.shape[1:] == patch
            assert set(batch.masks.unique().tolist()) <= {UNKNOWN, 0, 1}


def test_sides_are_drawn_within_their_shares_and_a_slice_stays_one():
    sides = [drawn_patch((1, 32, 48), (0.5, 2.0), generator_at(0, "size", index)) for index in range(400)]
    assert {side[0] for side in sides} == {1}
    rows = np.array([side[1] for side in sides])
    assert rows.min() >= 16
    assert rows.max() <= 64
    assert np.mean(rows < 32) == pytest.approx(0.5, abs=0.08)
    assert all(abs(side[2] / side[1] - 1.5) < 0.1 for side in sides)
    assert drawn_patch((8, 32, 32), (0.5, 0.5), generator_at(0)) == (4, 16, 16)


def test_a_mask_stays_on_its_image():
    rows, columns = np.mgrid[:48, :48]
    disc = torch.from_numpy(((rows - 20) ** 2 + (columns - 26) ** 2 < 120).astype(np.int64))[None, None]
    found = resized(PatchBatch(disc[:, None].float(), disc), (1, 32, 32))
    assert found.images.shape == (1, 1, 1, 32, 32)
    assert found.masks.dtype == torch.int64
    agreement = ((found.images[:, 0] > 0.5) == (found.masks > 0)).float().mean()
    assert float(agreement) > 0.98
    assert float(found.masks.sum() / disc.sum()) == pytest.approx((32 / 48) ** 2, rel=0.05)
    assert resized(found, (1, 32, 32)) is found


def test_an_object_appears_larger_from_a_smaller_patch():
    cases = discs.prepared(4)
    chance = [generator_at(0, "x") for _ in range(2)]
    near = resized(draw_patches(cases, (1, 20, 20), 1.0, chance[0]), (1, 32, 32))
    far = resized(draw_patches(cases, (1, 40, 40), 1.0, chance[1]), (1, 32, 32))
    assert float((near.masks > 0).float().mean()) > 1.5 * float((far.masks > 0).float().mean())


def test_the_plan_of_masks_names_its_shares_only_where_they_are_wanted():
    wanted = make_mask_plan(TrainOptions(multi_scale=True), Recipe(), FOUND, discs.table(), 1)
    plain = make_mask_plan(TrainOptions(), Recipe(), FOUND, discs.table(), 1)
    assert wanted.patch_shares == (0.8, 1.25)
    assert plain.patch_shares is None
    assert "patch_shares" not in plain.deciding()
    assert any(reason.key == "ui.train.mask-reason.sizes" for reason in wanted.reasons)
    own = make_mask_plan(TrainOptions(), Recipe(segmentation={"patch_shares": (0.5, 1.0)}), FOUND, discs.table(), 1)
    assert own.patch_shares == (0.5, 1.0)
