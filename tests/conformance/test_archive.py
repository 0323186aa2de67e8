"""Every archive keeps the Archive protocol."""

import pytest

from hounsfield.archive.local import open_source
from tests.archive.samples import PYDICOM_DATA, write_ct, write_zip
from tests.conformance.archive import check_archive


def test_a_folder():
    with open_source(PYDICOM_DATA / "test_files" / "dicomdirtests") as archive:
        check_archive(archive)


def test_a_file(tmp_path):
    with open_source(write_ct(tmp_path / "a")) as archive:
        check_archive(archive)


def test_an_archive_file(tmp_path):
    content = write_ct(tmp_path / "a", AccessionNumber="A1").read_bytes()
    with open_source(write_zip(tmp_path / "a.zip", {"1": content})) as archive:
        check_archive(archive)


@pytest.mark.parametrize("name", ["dicom/highdicom", "sarcoma/dicom", "pyradiomics"])
def test_shared_data(shared_data, name):
    with open_source(shared_data / name) as archive:
        check_archive(archive)
