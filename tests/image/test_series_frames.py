"""Headers read together give what headers read alone give, whatever differs between the files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.errors import HounsfieldError, Undecodable
from hounsfield.image import phantoms
from hounsfield.image.frame import Frame, read_frames
from hounsfield.image.limits import PixelLimits
from hounsfield.image.series_frames import FEWEST, read_series_frames
from tests.image.helpers import PYDICOM_FILES, instance_of

LIMITS = PixelLimits()
SLICES = FEWEST + 2


@pytest.fixture
def slices(tmp_path: Path) -> list[Path]:
    geometry = VolumeGeometry((SLICES, 16, 20), (2.5, 0.7, 0.9), (-5.0, -6.0, 40.0))
    phantoms.write_ct(tmp_path, phantoms.BodyPhantom(geometry=geometry))
    return sorted(tmp_path.iterdir())


def bare(frames: list[Frame]) -> list[Frame]:
    return [replace(frame, pixels=None) for frame in frames]


def alone(paths: list[Path]) -> list[Frame]:
    return [frame for path in paths for frame in read_frames(instance_of(path), LIMITS)]


def together(paths: list[Path]) -> list[Frame]:
    return read_series_frames([instance_of(path) for path in paths], LIMITS)[0]


def change(path: Path, edit: Callable[[Dataset], None]) -> None:
    dataset = pydicom.dcmread(path)
    edit(dataset)
    dataset.save_as(path)


def set_to(**values: object) -> Callable[[Dataset], None]:
    def edit(dataset: Dataset) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return edit


def without(keyword: str) -> Callable[[Dataset], None]:
    return lambda dataset: delattr(dataset, keyword)


def with_lut(dataset: Dataset) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4, 0, 16])
    item.ModalityLUTType = "US"
    item.add_new("LUTData", "US", [0, 1, 2, 3])
    dataset.ModalityLUTSequence = [item]


EDITS: dict[str, Callable[[Dataset], None]] = {
    "another position": set_to(ImagePositionPatient=[1.5, -2.25, 99]),
    "a position with blanks": set_to(ImagePositionPatient=["1.50", "-2.25", "7 "]),
    "no position": without("ImagePositionPatient"),
    "an empty position": set_to(ImagePositionPatient=None),
    "two numbers for a position": set_to(ImagePositionPatient=[1, 2]),
    "another orientation": set_to(ImageOrientationPatient=[0, 1, 0, 0, 0, -1]),
    "another spacing": set_to(PixelSpacing=[0.5, 0.25]),
    "another thickness": set_to(SliceThickness="7"),
    "another slope": set_to(RescaleSlope="2.5"),
    "another intercept": set_to(RescaleIntercept="-10.5"),
    "no slope": without("RescaleSlope"),
    "another rescale type": set_to(RescaleType="US"),
    "another window": set_to(WindowCenter="400", WindowWidth="1800"),
    "two windows": set_to(WindowCenter=["40", "400"], WindowWidth=["80", "1800"]),
    "no window": set_to(WindowCenter=None, WindowWidth=None),
    "padding": lambda dataset: dataset.add_new(0x00280120, "SS", -2000),
    "a time": set_to(AcquisitionTime="113000.25"),
    "a moment": set_to(AcquisitionDateTime="20240102113000.5"),
    "a bad time": set_to(AcquisitionTime="99"),
    "an echo": set_to(EchoTime="12.5", EchoNumbers=2),
    "a trigger": set_to(TriggerTime="350"),
    "an image type": set_to(ImageType=["DERIVED", "SECONDARY", "REFORMATTED"]),
    "a frame of reference": set_to(FrameOfReferenceUID="1.2.3.4"),
    "bits": set_to(BitsStored=12, HighBit=11),
    "a sign": set_to(PixelRepresentation=1),
    "polarity": set_to(PhotometricInterpretation="MONOCHROME1"),
    "loss": set_to(LossyImageCompression="01", LossyImageCompressionRatio="10"),
    "a tilt": set_to(GantryDetectorTilt="12"),
    "a private element": lambda dataset: dataset.add_new(0x00091001, "LO", "x" * 40),
    "a long header": lambda dataset: dataset.add_new(0x00091001, "OB", b"x" * 20_000),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("which", [0, 4, SLICES - 1])
def test_one_file_that_differs_is_read_as_if_alone(slices: list[Path], name: str, which: int):
    change(slices[which], EDITS[name])
    assert bare(together(slices)) == alone(slices)


@pytest.mark.parametrize("name", EDITS)
def test_files_that_all_differ_from_the_header_before_are_read_as_if_alone(slices: list[Path], name: str):
    for path in slices[::2]:
        change(path, EDITS[name])
    assert bare(together(slices)) == alone(slices)


def test_a_lookup_table_in_one_file_is_not_lost(slices: list[Path]):
    change(slices[3], with_lut)
    frames = together(slices)
    assert [frame.transform.lookup_table is not None for frame in frames].index(True) == 3
    assert sum(frame.transform.lookup_table is not None for frame in frames) == 1


def test_most_files_are_compared_and_not_parsed(slices: list[Path], monkeypatch: pytest.MonkeyPatch):
    parsed: list[Path] = []
    original = pydicom.dcmread

    def counted(path: Path, *args: object, **kwargs: object) -> Dataset:
        parsed.append(path)
        return original(path, *args, **kwargs)

    instances = [instance_of(path) for path in slices]
    monkeypatch.setattr("hounsfield.image.reading.pydicom.dcmread", counted)
    read_series_frames(instances, LIMITS)
    assert len(parsed) == 1


def test_where_the_pixels_lie(slices: list[Path]):
    for path, frame in zip(slices, together(slices), strict=True):
        assert frame.pixels is not None
        raw = path.read_bytes()[frame.pixels.offset : frame.pixels.offset + frame.pixels.length]
        assert raw == pydicom.dcmread(path).PixelData


def test_a_file_cut_short_is_refused_as_if_alone(slices: list[Path]):
    instances = [instance_of(path) for path in slices]
    slices[5].write_bytes(slices[5].read_bytes()[:300])
    with pytest.raises(Undecodable) as found:
        read_series_frames(instances, LIMITS)
    with pytest.raises(Undecodable) as expected:
        read_frames(instances[5], LIMITS)
    assert found.value.code == expected.value.code


def test_a_file_that_went_away_is_refused(slices: list[Path]):
    instances = [instance_of(path) for path in slices]
    slices[2].unlink()
    with pytest.raises(HounsfieldError):
        read_series_frames(instances, LIMITS)


def test_a_file_above_the_limit_is_refused(slices: list[Path]):
    instances = [instance_of(path) for path in slices]
    with pytest.raises(Undecodable, match="E303"):
        read_series_frames(instances, PixelLimits(max_file_bytes=slices[0].stat().st_size - 1))


def test_objects_without_images_are_told_apart(slices: list[Path]):
    report = next(PYDICOM_FILES.glob("reportsi.dcm"))
    frames, refused = read_series_frames([*(instance_of(path) for path in slices), instance_of(report)], LIMITS)
    assert len(frames) == SLICES
    assert [refusal.code for refusal in refused] == ["E305"]


@pytest.mark.parametrize("first", ["reportsi.dcm", "rtdose.dcm"])
def test_a_first_file_that_is_no_single_image_does_no_harm(slices: list[Path], first: str):
    files = [PYDICOM_FILES / first, *slices]
    frames, refused = read_series_frames([instance_of(path) for path in files], LIMITS)
    assert len(frames) + len(refused) >= SLICES + 1
    assert bare(frames)[-SLICES:] == alone(slices)


def test_random_edits_of_many_files(slices: list[Path]):
    chance = np.random.default_rng(20)
    names = [name for name in EDITS if name != "a long header"]
    for path in slices:
        for name in chance.choice(names, 3, replace=False):
            try:
                change(path, EDITS[str(name)])
            except AttributeError:
                continue
    try:
        expected = alone(slices)
    except HounsfieldError as error:
        with pytest.raises(type(error)):
            together(slices)
        return
    assert bare(together(slices)) == expected


def test_pydicoms_own_files_together():
    files = sorted(path for path in PYDICOM_FILES.glob("*.dcm") if "no_meta" not in path.name)
    readable = []
    for path in files:
        try:
            frames = read_frames(instance_of(path), LIMITS)
        except HounsfieldError:
            continue
        if (
            len(frames) == 1
            and frames[0].transform.lookup_table is None
            and frames[0].presentation.lookup_table is None
        ):
            readable.append(path)
    assert len(readable) > 30
    assert bare(together(readable)) == alone(readable)
