"""Preparing from source to files: formats read by others, replay, the mark, refusals, figures against the truth."""

import itertools
import json
import shutil

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.data import get_testdata_file

from hounsfield.archive.local import open_source
from hounsfield.cli import main
from hounsfield.core.quantities import Quantity
from hounsfield.errors import HounsfieldError, SettingsError
from hounsfield.image import phantoms
from hounsfield.image.assemble import assemble
from hounsfield.image.phantoms import BodyPhantom, pose_geometry
from hounsfield.prepare.notation import parse_steps, read_trace
from hounsfield.prepare.sequence import apply_steps, build_steps
from hounsfield.preparing import PreparingOptions, compare, prepare_volume
from tests.prepare.volumes import volume_of


@pytest.fixture
def body(tmp_path):
    phantom = BodyPhantom(geometry=pose_geometry((5, 48, 40), (8.0, 2.8, 3.4)))
    return phantoms.write_ct(tmp_path / "body", phantom)[0].parent


def steps(text):
    return build_steps(parse_steps(text))


def read(source):
    with open_source(source) as archive:
        return assemble(archive.studies[0].series[0]).volumes[0]


@pytest.mark.parametrize("name", ["out.nii.gz", "out.nii", "out.nrrd"])
def test_files_are_read_by_simpleitk_where_they_should_lie(body, tmp_path, name):
    prepared = prepare_volume(body, tmp_path / name, steps("unsharp:amount=0.5"))
    image = SimpleITK.ReadImage(str(tmp_path / name))
    np.testing.assert_allclose(np.sort(SimpleITK.GetArrayFromImage(image), None), np.sort(prepared.volume.array, None))
    assert prepared.volume.quantity is Quantity.HOUNSFIELD
    ends = [(0, length - 1) for length in image.GetSize()]
    corners = [image.TransformIndexToPhysicalPoint(index) for index in itertools.product(*ends)]
    shape = prepared.volume.geometry.shape
    grid = prepared.volume.geometry.to_patient(list(itertools.product(*[(0, length - 1) for length in shape])))
    for point in corners:
        assert np.abs(grid - point).max(axis=1).min() < 1e-3
    assert [path.name for path in prepared.files] == [name, f"{name}.trace.json", f"{name}.before-after.html"]
    assert all(path.is_file() for path in prepared.files)


def test_a_trace_gives_the_same_file(body, tmp_path):
    first = prepare_volume(body, tmp_path / "a.nii", steps("clahe;flip:axis=columns,probability=0.5"))
    again = prepare_volume(body, tmp_path / "b.nii", read_trace(tmp_path / "a.nii.trace.json"))
    assert (tmp_path / "a.nii").read_bytes() == (tmp_path / "b.nii").read_bytes()
    assert first.trace == again.trace
    assert again.volume.enhanced_by == ("clahe",)


def test_what_is_written_is_what_the_steps_make(body, tmp_path):
    prepare_volume(body, tmp_path / "a.nii", steps("window:center=40,width=400"))
    expected, _ = apply_steps(steps("window:center=40,width=400"), read(body))
    found = nibabel.load(tmp_path / "a.nii").get_fdata()
    np.testing.assert_allclose(np.sort(found, None), np.sort(expected.array.astype(np.float64), None), atol=1e-7)


def test_refusals(body, tmp_path):
    with pytest.raises(SettingsError, match="E343"):
        prepare_volume(body, tmp_path / "out.png", steps("grey"))
    (tmp_path / "there.nii").write_text("mine", encoding="utf-8")
    with pytest.raises(SettingsError, match="E340"):
        prepare_volume(body, tmp_path / "there.nii", steps("grey"))
    assert (tmp_path / "there.nii").read_text(encoding="utf-8") == "mine"
    with pytest.raises(SettingsError, match="E463"):
        prepare_volume(body, tmp_path / "out.nii", steps("grey"), PreparingOptions(volume_number=2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["body", "there.nii"]


def test_what_is_no_image_beside_a_volume_does_not_matter(body, tmp_path):
    """A dose report lies in most CT studies; a second volume has to be chosen by its number."""
    shutil.copy(get_testdata_file("reportsi.dcm"), body / "report.dcm")
    prepared = prepare_volume(body, tmp_path / "one.nii", steps("grey"))
    assert prepared.volume.geometry.shape == read(body).geometry.shape
    shutil.copy(get_testdata_file("MR_small.dcm"), body / "other.dcm")
    with pytest.raises(SettingsError, match="E463: The source holds 2 volumes"):
        prepare_volume(body, tmp_path / "two.nii", steps("grey"))
    shapes = {
        prepare_volume(body, tmp_path / f"{number}.nii", steps("grey"), PreparingOptions(number)).volume.geometry.shape
        for number in (1, 2)
    }
    assert shapes == {prepared.volume.geometry.shape, (1, 64, 64)}


def test_a_source_of_which_nothing_can_be_read_says_why(tmp_path):
    alone = tmp_path / "report"
    alone.mkdir()
    shutil.copy(get_testdata_file("reportsi.dcm"), alone)
    with pytest.raises(HounsfieldError, match="E305"):
        prepare_volume(alone, tmp_path / "out.nii", steps("grey"))


def test_the_page_tells_how_near_the_truth_is():
    r, c = np.mgrid[:64, :64]
    truth = (100.0 * (np.hypot(r - 30, c - 34) < 18) + 20 * np.sin(r / 5)).astype(np.float32)
    noisy = (truth + np.random.default_rng(0).normal(0, 15, truth.shape)).astype(np.float32)
    before, reference = (volume_of(array[None], Quantity.HOUNSFIELD) for array in (noisy, truth))
    smooth = before.with_array(
        ((noisy + np.roll(noisy, 1, 1) + np.roll(noisy, -1, 1)) / 3)[None], enhanced_by=("mean",)
    )
    _, trace = apply_steps((), before)
    page = compare(before, smooth, trace, reference)
    singles, pairs = page.figures
    assert singles[0] == ("before", "after", "reference")
    assert pairs[0] == ("pair", "pair-before", "pair-after")
    figures = {figure.name: figure.values for figure in (*singles[1], *pairs[1])}
    assert figures["psnr"][2] > figures["psnr"][1] + 2
    assert figures["ssim"][2] > figures["ssim"][1]
    assert figures["noise"][0] > 2 * figures["noise"][1] > figures["noise"][2]
    assert page.is_same_window
    assert page.is_enhanced


def test_colour_goes_to_nrrd_and_to_nifti(tmp_path):
    source = phantoms.write_secondary_capture(tmp_path / "chart")
    source = source[0] if isinstance(source, tuple) else source
    prepared = prepare_volume(source, tmp_path / "c.nrrd", steps("flip:axis=rows"))
    found = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "c.nrrd")))
    np.testing.assert_array_equal(found, np.moveaxis(prepared.volume.array, 0, -1))
    prepare_volume(source, tmp_path / "c.nii", steps("flip:axis=rows"))
    pixels = np.asarray(nibabel.load(tmp_path / "c.nii").dataobj)
    assert pixels.dtype.names == ("R", "G", "B")
    assert np.array_equal(np.sort(pixels["G"], None), np.sort(prepared.volume.array[1], None))


def test_a_folder_becomes_a_derived_dicom_series(body, tmp_path):
    prepared = prepare_volume(body, tmp_path / "out", steps("unsharp"))
    slices = [path for path in prepared.files if path.suffix == ".dcm"]
    assert len(slices) == prepared.volume.geometry.shape[0]
    dataset = pydicom.dcmread(slices[0])
    assert dataset.ImageType[:2] == ["DERIVED", "SECONDARY"]
    assert dataset.DerivationDescription.startswith("Prepared: unsharp; enhanced, not for measuring")
    assert dataset.SourceImageSequence
    back = read(tmp_path / "out")
    assert np.abs(back.array - prepared.volume.array).max() <= float(dataset.get("RescaleSlope", 1)) / 2 + 1e-3


def test_our_own_reader_finds_the_same_volume_on_the_same_grid(body, tmp_path):
    for name in ("a.nii.gz", "a.nrrd"):
        prepared = prepare_volume(body, tmp_path / name, steps("unsharp"))
        found = read(tmp_path / name)
        ours, theirs = (
            dict(zip(map(tuple, np.round(corners(volume), 3)), samples(volume), strict=True))
            for volume in (prepared.volume, found)
        )
        assert ours == theirs


def corners(volume):
    ends = [(0, length - 1) for length in volume.geometry.shape]
    return volume.geometry.to_patient(list(itertools.product(*ends))) + 0.0


def samples(volume):
    ends = [(0, length - 1) for length in volume.geometry.shape]
    return [float(volume.array[index]) for index in itertools.product(*ends)]


def test_colour_and_other_grids_have_a_page(tmp_path):
    source = phantoms.write_secondary_capture(tmp_path / "chart")
    source = source[0] if isinstance(source, tuple) else source
    prepare_volume(source, tmp_path / "grey.nrrd", steps("grey;resize:rows=20,columns=20"))
    text = (tmp_path / "grey.nrrd.before-after.html").read_text(encoding="utf-8")
    assert text.count("data:image/png") == 2


def test_the_verb(body, tmp_path, capfd):
    out = tmp_path / "verb.nii.gz"
    code = main(["prepare", str(body), str(out), "--steps", "clahe:clip=0.02", "--json", "--quiet"])
    data = json.loads(capfd.readouterr().out)
    assert code == 0
    assert data["enhanced_by"] == data["steps"] == ["clahe"]
    assert data["shape"] == [5, 48, 40]
    replay = tmp_path / "again.nii.gz"
    assert (
        main(["prepare", str(body), str(replay), "--trace", f"{out}.trace.json", "--reference", str(body), "-q"]) == 0
    )
    assert "measure and diagnose on the original" in capfd.readouterr().out
    assert "Reference and after" in (tmp_path / "again.nii.gz.before-after.html").read_text(encoding="utf-8")
    first, second = (nibabel.load(path).get_fdata() for path in (out, replay))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    ("words", "code"),
    [((), "E465"), (("--steps", "a b"), "E461"), (("--steps", "sharpen"), "E401"), (("--steps", "clahe:x=1"), "E402")],
)
def test_the_verb_refuses_with_a_code(body, tmp_path, capfd, words, code):
    assert main(["prepare", str(body), str(tmp_path / "out.nii"), *words, "--json"]) in (1, 2)
    assert json.loads(capfd.readouterr().out)["error"]["code"] == code
