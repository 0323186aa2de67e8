"""The main path on phantoms and planted studies, with models whose answers are known."""

import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from hounsfield.core.finding import Presence
from hounsfield.core.report import Status
from hounsfield.errors import ArchiveError, ModelError, SettingsError
from hounsfield.image import phantoms
from hounsfield.pipeline import Options, analyse, check
from hounsfield.report.checked import Verdict
from hounsfield.report.files import FileKind
from hounsfield.report.json import studies_document
from tests.clinical import models


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    models.finding_model(folder, models.CHEST, "chest-xray")
    models.finding_model(folder, models.BRAIN, "brain-mri")
    return Options(model_folders=(folder,), threads=1, settings_digest="ab" * 32)


@pytest.fixture
def film(tmp_path):
    return phantoms.write_chest(tmp_path / "film", phantoms.ChestPhantom(opacity_mm=40.0)).parent


def kinds(bundle):
    return sorted(file.kind for file in bundle.files)


def test_a_film_becomes_a_page_json_and_dicom(film, tmp_path, options):
    analysis = analyse(film, tmp_path / "out", options)
    (bundle,) = analysis.bundles
    assert bundle.report.status is Status.COMPLETE
    assert bundle.report.task == "chest-xray"
    assert bundle.report.findings[0].presence is Presence.PRESENT
    assert kinds(bundle) == sorted(FileKind)
    assert all(file.path.is_file() for file in bundle.files)
    assert all(file.path.is_relative_to(tmp_path / "out") for file in bundle.files)
    assert (tmp_path / "out" / "index.html").is_file()


def test_written_dicom_belongs_to_the_study_and_conforms(film, tmp_path, options, debian_tool):
    dciodvfy = debian_tool("dciodvfy", "dicom3tools")
    (bundle,) = analyse(film, tmp_path / "out", options).bundles
    source = pydicom.dcmread(next(film.iterdir()))
    for file in bundle.files:
        if file.path.suffix != ".dcm":
            continue
        written = pydicom.dcmread(file.path)
        assert written.StudyInstanceUID == source.StudyInstanceUID
        assert written.PatientID == source.PatientID
        assert written.SeriesInstanceUID != source.SeriesInstanceUID
        run = subprocess.run([dciodvfy, file.path], capture_output=True, encoding="utf-8", check=False)
        assert "Error" not in run.stderr, run.stderr


def test_provenance_names_model_input_and_settings(film, tmp_path, options):
    import hashlib

    (bundle,) = analyse(film, tmp_path / "out", options).bundles
    provenance = bundle.report.provenance
    source = next(film.iterdir())
    assert provenance.input_digests == (
        (pydicom.dcmread(source).SOPInstanceUID, hashlib.sha256(source.read_bytes()).hexdigest()),
    )
    assert provenance.settings_digest == "ab" * 32
    assert provenance.models[0].name == models.CHEST
    assert len(provenance.models[0].weights_digest) == 64
    assert provenance.started <= provenance.ended
    assert "onnxruntime" in provenance.runtime


def test_the_same_input_gives_the_same_scores(film, tmp_path, options):
    scores = [
        [
            finding.score
            for bundle in analyse(film, tmp_path / name, options).bundles
            for finding in bundle.report.findings
        ]
        for name in ("a", "b")
    ]
    assert scores[0] == scores[1]


def test_monochrome1_says_the_same_as_monochrome2(tmp_path, options):
    found = []
    for inverted in (False, True):
        folder = tmp_path / str(inverted)
        phantoms.write_chest(folder, phantoms.ChestPhantom(is_inverted=inverted))
        (bundle,) = analyse(folder, tmp_path / f"out{inverted}", options).bundles
        found.append(bundle.report.findings[0].score)
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_a_zip_and_a_folder_give_the_same_answer(film, tmp_path, options):
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as packed:
        for path in film.iterdir():
            packed.write(path, f"DICOM/{path.name}")
    whole = analyse(film, tmp_path / "a", options).bundles[0].report
    zipped = analyse(tmp_path / "study.zip", tmp_path / "b", options).bundles[0].report
    assert zipped.findings[0].score == whole.findings[0].score
    assert zipped.provenance.input_digests == whole.provenance.input_digests


def test_a_picture_gets_a_page_and_no_dicom(tmp_path, options):
    pixels = np.random.default_rng(1).integers(90, 255, (200, 220), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "film.png")
    (bundle,) = analyse(tmp_path / "film.png", tmp_path / "out", options).bundles
    assert bundle.report.status is Status.COMPLETE
    assert kinds(bundle) == sorted([FileKind.PAGE, FileKind.JSON])
    assert "Q680" in [issue.code for issue in bundle.report.issues]


def test_one_series_that_stops_never_stops_the_others(film, tmp_path, options):
    phantoms.write_ct(film / "ct")
    phantoms.write_head(film / "mr", phantoms.HeadPhantom(mass_radius_mm=15.0))
    analysis = analyse(film, tmp_path / "out", options)
    by_modality = {bundle.report.series.modality: bundle.report for bundle in analysis.bundles}
    assert by_modality["DX"].status is Status.COMPLETE
    assert by_modality["MR"].status is Status.COMPLETE
    assert by_modality["CT"].status is Status.REFUSED
    assert [issue.code for issue in by_modality["CT"].issues if issue.severity == "reject"] == ["E951"]


def test_a_refused_series_is_never_filed_as_dicom(tmp_path, options):
    phantoms.write_ct(tmp_path / "ct")
    (bundle,) = analyse(tmp_path / "ct", tmp_path / "out", options).bundles
    assert bundle.report.findings == ()
    assert kinds(bundle) == sorted([FileKind.PAGE, FileKind.JSON])
    assert not list((tmp_path / "out").rglob("*.dcm"))


def test_a_stack_without_samples_is_not_assessed(tmp_path, options):
    paths = phantoms.write_head(tmp_path / "mr")
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.PixelData = bytes(len(dataset.PixelData))
        dataset.save_as(path)
    (bundle,) = analyse(tmp_path / "mr", tmp_path / "out", options).bundles
    assert bundle.report.status is Status.REFUSED
    assert [finding.presence for finding in bundle.report.findings] == [Presence.NOT_ASSESSED]


def test_earlier_results_are_never_shown_as_new(film, tmp_path, options):
    out = tmp_path / "out"
    analyse(film, out, options)
    with pytest.raises(ArchiveError):
        analyse(tmp_path / "nowhere", out, options)
    assert (out / "001" / "report.html").is_file()
    phantoms.write_ct(tmp_path / "ct")
    analyse(tmp_path / "ct", out, options)
    assert not list((out / "001").glob("*.dcm"))
    assert len(list(out.glob("earlier-*/001/*.dcm"))) == 2


def test_nothing_is_written_when_the_source_is_no_source(tmp_path, options):
    (tmp_path / "scan.dcm").write_text("no scan", encoding="utf-8")
    with pytest.raises(ArchiveError):
        analyse(tmp_path / "scan.dcm", tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_wrong_options_stop_before_anything_is_read(film, tmp_path, options):
    from dataclasses import replace

    with pytest.raises(SettingsError):
        analyse(film, tmp_path / "out", replace(options, task="palm-reading"))
    with pytest.raises(ModelError):
        analyse(film, tmp_path / "out", replace(options, model="crystal-ball"))
    assert not (tmp_path / "out").exists()


def test_the_json_has_the_promised_shape(film, tmp_path, options):
    analysis = analyse(film, tmp_path / "out", options)
    document = json.loads(json.dumps(studies_document(analysis.bundles, analysis.refused, "zh"), allow_nan=False))
    (study,) = document["studies"]
    assert {"study_instance_uid", "task", "status", "findings", "issues", "files"} <= set(study)
    (finding,) = study["findings"]
    assert {"type", "site", "presence", "score", "measurements"} <= set(finding)
    assert finding["type"] == "Pneumonia"
    assert finding["site"] == "Lung"
    assert all({"name", "value", "unit"} <= set(item) for item in finding["measurements"])
    assert all({"code", "severity", "text"} <= set(item) for item in study["issues"])
    assert all(Path(name).is_file() for name in study["files"])


def test_no_page_names_the_patient_or_says_normal(film, tmp_path, options):
    for path in film.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.PatientName = "Sentinel^Canary"
        dataset.save_as(path)
    analyse(film, tmp_path / "out", options)
    for path in (tmp_path / "out").rglob("*"):
        if path.suffix in {".html", ".json"}:
            text = path.read_text(encoding="utf-8")
            assert "Sentinel" not in text
            assert "normal" not in text.lower().replace("font-weight: normal", "")


def test_progress_ends_where_it_should(film, tmp_path, options):
    phantoms.write_ct(film / "ct")
    told: list[tuple[int, int]] = []
    analyse(film, tmp_path / "out", options, lambda done, total: told.append((done, total)))
    assert told[-1] == (2, 2)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_check_gives_verdicts_without_models(film, tmp_path):
    paths = phantoms.write_ct(film / "ct")
    paths[len(paths) // 2].unlink()
    checked = check(film)
    verdicts = {volume.series.modality: volume.verdict for volume in checked.volumes}
    assert verdicts["DX"] in {Verdict.PASS, Verdict.WARN}
    assert verdicts["CT"] is not Verdict.PASS
    ct = next(volume for volume in checked.volumes if volume.series.modality == "CT")
    assert any("missing" in issue.text().lower() or "gap" in issue.text().lower() for issue in ct.issues)
    document = checked.as_json("zh")
    assert {row["verdict"] for study in document["studies"] for row in study["series"]} <= {"reject", "warn", "pass"}


def test_objects_without_images_are_left_out_beside_images(film, tmp_path, options):
    from pydicom.data import get_testdata_file

    report = Path(get_testdata_file("test-SR.dcm", download=False))
    (film / "sr.dcm").write_bytes(report.read_bytes())
    analysis = analyse(film, tmp_path / "out", options)
    assert [bundle.report.series.modality for bundle in analysis.bundles] == ["DX"]


def test_an_image_without_pixels_is_shown_beside_images(film, tmp_path, options):
    dataset = pydicom.dcmread(next(film.iterdir()))
    dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2.3.4", "1.2.3.4.5"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    del dataset.PixelData
    dataset.save_as(film / "headers.dcm")
    reports = [bundle.report for bundle in analyse(film, tmp_path / "out", options).bundles]
    assert sorted(report.status for report in reports) == [Status.COMPLETE, Status.REFUSED]


def test_what_concerns_the_whole_source_is_in_every_report(film, tmp_path, options):
    other = phantoms.PhantomIdentity("another patient")
    path = phantoms.write_chest(film / "second", phantoms.ChestPhantom(), other)
    dataset = pydicom.dcmread(path)
    dataset.PatientID = "ANOTHER"
    dataset.save_as(path)
    reports = [bundle.report for bundle in analyse(film, tmp_path / "out", options).bundles]
    assert len(reports) == 2
    assert all("Q101" in [issue.code for issue in report.issues] for report in reports)
