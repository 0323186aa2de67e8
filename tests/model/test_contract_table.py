"""The contract over tables of headers, judged by rules written down a second time, and by terms of the standard."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.model.body_parts import REGIONS, regions_of
from hounsfield.model.contract_check import check_contract, colour_fraction
from tests.model import toys

CHILD = {
    "modalities": ["CR", "DX"],
    "body_parts": ["chest"],
    "views": ["AP", "PA"],
    "age_years": {"minimum": 1, "maximum": 5},
    "minimum_rows": 20,
    "minimum_columns": 20,
    "slice_axes": ["single"],
}


def found_for(contract, modality="DX", part="CHEST", view="PA", age=3.0, picture=False, array=None, **volume):
    media = "image/png" if picture else "application/dicom"
    series = toys.series_of(modality, media, body_part_examined=part, view_position=view)
    samples = np.zeros((1, 40, 40), dtype=np.float32) if array is None else array
    shown = Volume(samples, VolumeGeometry(samples.shape[-3:]), **{"quantity": Quantity.DISPLAY, **volume})
    study = toys.study_of(series, patient_age_years=age)
    return check_contract(toys.manifest(input=contract), study, series, shown)


def verdict(issues) -> str:
    """Return the gravest severity, or an empty text."""
    return str(issues[0].severity) if issues else ""


MODALITIES = {"DX": "", "CR": "", "CT": "reject", "MR": "reject", "": "warn", "OT": "warn", "SC": "warn"}
PARTS = {"CHEST": "", "LUNG": "", "": "warn", "KNEE": "reject", "XYZ": "warn", "chest ": ""}
VIEWS = {"PA": "", "ap ": "", "": "warn", "LL": "reject"}
AGES = {1.0: "", 5.0: "", 0.9: "reject", 5.1: "reject", None: "warn", 70.0: "reject"}
RANK = {"": 0, "note": 1, "warn": 2, "reject": 3}


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("part", PARTS)
def test_a_header_is_as_bad_as_its_worst_field(modality, part):
    """Every view and age with it: the verdict is the gravest of the four single ones, and each has its own issue."""
    for view, age in itertools.product(VIEWS, AGES):
        issues = found_for(CHILD, modality, part, view, age)
        each = [MODALITIES[modality], PARTS[part], VIEWS[view], AGES[age]]
        assert verdict(issues) == max(each, key=RANK.__getitem__), (view, age)
        assert len(issues) == sum(bool(item) for item in each)
        assert sorted(str(issue.severity) for issue in issues) == sorted(item for item in each if item)
        ranks = [RANK[str(issue.severity)] for issue in issues]
        assert ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize("age", [None, 3.0])
@pytest.mark.parametrize("modality", ["", "OT"])
def test_a_picture_is_told_of_once_and_never_warned_of(age, modality):
    """A picture has no header: what it does not say is a note, and a view or body part is not missed."""
    issues = found_for(CHILD, modality, "", "", age, picture=True)
    assert {str(issue.severity) for issue in issues} == {"note"}
    assert [issue.code for issue in issues] == (["Q501"] if age else ["Q501", "Q509"])


def test_a_picture_that_is_too_small_or_coloured_is_refused_all_the_same():
    assert verdict(found_for(CHILD, "", "", "", None, True, np.zeros((1, 19, 40), np.float32))) == "reject"
    colour = np.zeros((3, 1, 40, 40), dtype=np.float32)
    colour[0] = 1.0
    assert "Q510" in [issue.code for issue in found_for(CHILD, "", "", "", None, True, colour)]


@pytest.mark.parametrize("field", ["modalities", "body_parts", "views", "age_years", "slice_axes"])
def test_a_field_the_contract_leaves_open_is_not_looked_at(field):
    contract = {key: value for key, value in CHILD.items() if key != field}
    worst = {
        "modalities": {"modality": "CT"},
        "body_parts": {"part": "KNEE"},
        "views": {"view": "LL"},
        "age_years": {"age": 70.0},
        "slice_axes": {"array": np.zeros((4, 40, 40), np.float32), "slice_axis": SliceAxis.SPACE},
    }[field]
    assert verdict(found_for(CHILD, **worst)) == "reject"
    assert found_for(contract, **worst) == ()


@pytest.mark.parametrize(
    ("ages", "inside", "outside"),
    [
        ({"minimum": 18}, [18.0, 110.0], [17.99, 0.0]),
        ({"maximum": 18}, [0.0, 18.0], [18.01]),
        ({"minimum": 0, "maximum": 0.08}, [0.02, 0.08], [0.1, 1.0]),
        ({}, [0.0, 120.0], []),
    ],
)
def test_ends_of_ages_belong_to_them(ages, inside, outside):
    contract = {"age_years": ages}
    assert [verdict(found_for(contract, age=age)) for age in inside] == [""] * len(inside)
    assert [verdict(found_for(contract, age=age)) for age in outside] == ["reject"] * len(outside)


@pytest.mark.parametrize(
    ("axis", "slices", "accepted", "expected"),
    [
        (SliceAxis.SINGLE, 1, ["single"], ""),
        (SliceAxis.SPACE, 1, ["single"], ""),
        (SliceAxis.TIME, 1, ["space"], "reject"),
        (SliceAxis.SPACE, 5, ["single"], "reject"),
        (SliceAxis.SPACE, 5, ["space", "time"], ""),
        (SliceAxis.TIME, 5, ["space"], "reject"),
    ],
)
def test_what_slices_follow_each_other_in(axis, slices, accepted, expected):
    issues = found_for({"slice_axes": accepted}, array=np.zeros((slices, 30, 30), np.float32), slice_axis=axis)
    assert verdict(issues) == expected


@settings(max_examples=80, deadline=None)
@given(st.floats(0, 1), st.floats(0, 0.12), st.integers(0, 2**32 - 1))
def test_the_coloured_part_is_counted(share, spread, seed):
    """So many samples get a clear colour, the others a spread below the limit; 8 bits and floats agree."""
    chance = np.random.default_rng(seed)
    is_coloured = chance.random((20, 25)) < share
    grey = chance.random((20, 25)) * 0.5
    array = np.stack([grey + np.where(is_coloured, 0.3, 0.0), grey, grey + spread * 0.9])[:, np.newaxis]
    volume = Volume(array.astype(np.float32), VolumeGeometry((1, 20, 25)), Quantity.DISPLAY)
    assert colour_fraction(volume) == pytest.approx(is_coloured.mean())
    eight = Volume(np.rint(array * 255).astype(np.uint8), VolumeGeometry((1, 20, 25)), Quantity.ARBITRARY)
    assert colour_fraction(eight) == pytest.approx(is_coloured.mean())


@pytest.mark.parametrize(("limit", "is_refused"), [(0.02, True), (0.05, False), (1.0, False), (0.0, True)])
def test_the_limit_of_colour_is_the_contracts(limit, is_refused):
    array = np.full((3, 1, 100, 100), 0.5, dtype=np.float32)
    array[0, 0, :4] = 1.0
    issues = found_for({"maximum_colour_fraction": limit}, array=array)
    assert bool(issues) is is_refused
    assert found_for({"allows_colour": True}, array=array) == ()


# PS3.16 Annex L, Table L-1: Code Meaning of the region and the Body Part Examined defined term.
TABLE_L1 = {
    "chest": ["CHEST", "LUNG", "THORAX"],
    "brain": ["BRAIN", "HEAD"],
    "abdomen": ["ABDOMEN", "LIVER", "KIDNEY"],
    "knee": ["KNEE"],
    "hand": ["HAND"],
    "breast": ["BREAST"],
}


@pytest.mark.parametrize("region", [name for name in TABLE_L1 if name in REGIONS])
def test_terms_of_the_standard_mean_their_region(region):
    for term in TABLE_L1[region]:
        assert regions_of(term), term
        assert regions_of(f" {term.lower()} ") == regions_of(term)
    assert region in regions_of(TABLE_L1[region][0])


@given(st.text(max_size=16))
@settings(deadline=None)
def test_no_header_value_breaks_the_table(term):
    assert regions_of(term) <= set(REGIONS)


def test_hostile_header_values_stay_short_in_the_facts():
    issues = found_for(CHILD, part="KNEE" + "\u202e<script>" * 40, view="<img src=x>" * 20)
    for issue in issues:
        assert all(len(str(value)) <= 64 for value in issue.facts.values())
        assert issue.severity in (Severity.REJECT, Severity.WARN)
