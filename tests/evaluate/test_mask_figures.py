"""Figures of masks: counted out by hand, labels matched by name, cases that define nothing, files and contours."""

import csv
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest

from hounsfield.cases.masked_table import MaskedImage, MaskTable
from hounsfield.core.codes import concept_for
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import DatasetError
from hounsfield.evaluate.mask_cases import MeasuredCase, RefusedCase, case_figures, match_labels
from hounsfield.evaluate.mask_page import BOTH_COLOUR, FOUND_COLOUR, REFERENCE_COLOUR, SIDE, contour_picture
from hounsfield.evaluate.masks import MaskEvaluation, _measures
from hounsfield.evaluate.run import EvaluateOptions

NAMES = ("background", "liver", "spleen")
GRID = VolumeGeometry((3, 6, 8), (4.0, 2.0, 0.5))
NOTHING = np.zeros(GRID.shape, dtype=np.int32)


def table_of(*names, is_instances=False):
    return MaskTable("data", names or NAMES, ("image",), (), (), "pairs", None, is_instances)


def mask_of(array, geometry=GRID):
    return Mask(array, geometry, {int(value): concept_for(f"part {value}") for value in np.unique(array) if value})


def image_of(array, geometry=GRID):
    volume = Volume(np.zeros(geometry.shape, dtype=np.int16), geometry, Quantity.DISPLAY)
    return MaskedImage((None, volume), mask_of(array, geometry))


def box(value, rows, columns, slices=(0, 3)):
    made = NOTHING.copy()
    made[slice(*slices), slice(*rows), slice(*columns)] = value
    return made


def figures(found, reference, geometry=GRID, names=NAMES):
    places = {index: index for index in range(1, len(names))}
    return case_figures(mask_of(found, geometry), image_of(reference, geometry), table_of(*names), places)


def manifest_of(*names, object_name=None):
    classes = [SimpleNamespace(name=name) for name in names]
    return SimpleNamespace(masks=SimpleNamespace(object_name=object_name), classes=classes)


def test_a_plate_beside_another_is_as_far_as_its_spacing_says():
    """Plates one column thick and three columns apart at 0.5 mm, the same rows and slices: every distance is 1.5 mm."""
    found, reference = box(1, (0, 6), (1, 2)), box(1, (0, 6), (4, 5))
    told = figures(found, reference)
    assert (told["dice liver"], told["dice"]) == (0, 0)
    assert (told["hd95 liver"], told["assd liver"]) == pytest.approx((1.5, 1.5))
    samples = figures(found, reference, VolumeGeometry(GRID.shape, GRID.spacing_mm, calibration=Calibration.NONE))
    assert (samples["hd95 liver"], samples["assd liver"]) == pytest.approx((3, 3))


def test_a_picture_is_measured_in_its_plane():
    """One slice: rows 2 mm apart; the edge of a plane has no neighbour above or below."""
    grid = VolumeGeometry((1, 6, 8), (4.0, 2.0, 0.5))
    found, reference = (box(1, rows, (0, 8))[:1] for rows in ((0, 1), (2, 3)))
    told = figures(found, reference, grid)
    assert (told["hd95 liver"], told["assd liver"]) == pytest.approx((4, 4))


def test_half_a_box_has_a_dice_of_two_thirds_and_the_mean_is_over_labels_that_are_there():
    reference = box(1, (0, 4), (0, 4)) + box(2, (4, 6), (4, 8))
    found = box(1, (0, 4), (0, 2)) + box(2, (4, 6), (4, 8))
    told = figures(found, reference)
    assert told["dice liver"] == pytest.approx(2 / 3)
    assert (told["dice spleen"], told["hd95 spleen"], told["assd spleen"]) == (1, 0, 0)
    assert told["dice"] == pytest.approx((2 / 3 + 1) / 2)
    assert figures(reference, found) == pytest.approx(told)


def test_a_label_that_neither_has_is_not_defined_and_one_that_is_missed_is_nothing():
    told = figures(NOTHING, box(1, (0, 4), (0, 4)))
    assert (told["dice liver"], told["dice"]) == (0, 0)
    assert np.isnan([told[name] for name in ("hd95 liver", "assd liver", "dice spleen", "hd95 spleen")]).all()
    nobody = figures(NOTHING, NOTHING)
    assert np.isnan(list(nobody.values())).all()
    assert MeasuredCase("a", None, nobody, True).rank == 1
    assert MeasuredCase("a", None, told, True).rank == 0


def test_values_of_the_model_are_those_of_its_own_order():
    """The model has the spleen first: the figures are the same, each under the name of the data."""
    reference = box(1, (0, 4), (0, 4)) + box(2, (4, 6), (4, 8))
    said = np.array([0, 2, 1], dtype=np.int32)[reference]
    places = match_labels(table_of(), manifest_of("background", "spleen", "liver"))
    assert places == {1: 2, 2: 1}
    told = case_figures(mask_of(said), image_of(reference), table_of(), places)
    assert (told["dice liver"], told["dice spleen"]) == (1, 1)


def test_objects_are_counted_whatever_their_numbers():
    reference, found = box(1, (0, 2), (0, 2)) + box(2, (4, 6), (4, 8)), box(9, (0, 2), (0, 2)) + box(3, (2, 3), (0, 2))
    told = case_figures(mask_of(found), image_of(reference), table_of("background", "cell", is_instances=True), {1: 1})
    assert told == {"dice": pytest.approx(2 * 12 / (18 + 36)), "f1_50": 0.5}
    assert MeasuredCase("a", None, told, True).rank == 0.5
    nobody = case_figures(mask_of(NOTHING), image_of(NOTHING), table_of("b", "cell", is_instances=True), {1: 1})
    assert np.isnan(nobody["dice"])
    assert nobody["f1_50"] == 1


@pytest.mark.parametrize(
    ("data", "model", "expected"),
    [
        (("Spleen", "LIVER"), ("liver", "spleen"), {1: 2, 2: 1}),
        (("spleen",), ("liver", "spleen"), {1: 2}),
        (("label 1", "label 2"), ("liver", "spleen"), {1: 1, 2: 2}),
        (("liver", "spleen"), ("label 1", "label 2"), {1: 1, 2: 2}),
        (("lesion",), ("nodule",), {1: 1}),
        (("nodule",), ("foreground",), {1: 1}),
    ],
)
def test_labels_are_matched_by_name_and_by_number_where_they_have_no_other_name(data, model, expected):
    assert match_labels(table_of("background", *data), manifest_of("background", *model)) == expected


@pytest.mark.parametrize(
    ("data", "strange"),
    [(("liver", "kidney"), "kidney"), (("kidney", "lung"), "kidney"), (("label 1",), "label 1"), (("lung",), "lung")],
)
def test_a_label_that_the_model_does_not_know_is_no_other_label(data, strange):
    """As many labels with other names were once counted in the order of the model's: a kidney was judged as spleen."""
    with pytest.raises(DatasetError) as caught:
        match_labels(table_of("background", *data), manifest_of("background", "liver", "spleen"))
    assert caught.value.code == "E851"
    assert strange in caught.value.text("en")
    assert strange in caught.value.text("zh")
    assert "liver, spleen" in caught.value.text()


def test_numbered_objects_and_named_labels_do_not_go_together():
    cells = table_of("background", "object", is_instances=True)
    assert match_labels(cells, manifest_of("b", "inside", "border", object_name="cell")) == {1: 1}
    for table, object_name in ((cells, None), (table_of(), "cell")):
        with pytest.raises(DatasetError) as caught:
            match_labels(table, manifest_of(*NAMES, object_name=object_name))
        assert caught.value.code == "E865"


def cases(count=12):
    chance = np.random.default_rng(0)
    dice = np.where(np.arange(count) % 4 == 0, np.nan, chance.random(count))
    return tuple(
        MeasuredCase(f"case {index}", f"p{index // 2}", {"dice": 0.5, "dice liver": float(value)}, True)
        for index, value in enumerate(dice)
    )


def test_a_mean_is_over_the_cases_that_define_it_and_copies_of_them_change_nothing():
    options = EvaluateOptions(resamples=200)
    once, twice = _measures(cases(), options), _measures(cases() * 2, options)
    known = [case.figures["dice liver"] for case in cases() if np.isfinite(case.figures["dice liver"])]
    assert len(known) == 9
    assert once["dice liver"].value == pytest.approx(np.mean(known))
    assert (once["dice"].value, once["dice"].low, once["dice"].high) == (0.5, 0.5, 0.5)
    # patients are drawn, so that a copy of each case makes nobody surer
    one, two = (found["dice liver"] for found in (once, twice))
    assert (two.value, two.low, two.high) == pytest.approx((one.value, one.low, one.high))
    assert one.low < one.value < one.high


def evaluation(measured, refused=()):
    measures = _measures(measured, EvaluateOptions(resamples=20))
    issues = (QualityIssue("Q850", Severity.WARN, {}),)
    identity = ModelIdentity("m", "1.0.0", "abdomen", "0" * 64)
    return MaskEvaluation(identity, "data", "all", measures, measured, refused, issues, "mm", {"seed": 0})


def test_json_and_table_hold_the_same_cases_and_leave_out_what_is_not_defined():
    strange = MeasuredCase("=1+1", None, {"dice": 0.25, "dice liver": 0.25, "hd95 liver": float("nan")}, True)
    refused = (RefusedCase("@gone", DatasetError("E864", found="display", expected="hounsfield")),)
    found = evaluation((*cases(), strange), refused)
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert "hd95 liver" not in told["metrics"]
    assert told["n"] == 13
    assert told["cases"][-1] == {"identifier": "=1+1", "dice": 0.25, "dice liver": 0.25, "hd95 liver": None}
    assert [(one["identifier"], one["code"]) for one in told["refused"]] == [("@gone", "E864")]
    rows = list(csv.DictReader(io.StringIO(found.as_csv())))
    assert [row["identifier"] for row in rows[-2:]] == ["'=1+1", "'@gone"]
    assert rows[-1]["refused"] == "E864"
    assert rows[-1]["dice"] == rows[-2]["hd95 liver"] == rows[0]["dice liver"] == ""
    known = [float(row["dice liver"]) for row in rows if row["dice liver"]]
    assert np.mean(known) == pytest.approx(told["metrics"]["dice liver"]["value"], abs=1e-6)


def test_contours_are_drawn_on_the_slice_with_most_of_the_reference():
    reference = box(1, (1, 5), (0, 4), (1, 2)) + box(1, (0, 1), (0, 1), (0, 1))
    found = box(1, (1, 5), (2, 6), (1, 2))
    scale = SIDE // 8
    picture = contour_picture(image_of(reference), found)
    assert picture.shape == (6 * scale, 8 * scale, 3)
    middle, end = 3 * scale, 5 * scale - 1
    assert tuple(picture[middle, 0]) != tuple(picture[middle, 2 * scale])
    assert tuple(picture[middle, 2 * scale]) == FOUND_COLOUR
    assert tuple(picture[middle, 4 * scale - 1]) == REFERENCE_COLOUR
    assert tuple(picture[end, 3 * scale]) == BOTH_COLOUR
    assert tuple(picture[end, scale]) == REFERENCE_COLOUR
    assert tuple(picture[end, 5 * scale]) == FOUND_COLOUR
    colours = {tuple(colour) for colour in picture.reshape(-1, 3)}
    assert len(colours - {REFERENCE_COLOUR, FOUND_COLOUR, BOTH_COLOUR}) == 1
