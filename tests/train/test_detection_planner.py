"""The plan of a detector: it follows the sizes of the boxes, says why in both languages, and bounds its memory."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hounsfield.cases.boxed import Annotation, BoxedCase, BoxTable
from hounsfield.errors import DatasetError, HounsfieldError, SettingsError
from hounsfield.model.detector import anchor_boxes
from hounsfield.model.networks.retina import Retina
from hounsfield.train.detection.plan import DetectionPlan
from hounsfield.train.detection.planner import MOST_PIXELS, MULTIPLE, WANTED_SIDE, estimate_detection, plan_detection
from hounsfield.train.memory import check_memory
from hounsfield.train.options import TrainOptions
from hounsfield.train.recipe import Recipe


def table_of(*classes, count=30, spread=0.02, ratio=1.0):
    """Return a table whose images hold ``many`` boxes of each class (many, side), drawn near that side."""
    generator = np.random.default_rng(0)
    cases = []
    for index in range(count):
        boxes, labels = [], []
        for label, (many, side) in enumerate(classes):
            roots = side * np.exp(generator.normal(0, spread, many))
            low = generator.uniform(0, 50, (many, 2))
            boxes.append(np.concatenate([low, low + np.stack([roots * ratio**0.5, roots / ratio**0.5], 1)], axis=1))
            labels += [label] * many
        none = np.zeros(len(labels), dtype=bool)
        note = Annotation(np.concatenate(boxes), np.array(labels, dtype=np.int64), none, none)
        cases.append(BoxedCase(f"{index}.png", Path(f"{index}.png"), note))
    names = tuple("abcdef"[: len(classes)])
    return BoxTable("drawn", names, tuple(cases), (), "coco")


def planned(table, shape=(512, 640), options=None, network=None, **recipe):
    shapes = np.tile(np.array(shape), (len(table), 1))
    made = Recipe(network=network or {}, **recipe)
    return plan_detection(options or TrainOptions(), made, table, shapes, 1)


def sides_of(plan):
    return [side for level in plan.levels for side in level.sides]


@pytest.mark.parametrize("side", [20, 40, 80])
def test_the_grid_brings_the_median_box_to_the_side_that_is_wanted(side):
    plan = planned(table_of((3, side)), shape=(320, 512))
    expected = np.array([320, 512]) * WANTED_SIDE / side
    np.testing.assert_allclose([plan.network.rows, plan.network.columns], expected, atol=MULTIPLE / 2 + 2)
    assert plan.network.rows % MULTIPLE == plan.network.columns % MULTIPLE == 0


def test_the_smallest_class_decides_however_rare_it_is():
    alone, beside = planned(table_of((1, 30))), planned(table_of((9, 200), (1, 30)))
    assert (alone.network.rows, alone.network.columns) == (beside.network.rows, beside.network.columns)
    assert alone.network.rows > planned(table_of((9, 200))).network.rows


def test_small_boxes_do_not_enlarge_an_image():
    plan = planned(table_of((3, 6)), shape=(256, 320))
    assert (plan.network.rows, plan.network.columns) == (256, 320)


@pytest.mark.parametrize("shape", [(512, 512), (3000, 2000), (600, 2400), (100, 160)])
@pytest.mark.parametrize("asked", [None, 3000])
def test_no_grid_is_larger_than_memory_allows(shape, asked):
    plan = planned(table_of((2, 12)), shape, TrainOptions(size=asked))
    form = plan.network
    # each side is rounded to the next multiple
    assert form.rows * form.columns <= MOST_PIXELS + MULTIPLE / 2 * (form.rows + form.columns)
    if min(form.rows, form.columns) > 64:
        assert form.rows / form.columns == pytest.approx(shape[0] / shape[1], rel=0.1)


def test_the_largest_plan_of_many_images_fits_a_small_machine():
    plan = planned(table_of((2, 12)), (3000, 2000))
    assert plan.learning.batch_size == 5
    assert estimate_detection(plan, 100).total_bytes < 3e9


def test_unreadable_images_have_no_say_in_the_grid():
    table = table_of((2, 40))
    shapes = np.tile(np.array([400, 600]), (30, 1))
    plan = plan_detection(TrainOptions(), Recipe(), table, shapes, 1)
    shapes[:14] = 0
    assert plan_detection(TrainOptions(), Recipe(), table, shapes, 1) == plan


def test_three_sizes_of_boxes_are_the_three_anchors():
    wanted = (20, 60, 160)
    plan = planned(table_of(*((2, side) for side in wanted), spread=0.001), shape=(448, 448))
    np.testing.assert_allclose(sides_of(plan), wanted, rtol=0.01)


def test_a_class_with_many_boxes_has_one_voice():
    plan = planned(table_of((1, 16), (1, 40), (3, 60), (1, 200), spread=0.001), shape=(448, 448))
    # the anchor between 40 and 60 lies in the middle of their logarithms, though 60 is drawn three times as often
    np.testing.assert_allclose(sides_of(plan), (16, (40 * 60) ** 0.5, 200), rtol=0.01)


@pytest.mark.parametrize("side", [2, 9, 50, 300])
def test_anchors_keep_to_their_strides_and_every_box_meets_some(side):
    plan = planned(table_of((3, side), spread=0.4), shape=(448, 448))
    for level in plan.levels:
        assert 2 * level.stride <= level.sides[0] <= 8 * level.stride
    assert sides_of(plan) == sorted(sides_of(plan))
    assert len(anchor_boxes(plan.interface())) == plan.interface().anchor_count


@pytest.mark.parametrize("ratio", [0.3, 0.8, 1.0, 3.0])
def test_long_boxes_get_long_anchors(ratio):
    plan = planned(table_of((3, 40), ratio=ratio))
    assert len(plan.ratios) == (1 if 1 / 1.6 < ratio < 1.6 else 3)
    np.testing.assert_allclose(plan.ratios, ratio, rtol=0.02)
    assert plan.network.anchors == len(plan.ratios)


@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_the_network_of_a_plan_answers_for_its_anchors(ratio):
    narrow = {"widths": (4, 4, 4, 4), "pyramid_width": 4, "head_depth": 0}
    plan = planned(table_of((3, 40), (1, 60), ratio=ratio), (96, 128), network=narrow)
    form = plan.network
    with torch.no_grad():
        logits, deltas = Retina(form).eval()(torch.zeros(1, form.channels, form.rows, form.columns))
    assert logits.shape == (1, plan.interface().anchor_count, 2)
    assert deltas.shape == (1, plan.interface().anchor_count, 4)


def test_reasons_name_the_figures_in_both_languages():
    plan = planned(table_of((3, 40), spread=0.001))
    grid, anchors, epochs, batch = plan.reasons
    assert str(plan.learning.epochs) in epochs.text("en")
    assert str(plan.learning.batch_size) in batch.text("zh")
    for language in ("en", "zh"):
        for figure in (plan.network.rows, plan.network.columns, 40, grid.facts["left"]):
            assert str(figure) in grid.text(language)
        for level in plan.levels:
            assert f"{level.sides[0]:g} / {level.stride}" in anchors.text(language)
    assert grid.text("en") != grid.text("zh")
    assert grid.facts["left"] == pytest.approx(WANTED_SIDE, abs=0.5)


def test_a_plan_is_its_json():
    plan = planned(table_of((3, 40), (2, 90), ratio=2.5), options=TrainOptions(seed=4))
    assert DetectionPlan.model_validate_json(plan.model_dump_json()) == plan


def test_the_schedule_follows_the_number_of_images():
    few, more, many = (planned(table_of((2, 40), count=count)).learning for count in (4, 60, 2200))
    assert (few.batch_size, more.batch_size, many.batch_size) == (1, 8, 8)
    assert few.epochs == 150
    assert few.epochs >= more.epochs > many.epochs == 12


def test_memory_grows_with_images_sides_and_width_and_is_refused_beyond_what_there_is():
    table = table_of((2, 40))
    plain = estimate_detection(planned(table), 50)
    wide = estimate_detection(planned(table, network={"widths": (64, 96, 192, 256)}), 50)
    fine = estimate_detection(planned(table, options=TrainOptions(size=440)), 50)
    assert wide.weights_bytes > 2 * plain.weights_bytes
    assert fine.batch_bytes > plain.batch_bytes
    assert fine.images_bytes > plain.images_bytes
    check_memory(plain, plain.total_bytes)
    with pytest.raises(HounsfieldError, match="E835"):
        check_memory(plain, plain.total_bytes - 1)


def test_grey_images_are_made_grey_first():
    grey, colour = planned(table_of((2, 40)), network={"channels": 1}), planned(table_of((2, 40)))
    assert [step["step"] for step in grey.prepare] == ["grey", "resize"]
    assert [step["step"] for step in colour.prepare] == ["resize"]
    assert (grey.interface().channels, colour.interface().channels) == (1, 3)


@pytest.mark.parametrize(("network", "code"), [({"name": "yolo"}, "E831"), ({"rows": 8}, "E830"), ({"x": 1}, "E830")])
def test_a_network_that_cannot_be_is_refused(network, code):
    with pytest.raises(SettingsError, match=code):
        planned(table_of((2, 40)), network=network)
    assert planned(table_of((2, 40)), network={"name": "retina", "head_depth": 1}).network.head_depth == 1


@pytest.mark.parametrize("edges", [[9, 9, 4, 4], [4, 4, 4, 9], [np.nan, 0, 4, 4]])
def test_boxes_that_all_enclose_nothing_are_refused_and_one_that_does_is_planned_for(edges):
    table = table_of((2, 40))
    for case in table.cases:
        case.annotation.boxes[:] = edges
    with pytest.raises(DatasetError, match="drawn"):
        planned(table)
    table.cases[3].annotation.boxes[1] = [0, 0, 40, 40]
    assert planned(table).reasons[0].facts["side"] == 40
