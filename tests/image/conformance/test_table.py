"""The tables of the standard: the same as the source they were taken from, and a clause for every module."""

import json
from importlib.resources import files

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword

from hounsfield.image.conformance.table import edition, object_table
from tests.image.conformance.distil import IMAGE_CLASSES, TARGET, as_text, distil

CT, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4.1"
VALUES = json.loads(files("hounsfield.image").joinpath("data/conformance_values.json").read_text(encoding="utf-8"))


def test_the_table_is_that_of_its_source():
    assert TARGET.read_text(encoding="utf-8") == as_text(distil())
    assert "highdicom" in edition()


@pytest.mark.parametrize("uid", IMAGE_CLASSES)
def test_every_row_names_a_real_attribute_and_its_clause(uid):
    table = object_table(uid)
    for requirement in table.requirements:
        assert all(tag_for_keyword(keyword) is not None for keyword in requirement.path)
        assert all(dictionary_VR(tag_for_keyword(keyword)) == "SQ" for keyword in requirement.path[:-1])
        assert requirement.clause.startswith("PS3.3 C.")
        assert requirement.type in ("1", "1C", "2", "2C")
    assert {("Rows",), ("SOPInstanceUID",), ("PatientID",)} <= {one.path for one in table.requirements}
    for row in table.enumerated:
        assert tag_for_keyword(row.keyword) is not None
        assert row.values


def test_the_stronger_type_of_two_modules_counts():
    types = {one.path: one.type for one in object_table(ENHANCED_MR).requirements}
    assert types["Manufacturer",] == "1"  # type 2 in General Equipment, type 1 in Enhanced General Equipment
    assert {one.path: one.type for one in object_table(CT).requirements}["Manufacturer",] == "2"


def test_a_class_that_is_not_in_the_table_has_none():
    assert object_table("1.2.840.10008.5.1.4.1.1.88.11") is None
    assert object_table("") is None


def test_groups_of_the_values_are_the_classes_of_the_attributes():
    assert sorted(uid for group in VALUES["groups"].values() for uid in group) == sorted(IMAGE_CLASSES)
    for row in (*VALUES["enumerated"], *VALUES["conditional"]):
        assert set(row.get("classes", ())) <= set(VALUES["groups"])
        assert tag_for_keyword(row["keyword"]) is not None
