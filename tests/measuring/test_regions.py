"""What is measured: labels of files, segments of DICOM, pictures; against numpy on the arrays that were written."""

from pathlib import Path

import nrrd
import numpy as np
import pytest
from pydicom import dcmread

from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.errors import DatasetError, ImageError
from hounsfield.measuring.regions import open_regions
from hounsfield.measuring.run import MeasuringOptions, measure_case
from hounsfield.measuring.sources import RegionSource
from hounsfield.radiomics import named_settings, settings_from
from tests.cases import test_masked_dicom as dicom
from tests.measuring.cases import SPACING_MM, labels, samples, write_case, write_nifti, write_picture

FAST = settings_from({"families": ["intensity-statistics", "morphology"]}, "fast")


def source(image: Path, mask: Path, label: int | None = None) -> RegionSource:
    return RegionSource("case", image, mask, label)


def test_every_label_is_a_region_with_the_samples_below_it(tmp_path: Path) -> None:
    found = measure_case(source(*write_case(tmp_path)), MeasuringOptions(FAST))
    assert [one.region.label for one in found] == [2, 7]
    for one, label in zip(found, (2, 7), strict=True):
        inside = samples()[labels() == label]
        assert one.found.value("stat_mean") == pytest.approx(inside.mean(), abs=1e-9)
        assert one.found.value("stat_max") == inside.max()
        assert one.found.value("morph_vol_approx") == pytest.approx(inside.size * np.prod(SPACING_MM))
        assert one.fault is None


def test_one_label_can_be_asked_for_and_one_that_is_not_there_says_so(tmp_path: Path) -> None:
    files = write_case(tmp_path)
    found = measure_case(source(*files, label=7), MeasuringOptions(FAST))
    assert [(one.region.label, one.found.voxel_count) for one in found] == [(7, 24)]
    absent = measure_case(source(*files, label=3), MeasuringOptions(FAST))
    assert [one.fault.code for one in absent] == ["E963"]


def test_nrrd_and_nifti_of_the_same_voxels_measure_the_same(tmp_path: Path) -> None:
    header = {"space": "left-posterior-superior", "space origin": [0, 0, 0], "kinds": ["domain"] * 3}
    header["space directions"] = np.diag(SPACING_MM[::-1]).tolist()
    for name, array in (("image.nrrd", samples()), ("mask.seg.nrrd", labels())):
        nrrd.write(str(tmp_path / name), array.transpose(2, 1, 0), header)
    one = measure_case(source(tmp_path / "image.nrrd", tmp_path / "mask.seg.nrrd"), MeasuringOptions(FAST))
    other = measure_case(source(*write_case(tmp_path)), MeasuringOptions(FAST))
    for first, second in zip(one, other, strict=True):
        for feature, twin in zip(first.found.features, second.found.features, strict=True):
            assert feature.value == pytest.approx(twin.value, nan_ok=True)


def test_a_mask_on_another_grid_is_refused(tmp_path: Path) -> None:
    image, _ = write_case(tmp_path)
    mask = write_nifti(tmp_path / "other.nii.gz", labels()[:, :, :-1])
    with pytest.raises(DatasetError, match="E881"):
        list(open_regions(source(image, mask)).regions())
    assert [one.fault.code for one in measure_case(source(image, mask))] == ["E881"]


def test_an_empty_mask_and_one_of_fractions_are_refused(tmp_path: Path) -> None:
    image, _ = write_case(tmp_path)
    empty = write_nifti(tmp_path / "empty.nii.gz", np.zeros_like(labels()))
    halves = write_nifti(tmp_path / "halves.nii.gz", labels().astype(np.float32) / 2.5)
    assert [measure_case(source(image, mask))[0].fault.code for mask in (empty, halves)] == ["E963", "E882"]


def test_digests_are_those_of_the_files(tmp_path: Path) -> None:
    import hashlib

    files = write_case(tmp_path)
    inputs = open_regions(source(*files)).inputs
    assert [item.role for item in inputs] == ["image", "mask"]
    assert [item.sha256 for item in inputs] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


def test_a_ct_without_a_quantity_is_noted_until_settings_say_what_it_is(tmp_path: Path) -> None:
    image = write_nifti(tmp_path / "ct.nii.gz", np.where(labels() > 0, 300, -1000).astype(np.int16))
    mask = write_nifti(tmp_path / "mask.nii.gz", labels())
    found = measure_case(source(image, mask, 2), MeasuringOptions(FAST))
    assert [(issue.code, issue.severity) for issue in found[0].issues] == [("Q970", Severity.NOTE)]
    told = settings_from({"families": ["intensity-statistics"], "rounds": True}, "told")
    assert measure_case(source(image, mask, 2), MeasuringOptions(told))[0].issues == ()


@pytest.mark.parametrize(("low", "high"), [(-800, 300), (-1000, 100), (-5000, 300)])
def test_other_ranges_are_no_ct(tmp_path: Path, low: int, high: int) -> None:
    image = write_nifti(tmp_path / "mr.nii.gz", np.where(labels() > 0, high, low).astype(np.int16))
    mask = write_nifti(tmp_path / "mask.nii.gz", labels())
    assert measure_case(source(image, mask, 2), MeasuringOptions(FAST))[0].issues == ()


def test_a_picture_takes_the_settings_of_one_slice(tmp_path: Path) -> None:
    image = write_picture(tmp_path / "a.png", samples()[0])
    mask = write_picture(tmp_path / "a_mask.png", labels()[2] * 30)
    found = measure_case(source(image, mask))
    assert [one.region.label for one in found] == [60]
    assert found[0].found.settings == named_settings("default-2d")
    ways = {feature.aggregation for feature in found[0].found.features}
    assert ways == {"", "2D, averaged", "2D, slice-merged", "2D"}
    assert found[0].found.voxel_count == 30


def test_segments_have_their_names_and_coded_types(tmp_path: Path) -> None:
    slices = dicom.ct(tmp_path / "ct")
    mask = dicom.seg(slices, tmp_path / "seg.dcm", dicom.two_boxes())
    found = measure_case(source(tmp_path / "ct", mask), MeasuringOptions(FAST))
    assert [(one.region.label, one.region.name) for one in found] == [(1, "Liver"), (2, "Lesion")]
    assert {one.region.concept.meaning for one in found} == {"Mass"}
    assert [one.region.concept.scheme for one in found] == ["SCT", "SCT"]
    assert [one.found.voxel_count for one in found] == dicom.two_boxes().sum(axis=(0, 1, 2)).tolist()
    # slices 1 and 2 hold 1001 and 1002, less 1024
    assert found[0].found.value("stat_mean") == pytest.approx(-22.5)
    assert found[0].found.features[-1].unit == "[hnsf'U]"
    assert found[0].inputs[0].files == 4


def test_segments_that_overlap_are_each_whole(tmp_path: Path) -> None:
    slices = dicom.ct(tmp_path / "ct")
    pixels = dicom.two_boxes()
    pixels[..., 1] = pixels[..., 0]
    found = measure_case(
        source(tmp_path / "ct", dicom.seg(slices, tmp_path / "seg.dcm", pixels)), MeasuringOptions(FAST)
    )
    assert [one.found.voxel_count for one in found] == [70, 70]


def test_contours_lie_on_their_series(tmp_path: Path) -> None:
    slices = dicom.ct(tmp_path / "study" / "ct")
    contours = [dicom.box(3.0, (4, 9), (5, 12)), dicom.box(6.0, (4, 9), (5, 12))]
    mask = dicom.structures(slices, tmp_path / "study" / "rt.dcm", {"GTV": contours})
    dicom.ct(tmp_path / "study" / "another")
    found = measure_case(source(tmp_path / "study", mask), MeasuringOptions(FAST))
    assert [(one.region.name, one.found.voxel_count) for one in found] == [("GTV", 70)]
    assert open_regions(source(tmp_path / "study", mask)).volume.quantity is Quantity.HOUNSFIELD


def test_the_mask_of_another_series_is_refused(tmp_path: Path) -> None:
    mask = dicom.seg(dicom.ct(tmp_path / "one"), tmp_path / "masks" / "seg.dcm", dicom.two_boxes())
    dicom.ct(tmp_path / "two")
    with pytest.raises(ImageError, match="E972"):
        open_regions(source(tmp_path / "two", mask))
    # a folder with one mask object stands for it
    assert open_regions(source(tmp_path / "one", tmp_path / "masks")).mask_path == mask


def test_two_series_or_two_masks_are_no_case(tmp_path: Path) -> None:
    slices = dicom.ct(tmp_path / "study" / "one")
    dicom.ct(tmp_path / "study" / "two")
    plain = write_nifti(tmp_path / "mask.nii.gz", labels())
    with pytest.raises(ImageError, match="E971"):
        open_regions(source(tmp_path / "study", plain))
    for name in ("a.dcm", "b.dcm"):
        dicom.seg(slices, tmp_path / "masks" / name, dicom.two_boxes())
    with pytest.raises(ImageError, match="E971"):
        open_regions(source(tmp_path / "study" / "one", tmp_path / "masks"))


def test_a_segment_without_a_type_has_no_concept(tmp_path: Path) -> None:
    slices = dicom.ct(tmp_path / "ct")
    path = dicom.seg(slices, tmp_path / "seg.dcm", dicom.two_boxes())
    dataset = dcmread(path)
    for segment in dataset.SegmentSequence:
        del segment.SegmentedPropertyTypeCodeSequence
        segment.SegmentLabel = "no such thing"
    dataset.save_as(path)
    found = measure_case(source(tmp_path / "ct", path), MeasuringOptions(FAST))
    assert [one.region.concept for one in found] == [None, None]
