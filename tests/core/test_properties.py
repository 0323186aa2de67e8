"""What holds for any grid, UID, trace, code and sentence: properties, and answers of pydicom, nibabel and highdicom."""

import dataclasses
import inspect
import json
import string
import uuid

import highdicom as hd
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydicom.sr.codedict import codes as dictionary
from pydicom.uid import UID
from scipy.spatial.transform import Rotation

from hounsfield import errors
from hounsfield.core import finding, geometry, prediction, quality, report, study, trace, volume
from hounsfield.core.codes import PRIVATE_SCHEME, concept, concept_for, concept_names, local_concept
from hounsfield.core.geometry import Calibration, VolumeGeometry, geometry_from_affine
from hounsfield.core.identifiers import derived_uid, is_valid_uid, new_uid
from hounsfield.core.quality import QualityIssue, Severity, issue_of
from hounsfield.core.quantities import Quantity, ml_to_mm3, mm3_to_ml
from hounsfield.core.study import InstanceRef
from hounsfield.core.trace import Trace
from hounsfield.core.volume import Mask, SliceAxis, Volume
from hounsfield.errors import HounsfieldError, ImageError, InconsistentSeries
from hounsfield.messages import LANGUAGES, catalogue, next_step, sentence

MM = st.floats(0.05, 20, allow_nan=False)
PLACE = st.floats(-500, 500, allow_nan=False)
SIZE = st.integers(1, 40)
TURN = st.integers(0, 2**32 - 1).map(lambda seed: Rotation.random(random_state=seed).as_matrix())


@st.composite
def grids(draw) -> VolumeGeometry:
    """Return any grid: any size, spacing and turn, left-handed ones included."""
    matrix = draw(TURN) * np.where([draw(st.booleans()), True, True], -1.0, 1.0)
    rows = tuple(tuple(float(value) for value in row) for row in matrix)
    shape = (draw(SIZE), draw(SIZE), draw(SIZE))
    return VolumeGeometry(shape, (draw(MM), draw(MM), draw(MM)), (draw(PLACE), draw(PLACE), draw(PLACE)), rows, "1.2")


def corners(grid: VolumeGeometry) -> np.ndarray:
    """Return the eight outer corners of the box in patient coordinates."""
    ends = [(-0.5, size - 0.5) for size in grid.shape]
    return grid.to_patient([(s, r, c) for s in ends[0] for r in ends[1] for c in ends[2]])


@settings(max_examples=100, deadline=None)
@given(grids(), st.lists(st.tuples(PLACE, PLACE, PLACE), min_size=1, max_size=5))
def test_there_and_back(grid, points):
    assert np.allclose(grid.to_index(grid.to_patient(points)), points, atol=1e-6)
    assert np.allclose(grid.to_patient(grid.to_index(points)), points, atol=1e-6)
    assert np.allclose(grid.index_to_patient @ grid.patient_to_index, np.eye(4), atol=1e-9)


@settings(max_examples=80, deadline=None)
@given(grids())
def test_the_voxel_is_the_determinant_and_steps_are_as_long_as_their_spacing(grid):
    assert abs(np.linalg.det(grid.index_to_patient)) == pytest.approx(grid.voxel_volume_mm3, rel=1e-9)
    origin = grid.to_patient([(0, 0, 0)])[0]
    for axis, step in enumerate(np.eye(3)):
        length = np.linalg.norm(grid.to_patient([step])[0] - origin)
        assert length == pytest.approx(grid.spacing_mm[axis], rel=1e-9)
    named = (grid.slice_spacing_mm, grid.row_spacing_mm, grid.column_spacing_mm)
    assert named == grid.spacing_mm


@settings(max_examples=80, deadline=None)
@given(grids(), st.tuples(SIZE, SIZE, SIZE))
def test_resizing_keeps_the_box(grid, shape):
    resized = grid.resized(shape)
    assert np.allclose(corners(resized), corners(grid), atol=1e-6)
    assert resized.voxel_volume_mm3 * np.prod(shape) == pytest.approx(grid.voxel_volume_mm3 * np.prod(grid.shape))
    back = resized.resized(grid.shape)
    assert np.allclose(back.index_to_patient, grid.index_to_patient, atol=1e-6)


@settings(max_examples=80, deadline=None)
@given(grids(), st.tuples(*[st.integers(-10, 10)] * 3), st.tuples(SIZE, SIZE, SIZE))
def test_cropping_moves_no_voxel(grid, start, shape):
    cropped = grid.cropped(start, shape)
    assert np.allclose(cropped.to_patient([(0, 1, 2)]), grid.to_patient([np.add(start, (0, 1, 2))]), atol=1e-6)
    assert cropped.spacing_mm == grid.spacing_mm
    assert cropped.frame_of_reference_uid == "1.2"
    again = cropped.cropped(tuple(-value for value in start), grid.shape)
    assert np.allclose(again.index_to_patient, grid.index_to_patient, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(grids())
def test_an_affine_gives_its_grid_back(grid):
    again = geometry_from_affine(grid.index_to_patient, grid.shape, "1.2", Calibration.DETECTOR)
    assert np.allclose(again.index_to_patient, grid.index_to_patient, atol=1e-9)
    assert again.calibration is Calibration.DETECTOR


@settings(max_examples=40, deadline=None)
@given(grids())
def test_highdicom_has_the_same_affine(grid):
    """highdicom builds its volume from the attributes of DICOM: position, orientation, spacing, distance of slices."""
    matrix = np.asarray(grid.direction)
    assume(np.linalg.det(matrix) > 0)
    theirs = hd.VolumeGeometry.from_attributes(
        image_position=grid.origin_mm,
        image_orientation=[*matrix[:, 2], *matrix[:, 1]],
        rows=grid.shape[1],
        columns=grid.shape[2],
        pixel_spacing=grid.spacing_mm[1:],
        spacing_between_slices=grid.spacing_mm[0],
        number_of_frames=grid.shape[0],
        coordinate_system="PATIENT",
    )
    slices = np.cross(matrix[:, 2], matrix[:, 1])
    ours = grid.index_to_patient.copy()
    if np.dot(slices, matrix[:, 0]) < 0:
        ours[:3, 0] *= -1
    same = np.allclose(theirs.affine, ours, atol=1e-6)
    turned = np.allclose(theirs.affine[:3, 1:], ours[:3, 1:], atol=1e-6)
    assert same or turned
    assert np.allclose(np.abs(theirs.affine[:3, 0]), np.abs(ours[:3, 0]), atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(grids())
def test_nibabel_reads_the_same_axes(grid):
    """nibabel's world is RAS: the first two axes of the patient change their sign."""
    nibabel = pytest.importorskip("nibabel")
    ras = np.diag([-1.0, -1, 1, 1]) @ grid.index_to_patient
    assert np.allclose(nibabel.affines.voxel_sizes(ras), grid.spacing_mm)
    point = nibabel.affines.apply_affine(ras, [1, 2, 3])
    assert np.allclose(point * [-1, -1, 1], grid.to_patient([(1, 2, 3)])[0])


@settings(max_examples=60, deadline=None)
@given(grids(), st.floats(0.1, 1.0), st.integers(0, 5))
def test_a_sheared_grid_is_refused(grid, amount, which):
    first, second = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)][which]
    affine = grid.index_to_patient.copy()
    affine[:3, first] += amount * affine[:3, second] / grid.spacing_mm[second] * grid.spacing_mm[first]
    with pytest.raises(InconsistentSeries) as caught:
        geometry_from_affine(affine, grid.shape)
    assert caught.value.code == "E311"
    lean = np.degrees(np.arcsin(amount / np.hypot(1, amount)))
    assert caught.value.facts["angle_degrees"] == pytest.approx(lean, abs=0.01)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": (0, 1, 1)},
        {"shape": (1, -1, 1)},
        {"spacing_mm": (0.0, 1.0, 1.0)},
        {"spacing_mm": (1.0, -1.0, 1.0)},
        {"spacing_mm": (1.0, float("nan"), 1.0)},
        {"spacing_mm": (float("inf"), 1.0, 1.0)},
        {"origin_mm": (0.0, float("nan"), 0.0)},
        {"direction": ((0.0, 0.0, 0.0),) * 3},
        {"direction": ((1.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 1.0))},
    ],
)
def test_a_grid_that_no_box_can_have_is_refused(change):
    with pytest.raises(InconsistentSeries) as caught:
        VolumeGeometry(**{"shape": (2, 3, 4), **change})
    assert caught.value.code == "E310"


@given(st.text(alphabet="0123456789.１٣a \n", max_size=70))
@settings(max_examples=300, deadline=None)
def test_a_uid_is_what_pydicom_takes_for_one(text):
    """Digits of other scripts are no digits of a UID."""
    is_bare = text.isascii() and not any(letter.isspace() for letter in text)
    assert is_valid_uid(text) == (is_bare and bool(UID(text, validation_mode=0).is_valid))


def test_digits_of_other_scripts_are_refused_wherever_they_stand():
    for text in ("1.2１", "1１.2", "1.2.٣", "1.23٣4"):
        assert not is_valid_uid(text)


@given(st.lists(st.one_of(st.text(max_size=10), st.binary(max_size=10)), max_size=4))
@settings(deadline=None)
def test_a_derived_uid_is_a_uuid_of_version_8(parts):
    uid = derived_uid(*parts)
    assert is_valid_uid(uid)
    assert uid == derived_uid(*parts)
    found = uuid.UUID(int=int(uid.removeprefix("2.25.")))
    assert found.hex[12] == "8"
    assert found.variant == uuid.RFC_4122


@given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))
@settings(deadline=None)
def test_parts_do_not_run_into_each_other(one, other):
    assert derived_uid(one, other) != derived_uid(one + other)
    assert derived_uid(one, other) != derived_uid(one, other, "")


def test_new_uids_are_new():
    found = {new_uid() for _ in range(500)}
    assert len(found) == 500
    assert all(uuid.UUID(int=int(uid.removeprefix("2.25."))).version == 4 for uid in found)


JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.text(max_size=10), st.dictionaries(st.text(max_size=6), JSON_VALUES, max_size=4))))
@settings(max_examples=80, deadline=None)
def test_a_trace_reads_back(steps):
    whole = Trace()
    for name, parameters in steps:
        before = whole
        whole = whole.followed_by(name, parameters)
        assert before.steps == whole.steps[:-1]
    assert Trace.from_json(whole.to_json()) == whole
    assert [item["name"] for item in json.loads(whole.to_json())] == [name for name, _ in steps]


def test_a_trace_keeps_its_own_parameters():
    parameters = {"rows": 3}
    made = Trace().followed_by("resize", parameters)
    parameters["rows"] = 99
    assert made.steps[0].parameters == {"rows": 3}


@pytest.mark.parametrize("name", concept_names())
def test_a_concept_fits_dicom_and_both_languages(name):
    """PS3.3 Table 8.8-1: 16 characters of code, 64 of meaning; highdicom takes it."""
    entry = concept(name)
    hd.sr.CodedConcept(entry.value, entry.scheme, entry.meaning)
    assert 1 <= len(entry.value) <= 16
    assert 1 <= len(entry.scheme) <= 16
    assert 1 <= len(entry.meaning) <= 64
    assert entry.meaning.isascii()
    assert entry.text("en") == entry.meaning
    assert any("\u4e00" <= letter <= "\u9fff" for letter in entry.text("zh"))


def test_one_code_has_one_meaning():
    """Two names may stand for one concept, but never one code for two."""
    meanings: dict[tuple[str, str], set[str]] = {}
    for name in concept_names():
        entry = concept(name)
        meanings.setdefault((entry.scheme, entry.value), set()).add(entry.meaning)
    assert {key: found for key, found in meanings.items() if len(found) > 1} == {}


@settings(max_examples=150, deadline=None)
@given(st.sets(st.text(min_size=1, max_size=30).map(str.strip).filter(bool), min_size=2, max_size=8))
def test_class_names_without_a_code_never_share_one(names):
    """But for names that differ in case or in the sign between words alone, which mean the same class."""
    by_code: dict[str, set[str]] = {}
    for name in names:
        entry = local_concept(name)
        assert len(entry.value) <= 16
        assert entry.value.isascii()
        assert entry.scheme == PRIVATE_SCHEME
        by_code.setdefault(entry.value, set()).add(" ".join(name.upper().replace("_", " ").replace("-", " ").split()))
    assert all(len(spellings) == 1 for spellings in by_code.values())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("正常", "肺炎"),
        ("HER2+", "HER2-"),
        ("pituitary adenoma small", "pituitary adenoma large"),
        ("<5 mm", ">5 mm"),
        ("COVID-19", "COVID-19?"),
        ("a_b", "a,b"),
    ],
)
def test_two_classes_have_two_codes(one, other):
    assert local_concept(one).value != local_concept(other).value
    assert local_concept(one) == local_concept(one)


def test_a_plain_name_is_its_own_code():
    assert local_concept("odd one").value == "ODD_ONE"
    assert local_concept("benign").value == "BENIGN"
    assert concept_for("Pneumonia") == concept("pneumonia")
    assert concept_for("PNEUMONIA ").value == concept("pneumonia").value


FIELDS = {
    (key, part): [
        {field for _, field, _, _ in string.Formatter().parse(words[language].get(part, "")) if field}
        for language in LANGUAGES
    ]
    for key, words in catalogue().items()
    for part in ("text", "next")
}


def test_both_languages_name_the_same_facts():
    assert {key: fields for key, fields in FIELDS.items() if fields[0] != fields[1]} == {}


@given(st.text(max_size=40))
@settings(deadline=None)
def test_facts_are_filled_in_as_they_are(fact):
    """A fact that looks like a field, a format or an attribute stays text."""
    for hostile in (fact, "{found}", "{0.__class__}", "{found!r:>99999999}", "%s"):
        words = sentence("E806", {"found": hostile, "where": "x", "expected": "y"})
        assert f"The label {hostile} in x" in words


def test_a_code_without_words_is_itself():
    assert sentence("E000") == "E000"
    assert next_step("E000") == ""
    assert "?" in sentence("E806", {})


def test_an_error_becomes_an_issue_that_stops():
    error = ImageError("E312", uid="1.2.3", found=(1,), expected=(2,))
    issue = issue_of(error)
    assert (issue.code, issue.severity, issue.uid) == ("E312", Severity.REJECT, "1.2.3")
    for language in LANGUAGES:
        assert issue.text(language) == error.text(language)
        assert issue.next_step(language) == error.next_step(language)
    assert QualityIssue("E312", Severity.NOTE).facts == {}


def test_every_error_class_has_an_exit_code_and_keeps_its_facts():
    classes = [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, HounsfieldError)]
    assert len(classes) >= 18
    for item in classes:
        error = item("E806", uid="1.2", found="a", where="b", expected="c")
        assert error.exit_code in (1, 2, 3)
        assert (error.code, error.uid, error.facts["found"]) == ("E806", "1.2", "a")
        assert str(error).startswith("E806: ")


def test_nouns_are_frozen():
    modules = (finding, geometry, prediction, quality, report, study, trace, volume)
    nouns = {
        item for module in modules for _, item in inspect.getmembers(module, dataclasses.is_dataclass)
        if item.__module__ == module.__name__
    }  # fmt: skip
    assert len(nouns) >= 18
    for noun in nouns:
        assert noun.__dataclass_params__.frozen, noun


def instance(number: int) -> InstanceRef:
    return InstanceRef(f"1.2.{number}", "", None, "application/dicom", "")


def test_a_slice_knows_its_instance_and_frame():
    """One object for all, one object a slice, and frames of objects in an order of their own."""
    samples = np.zeros((3, 4, 5))
    grid = VolumeGeometry((3, 4, 5))
    one = Volume(samples, grid, Quantity.DISPLAY, (instance(1),), slice_axis=SliceAxis.TIME)
    assert [one.source_of(index)[1] for index in range(3)] == [0, 1, 2]
    many = Volume(samples, grid, Quantity.DISPLAY, tuple(instance(index) for index in range(3)))
    assert [many.source_of(index)[0].sop_instance_uid for index in range(3)] == ["1.2.0", "1.2.1", "1.2.2"]
    assert [many.source_of(index)[1] for index in range(3)] == [0, 0, 0]
    turned = dataclasses.replace(one, frame_indices=(7, 2, 5))
    assert [turned.source_of(index)[1] for index in range(3)] == [7, 2, 5]
    assert Volume(samples, grid, Quantity.DISPLAY).source_of(1) is None


@pytest.mark.parametrize("shape", [(3, 4), (3, 5, 4), (2, 3, 4, 6), (1, 2, 3, 4, 5), (3, 4, 5, 1)])
def test_samples_off_their_grid_are_refused(shape):
    with pytest.raises(ImageError) as caught:
        Volume(np.zeros(shape), VolumeGeometry((3, 4, 5)), Quantity.DISPLAY)
    assert caught.value.code == "E312"


def test_a_mask_is_of_integers():
    grid = VolumeGeometry((1, 2, 2))
    assert Mask(np.zeros((1, 2, 2), np.uint8), grid, {}).array.dtype == np.uint8
    for wrong in (np.zeros((1, 2, 2)), np.zeros((1, 2, 2), bool), np.zeros((2, 2), np.uint8)):
        with pytest.raises(ImageError):
            Mask(wrong, grid, {})


@given(st.floats(0, 1e9))
@settings(deadline=None)
def test_volumes_convert_there_and_back(value):
    assert ml_to_mm3(mm3_to_ml(value)) == pytest.approx(value)
    assert mm3_to_ml(1000.0) == 1.0


def test_quantities_have_units_of_the_standard():
    """UCUM codes as PS3.16 CID 82, 83 and 84 write them."""
    assert {quantity.name.lower(): quantity.unit.code for quantity in Quantity} == {
        "hounsfield": "[hnsf'U]",
        "suv_bw": "g/ml{SUVbw}",
        "activity": "Bq/ml",
        "display": "1",
        "probability": "{0:1}",
        "label": "{label}",
        "arbitrary": "[arb'U]",
    }
    assert Quantity.named("hounsfield") is Quantity.HOUNSFIELD
    assert dictionary.UCUM.HounsfieldUnit.value == Quantity.HOUNSFIELD.unit.code
    with pytest.raises(KeyError):
        Quantity.named("kelvin")


@settings(max_examples=60, deadline=None)
@given(grids(), st.integers(0, 2), st.integers(0, 2))
def test_turning_the_patient_frame_is_only_a_matter_of_names(grid, one, other):
    """The distance of two voxels is the same in every frame: Pythagoras on the spacings."""
    first, second = np.zeros(3), np.zeros(3)
    first[one] += 3.0
    second[other] -= 2.0
    in_patient = np.linalg.norm(grid.to_patient([first])[0] - grid.to_patient([second])[0])
    by_spacing = np.linalg.norm((first - second) * np.asarray(grid.spacing_mm))
    assert in_patient == pytest.approx(by_spacing, rel=1e-9, abs=1e-9)


def test_grids_are_equal_by_value_and_not_changed_by_looking():
    one, other = VolumeGeometry((2, 3, 4)), VolumeGeometry((2, 3, 4))
    assert one.index_to_patient is one.index_to_patient
    assert one == other
    assert one != VolumeGeometry((2, 3, 4), calibration=Calibration.NONE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.shape = (1, 1, 1)
