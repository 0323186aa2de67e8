"""The demo: every case is written, checked and shown; nothing is asked of a network or of example data."""

import json

import pydicom
import pytest

from hounsfield.cli import main
from hounsfield.demo import INSTALLED, demo_cases, run
from hounsfield.messages import sentence
from hounsfield.pipeline import Options
from tests.clinical import models


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    shelf = tmp_path_factory.mktemp("models")
    models.finding_model(shelf, models.CHEST, "chest-xray", age_years={"maximum": 10})
    models.finding_model(shelf, models.BRAIN, "brain-mri")
    told: list[tuple[int, int]] = []
    data = run(folder, Options(model_folders=(shelf,), threads=1), lambda done, total: told.append((done, total)))
    return folder, data, told


def test_names_are_unique_and_safe():
    names = [case.name for case in demo_cases()]
    assert len(names) == len(set(names)) >= 15
    assert all(name.replace("-", "").replace("_", "").isalnum() for name in names)


def test_every_case_has_a_verdict_and_an_answer(shown):
    _, data, _ = shown
    assert [row["name"] for row in data["cases"]] == [case.name for case in demo_cases()]
    assert {row["verdict"] for row in data["cases"]} <= {"pass", "warn", "reject"}
    assert {row["verdict"] for row in data["cases"]} >= {"pass", "reject"}
    assert all(row["answer"] for row in data["cases"])
    json.dumps(data)


def test_answers_and_refusals_are_both_shown(shown):
    _, data, _ = shown
    answers = {row["name"]: row["answer"] for row in data["cases"]}
    assert answers["chest-film"].startswith("complete")
    assert "2 DICOM objects" in answers["chest-film"]
    assert answers["chest-film-adult"].startswith("refused, Q508")
    assert answers["head-mr-mass"].startswith("complete")
    assert answers["body-ct"] == "refused, E951"
    assert answers["pydicom-mr_truncated"] == "refused, E111"


def test_every_page_named_is_there(shown):
    folder, data, _ = shown
    assert data["pages"][0] == str(folder / "index.html")
    for page in data["pages"]:
        text = (folder / page).read_text(encoding="utf-8")
        assert "not a medical device" in text
        assert sentence("ui.report-disclaimer", None, "zh") in text


def test_the_index_links_every_report_and_the_refused_file(shown):
    folder, data, _ = shown
    index = (folder / "index.html").read_text(encoding="utf-8")
    for page in data["pages"][1:]:
        assert str(page).removeprefix(f"{folder}/") in index
    assert "pydicom-mr_truncated" in index


def test_inputs_are_proper_dicom_of_many_kinds(shown):
    folder, _, _ = shown
    modalities = set()
    for path in (folder / "inputs").rglob("*.dcm"):
        modalities.add(pydicom.dcmread(path, stop_before_pixels=True, force=True).get("Modality"))
    assert {"DX", "MR", "CT", "US", "PT"} <= modalities


def test_installed_files_are_those_of_pydicom(shown):
    folder, _, _ = shown
    for name in INSTALLED:
        (copy,) = (folder / "inputs").glob(f"*/{name}")
        assert copy.stat().st_size > 500


def test_progress_is_told_case_by_case(shown):
    _, _, told = shown
    total = len(demo_cases())
    assert told == [(done, total) for done in range(total + 1)]


def test_the_verb_names_the_pages_it_wrote(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("hounsfield.demo.demo_cases", lambda: demo_cases()[-2:])
    code = main(["demo", "-o", str(tmp_path / "out"), "-q"])
    output = capfd.readouterr().out
    assert code == 0
    assert str(tmp_path / "out" / "index.html") in output
    assert "Phantoms are drawings" in output


def test_a_second_demo_keeps_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr("hounsfield.demo.demo_cases", lambda: demo_cases()[-1:])
    for _ in range(2):
        run(tmp_path / "out", Options(threads=1))
    assert len(list((tmp_path / "out").glob("earlier-*/index.html"))) == 1
