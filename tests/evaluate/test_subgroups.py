"""Subgroups: a planted difference is found and no other, counts, columns, headers, and what is too uncertain."""

import numpy as np
import pydicom
import pydicom.data
import pytest

from hounsfield.cases.layouts import read_cases
from hounsfield.core.study import Series, Study
from hounsfield.evaluate.run import EvaluateOptions, evaluate
from hounsfield.evaluate.scoring import Scored
from hounsfield.evaluate.subgroups import age_group, header_attributes, subgroup_issues, subgroup_rows
from hounsfield.model.contract import InputContract
from tests.evaluate.examples import write_model


def scored_cases(count=400, seed=0, spoiled=None):
    """Return cases whose scores tell the class well, but those of ``spoiled`` badly."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    logits = chance.normal(4.0 * labels - 2, 1.2)
    if spoiled is not None:
        logits = np.where(spoiled, chance.normal(0.4 * labels, 1), logits)
    scores = 1 / (1 + np.exp(-logits))
    return Scored(labels, np.stack([1 - scores, scores], axis=1), np.arange(count), 1, 0.5)


def columns(count, **values):
    return [tuple((name, str(column[index])) for name, column in values.items()) for index in range(count)]


def test_a_planted_difference_is_found_and_no_other():
    scanner = np.array(list("AABBCCDD") * 50)
    sex = np.array(list("FM") * 200)[np.random.default_rng(1).permutation(400)]
    scored = scored_cases(spoiled=scanner == "C")
    rows = subgroup_rows(scored, columns(400, scanner=scanner, sex=sex), 500, 0)
    assert [(row.column, row.value) for row in rows] == [
        ("scanner", "A"), ("scanner", "B"), ("scanner", "C"), ("scanner", "D"), ("sex", "F"), ("sex", "M"),
    ]  # fmt: skip
    assert "auroc" in rows[2].differing
    assert all("auroc" not in row.differing for row in rows if row.column == "sex")
    assert rows[4].p_adjusted == rows[5].p_adjusted
    (issue,) = [issue for issue in subgroup_issues(rows) if issue.code == "Q860"]
    assert "scanner = C: auroc" in issue.text()
    assert "sex" not in issue.text()


def test_equal_subgroups_seldom_differ():
    """Twelve subgroups a run: without adjustment every other run would claim one."""
    wrong = 0
    for run in range(12):
        chance = np.random.default_rng(run)
        values = {name: chance.integers(0, 4, 200) for name in ("site", "month", "coil")}
        rows = subgroup_rows(scored_cases(200, run), columns(200, **values), 120, run)
        wrong += any(row.differing for row in rows)
    assert wrong <= 2


def test_a_clear_difference_is_found_among_many_subgroups():
    """Thirty-six tests and few resamples: permutations are as many as the adjusted level needs."""
    chance = np.random.default_rng(2)
    values = {name: chance.integers(0, 4, 400) for name in ("site", "month", "coil")}
    rows = subgroup_rows(scored_cases(spoiled=values["coil"] == 2, seed=2), columns(400, **values), 20, 0)
    assert [(row.column, row.value) for row in rows if "auroc" in row.differing][:1] == [("coil", "2")]


def test_counts_of_cases_patients_and_classes():
    scored = scored_cases(40)
    scored = Scored(scored.labels, scored.probabilities, np.arange(40) // 2, 1, 0.5)
    site = np.where(np.arange(40) < 30, "north", "south")
    north, south = subgroup_rows(scored, columns(40, site=site), 50, 0)
    assert (north.cases, north.patients, north.class_counts) == (30, 15, (15, 15))
    assert (south.cases, south.patients, south.class_counts) == (10, 5, (5, 5))
    assert south.wide
    (issue,) = [issue for issue in subgroup_issues((north, south)) if issue.code == "Q859"]
    assert "site = south (n = 10)" in issue.text()


def test_a_subgroup_of_one_class_is_named_as_unsure_and_has_no_p_value():
    scored = scored_cases(60)
    side = np.where(scored.labels == 1, "ill", np.where(np.arange(60) < 30, "well", "other"))
    rows = subgroup_rows(scored, columns(60, side=side), 50, 0)
    assert all(row.measures is None and row.p_adjusted == {} for row in rows)
    assert [issue.code for issue in subgroup_issues(rows)] == ["Q859"]


@pytest.mark.parametrize(
    ("years", "group"), [(0, "0-17"), (17.9, "0-17"), (18, "18-39"), (59, "40-59"), (79, "60-79"), (80, "80+")]
)
def test_age_groups(years, group):
    assert age_group(years) == group


def test_ages_are_grouped_and_identifiers_are_not():
    ages = np.arange(20, 80).repeat(2)
    rows = subgroup_rows(scored_cases(120), columns(120, Age=ages, number=np.arange(120)), 30, 0)
    assert [(row.column, row.value) for row in rows] == [("Age", "18-39"), ("Age", "40-59"), ("Age", "60-79")]
    unknown = subgroup_rows(scored_cases(120), columns(120, age=np.where(ages < 50, ages.astype(str), "")), 30, 0)
    assert [row.value for row in unknown] == ["-", "18-39", "40-59"]


def test_headers_give_groups_and_no_identity():
    study = Study("1.2", (), patient_id="secret", patient_age_years=7.0, patient_sex="F", accession_number="hidden")
    assert header_attributes(study, Series("1.3", "1.2", "CR", (), manufacturer="ACME")) == (
        ("PatientSex", "F"), ("age group", "0-17"), ("Manufacturer", "ACME"),
    )  # fmt: skip
    assert header_attributes(Study("", ()), Series("", "", "", ())) == ()


def test_dicom_headers_make_subgroups(tmp_path):
    model = write_model(tmp_path / "m.model", ("normal", "pneumonia"), contract=InputContract(modalities=["CT"]))
    for index in range(40):
        dataset = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{index}"
        dataset.PatientID, dataset.PatientSex = f"patient {index}", "FM"[index // 2 % 2]
        dataset.WindowCenter, dataset.WindowWidth = (-2000, 100) if index % 2 else (4000, 100)
        folder = tmp_path / "data" / ("pneumonia" if index % 2 else "normal")
        folder.mkdir(parents=True, exist_ok=True)
        dataset.save_as(folder / f"{index}.dcm")
    result = evaluate(model, read_cases(tmp_path / "data"), options=EvaluateOptions(resamples=30))
    assert {(row.column, row.value, row.cases) for row in result.subgroup_rows} == {
        ("PatientSex", "F", 20), ("PatientSex", "M", 20),
    }  # fmt: skip
    stored = result.as_json()["subgroups"][0]
    assert stored["n_by_class"] == [10, 10]
    assert set(stored["p_adjusted"]) == {"auroc", "sensitivity", "specificity"}
    assert stored["differing"] == []


def test_three_classes_have_subgroups_too():
    """One site calls at random: the mean over classes tells it apart, whatever the number of classes."""
    chance = np.random.default_rng(4)
    labels = np.arange(360) % 3
    site = np.where(np.arange(360) // 3 % 3 == 0, "far", "near")
    logits = chance.normal(0, 1, (360, 3)) + 3.0 * np.eye(3)[labels] * (site == "near")[:, np.newaxis]
    weights = np.exp(logits)
    scored = Scored(labels, weights / weights.sum(axis=1, keepdims=True), np.arange(360), None, 0.5)
    far, near = subgroup_rows(scored, columns(360, site=site), 200, 0)
    assert (far.value, near.value) == ("far", "near")
    assert far.class_counts == (40, 40, 40)
    assert set(far.differing) == {"auroc", "sensitivity", "specificity"}
    assert far.measures["auroc"].high < near.measures["auroc"].low


def test_measures_of_a_subgroup_are_those_of_its_cases_alone():
    from sklearn import metrics as oracle

    scored = scored_cases(120, 5)
    coil = np.where(np.random.default_rng(6).random(120) < 0.4, "head", "body")
    for row in subgroup_rows(scored, columns(120, coil=coil), 60, 0):
        keep = coil == row.value
        area = oracle.roc_auc_score(scored.labels[keep], scored.scores[keep])
        assert row.measures["auroc"].value == pytest.approx(area)
        found = oracle.recall_score(scored.labels[keep], scored.scores[keep] >= 0.5)
        assert row.measures["sensitivity"].value == pytest.approx(found)
        assert row.measures["sensitivity"].low <= found <= row.measures["sensitivity"].high


def test_narrow_subgroups_are_not_called_wide_and_nothing_is_said_of_them():
    scored = scored_cases(2000, 3)
    half = np.where(np.arange(2000) < 1000, "one", "two")
    rows = subgroup_rows(scored, columns(2000, half=half), 60, 0)
    assert all(row.wide == () for row in rows)
    assert subgroup_issues(rows) == ()


def test_columns_that_one_case_lacks_have_a_row_of_their_own():
    scored = scored_cases(60, 8)
    attributes = columns(60, coil=np.where(np.arange(60) < 30, "head", "body"))
    attributes[:12] = [()] * 12
    rows = subgroup_rows(scored, attributes, 30, 0)
    assert [(row.value, row.cases) for row in rows] == [("-", 12), ("body", 30), ("head", 18)]


def test_the_page_marks_what_differs_and_what_is_too_wide(tmp_path):
    """Forty cases of two scanners, on one of which the picture says the opposite."""
    from tests.evaluate.examples import flat, save

    rows = ["path,label,scanner"]
    for index in range(80):
        label, scanner = index % 2, "AB"[index // 40]
        bright = label if scanner == "A" else 1 - label
        save(tmp_path / "data" / f"{index}.png", flat(70 + 90 * bright + index % 30, index))
        rows.append(f"{index}.png,{('normal', 'pneumonia')[label]},{scanner}")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    model = write_model(tmp_path / "m.model", ("normal", "pneumonia"))
    result = evaluate(model, read_cases(tmp_path / "data"), tmp_path / "out", EvaluateOptions(resamples=200))
    assert "Q860" in [issue.code for issue in result.issues]
    assert all("auroc" in row.differing for row in result.subgroup_rows)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count('class="tag warn"><span data-lang="en" lang="en">differs') >= 4
    assert "亚组" in page
    assert "ui.evaluate" not in page
