"""Conformance suite of the Archive protocol: ``check_archive`` holds for every place where studies live."""

import pytest

from hounsfield.archive.protocol import Archive, StudyQuery
from hounsfield.core.identifiers import is_valid_uid
from hounsfield.errors import NotFound

ABSENT = "1.2.826.0.1.3680043.10.1.999"


def check_archive(archive: Archive) -> None:
    """Check an archive that holds at least one study."""
    check_studies(archive)
    check_series(archive)
    check_retrieval(archive)
    check_absence(archive)


def check_studies(archive: Archive) -> None:
    """Studies come in one order, and every field of a query narrows them."""
    studies = archive.search_for_studies()
    assert studies
    assert archive.search_for_studies() == studies
    for study in studies:
        assert is_valid_uid(study.study_instance_uid)
        assert study in archive.search_for_studies(StudyQuery(study_instance_uid=study.study_instance_uid))
        assert study in archive.search_for_studies(StudyQuery(patient_id=study.patient_id))
        for series in study.series:
            assert study in archive.search_for_studies(StudyQuery(modality=series.modality))
    one = StudyQuery(study_instance_uid=studies[0].study_instance_uid)
    assert {study.study_instance_uid for study in archive.search_for_studies(one)} == {one.study_instance_uid}


def check_series(archive: Archive) -> None:
    """The series of a study name it, and come in the order of their numbers."""
    for study in archive.search_for_studies():
        series = archive.search_for_series(study.study_instance_uid)
        assert set(study.series) <= set(series)
        assert {item.study_instance_uid for item in series} == {study.study_instance_uid}
        numbers = [item.series_number for item in study.series if item.series_number is not None]
        assert numbers == sorted(numbers)


def check_retrieval(archive: Archive) -> None:
    """What a search names can be retrieved, down to bytes."""
    for study in archive.search_for_studies():
        found = archive.retrieve_study(study.study_instance_uid)
        assert found.study_instance_uid == study.study_instance_uid
        for series in study.series:
            assert archive.retrieve_series(series.series_instance_uid).instances
            for instance in series.instances:
                assert archive.retrieve_instance(instance.sop_instance_uid) == instance
                assert instance.path.is_file()


def check_absence(archive: Archive) -> None:
    """Searching for what is not there returns nothing; retrieving it raises, and names it."""
    assert archive.search_for_studies(StudyQuery(study_instance_uid=ABSENT)) == ()
    assert archive.search_for_studies(StudyQuery(patient_id="no such patient")) == ()
    assert archive.search_for_series(ABSENT) == ()
    for retrieve in (archive.retrieve_study, archive.retrieve_series, archive.retrieve_instance):
        with pytest.raises(NotFound) as refusal:
            retrieve(ABSENT)
        assert (refusal.value.code, refusal.value.uid) == ("E161", ABSENT)
