"""What a recipe asks of a detector: preparing and augmentation are obeyed, or refused where boxes would stay behind."""

import numpy as np
import pytest
import torch

from hounsfield.cases.boxed_guard import examine_boxes
from hounsfield.cases.boxed_layouts import read_boxed
from hounsfield.errors import PrepareError, SettingsError
from hounsfield.train.augment import Affine, Blur, Contrast, Elastic, Erase, Gamma, Invert, Noise, Shadow
from hounsfield.train.detection.asked import STILL, UNLIT, asked_augmentation, asked_grid
from hounsfield.train.detection.augment import BoxAugmentation
from hounsfield.train.detection.parts import choose_box_parts, gather_box_parts
from hounsfield.train.detection.plan import DetectionPlan
from hounsfield.train.detection.planner import plan_detection
from hounsfield.train.detection.way import Detection
from hounsfield.train.options import TrainOptions
from hounsfield.train.recipe import Recipe
from tests.train.discs import save_discs

SMALL = {"widths": (8, 8, 12, 12), "pyramid_width": 8, "head_depth": 1}
GRID = {"step": "resize", "rows": 64, "columns": 80}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    table = read_boxed(save_discs(tmp_path_factory.mktemp("asked") / "data", 16))
    return table, examine_boxes(table)


def planned(data, **recipe):
    table, found = data
    made = Recipe(network=SMALL, **recipe)
    return plan_detection(TrainOptions(epochs=1, threads=1, batch_size=4), made, table, found.shapes, 1)


def way_of(data, plan):
    table, found = data
    chosen = choose_box_parts(table, found, plan.split)
    return Detection(plan, gather_box_parts(table, found, chosen, plan, lambda done, total: None))


@pytest.mark.parametrize(
    ("steps", "grid", "expected"),
    [
        ((), (64, 80), [{"step": "resize", "rows": 64, "columns": 80}]),
        (({"step": "gamma", "gamma": 2.0},), (64, 80), [{"step": "gamma", "gamma": 2.0}, GRID]),
        (({"step": "resize", "rows": 96, "columns": 128},), (96, 128),
         [{"step": "resize", "rows": 96, "columns": 128}]),
        (({"step": "resize", "rows": 96, "columns": 96}, {"step": "percentile-scale"}), (96, 96),
         [{"step": "resize", "rows": 96, "columns": 96}, {"step": "percentile-scale"}]),
    ],
)  # fmt: skip
def test_steps_are_obeyed_and_lead_to_the_grid(data, steps, grid, expected):
    plan = planned(data, prepare=steps)
    assert (plan.network.rows, plan.network.columns) == grid
    assert list(plan.prepare) == expected


def test_images_are_prepared_by_the_steps_that_were_asked_for(data):
    plain = way_of(data, planned(data)).training.images
    darker = way_of(data, planned(data, prepare=({"step": "gamma", "gamma": 2.0},))).training.images
    assert darker.mean() < 0.7 * plain.mean()


def test_boxes_follow_the_grid_that_was_asked_for(data):
    before, after = (
        way_of(data, planned(data, prepare=steps)).training.annotations
        for steps in ((GRID,), ({"step": "resize", "rows": 128, "columns": 160},))
    )
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(2 * one.boxes, other.boxes, atol=1e-9)


@pytest.mark.parametrize(
    "step",
    [{"step": "crop-foreground"}, {"step": "pad-square"}, {"step": "rotate90"}, {"step": "centre-crop-square"},
     {"step": "flip", "axis": "rows"}],
)  # fmt: skip
def test_steps_that_leave_boxes_behind_are_refused(data, step):
    with pytest.raises(SettingsError) as caught:
        planned(data, prepare=(step, GRID))
    assert (caught.value.code, caught.value.facts["found"]) == ("E621", step["step"])


@pytest.mark.parametrize("step", [{"step": "nothing-of-the-kind"}, {"step": "resize", "rows": 64}])
def test_steps_that_are_none_are_refused(step):
    with pytest.raises(PrepareError):
        asked_grid((step,))


def test_without_a_recipe_nothing_changes(data):
    plan = planned(data)
    assert (plan.augment, plan.changes) == (BoxAugmentation(), ())


def test_an_affine_kind_moves_images_and_boxes_together():
    kind = Affine(scale=(0.8, 1.25), aspect=0.1, shift_fraction=0.05, flip_probability=0.5)
    augment, changes = asked_augmentation((kind, Noise()))
    assert changes == (Noise(),)
    assert (augment.zoom, augment.stretch, augment.shift_fraction) == ((0.8, 1.25), 0.2, 0.05)
    assert (augment.flip_probability, augment.upside_down_probability) == (0.5, 0.0)
    assert (augment.gamma, augment.colour, augment.brightness) == tuple(UNLIT.values())


def test_the_range_of_the_stretch_is_that_of_the_affine_kind():
    """Columns against rows, measured on the matrices that both draw."""
    kind = Affine(aspect=0.2)
    matrix = kind.draw(torch.zeros(4000, 1, 8, 8), torch.Generator().manual_seed(0))["matrix"]
    theirs = (matrix[:, 1, 1] / matrix[:, 0, 0]).log()
    scale = asked_augmentation((kind,))[0].draw(4000, torch.Generator().manual_seed(0)).scale
    ours = (scale[:, 1] / scale[:, 0]).log()
    assert float(ours.min()) == pytest.approx(float(theirs.min()), abs=0.01)
    assert float(ours.max()) == pytest.approx(float(theirs.max()), abs=0.01)
    assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=0.03)


def test_kinds_of_samples_alone_leave_boxes_where_they_are(data):
    way = way_of(data, planned(data, augment=(Invert(probability=1.0),)))
    assert way.plan.augment == BoxAugmentation(**STILL, **UNLIT)
    images, rows = next(way.batches(0))
    originals = {round(float(1 - image.mean()), 5): index for index, image in enumerate(way.training.images)}
    for image, (boxes, labels, _) in zip(images, rows, strict=True):
        index = originals[round(float(image.mean()), 5)]
        torch.testing.assert_close(image, 1 - torch.from_numpy(way.training.images[index]), atol=1e-5, rtol=0)
        np.testing.assert_allclose(boxes.numpy(), way.training.annotations[index].boxes, atol=1e-4)
        assert labels.tolist() == way.training.annotations[index].labels.tolist()


def test_kinds_are_applied_in_their_order(data):
    first = next(way_of(data, planned(data, augment=(Gamma(), Contrast(), Blur(probability=1.0)))).batches(0))[0]
    again = next(way_of(data, planned(data, augment=(Gamma(), Contrast(), Blur(probability=1.0)))).batches(0))[0]
    other = next(way_of(data, planned(data, augment=(Blur(probability=1.0), Gamma(), Contrast()))).batches(0))[0]
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_empty_list_changes_nothing_at_all(data):
    way = way_of(data, planned(data, augment=()))
    images = next(way.batches(0))[0]
    known = {image.tobytes() for image in np.round(way.training.images, 4)}
    assert all(np.round(image.numpy(), 4).tobytes() in known for image in images)


@pytest.mark.parametrize(
    ("kinds", "found"),
    [
        ((Elastic(),), "elastic"),
        ((Affine(rotation_degrees=5.0),), "affine: rotation_degrees"),
        ((Affine(shear=0.1),), "affine: shear"),
        ((Affine(outside="border"),), "affine: outside"),
        ((Affine(), Noise(), Affine()), "affine, affine"),
    ],
)
def test_kinds_that_turn_or_bend_boxes_are_refused(data, kinds, found):
    with pytest.raises(SettingsError) as caught:
        planned(data, augment=kinds)
    assert (caught.value.code, caught.value.facts["found"]) == ("E620", found)
    assert found in caught.value.text("zh")


def test_kinds_that_move_too_far_are_refused():
    with pytest.raises(SettingsError, match="E830"):
        asked_augmentation((Affine(shift_fraction=0.8),))


def test_a_plan_with_what_was_asked_for_is_read_back(data):
    plan = planned(data, augment=(Erase(), Shadow(), Affine(scale=(0.9, 1.1))), prepare=(GRID,))
    assert DetectionPlan.model_validate_json(plan.model_dump_json()) == plan
    assert plan.digest() != planned(data).digest()
