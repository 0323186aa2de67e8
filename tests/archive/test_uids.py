"""Identifiers: kept where they serve, derived the same way where they do not, and never a path."""

from dataclasses import replace

import pytest

from hounsfield.archive.entries import Entry
from hounsfield.archive.limits import DEFAULT_LIMITS
from hounsfield.archive.record import read_record
from hounsfield.archive.uids import identify_object, identify_picture
from hounsfield.core.identifiers import is_valid_uid
from tests.archive.samples import write_ct

pytestmark = pytest.mark.filterwarnings("ignore")
SHA = "a" * 64


def identity_of(tmp_path, sha256=SHA, **changes):
    path = write_ct(tmp_path / "a", **changes)
    return identify_object(read_record(Entry("a", path), DEFAULT_LIMITS).header, sha256)


def test_good_uids_are_kept(tmp_path):
    found = identity_of(tmp_path, SOPInstanceUID="1.2.3")
    assert (found.study_instance_uid, found.series_instance_uid) == ("1.2.826.1.1", "1.2.826.1.1.1")
    assert found.sop_instance_uid == "1.2.3"
    assert found.is_complete
    assert found.is_valid


@pytest.mark.parametrize("uid", ["1.2.03", "1..2", ".1.2", "1.2."])
def test_digits_and_dots_are_kept_and_said_to_be_wrong(tmp_path, uid):
    found = identity_of(tmp_path, SeriesInstanceUID=uid)
    assert found.series_instance_uid == uid
    assert found.is_complete
    assert not found.is_valid


@pytest.mark.parametrize("uid", ["../../../etc/passwd", "1.2.3/4", "1.2.3 4", "abc", "1." + "2" * 70, "<script>"])
def test_other_text_is_replaced_by_a_uid_of_its_own(tmp_path, uid):
    found = identity_of(tmp_path, SeriesInstanceUID=uid)
    assert is_valid_uid(found.series_instance_uid)
    assert found.series_instance_uid.startswith("2.25.")
    assert found == identity_of(tmp_path, SeriesInstanceUID=uid, SOPInstanceUID=found.sop_instance_uid)
    assert not found.is_valid


def test_a_missing_study_is_derived_from_what_groups_objects(tmp_path):
    first = identity_of(tmp_path, StudyInstanceUID=None)
    second = identity_of(tmp_path, "b" * 64, StudyInstanceUID=None)
    assert first.study_instance_uid == second.study_instance_uid
    assert not first.is_complete
    assert first.is_valid
    other = identity_of(tmp_path, StudyInstanceUID=None, PatientID="P2")
    assert other.study_instance_uid != first.study_instance_uid


def test_nothing_is_grouped_by_nothing(tmp_path):
    bare = {"StudyInstanceUID": None, "SeriesInstanceUID": None, "PatientID": None, "StudyDate": None}
    first = identity_of(tmp_path, **bare)
    second = identity_of(tmp_path, "b" * 64, **bare)
    assert first.study_instance_uid != second.study_instance_uid
    assert first.series_instance_uid != second.series_instance_uid


@pytest.mark.parametrize(
    ("changes", "is_same"), [({}, True), ({"SeriesNumber": 3}, False), ({"Modality": "MR"}, False)]
)
def test_a_missing_series_is_derived_from_its_number_and_modality(tmp_path, changes, is_same):
    given = {"SeriesInstanceUID": None, "SeriesNumber": 2}
    first = identity_of(tmp_path, **given)
    second = identity_of(tmp_path, "b" * 64, **{**given, **changes})
    assert (first.series_instance_uid == second.series_instance_uid) is is_same


def test_a_missing_instance_is_its_content(tmp_path):
    path = write_ct(tmp_path / "a")
    header = replace(read_record(Entry("a", path), DEFAULT_LIMITS).header, sop_instance_uid="")
    found = [identify_object(header, sha256).sop_instance_uid for sha256 in (SHA, SHA, "b" * 64)]
    assert found[0] == found[1] != found[2]


def test_pictures_have_three_different_uids_of_their_content():
    first, second = identify_picture(SHA), identify_picture("b" * 64)
    assert first == identify_picture(SHA)
    uids = {first.study_instance_uid, first.series_instance_uid, first.sop_instance_uid}
    assert len(uids) == 3
    assert all(is_valid_uid(uid) for uid in uids)
    assert second.study_instance_uid not in uids
