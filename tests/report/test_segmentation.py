"""The DICOM Segmentation read back by highdicom and by our own reader of masks, on grids of several directions."""

from dataclasses import replace

import highdicom as hd
import numpy as np
import pydicom
import pytest

from hounsfield.cases.dicom_masks import read_mask_object, read_regions
from hounsfield.core.codes import concept
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.volume import Mask
from hounsfield.errors import Unencodable
from hounsfield.image import phantoms
from hounsfield.opening import read_volumes
from hounsfield.report.segmentation import Segments, segmentation_dataset, write_segmentation

MODEL = ModelIdentity("lesion-prompt", "1.0", "tumour", "ab" * 32)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ct")
    phantoms.write_ct(folder / "study", phantoms.BodyPhantom(geometry=VolumeGeometry((5, 40, 60), (2.0, 1.5, 1.0))))
    found = read_volumes(folder / "study")
    return found.volumes[0], found.series[0]


def segments_of(volume, **changes) -> Segments:
    array = np.zeros(volume.geometry.shape, np.uint8)
    array[1:3, 10:20, 30:34] = 1
    array[2:4, 24:29, 30:50] = 2
    mask = Mask(array, volume.geometry, {1: concept("neoplasm"), 2: concept("nodule")})
    return replace(Segments(mask, MODEL, {1: "T1"}), **changes)


def test_every_voxel_comes_back_in_its_place(opened, tmp_path):
    volume, series = opened
    segments = segments_of(volume)
    path = write_segmentation(segments, series, tmp_path / "seg.dcm")
    found = read_mask_object(path)
    assert found.series_instance_uids == (series.series_instance_uid,)
    assert [name for _, name in found.names] == ["T1", "Nodule"]
    assert dict(found.concepts)[1].value == concept("neoplasm").value
    for number, inside in read_regions(found, volume.geometry):
        np.testing.assert_array_equal(inside, segments.mask.array == number)


def test_highdicom_reads_the_same_volume(opened, tmp_path):
    volume, series = opened
    path = write_segmentation(segments_of(volume), series, tmp_path / "seg.dcm")
    theirs = hd.seg.segread(path).get_volume(combine_segments=True)
    for number in (1, 2):  # highdicom may turn the order of slices round, but no voxel may leave its place
        places = np.argwhere(np.atleast_3d(theirs.array) == number)
        found = (theirs.affine @ np.c_[places, np.ones(len(places))].T).T[:, :3]
        wanted = volume.geometry.to_patient(np.argwhere(segments_of(volume).mask.array == number))
        np.testing.assert_allclose(
            found[np.lexsort(found.round(3).T)], wanted[np.lexsort(wanted.round(3).T)], atol=1e-3
        )


def test_the_object_says_what_it_is_and_whose(opened):
    volume, series = opened
    dataset = segmentation_dataset(segments_of(volume), series)
    source = pydicom.dcmread(series.instances[0].path, stop_before_pixels=True)
    assert dataset.Modality == "SEG"
    assert dataset.SegmentationType == "BINARY"
    assert dataset.PatientID == source.PatientID
    assert dataset.StudyInstanceUID == series.study_instance_uid
    assert dataset.SeriesInstanceUID != series.series_instance_uid
    assert dataset.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert "not a medical device" in dataset.ContentDescription
    algorithm = dataset.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == (MODEL.name, MODEL.version)
    referenced = {
        item.ReferencedSOPInstanceUID for item in dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert referenced <= {instance.sop_instance_uid for instance in series.instances}


def test_the_same_lesion_keeps_its_tracking_uid(opened):
    volume, series = opened
    first, again = (segmentation_dataset(segments_of(volume), series) for _ in range(2))
    assert first.SOPInstanceUID != again.SOPInstanceUID
    assert [one.TrackingUID for one in first.SegmentSequence] == [one.TrackingUID for one in again.SegmentSequence]
    assert first.SegmentSequence[0].TrackingUID != first.SegmentSequence[1].TrackingUID


def test_a_mask_that_nobody_pointed_at_is_automatic(opened):
    volume, series = opened
    dataset = segmentation_dataset(segments_of(volume, is_by_person=False), series)
    assert dataset.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"


def test_an_empty_mask_and_a_source_that_is_no_dicom_are_refused(opened):
    volume, series = opened
    nothing = Mask(np.zeros(volume.geometry.shape, np.uint8), volume.geometry, {1: concept("neoplasm")})
    with pytest.raises(Unencodable, match="E603"):
        segmentation_dataset(segments_of(volume, mask=nothing), series)
    plain = replace(series, instances=tuple(replace(one, media_type="image/png") for one in series.instances))
    with pytest.raises(Unencodable, match="E604"):
        segmentation_dataset(segments_of(volume), plain)
