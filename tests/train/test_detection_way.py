"""Detection as a way of learning: its promises, and targets, losses and augmentation against what is known of them."""

from functools import cache

import numpy as np
import pytest
import torch

from hounsfield.cases.boxed_guard import examine_boxes
from hounsfield.cases.boxed_layouts import read_boxed
from hounsfield.errors import DatasetError, SettingsError
from hounsfield.model.interface import AnchorLevel
from hounsfield.train.detection.augment import BoxAugmentation, Objects, Placement, place_images
from hounsfield.train.detection.parts import choose_box_parts, gather_box_parts
from hounsfield.train.detection.planner import estimate_detection, plan_detection
from hounsfield.train.detection.targets import box_loss, focal_loss, match_anchors
from hounsfield.train.detection.way import Detection
from hounsfield.train.memory import ALWAYS_BYTES
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import SplitPlan
from hounsfield.train.recipe import Recipe
from tests.train import ways
from tests.train.discs import save_discs

RECIPE = Recipe(network={"widths": (8, 8, 12, 12), "pyramid_width": 8, "head_depth": 1})


@cache
def prepared(folder):
    table = read_boxed(folder)
    found = examine_boxes(table)
    plan = plan_detection(TrainOptions(epochs=2, threads=1, batch_size=4), RECIPE, table, found.shapes, 1)
    chosen = choose_box_parts(table, found, plan.split)
    return table, found, plan, gather_box_parts(table, found, chosen, plan, lambda done, total: None)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return prepared(save_discs(tmp_path_factory.mktemp("way") / "data", 20))


@pytest.mark.parametrize("promise", ways.PROMISES, ids=lambda promise: promise.__name__)
def test_promises(made, promise):
    _, _, plan, parts = made
    promise(lambda: Detection(plan, parts))


def test_the_plan_follows_the_boxes(made):
    _, _, plan, _ = made
    assert (plan.network.rows, plan.network.columns) == (64, 80)
    assert [level.stride for level in plan.levels] == [8, 16, 32]
    assert 16 <= plan.levels[0].sides[0] <= 24
    assert plan.levels[2].sides[0] == 64
    assert len(plan.ratios) == 1
    assert plan.ratios[0] == pytest.approx(1, abs=0.1)


def test_asked_for_settings_win(made):
    table, found, _, _ = made
    options = TrainOptions(size=160, epochs=7, batch_size=2, learning_rate=0.1, seed=9)
    plan = plan_detection(options, RECIPE, table, found.shapes, 3)
    assert (plan.network.rows, plan.network.columns) == (128, 160)
    assert (plan.learning.epochs, plan.learning.batch_size, plan.learning.learning_rate) == (7, 2, 0.1)
    assert (plan.seed, plan.threads) == (9, 3)


@pytest.mark.parametrize("recipe", [Recipe(network={"depth": 3}), Recipe(learning={"epoch": 3})])
def test_misspelt_settings_are_refused(made, recipe):
    table, found, _, _ = made
    with pytest.raises(SettingsError, match="E830"):
        plan_detection(TrainOptions(), recipe, table, found.shapes, 1)


def test_more_images_and_larger_batches_need_more_memory(made):
    plan = made[2]
    small = estimate_detection(plan, 10)
    assert small.images_bytes == 10 * 3 * 64 * 80 * 4
    assert estimate_detection(plan, 20).total_bytes - small.total_bytes == small.images_bytes
    sizes = (64, 128)
    larger = [
        plan.model_copy(update={"learning": plan.learning.model_copy(update={"batch_size": size})}) for size in sizes
    ]
    one, two = (estimate_detection(item, 10).batch_bytes - ALWAYS_BYTES for item in larger)
    assert two == pytest.approx(2 * one, rel=1e-6)


def test_parts_hold_every_image_once_with_its_boxes_on_the_grid(made):
    table, _, _, parts = made
    every = [parts.training, parts.tuning, parts.test]
    names = [name for part in every for name in part.identifiers]
    assert sorted(names) == [case.identifier for case in table.cases]
    assert parts.training.images.shape[1:] == (3, 64, 80)
    assert parts.training.images.max() <= 1
    of = {case.identifier: case.annotation for case in table.cases}
    for part in every:
        for name, reference in zip(part.identifiers, part.references(), strict=True):
            assert np.allclose(reference.boxes, of[name].boxes)


def test_a_part_without_a_class_is_refused(made):
    table, found, _, _ = made
    with pytest.raises(DatasetError, match="E839"):
        choose_box_parts(table, found, SplitPlan(training=0.99, tuning=0.001, test=0.009))


def objects(*boxes, ignored=()):
    count = len(boxes)
    return Objects(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.arange(count),
        torch.tensor([index in ignored for index in range(count)], dtype=torch.bool),
    )


GRID = torch.tensor(
    [[8.0 * row, 8.0 * column, 8.0 * row + 16, 8.0 * column + 16] for row in range(6) for column in range(6)]
)


def test_anchors_on_an_object_are_for_it_and_others_for_none():
    found = match_anchors(objects((8, 8, 24, 24), (40, 40, 56, 56)), GRID, (36,), 4)
    assert found.objects[7] == 0
    assert found.objects[35] == 1
    assert found.objects[21] == -1
    assert bool(found.counts.all())


def test_an_empty_picture_has_no_matches():
    found = match_anchors(objects(), GRID, (36,), 4)
    assert set(found.objects.tolist()) == {-1}
    assert bool(found.counts.all())


def test_anchors_on_ignored_objects_say_nothing():
    found = match_anchors(objects((8, 8, 24, 24), ignored=[0]), GRID, (36,), 4)
    assert set(found.objects.tolist()) == {-1}
    assert not found.counts[7]
    assert found.counts[35]


def test_the_focal_loss_by_hand():
    logits, wanted = torch.zeros(2, 1), torch.tensor([[1.0], [0.0]])
    half = 0.25 * np.log(2)
    assert float(focal_loss(logits, wanted, torch.tensor([True, False]))) == pytest.approx(0.25 * half)
    assert float(focal_loss(logits, wanted, torch.tensor([True, True]))) == pytest.approx(half)


def test_the_loss_of_boxes_by_hand():
    one = torch.tensor([[0.0, 0, 10, 10]])
    assert float(box_loss(one, one)) == pytest.approx(0, abs=1e-6)
    assert float(box_loss(one, torch.tensor([[0.0, 0, 10, 20]]))) == pytest.approx(0.5)
    # apart: no overlap, and a third of the hull is empty
    assert float(box_loss(one, torch.tensor([[20.0, 0, 30, 10]]))) == pytest.approx(1 + 1 / 3)


@pytest.mark.parametrize("seed", range(6))
def test_boxes_move_with_their_pictures(seed):
    augment = BoxAugmentation()
    placement = augment.draw(1, torch.Generator().manual_seed(seed))
    picture = torch.zeros(1, 1, 120, 160)
    picture[:, :, 50:70, 60:100] = 1
    moved = place_images(picture, placement)[0, 0]
    found = augment.place_objects(objects((50, 60, 70, 100)), placement.scale[0], placement.shift[0], (120, 160))
    rows, columns = torch.nonzero(moved > 0.5, as_tuple=True)
    seen = [int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1]
    assert np.allclose(found.boxes[0].numpy(), seen, atol=1.0)


def test_boxes_outside_are_dropped_and_those_mostly_outside_ignored():
    still, away = torch.ones(2), torch.tensor([1.0, 0.0])
    found = BoxAugmentation().place_objects(
        objects((0, 0, 30, 30), (10, 10, 70, 30), (70, 10, 90, 30)), still, away, (100, 100)
    )
    assert np.allclose(found.boxes.numpy(), [[50, 0, 80, 30], [60, 10, 100, 30]], atol=1e-4)
    far = BoxAugmentation(least_visible=0.8).place_objects(objects((10, 10, 70, 30)), still, away, (100, 100))
    assert far.is_ignored.tolist() == [True]


def test_standing_still_changes_nothing():
    picture = torch.rand(2, 3, 20, 30)
    still = Placement(torch.ones(2, 2), torch.zeros(2, 2))
    assert torch.allclose(place_images(picture, still), picture, atol=1e-5)
    plain = BoxAugmentation(gamma=(1, 1), colour=0, brightness=0)
    assert torch.allclose(plain.light(picture, torch.Generator().manual_seed(0)), picture, atol=1e-6)


def test_light_stays_within_the_range():
    lit = BoxAugmentation(brightness=0.5).light(torch.rand(4, 3, 8, 8), torch.Generator().manual_seed(0))
    assert float(lit.min()) >= 0
    assert float(lit.max()) <= 1


def test_anchor_levels_are_pydantic_and_strict():
    with pytest.raises(ValueError, match="sides"):
        AnchorLevel(stride=8, sides=())
