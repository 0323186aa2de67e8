"""Elements as they stand in the file: raw values, byte order, sequences, character sets, and pixels left unread."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from hounsfield.image.conformance.attributes import missing_attributes, wrong_enumerated
from hounsfield.image.conformance.element import header_of, vm_of, vr_of
from hounsfield.image.conformance.pixels import wrong_identifiers, wrong_pixels
from hounsfield.image.conformance.table import Enumerated, ObjectTable, Requirement
from tests.image.helpers import PYDICOM_FILES

NOTHING = header_of(Dataset())


def file_header(name: str):
    return header_of(pydicom.dcmread(PYDICOM_FILES / name, defer_size=4096))


def header(**attributes):
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return header_of(dataset)


@pytest.mark.parametrize("name", ["MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "image_dfl.dcm"])
def test_numbers_are_those_of_pydicom(name):
    found, dataset = file_header(name), pydicom.dcmread(PYDICOM_FILES / name)
    for keyword in ("Rows", "Columns", "BitsAllocated", "HighBit", "PixelRepresentation"):
        assert found.number(keyword) == dataset[keyword].value
    assert found.texts("ImageType") == tuple(dataset.get("ImageType", ()))


def test_pixels_are_measured_and_not_read():
    found = file_header("CT_small.dcm").by_keyword["PixelData"]
    assert found.value is None
    assert found.length == 128 * 128 * 2
    assert not found.is_empty
    assert file_header("JPEG2000.dcm").by_keyword["PixelData"].length == -1


def test_zero_is_a_value_and_blanks_are_none():
    found = header(PixelRepresentation=0, PatientID="  ", Modality="CT")
    assert not found.by_keyword["PixelRepresentation"].is_empty
    assert found.by_keyword["PatientID"].is_empty
    assert found.texts("Modality") == ("CT",)
    assert found.number("Modality") is None
    assert NOTHING.texts("Modality") == ()


def test_text_is_in_the_character_set_of_its_data_set():
    inner = Dataset()
    inner.SpecificCharacterSet = "GB18030"
    inner.CodeMeaning = "x"
    outer = header(SpecificCharacterSet="ISO_IR 192", ReferencedImageSequence=Sequence([inner]), StudyID="1")
    assert outer.by_keyword["StudyID"].encodings == ("UTF8",)
    item = outer.by_keyword["ReferencedImageSequence"].items[0]
    assert item.by_keyword["CodeMeaning"].encodings == ("GB18030",)


def test_a_deep_nest_ends(monkeypatch):
    monkeypatch.setattr("hounsfield.image.conformance.element.MOST_DEPTH", 2)
    deep = Dataset()
    for _ in range(6):
        outer = Dataset()
        outer.ReferencedImageSequence = Sequence([deep])
        deep = outer
    depth, found = 0, header_of(deep)
    while found.elements and found.elements[0].items:
        depth, found = depth + 1, found.elements[0].items[0]
    assert depth == 2


def test_what_the_dictionary_does_not_know():
    assert (vr_of(0x00080060), vm_of(0x00280030)) == ("CS", "2")
    assert (vr_of(0x00111111), vm_of(0x00111111)) == ("UN", "1-n")


def test_items_are_asked_where_the_sequence_is_there():
    table = ObjectTable((Requirement(("SourceImageSequence", "ReferencedSOPClassUID"), "1", "PS3.3 C.12.4"),), (), ())
    assert not list(missing_attributes(NOTHING, table))
    holder = header(SourceImageSequence=Sequence([Dataset(), Dataset()]))
    told = [(kind, one.subject, one.kind) for kind, one in missing_attributes(holder, table)]
    assert told == [("1", "SourceImageSequence/ReferencedSOPClassUID", "absent")] * 2


def test_one_place_or_every_value_is_compared():
    first, every = (ObjectTable((), (Enumerated("ImageType", place, ("A", "B"), "PS3.3"),), ()) for place in (1, 0))
    assert not list(wrong_enumerated(header(ImageType=["A", "X"]), first))
    (told,) = wrong_enumerated(header(ImageType=["A", "X"]), every)
    assert told.facts["found"] == "X"


@pytest.mark.parametrize("bits", [1, 8, 16, 32])
@pytest.mark.parametrize("shape", [(5, 7), (8, 8), (3, 11)])
def test_the_length_of_pixels_is_that_of_numpy(bits, shape):
    array = np.zeros(shape, bool if bits == 1 else f"u{bits // 8}")
    raw = np.packbits(array.reshape(-1), bitorder="little").tobytes() if bits == 1 else array.tobytes()
    sizes = {"Rows": shape[0], "Columns": shape[1], "SamplesPerPixel": 1, "BitsAllocated": bits, "BitsStored": bits,
             "HighBit": bits - 1}  # fmt: skip
    assert not list(wrong_pixels(header(**sizes, PixelData=raw + b"\0" * (len(raw) % 2))))
    (told,) = wrong_pixels(header(**sizes, PixelData=raw + b"\0" * (len(raw) % 2 + 2)))
    assert told.facts["found"] == len(raw) + len(raw) % 2 + 2


def test_pixels_without_size_are_told():
    told = {
        one.subject for one in wrong_pixels(header(Rows=0, NumberOfFrames=0, PixelSpacing=[0, 1], BitsAllocated=12))
    }
    assert told == {"Rows", "NumberOfFrames", "PixelSpacing", "BitsAllocated"}


def test_identifiers_are_compared_with_those_around_them():
    whole = header(SOPInstanceUID="1.2.1", SOPClassUID="1.2.2", SeriesInstanceUID="1.2.3", StudyInstanceUID="1.2.4")
    meta = header(MediaStorageSOPInstanceUID="1.2.1", MediaStorageSOPClassUID="1.2.9")
    assert [one.subject for one in wrong_identifiers(whole, meta)] == ["MediaStorageSOPClassUID"]
    assert not list(wrong_identifiers(NOTHING, meta))
