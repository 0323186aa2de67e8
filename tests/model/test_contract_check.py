"""Contracts: contradictions refuse, gaps are told, fitting images pass in silence."""

import numpy as np
import pytest

from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis
from hounsfield.model.contract_check import check_contract, colour_fraction
from tests.model import toys

CHEST = {
    "modalities": ["CR", "DX"],
    "body_parts": ["chest"],
    "views": ["PA", "AP"],
    "age_years": {"minimum": 18, "maximum": 90},
    "minimum_rows": 20,
    "minimum_columns": 20,
    "slice_axes": ["single"],
}
FITTING = {"body_part_examined": "CHEST", "view_position": "PA"}


def issues(contract=CHEST, volume=None, age=40.0, modality="DX", media_type="application/dicom", **header):
    series = toys.series_of(modality, media_type, **{**FITTING, **header})
    volume = toys.prepared(np.zeros((1, 30, 30))) if volume is None else volume
    found = check_contract(toys.manifest(input=contract), toys.study_of(series, patient_age_years=age), series, volume)
    assert all(issue.uid == "1.2.3" for issue in found)
    assert all(
        issue.text(language) != issue.code and issue.next_step(language) for issue in found for language in ("en", "zh")
    )
    assert all("?" not in issue.text("en") for issue in found)
    return [(issue.code, str(issue.severity)) for issue in found]


def test_what_fits_passes_in_silence():
    assert issues() == []


def test_an_open_contract_takes_anything():
    assert issues({}, modality="US", body_part_examined="KNEE", view_position="LL", age=None) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"modality": "CT"}, "Q500"),
        ({"modality": "SEG"}, "Q500"),
        ({"body_part_examined": "KNEE"}, "Q503"),
        ({"body_part_examined": "ABDOMEN"}, "Q503"),
        ({"body_part_examined": "hand "}, "Q503"),
        ({"view_position": "LATERAL"}, "Q506"),
        ({"view_position": "LL"}, "Q506"),
        ({"view_position": "RLD"}, "Q506"),
        ({"age": 4.0}, "Q508"),
        ({"age": 0.0}, "Q508"),
        ({"age": 91.0}, "Q508"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, "Q514"),
    ],
)
def test_a_contradiction_refuses(change, code):
    assert issues(**change) == [(code, "reject")]


@pytest.mark.parametrize(
    "change",
    [
        {"body_part_examined": "Thorax"},
        {"body_part_examined": "CHEST PA"},
        {"body_part_examined": "CHESTABDOMEN"},
        {"body_part_examined": "LUNG"},
        {"view_position": "ap"},
        {"modality": "CR"},
        {"age": 18.0},
        {"age": 90.0},
    ],
)
def test_synonyms_and_ends_of_ranges_fit(change):
    assert issues(**change) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"modality": "OT"}, "Q501"),
        ({"modality": ""}, "Q501"),
        ({"body_part_examined": ""}, "Q504"),
        ({"body_part_examined": "XYZZY"}, "Q505"),
        ({"view_position": ""}, "Q507"),
        ({"age": None}, "Q509"),
    ],
)
def test_a_gap_in_a_dicom_header_is_a_warning(change, code):
    assert issues(**change) == [(code, "warn")]


def test_a_picture_has_no_header_and_gets_notes():
    bare = {"body_part_examined": "", "view_position": "", "age": None}
    found = issues(modality="", media_type="image/png", **bare)
    assert found == [("Q501", "note"), ("Q509", "note")]


def test_pictures_may_be_refused():
    found = issues({**CHEST, "allows_pictures": False}, modality="", media_type="image/png", age=None)
    assert found[0] == ("Q502", "reject")


def test_a_child_is_refused_by_an_adult_model_and_the_other_way_round():
    children = {**CHEST, "age_years": {"maximum": 5}}
    assert issues(children, age=3.0) == []
    assert issues(children, age=40.0) == [("Q508", "reject")]
    assert issues({**CHEST, "age_years": {"minimum": 18}}, age=3.0) == [("Q508", "reject")]
    assert issues({**CHEST, "age_years": {}}, age=None) == []


def test_several_faults_come_most_severe_first():
    found = issues(modality="OT", view_position="LL", body_part_examined="", age=None)
    severities = [severity for _, severity in found]
    assert severities == sorted(severities, key=["reject", "warn", "note"].index)
    assert severities[0] == "reject"


@pytest.mark.parametrize(("rows", "columns", "fits"), [(20, 20, True), (19, 50, False), (50, 19, False)])
def test_small_images_are_refused(rows, columns, fits):
    found = issues(volume=toys.prepared(np.zeros((1, rows, columns))))
    assert found == ([] if fits else [("Q511", "reject")])


def test_stacks_are_refused_where_single_images_are_wanted():
    stack = toys.prepared(np.zeros((3, 30, 30)))
    for axis in (SliceAxis.SPACE, SliceAxis.TIME):
        assert issues(volume=stack.with_array(stack.array, slice_axis=axis)) == [("Q512", "reject")]
    space = {**CHEST, "slice_axes": ["single", "space"]}
    assert issues(space, volume=stack.with_array(stack.array, slice_axis=SliceAxis.SPACE)) == []


@pytest.mark.parametrize(
    ("wanted", "found", "fits"),
    [
        ("display", Quantity.DISPLAY, True),
        ("display", Quantity.HOUNSFIELD, True),
        ("display", Quantity.ARBITRARY, True),
        ("display", Quantity.LABEL, False),
        ("hounsfield", Quantity.HOUNSFIELD, True),
        ("hounsfield", Quantity.ARBITRARY, False),
        ("suv_bw", Quantity.ACTIVITY, False),
        ("label", Quantity.LABEL, True),
    ],
)
def test_quantities(wanted, found, fits):
    volume = toys.prepared(np.zeros((1, 30, 30)))
    assert issues({**CHEST, "quantity": wanted}, volume=volume.with_array(volume.array, quantity=found)) == (
        [] if fits else [("Q513", "reject")]
    )


def colour_of(channels):
    """Return 8-bit channels (row, column, channel) as a colour volume."""
    volume = toys.prepared(np.zeros((1, *channels.shape[:2])))
    return volume.with_array(np.moveaxis(channels, -1, 0)[:, None])


def grey_rgb(rows=64, columns=64, noise=6, seed=0):
    chance = np.random.default_rng(seed)
    grey = chance.integers(10, 240, (rows, columns, 1))
    return np.clip(grey + chance.integers(-noise, noise + 1, (rows, columns, 3)), 0, 255).astype(np.uint8)


def test_grey_stored_as_rgb_is_taken():
    assert issues(volume=colour_of(grey_rgb(noise=0))) == []
    assert issues(volume=colour_of(grey_rgb(noise=6))) == []


def test_a_jpeg_of_grey_is_taken():
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(grey_rgb(noise=0)).save(buffer, "JPEG", quality=50)
    assert issues(volume=colour_of(np.asarray(Image.open(buffer)))) == []


def test_photographs_are_refused():
    from skimage import data

    for picture in (data.astronaut(), data.coffee(), data.chelsea(), data.retina(), data.immunohistochemistry()):
        assert issues(volume=colour_of(picture)) == [("Q510", "reject")]
        assert issues({**CHEST, "allows_colour": True}, volume=colour_of(picture)) == []


def test_the_coloured_part_is_measured():
    pixels = grey_rgb(100, 100, noise=0)
    pixels[:10, :30] = (255, 0, 0)
    assert colour_fraction(colour_of(pixels)) == pytest.approx(0.03)
    assert issues(volume=colour_of(pixels)) == [("Q510", "reject")]
    assert issues({**CHEST, "maximum_colour_fraction": 0.05}, volume=colour_of(pixels)) == []


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_colour_is_measured_against_full_scale(kind):
    pixels = np.zeros((10, 10, 3))
    pixels[:5] = (1.0, 0.5, 0.5)
    scale = 1 if kind is np.float32 else np.iinfo(kind).max
    assert colour_fraction(colour_of((pixels * scale).astype(kind))) == pytest.approx(0.5)


def test_grey_volumes_have_no_colour():
    assert colour_fraction(toys.prepared(np.ones((1, 9, 9)))) == 0
    assert colour_fraction(toys.prepared(np.ones((1, 1, 9, 9)))) == 0


def test_severities_are_the_nouns():
    series = toys.series_of("CT", **FITTING)
    volume = toys.prepared(np.zeros((1, 30, 30)))
    (issue,) = check_contract(toys.manifest(input=CHEST), toys.study_of(series, patient_age_years=30.0), series, volume)
    assert issue.severity is Severity.REJECT
    assert issue.facts == {"found": "CT", "expected": "CR, DX"}
