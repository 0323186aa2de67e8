import gzip
import io
import struct

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from hounsfield.archive.kinds import PROGRAM, TEXT, ZIP, identify
from hounsfield.core.study import DICOM_MEDIA_TYPE
from tests.archive.samples import ct_dataset, encode, write_zip
from tests.archive.test_window import Held


def kind_of(content):
    return identify(Held(content))


def picture(format_):
    stream = io.BytesIO()
    Image.new("L", (5, 4), 7).save(stream, format_)
    return stream.getvalue()


def nifti(image_class=nib.Nifti1Image):
    return image_class(np.zeros((2, 3, 4), np.int16), np.eye(4)).to_bytes()


def npz():
    stream = io.BytesIO()
    np.savez_compressed(stream, image=np.zeros((2, 2)))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (encode(ct_dataset()), DICOM_MEDIA_TYPE),
        (encode(ct_dataset())[132:], DICOM_MEDIA_TYPE),
        (b"II*\0" + encode(ct_dataset())[4:], DICOM_MEDIA_TYPE),
        (picture("PNG"), "image/png"),
        (picture("JPEG"), "image/jpeg"),
        (picture("TIFF"), "image/tiff"),
        (nifti(), "application/x-nifti"),
        (nifti(nib.Nifti2Image), "application/x-nifti"),
        (gzip.compress(nifti(), mtime=0), "application/x-nifti"),
        (b"NRRD0004\ntype: short\n", "application/x-nrrd"),
        (npz(), "application/x-npz"),
        (b"RIFF\x10\0\0\0AVI LIST", "video/avi"),
        (b"\0\0\0\x18ftypisom\0\0\x02\0", "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "video/mp4"),
    ],
)
def test_what_is_read(content, media_type):
    assert kind_of(content).media_type == media_type


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"Dear colleague,\nplease find enclosed\n", TEXT),
        ("患者检查报告\n".encode("gbk") * 30, TEXT),
        ("患者检查报告\n".encode() * 500, TEXT),
        ("report".encode("utf-16"), TEXT),
        (b"BMI,age\n21,40\n", TEXT),
        (b"MZ\x90\0\x03\0\0\0", PROGRAM),
        (b"\x7fELF\x02\x01", PROGRAM),
        (b"#!/bin/sh\nrm -rf /\n", PROGRAM),
        (b"%PDF-1.7\n", "PDF"),
        (b"\n <!DOCTYPE html><html>", "HTML"),
        (b"<?xml version='1.0'?><svg/>", "XML"),
        (b'{"PatientID": 1}', "JSON"),
        (picture("GIF"), "GIF"),
        (picture("BMP"), "BMP"),
        (picture("WEBP"), "WebP"),
        (gzip.compress(b"text", mtime=0), "gzip"),
        (b"7z\xbc\xaf\x27\x1c\0", "7-Zip"),
        (b"\0\0\0\x18ftypheic\0\0", "HEIC/AVIF"),
        (struct.pack("<L", 348) + bytes(340) + b"ni1\0", "NIfTI .hdr/.img"),
        (b"a" * 257 + b"ustar\0", "tar"),
        (b"\x93NUMPY\x01\0", "NumPy"),
        (bytes(500), ""),
        (bytes(range(256)) * 4, ""),
    ],
)
def test_what_is_named_and_not_read(content, found):
    kind = kind_of(content)
    assert (kind.media_type, kind.found) == ("", found)


def test_an_archive_is_no_npz(tmp_path):
    assert kind_of(write_zip(tmp_path / "a.zip", {"a.dcm": b"1"}).read_bytes()).found == ZIP
    assert kind_of(write_zip(tmp_path / "b.zip", {}).read_bytes()).found == ZIP


@pytest.mark.parametrize("program", [b"MZ", b"\x7fELF", b"#!/bin/sh\n", b"\xcf\xfa\xed\xfe"])
def test_a_dicom_file_that_is_a_program_too(program):
    content = encode(ct_dataset())
    assert not kind_of(content).has_program_preamble
    kind = kind_of(program + content[len(program) :])
    assert kind.media_type == DICOM_MEDIA_TYPE
    assert kind.has_program_preamble


def test_names_do_not_count(tmp_path, shared_data):
    for folder, media_type in (("brain_mri", "image/jpeg"), ("body_part", "image/jpeg")):
        path = next(path for path in sorted((shared_data / folder).rglob("*")) if path.is_file())
        assert kind_of(path.read_bytes()).media_type == media_type
