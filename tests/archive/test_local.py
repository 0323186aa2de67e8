"""open_source: what a user may point at, and what comes of it."""

import os
import shutil

import pytest
from PIL import Image

from hounsfield.archive.limits import Limits
from hounsfield.archive.local import RefusedFile, open_source
from hounsfield.core.identifiers import is_valid_uid
from hounsfield.core.quality import Severity
from hounsfield.core.study import DICOM_MEDIA_TYPE
from hounsfield.errors import Conflict, HounsfieldError, NotFound, Refused
from tests.archive.samples import PYDICOM_DATA, ct_dataset, encode, write_ct, write_zip

DISC = PYDICOM_DATA / "test_files" / "dicomdirtests"


def codes(archive):
    return [issue.code for issue in archive.issues]


def refused(source, limits=None):
    with pytest.raises(HounsfieldError) as refusal, open_source(source, *([limits] if limits else [])):
        pass
    return refusal.value


def picture(path):
    Image.linear_gradient("L").save(path)
    return path


# ---- what is taken


def test_one_file(tmp_path):
    path = write_ct(tmp_path / "scan", PatientAge="060Y", PatientSex="M", AccessionNumber="A1", SeriesNumber=4)
    with open_source(path) as archive:
        (study,) = archive.studies
        assert (study.study_instance_uid, study.patient_id, study.accession_number) == ("1.2.826.1.1", "P1", "A1")
        assert (study.patient_age_years, study.patient_sex, study.study_date) == (60, "M", "20240102")
        (series,) = study.series
        assert (series.modality, series.series_number, series.is_dicom) == ("CT", 4, True)
        (instance,) = series.instances
        assert instance.path == path
        assert instance.media_type == DICOM_MEDIA_TYPE
        assert instance.number_of_frames == 1
        assert archive.issues == ()
        assert archive.refused == ()


def test_a_folder_gives_the_studies_that_the_readme_of_its_files_lists():
    with open_source(DISC) as archive:
        found = {
            (study.patient_id, study.study_date, series.modality, series.series_number): len(series.instances)
            for study in archive.studies
            for series in study.series
            if study.patient_id in ("77654033", "98890234")
        }
    assert found[("77654033", "19950903", "CT", 2)] == 4
    assert found[("98890234", "20010101", "CT", 4)] == 2
    assert found[("98890234", "20010101", "CT", 5)] == 5
    assert found[("98890234", "20030505", "MR", 700)] == 7
    assert sum(count for key, count in found.items() if key[2] == "CR") == 3


def test_the_same_source_gives_the_same_studies_folder_or_archive(tmp_path):
    copy = shutil.copytree(DISC / "98892003", tmp_path / "copy")
    members = {path.relative_to(copy).as_posix(): path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    archive_file = write_zip(tmp_path / "a.zip", dict(sorted(members.items(), reverse=True)))

    def uids(source):
        with open_source(source) as archive:
            return [
                (study.study_instance_uid, series.series_instance_uid, instance.sop_instance_uid, instance.sha256)
                for study in archive.studies
                for series in study.series
                for instance in series.instances
            ]

    assert uids(copy) == uids(DISC / "98892003") == uids(archive_file)
    assert len(uids(copy)) == 17


def test_a_picture_is_a_study_of_its_own(tmp_path):
    path = picture(tmp_path / "chest.dcm.png")
    with open_source(path) as archive:
        (study,) = archive.studies
        (series,) = study.series
        (instance,) = series.instances
        assert instance.media_type == "image/png"
        assert (series.modality, series.is_dicom, study.patient_id) == ("", False, "")
        for uid in (study.study_instance_uid, series.series_instance_uid, instance.sop_instance_uid):
            assert is_valid_uid(uid)
            assert uid.startswith("2.25.")
        assert codes(archive) == ["Q100"]
    with open_source(shutil.copyfile(path, tmp_path / "copy.bin")) as archive:
        assert archive.studies[0].study_instance_uid == study.study_instance_uid


@pytest.mark.parametrize("name", ["scan", "scan.txt", "scan.zip", "scan.jpg", "README"])
def test_the_name_of_a_scan_does_not_count(tmp_path, name):
    write_ct(tmp_path / name)
    with open_source(tmp_path) as archive:
        assert len(archive.studies) == 1


def test_files_that_lie_about_make_one_note(tmp_path):
    write_ct(tmp_path / "1")
    for name in ("README.md", "labels.csv", "meta.json", ".DS_Store", "viewer.exe"):
        (tmp_path / name).write_bytes(b"MZ" if name.endswith("exe") else b"some text")
    (tmp_path / "Thumbs.db").touch()
    with open_source(tmp_path) as archive:
        assert archive.refused == ()
        assert [(issue.code, issue.severity, issue.facts) for issue in archive.issues] == [
            ("Q107", Severity.NOTE, {"files": 6})
        ]


def test_a_stray_file_among_scans_is_named_and_makes_one_note(tmp_path):
    write_ct(tmp_path / "1.dcm")
    (tmp_path / "2.dcm").write_text("Dear colleague", encoding="utf-8")
    with open_source(tmp_path) as archive:
        assert [(item.name, item.error.code) for item in archive.refused] == [("2.dcm", "E105")]
        assert [(issue.code, issue.severity) for issue in archive.issues] == [("Q122", Severity.NOTE)]


def test_a_lost_scan_is_a_warning(tmp_path):
    write_ct(tmp_path / "1.dcm")
    (tmp_path / "2.dcm").write_bytes(encode(ct_dataset())[:-20])
    with open_source(tmp_path) as archive:
        assert isinstance(archive.refused[0], RefusedFile)
        assert archive.refused[0].error.code == "E111"
        assert [(issue.code, issue.severity) for issue in archive.issues] == [("Q122", Severity.WARN)]


def test_links_that_lead_out_are_reported(tmp_path):
    outside = write_ct(tmp_path / "outside")
    write_ct(tmp_path / "scans" / "1")
    (tmp_path / "scans" / "2").symlink_to(outside)
    with open_source(tmp_path / "scans") as archive:
        assert codes(archive) == ["Q108"]
    (tmp_path / "link").symlink_to(tmp_path / "scans")
    with open_source(tmp_path / "link") as archive:
        assert len(archive.studies) == 1


def test_progress(tmp_path):
    content = write_ct(tmp_path / "1").read_bytes()
    write_zip(tmp_path / "2.zip", {"a": content, "b": content})
    seen = []
    with open_source(tmp_path, progress=lambda done, known: seen.append((done, known))):
        pass
    assert seen == [(1, 2), (2, 4), (3, 4), (4, 4)]


# ---- what is refused


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.dcm", b"", "E104"),
        ("a.dcm", b"Dear colleague", "E105"),
        ("a.dcm", b"MZ\x90\0", "E106"),
        ("a.exe", b"\x7fELF", "E106"),
        ("a.dcm", b"%PDF-1.4", "E107"),
        ("a.dcm", b"<html></html>", "E107"),
        ("a.dcm", bytes(4000), "E108"),
        ("a.dcm", bytes(128) + b"DICM", "E116"),
        ("README.md", b"# Scans", "E105"),
    ],
)
def test_one_file_that_is_no_scan(tmp_path, name, content, code):
    (tmp_path / name).write_bytes(content)
    error = refused(tmp_path / name)
    assert error.code == code
    assert error.exit_code == 3
    assert error.next_step("en")
    assert error.next_step("zh")


def test_paths_that_lead_nowhere(tmp_path):
    assert isinstance(refused(tmp_path / "nothing"), NotFound)
    assert refused(tmp_path / "nul\0").code == "E100"
    assert refused(tmp_path / ("x" * 300)).code == "E101"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert refused(tmp_path / "loop").code == "E101"
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe").code == "E102"


def test_folders_without_scans(tmp_path):
    assert refused(tmp_path).code == "E103"
    (tmp_path / "sub").mkdir()
    assert refused(tmp_path).code == "E103"
    (tmp_path / "README.md").write_text("scans", encoding="utf-8")
    assert (refused(tmp_path).code, refused(tmp_path).facts) == ("E162", {"files": 1})
    (tmp_path / "1.dcm").write_text("text", encoding="utf-8")
    assert refused(tmp_path).code == "E105"
    (tmp_path / "2.dcm").write_text("text", encoding="utf-8")
    (tmp_path / "3.dcm").write_bytes(bytes(300))
    error = refused(tmp_path)
    assert (error.code, error.facts) == ("E160", {"files": 4, "found": "E105"})


def test_too_many_files(tmp_path):
    for number in range(4):
        write_ct(tmp_path / str(number))
    assert refused(tmp_path, Limits(max_files=3)).code == "E109"


def test_no_identity_in_any_sentence(tmp_path):
    write_ct(tmp_path / "DOE^JOHN.dcm", PatientName="Doe^John", PatientID="SECRET7")
    write_ct(tmp_path / "b", PatientName="Doe^Jane", PatientID="SECRET8", StudyInstanceUID="1.2.826.1.1")
    (tmp_path / "c").write_bytes(encode(ct_dataset(PatientName="Doe^Jim", PatientID="SECRET9"))[:-9])
    with open_source(tmp_path) as archive:
        said = [issue.text(language) for issue in archive.issues for language in ("en", "zh")]
        said += [str(item.error) for item in archive.refused]
        assert said
        assert not [text for text in said if "Doe" in text or "DOE" in text or "SECRET" in text]


# ---- what the files say about each other


def test_two_patients_in_one_study_are_kept_apart_and_rejected(tmp_path):
    write_ct(tmp_path / "1", PatientID="A")
    write_ct(tmp_path / "2", PatientID="B")
    with open_source(tmp_path) as archive:
        assert [study.patient_id for study in archive.studies] == ["A", "B"]
        rejects = [issue for issue in archive.issues if issue.code == "Q102"]
        assert [(issue.severity, issue.uid) for issue in rejects] == [(Severity.REJECT, "1.2.826.1.1.1")] * 2
        assert "Q101" in codes(archive)


def test_several_patients(tmp_path):
    write_ct(tmp_path / "1", PatientID="A", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1")
    write_ct(tmp_path / "2", PatientID="B", StudyInstanceUID="1.2.4", SeriesInstanceUID="1.2.4.1")
    with open_source(tmp_path) as archive:
        assert len(archive.studies) == 2
        assert [(issue.code, issue.severity, issue.facts) for issue in archive.issues] == [
            ("Q101", Severity.WARN, {"patients": 2})
        ]


def test_files_without_patient_id_join_their_study(tmp_path):
    write_ct(tmp_path / "1", PatientID="A")
    write_ct(tmp_path / "2", PatientID=None)
    with open_source(tmp_path) as archive:
        (study,) = archive.studies
        assert (study.patient_id, len(study.series), len(study.series[0].instances)) == ("A", 1, 2)
        assert codes(archive) == ["Q119"]


@pytest.mark.parametrize("changes", [{"PatientSex": "F"}, {"PatientBirthDate": "19500101"}])
def test_one_patient_of_two_sexes_or_birthdays(tmp_path, changes):
    write_ct(tmp_path / "1", PatientSex="M", PatientBirthDate="19600101")
    write_ct(tmp_path / "2", **{"PatientSex": "M", "PatientBirthDate": "19600101", **changes})
    with open_source(tmp_path) as archive:
        assert codes(archive) == ["Q118"]


def test_exact_copies_are_kept_once(tmp_path):
    path = write_ct(tmp_path / "1")
    shutil.copyfile(path, tmp_path / "2")
    shutil.copyfile(path, tmp_path / "3")
    with open_source(tmp_path) as archive:
        assert len(archive.studies[0].series[0].instances) == 1
        assert [(issue.code, issue.severity, issue.facts) for issue in archive.issues] == [
            ("Q103", Severity.NOTE, {"files": 2})
        ]


def test_one_uid_with_two_contents(tmp_path):
    write_ct(tmp_path / "1", SOPInstanceUID="1.2.3.9")
    write_ct(tmp_path / "2", SOPInstanceUID="1.2.3.9", StudyDate="20200101")
    with open_source(tmp_path) as archive:
        (instance,) = archive.studies[0].series[0].instances
        assert instance.path.name == "1"
        (item,) = archive.refused
        assert item.name == "2"
        assert isinstance(item.error, Conflict)
        assert (item.error.code, item.error.uid) == ("E164", "1.2.3.9")
        (issue,) = archive.issues
        assert (issue.code, issue.severity, issue.uid) == ("Q104", Severity.REJECT, "1.2.826.1.1.1")
        assert issue.facts["kept"] == instance.sha256[:12]


@pytest.mark.filterwarnings("ignore")
def test_uids_that_are_missing_or_no_uids(tmp_path):
    write_ct(tmp_path / "1", SeriesInstanceUID=None, SeriesNumber=2)
    write_ct(tmp_path / "2", SeriesInstanceUID=None, SeriesNumber=2)
    write_ct(tmp_path / "3", SeriesInstanceUID="../../etc/passwd")
    write_ct(tmp_path / "4", SeriesInstanceUID="1.02.3")
    with open_source(tmp_path) as archive:
        (study,) = archive.studies
        found = {len(series.instances): series.series_instance_uid for series in study.series}
        assert found[2].startswith("2.25.")
        assert {series.series_instance_uid for series in study.series} >= {"1.02.3"}
        assert all(set(series.series_instance_uid) <= set("0123456789.") for series in study.series)
        counted = {(issue.code, issue.facts["files"]) for issue in archive.issues}
        assert counted == {("Q105", 2), ("Q106", 1)}
        again = study.series
    with open_source(tmp_path) as archive:
        assert archive.studies[0].series == again


def test_views_that_differ_are_not_told_of_the_series(tmp_path):
    for number, (view, side) in enumerate([("CC", "L"), ("MLO", "L")], 1):
        write_ct(tmp_path / str(number), ViewPosition=view, ImageLaterality=side, InstanceNumber=number)
    with open_source(tmp_path) as archive:
        (series,) = archive.studies[0].series
        assert (series.view_position, series.laterality) == ("", "L")


def test_a_series_of_two_modalities(tmp_path):
    write_ct(tmp_path / "1", InstanceNumber=2)
    write_ct(tmp_path / "2", Modality="MR", InstanceNumber=1)
    with open_source(tmp_path) as archive:
        assert [(issue.code, issue.facts) for issue in archive.issues] == [("Q120", {"found": "CT, MR"})]


def test_a_series_above_the_pixel_limit(tmp_path):
    for number in range(3):
        write_ct(tmp_path / str(number))
    with open_source(tmp_path, Limits(max_pixel_bytes=300)) as archive:
        assert [(issue.code, issue.severity) for issue in archive.issues] == [("Q117", Severity.REJECT)]


def test_text_in_another_character_set(tmp_path):
    content = encode(ct_dataset(PatientName="XXXXXXXX"))
    (tmp_path / "1").write_bytes(content.replace(b"XXXXXXXX", "王^小东啊".encode("gbk")[:8].ljust(8)))
    with open_source(tmp_path / "1") as archive:
        assert [(issue.code, issue.severity) for issue in archive.issues] == [("Q115", Severity.WARN)]


def test_instances_come_in_the_order_of_their_numbers(tmp_path):
    for name, number in (("a", 10), ("b", 9), ("c", 100)):
        write_ct(tmp_path / name, InstanceNumber=number)
    with open_source(tmp_path) as archive:
        assert [item.path.name for item in archive.studies[0].series[0].instances] == ["b", "a", "c"]


def test_every_refusal_is_of_the_archive():
    assert issubclass(Refused, HounsfieldError)
    assert Refused("E104").exit_code == 3


def test_who_wants_to_see_headers_is_told_of_all_files_at_once(tmp_path):
    for index in range(9):
        write_ct(tmp_path / f"{index}.dcm", SOPInstanceUID=f"1.2.3.{index}")
    told = []
    with open_source(tmp_path, digests=False, seen=lambda paths, walked: told.append((paths, len(walked)))) as archive:
        count = sum(len(series.instances) for study in archive.studies for series in study.series)
    assert told == [([tmp_path / f"{index}.dcm" for index in range(9)], 9)]
    assert count == 9
