"""The mark of enhanced pixels survives in every file that is written, and what was not enhanced is not marked."""

import subprocess
from dataclasses import replace

import nibabel
import nrrd
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import Dataset

from hounsfield.converting import convert
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series
from hounsfield.errors import EnhancedPixels
from hounsfield.image import phantoms
from hounsfield.image.lazy import open_lazily
from hounsfield.image.mark import (
    KEY,
    QUANTITY_KEY,
    UNKNOWN,
    mark_codes,
    mark_line,
    mark_text,
    read_codes,
    read_kept,
    read_line,
    read_mark,
)
from hounsfield.image.write import write_volume
from hounsfield.opening import read_volumes
from hounsfield.prepare.notation import parse_steps
from hounsfield.prepare.sequence import apply_steps, build_steps
from tests.image.helpers import assemble_files

GRID = phantoms.pose_geometry((6, 40, 36), (12.0, 4.0, 5.0), phantoms.Pose("axial", (12.0, -20.0, 31.0)))
STEPS = "gaussian:sigma_mm=3;resample:spacing_mm=5;unsharp"
MARKS = ("gaussian", "unsharp")
TARGETS = ["out.nii.gz", "out.nii", "out.nrrd", "series"]
SOURCES = {
    "CT": lambda folder: list(phantoms.write_ct(folder, phantoms.BodyPhantom(GRID))),
    "MR": lambda folder: list(phantoms.write_head(folder, phantoms.HeadPhantom(GRID))),
    "PET": lambda folder: list(phantoms.write_pet(folder, phantoms.PetPhantom(GRID))),
    "capture": lambda folder: [phantoms.write_secondary_capture(folder)],
    "radiograph": lambda folder: [phantoms.write_chest(folder, phantoms.ChestPhantom(rows=80, columns=90))],
}


def scanned(folder, kind="CT"):
    return assemble_files(SOURCES[kind](folder / "in")).volumes[0]


def enhanced(volume, steps=STEPS):
    return apply_steps(build_steps(parse_steps(steps)), volume)[0]


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_enhanced_is_refused_when_it_is_read_again(tmp_path, target):
    written = enhanced(scanned(tmp_path))
    write_volume(written, tmp_path / target, "Tested")
    (found,) = read_volumes(tmp_path / target).volumes
    assert found.enhanced_by == written.enhanced_by == MARKS
    with pytest.raises(EnhancedPixels, match="gaussian, unsharp"):
        found.require_measurable()


@pytest.mark.parametrize("target", TARGETS)
def test_a_mark_passes_through_conversion_again_and_again(tmp_path, target):
    write_volume(enhanced(scanned(tmp_path)), tmp_path / "first.nrrd", "Tested")
    (second,) = read_volumes(tmp_path / "first.nrrd").volumes
    write_volume(second, tmp_path / "again" / target, "Converted")
    (third,) = read_volumes(tmp_path / "again" / target).volumes
    assert third.enhanced_by == MARKS
    assert enhanced(third, "gamma:gamma=0.7").enhanced_by == (*MARKS, "gamma")


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_not_enhanced_is_not_marked(tmp_path, target):
    plain = enhanced(scanned(tmp_path), "orient:to=RAS;resample:spacing_mm=4")
    write_volume(plain, tmp_path / target, "Tested")
    (found,) = read_volumes(tmp_path / target).volumes
    assert found.enhanced_by == ()
    found.require_measurable()


@pytest.mark.parametrize("kind", SOURCES)
def test_marked_objects_of_every_class_are_valid_to_dciodvfy(tmp_path, debian_tool, kind):
    step = "clahe" if kind == "capture" else "median"
    source = scanned(tmp_path, kind)
    source = source if not source.is_colour else enhanced(source, "grey")
    files = write_volume(enhanced(source, f"{step};unsharp"), tmp_path / "out", "Prepared: tested")
    done = subprocess.run(
        [debian_tool("dciodvfy", "dicom3tools"), files[0]], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []
    dataset = pydicom.dcmread(files[0])
    assert dataset.ImageType[0] == "DERIVED"
    assert [item.CodingSchemeDesignator for item in dataset.DerivationCodeSequence] == ["99HNSF"] * 2
    assert [item.CodeMeaning for item in dataset.DerivationCodeSequence] == [step, "unsharp"]
    assert assemble_files(files).volumes[0].enhanced_by == (step, "unsharp")


def test_one_marked_slice_marks_its_volume(tmp_path):
    """Also where the headers of a series are compared rather than parsed, and where pixels are read later."""
    plain = apply_steps((), scanned(tmp_path))[0]
    files = write_volume(plain, tmp_path / "out", "Tested")
    dataset = pydicom.dcmread(files[4])
    dataset.DerivationCodeSequence = mark_codes(("inpaint",))
    dataset.save_as(files[4])
    assert assemble_files(files).volumes[0].enhanced_by == ("inpaint",)
    assert assemble_files(files[::-1]).volumes[0].enhanced_by == ("inpaint",)
    (series,) = {found.series_instance_uid: found for found in read_volumes(tmp_path / "out").series}.values()
    assert isinstance(series, Series)
    (lazy,) = open_lazily(series)
    assert lazy.read().enhanced_by == ("inpaint",)
    assert lazy.read(0, 2).enhanced_by == ()


def test_a_repair_on_reading_keeps_the_marks_of_the_file(tmp_path):
    """A smoothed series that lost a slice is both smoothed and made up."""
    files = write_volume(enhanced(scanned(tmp_path), "gaussian:sigma_mm=3"), tmp_path / "out", "Tested")
    files[2].unlink()
    (found,) = read_volumes(tmp_path / "out", repair=["missing-slices"]).volumes
    assert found.repaired_by == ("missing-slices",)
    assert found.enhanced_by == ("gaussian", "missing-slices")


def test_codes_of_others_do_not_count(tmp_path):
    files = write_volume(scanned(tmp_path), tmp_path / "out", "Tested")
    for path in files:
        dataset = pydicom.dcmread(path)
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "113072", "DCM", "Multiplanar reformatting"
        dataset.DerivationCodeSequence = [item]
        dataset.save_as(path)
    assert assemble_files(files).volumes[0].enhanced_by == ()


def test_others_read_what_is_marked(tmp_path):
    """The places of the mark are ordinary ones: nibabel, pynrrd and SimpleITK read grid, samples and mark."""
    volume = enhanced(scanned(tmp_path))
    write_volume(volume, tmp_path / "a.nii.gz", "Tested")
    write_volume(volume, tmp_path / "a.nrrd", "Tested")
    image = nibabel.load(tmp_path / "a.nii.gz")
    assert {extension.get_code() for extension in image.header.extensions} == {6}
    assert image.header["descrip"].item().decode() == f"{KEY}=gaussian,unsharp"
    assert nrrd.read_header(str(tmp_path / "a.nrrd"))[KEY] == '["gaussian", "unsharp"]'
    one, other = (SimpleITK.ReadImage(str(tmp_path / name)) for name in ("a.nii.gz", "a.nrrd"))
    assert one.GetSize() == other.GetSize() == volume.geometry.shape[::-1]
    assert other.GetMetaData(KEY) == '["gaussian", "unsharp"]'
    np.testing.assert_allclose(np.sort(SimpleITK.GetArrayFromImage(one), None), np.sort(volume.array, None))


def test_a_conversion_says_what_was_enhanced(tmp_path):
    write_volume(enhanced(scanned(tmp_path)), tmp_path / "a.nrrd", "Tested")
    (converted,) = convert(tmp_path / "a.nrrd", tmp_path / "b.nii").volumes
    assert converted.enhanced_by == MARKS
    assert converted.repaired_by == ()


def test_a_copy_that_dropped_extensions_is_still_marked(tmp_path):
    write_volume(enhanced(scanned(tmp_path)), tmp_path / "a.nii", "Tested")
    image = nibabel.load(tmp_path / "a.nii")
    image.header.extensions.clear()
    nibabel.save(image, tmp_path / "b.nii")
    assert read_volumes(tmp_path / "b.nii").volumes[0].enhanced_by == MARKS


@pytest.mark.parametrize("steps", [("clahe",), ("a" * 60, "b" * 60), tuple(f"step-{n}" for n in range(40))])
def test_names_are_written_and_read(steps):
    assert read_mark(mark_text(steps)) == steps
    assert read_codes(mark_codes(steps)) == steps
    assert len(mark_line(steps)) < 80
    assert read_line(mark_line(steps))[0][:40] == steps[0][:40]


@pytest.mark.parametrize(
    "text", ["", "clahe", "{}", '"clahe"', "[" * 5000, "[[]]", '["a b"]', "[1e999]", '[""]', "nul\0"]
)
def test_a_damaged_mark_is_a_mark(text):
    assert UNKNOWN in read_mark(text)


@pytest.mark.parametrize("line", ["", "FSL 5.0", "enhanced_by=clahe", KEY, f" {KEY}"])
def test_other_lines_are_no_marks(line):
    assert read_line(line) == ()


@pytest.mark.parametrize("target", ["out.nii.gz", "out.nii", "out.nrrd"])
@pytest.mark.parametrize("kind", ["CT", "MR", "PET"])
def test_the_quantity_comes_back(tmp_path, target, kind):
    volume = scanned(tmp_path, kind)
    write_volume(volume, tmp_path / target, "Tested")
    (found,) = read_volumes(tmp_path / target).volumes
    assert found.quantity is volume.quantity
    assert found.enhanced_by == found.repaired_by == ()
    np.testing.assert_allclose(np.sort(found.array, None), np.sort(volume.array, None), rtol=1e-6)


@pytest.mark.parametrize("target", ["out.nii.gz", "out.nrrd"])
def test_repairs_come_back(tmp_path, target):
    volume = replace(scanned(tmp_path), repaired_by=("tilt", "spacing"))
    write_volume(volume, tmp_path / target, "Tested")
    (found,) = read_volumes(tmp_path / target).volumes
    assert found.repaired_by == ("tilt", "spacing")
    found.require_measurable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hounsfield", Quantity.HOUNSFIELD),
        (" SUV_BW ", Quantity.SUV_BW),
        ("label", Quantity.LABEL),
        ("", Quantity.ARBITRARY),
        ("__class__", Quantity.ARBITRARY),
        ("\u2603" * 400, Quantity.ARBITRARY),
    ],
)
def test_only_known_quantities_are_taken(text, expected):
    assert read_kept({QUANTITY_KEY: text}).quantity is expected


def test_files_of_others_keep_nothing(tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 5, 6), np.int16), np.eye(4)), tmp_path / "other.nii")
    nrrd.write(str(tmp_path / "other.nrrd"), np.ones((4, 5, 6), np.int16))
    for name in ("other.nii", "other.nrrd"):
        (found,) = read_volumes(tmp_path / name).volumes
        assert (found.quantity, found.enhanced_by, found.repaired_by) == (Quantity.ARBITRARY, (), ())


def test_colour_is_for_display_whatever_a_file_says(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((4, 5, 3), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])), np.eye(4))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(6, b"hounsfield_quantity=hounsfield"))
    nibabel.save(image, tmp_path / "colour.nii")
    (found,) = read_volumes(tmp_path / "colour.nii").volumes
    assert found.quantity is Quantity.DISPLAY
