"""Vertebrae, ribs and regions, and the licence of AO/OTA."""

import pytest

from hounsfield.clinical.rules import (
    ao_ota_code,
    fracture_regions,
    genant_grade,
    is_vertebral_compression,
    region_of_body_part,
    rib_fracture_types,
    rule,
    vertebral_height_loss_percent,
)
from hounsfield.errors import SettingsError


@pytest.mark.parametrize(("height", "reference", "loss"), [(20, 25, 20), (25, 25, 0), (26, 25, 0), (10, 25, 60)])
def test_loss_of_height(height, reference, loss):
    assert vertebral_height_loss_percent(height, reference) == pytest.approx(loss)


@pytest.mark.parametrize(
    ("loss", "is_compressed", "grade"),
    [
        (0, False, 0), (19.9, False, 0), (20, False, 1), (20.1, True, 1), (25, True, 1), (25.1, True, 2),
        (40, True, 2), (40.1, True, 3), (100, True, 3),
    ],
)  # fmt: skip
def test_compression_and_grade(loss, is_compressed, grade):
    """Present is more than 20 % by RadElement, grade 1 begins at 20 % by Genant."""
    assert is_vertebral_compression(loss) is is_compressed
    assert genant_grade(loss) == grade


def test_regions_of_reader_studies():
    assert fracture_regions() == (
        "foot-ankle", "knee-leg", "hip-pelvis", "hand-wrist", "elbow-arm", "shoulder-clavicle", "rib-cage",
        "thoracolumbar-spine",
    )  # fmt: skip
    assert rib_fracture_types() == ("buckle", "non-displaced", "displaced", "comminuted-segmental")
    assert sum(row.text("kind") == "physis" for row in rule("fracture-regions").rows) == 5


@pytest.mark.parametrize(
    ("part", "region"),
    [
        ("WRIST", "hand-wrist"), ("HAND", "hand-wrist"), ("finger", "hand-wrist"), ("ANKLE", "foot-ankle"),
        ("TOE", "foot-ankle"), ("TSPINE", "thoracolumbar-spine"), ("LSPINE", "thoracolumbar-spine"),
        ("THIGH", "hip-pelvis"), ("FOREARM", "elbow-arm"), ("CLAVICLE", "shoulder-clavicle"), ("LEG", "knee-leg"),
        ("RIB", "rib-cage"), ("SKULL", ""), ("CSPINE", ""), ("", ""), ("CHEST", ""),
    ],
)  # fmt: skip
def test_regions_of_body_parts(part, region):
    assert region_of_body_part(part) == region


@pytest.mark.parametrize(("entered", "code"), [("2R3C1", "2R3C1"), (" 31a2.1 ", "31A2.1"), ("44B", "44B")])
def test_a_reader_may_enter_a_code(entered, code):
    assert ao_ota_code(entered, is_entered_by_reader=True) == code


def test_no_program_proposes_a_code():
    with pytest.raises(SettingsError, match=r"E203.*2R3C1"):
        ao_ota_code("2R3C1", is_entered_by_reader=False)
    assert "permission" in rule("ao-ota-2018").limits_en


@pytest.mark.parametrize(
    "call",
    [
        lambda: ao_ota_code("fracture", is_entered_by_reader=True),
        lambda: ao_ota_code("9A1", is_entered_by_reader=True),
        lambda: ao_ota_code("", is_entered_by_reader=True),
        lambda: vertebral_height_loss_percent(20, 0),
        lambda: vertebral_height_loss_percent(-1, 20),
        lambda: genant_grade(101),
        lambda: is_vertebral_compression(-1),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(SettingsError, match="E202"):
        call()
