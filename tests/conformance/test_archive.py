"""Every archive keeps the Archive protocol."""

import pytest

from hounsfield.archive.local import open_source
from hounsfield.archive.store import open_store
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


def test_a_view_of_a_store_says_what_the_folder_of_the_same_files_says(tmp_path):
    folder = PYDICOM_DATA / "test_files" / "dicomdirtests" / "98892003"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with open_store(tmp_path) as store:
        store.receive_many([path.read_bytes()] for path in reversed(files))
        view = store.view()
        check_archive(view)
        with open_source(folder) as archive:
            assert said(view) == said(archive)
            assert len(said(view)) == len(archive.studies) > 1


def said(archive):
    """Return what an archive says of its studies, without where their files are."""
    return {
        (study.study_instance_uid, study.patient_id, study.patient_sex, study.study_date, study.accession_number): {
            (
                series.series_instance_uid,
                series.modality,
                series.series_number,
                series.body_part_examined,
                series.laterality,
                series.view_position,
                series.manufacturer,
                tuple((instance.sop_instance_uid, instance.sha256) for instance in series.instances),
            )
            for series in study.series
        }
        for study in archive.search_for_studies()
    }
