"""A report in every form at once: which forms a source allows, what is said about those it does not, and the bundle."""

import json
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from hounsfield.core.report import Status
from hounsfield.errors import ReportError
from hounsfield.report.files import FileKind
from hounsfield.report.folder import output_folder
from hounsfield.report.writing import page_of, published, write_report
from tests.report.examples import key_image, refused_report, report_on, series_of, write_source


@pytest.fixture
def series(tmp_path):
    return series_of(write_source(tmp_path / "source.dcm", BodyPartExamined="CHEST"))


def kinds(bundle) -> list[str]:
    return [item.kind.value for item in bundle.files]


def test_a_complete_report_has_all_four_forms_in_one_study(series, tmp_path):
    bundle = write_report(report_on(series), tmp_path / "out")
    assert kinds(bundle) == ["page", "json", "structured report", "secondary capture"]
    written = {item.kind: item.path for item in bundle.files}
    objects = [pydicom.dcmread(written[kind]) for kind in (FileKind.STRUCTURED, FileKind.PRESENTATION)]
    assert {str(item.StudyInstanceUID) for item in objects} == {series.study_instance_uid}
    assert len({str(item.SeriesInstanceUID) for item in objects} | {series.series_instance_uid}) == 3
    assert objects[0].Modality == "SR"
    listed = json.loads(written[FileKind.JSON].read_text(encoding="utf-8"))["files"]
    assert listed == [path.name for kind, path in written.items() if kind is not FileKind.JSON]
    assert bundle.thumbnail.startswith("data:image/png;base64,")
    assert bundle.report.key_images == ()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in written.values())


@pytest.mark.parametrize("status", [Status.REFUSED, Status.FAILED, Status.PARTIAL])
def test_what_is_no_complete_result_is_not_filed_as_dicom(series, tmp_path, status):
    bundle = write_report(replace(refused_report(series), status=status), tmp_path / "out")
    assert kinds(bundle) == ["page", "json"]
    assert list((tmp_path / "out").glob("*.dcm")) == []


def test_a_picture_gets_page_and_json_and_a_note(series, tmp_path):
    instance = replace(series.instances[0], media_type="image/png", sop_class_uid="")
    bundle = write_report(report_on(replace(series, instances=(instance,))), tmp_path / "out")
    assert kinds(bundle) == ["page", "json"]
    (note,) = [issue for issue in bundle.report.issues if issue.code == "Q680"]
    assert "image/png" in note.text()
    page = page_of(bundle).read_text(encoding="utf-8")
    assert "Q680" in page


def test_a_source_that_is_gone_costs_the_dicom_forms_and_no_more(series, tmp_path):
    """The page and the JSON are written all the same, and both say what is missing and why."""
    report = report_on(series)
    series.instances[0].path.unlink()
    bundle = write_report(report, tmp_path / "out")
    assert kinds(bundle) == ["page", "json"]
    told = [issue.code for issue in bundle.report.issues if issue.code == "E601"]
    assert told == ["E601", "E601"]
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert [item["code"] for item in content["issues"]].count("E601") == 2
    assert "Pneumonia" in page_of(bundle).read_text(encoding="utf-8")


def test_without_a_key_image_the_structured_report_is_still_written(series, tmp_path):
    bundle = write_report(report_on(series, key_images=()), tmp_path / "out")
    assert "structured report" in kinds(bundle)
    assert "secondary capture" not in kinds(bundle)
    assert bundle.thumbnail == ""


def test_a_capture_for_every_key_image(tmp_path):
    """Two images of one series are two instances, and each is linked from the page under its own name."""
    first = write_source(tmp_path / "a.dcm")
    header = pydicom.dcmread(first)
    second = write_source(
        tmp_path / "b.dcm", SeriesInstanceUID=header.SeriesInstanceUID, StudyInstanceUID=header.StudyInstanceUID
    )
    series = series_of(first, second)
    images = [replace(key_image(series), sop_instance_uid=item.sop_instance_uid) for item in series.instances]
    bundle = write_report(report_on(series, key_images=tuple(images)), tmp_path / "out")
    captures = [item.path for item in bundle.files if item.kind is FileKind.PRESENTATION]
    assert len(captures) == 2
    page = page_of(bundle).read_text(encoding="utf-8")
    assert all(f'href="./{path.name}"' in page for path in captures)
    datasets = [pydicom.dcmread(path) for path in captures]
    sources = [str(item.SourceImageSequence[0].ReferencedSOPInstanceUID) for item in datasets]
    assert sources == [image.sop_instance_uid for image in images]
    assert len({str(item.SOPInstanceUID) for item in datasets}) == 2
    assert len({str(item.SeriesInstanceUID) for item in datasets}) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_language_is_that_of_the_page(series, tmp_path, language):
    bundle = write_report(report_on(series), tmp_path / "out", language)
    text = page_of(bundle).read_text(encoding="utf-8")
    assert f'<html lang="{"zh-Hans" if language == "zh" else "en"}">' in text


def test_published_files_stand_where_the_user_asked(series, tmp_path):
    with output_folder(tmp_path / "final") as folder:
        written = write_report(report_on(series), folder.partial / "01")
        bundle = published(written, folder)
        assert not any(item.path.exists() for item in bundle.files)
    assert all(item.path.is_file() for item in bundle.files)
    assert {item.path.parent for item in bundle.files} == {tmp_path / "final" / "01"}
    assert page_of(bundle) == tmp_path / "final" / "01" / "report.html"


def test_a_disk_that_refuses_is_a_report_error(series, tmp_path):
    (tmp_path / "out").write_text("a file, not a folder", encoding="utf-8")
    with pytest.raises(ReportError) as caught:
        write_report(report_on(series), tmp_path / "out")
    assert caught.value.code == "E600"
    assert str(tmp_path) not in caught.value.text()
    assert Path(tmp_path / "out").read_text(encoding="utf-8") == "a file, not a folder"
