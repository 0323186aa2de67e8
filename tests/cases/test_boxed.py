"""The nouns of boxes: annotations, cases and tables keep what they are told, and give it back in any order."""

import dataclasses
import math

import numpy as np
import pytest

from hounsfield.cases.boxed import AnnotationDraft, BoxTable, number_of
from hounsfield.cases.boxed_layouts import read_boxed, with_classes
from hounsfield.errors import DatasetError, HounsfieldError
from tests.cases.boxed_examples import BOXES, SHAPE, save_coco, save_voc


def draft():
    made = AnnotationDraft()
    made.add((0, 0, 4, 4), 0)
    made.add((5, 5, 2, 9), 1, is_difficult=True)
    made.add((1, 1, 9, math.nan), 0, is_crowd=True)
    return made.finish()


def test_a_draft_keeps_every_box_as_it_was_told():
    made = draft()
    assert len(made) == 3
    assert made.boxes.dtype == np.float64
    assert made.labels.tolist() == [0, 1, 0]
    assert made.is_difficult.tolist() == [False, True, False]
    assert made.is_crowd.tolist() == [False, False, True]
    assert made.is_ignored.tolist() == [False, True, True]


def test_only_boxes_that_enclose_something_are_proper():
    kept = draft().proper()
    assert kept.boxes.tolist() == [[0, 0, 4, 4]]
    assert kept.labels.tolist() == [0]


def test_an_empty_draft_has_the_form_of_no_boxes():
    made = AnnotationDraft().finish()
    assert made.boxes.shape == (0, 4)
    assert made.labels.dtype == np.int64
    assert len(made.proper()) == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1.0), ("2.5", 2.5), (" 3 ", 3.0), (-4.0, -4.0), (True, 1.0), ("1e3", 1000.0)],
)
def test_numbers_are_read_from_what_sources_write(value, expected):
    assert number_of(value) == expected


@pytest.mark.parametrize("value", [None, "", "a", [], {}, "nan", "inf", float("inf"), 1e300, 10**400, "1,5"])
def test_what_is_no_coordinate_becomes_nan(value):
    assert math.isnan(number_of(value))


def test_nouns_are_frozen(tmp_path):
    table = read_boxed(save_voc(tmp_path / "data"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.name = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.cases[0].split = "test"


def test_a_selection_keeps_the_order_asked_for(tmp_path):
    table = read_boxed(save_voc(tmp_path / "data"))
    chosen = table.select([2, 0])
    assert [case.identifier for case in chosen.cases] == ["JPEGImages/c.png", "JPEGImages/a.png"]
    assert chosen.counts() == {"cell": 2, "dot": 3}
    assert chosen.class_names == table.class_names
    assert isinstance(chosen, BoxTable)


def test_the_images_alone_are_a_table_of_cases_without_labels(tmp_path):
    table = read_boxed(save_coco(tmp_path / "data"))
    images = table.images()
    assert [case.identifier for case in images.cases] == [case.identifier for case in table.cases]
    assert images.labels.tolist() == [-1, -1, -1]
    assert images.declared_parts == table.declared_parts


def test_all_images_are_read_in_order_and_faults_are_given_back(tmp_path):
    data = save_voc(tmp_path / "data")
    (data / "JPEGImages/b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    table = read_boxed(data)
    found = list(table.read_all(workers=2))
    assert [index for index, _ in found] == [0, 1, 2]
    assert isinstance(found[1][1], HounsfieldError)
    assert found[0][1].volume.geometry.shape[1:] == SHAPE


def test_counting_includes_classes_without_boxes(tmp_path):
    table = with_classes(read_boxed(save_voc(tmp_path / "data")), ("dot", "platelet", "cell"))
    assert table.counts() == {"dot": 3, "platelet": 0, "cell": 3}
    first = table.cases[0].annotation
    assert sorted(first.labels.tolist()) == [0, 2]
    assert len(first) == len(BOXES["a"])


def test_classes_that_are_not_expected_are_refused(tmp_path):
    with pytest.raises(DatasetError) as caught:
        with_classes(read_boxed(save_voc(tmp_path / "data")), ("cell",))
    assert caught.value.code == "E806"
    assert caught.value.facts["found"] == "dot"
