"""The tumour task on drawn images: findings, sums and responses by hand, over visits, from prompts and masks."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hounsfield.clinical.desk import Desk
from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.subject import Subject
from hounsfield.clinical.tumour import words
from hounsfield.clinical.tumour.lesion_file import LesionFile
from hounsfield.clinical.tumour.reader import TASK, read_tumour
from hounsfield.core.codes import concept
from hounsfield.core.finding import Presence
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import Volume
from hounsfield.errors import SettingsError
from hounsfield.image.write import write_volume
from tests.clinical.tumour.drawn import ellipsoid, image

GRID = VolumeGeometry((20, 80, 80), (3.0, 1.0, 1.0))
PLACES = ((10, 20, 20), (10, 20, 58), (10, 58, 20), (10, 58, 58))
HALVES = ((15.0, 12.0, 12.0), (12.0, 9.0, 9.0), (9.0, 8.0, 10.0), (6.0, 4.0, 4.0))


def drawn(scale=1.0, quantity=Quantity.HOUNSFIELD, values=(40.0, 110.0)) -> Volume:
    inside = np.zeros(GRID.shape, bool)
    for place, half in zip(PLACES, HALVES, strict=True):
        inside |= ellipsoid(GRID, place, [scale * one for one in half])
    return image(inside, GRID, quantity=quantity, values=values)


def subject_of(volume, lesions, modality="CT", **changes) -> Subject:
    series = Series("1.2.3", "1.2", modality, ())
    told = None if lesions is None else LesionFile.model_validate(lesions)
    return replace(Subject(Study("1.2", (series,)), series, volume, lesions=told), **changes)


def lesion(place, **changes) -> dict:
    return {"click": [PLACES[place]], "method": "threshold", "low": 75, "reach_mm": 25, **changes}


def read(*arguments, **changes):
    return read_tumour(TASK, Desk(), subject_of(*arguments, **changes))


def value(finding, code):
    return next(one.value for one in finding.measurements if one.concept == code)


def role(finding):
    return next((one.value for one in finding.evaluations if one.concept == words.ROLE), None)


def test_lesions_are_measured_and_the_largest_proposed_as_targets():
    reading = read(
        drawn(), {"lesion": [lesion(0, organ="liver"), lesion(1, organ="liver"), lesion(2, organ="liver"), lesion(3)]}
    )
    assert not reading.is_refused
    *lesions, total = reading.findings
    assert [round(value(one, concept("long-axis"))) for one in lesions] == [25, 19, 21, 9]
    assert [role(one) for one in lesions] == [words.ROLES["proposed"], None, words.ROLES["proposed"], None]
    sizes = [next(one.value for one in finding.evaluations if one.concept == words.SIZE) for finding in lesions]
    assert sizes == [words.SIZES["measurable"]] * 3 + [words.SIZES["non-measurable"]]
    assert value(total, words.SUM) == pytest.approx(
        sum(value(lesions[place], concept("long-axis")) for place in (0, 2))
    )
    ball = 4 / 3 * np.pi * 15 * 12 * 12 / 1000
    assert value(lesions[0], concept("volume")) == pytest.approx(ball, rel=0.05)
    assert value(lesions[0], words.MEAN) == 110
    assert lesions[0].region.is_measured
    assert lesions[0].region.slice_index == 10
    assert [one.number for one in lesions] == [1, 2, 3, 4]
    assert reading.conclusions[0].missing == ("nadir_mm", "non_target", "has_new_lesion")


def test_a_node_counts_by_its_short_axis_and_named_targets_alone():
    told = [lesion(0, is_node=True, role="target"), lesion(2), lesion(1, role="non-target"), lesion(3, role="new")]
    reading = read(drawn(), {"lesion": told, "non_target": "NE"})
    *lesions, total = reading.findings
    assert value(total, words.SUM) == pytest.approx(value(lesions[0], concept("short-axis")))
    assert [role(one) for one in lesions] == [
        words.ROLES["target"],
        None,
        words.ROLES["non-target"],
        words.ROLES["new"],
    ]
    assert next(one.value for one in lesions[0].evaluations if one.concept == words.SIZE) == words.SIZES["target"]


def report(folder, total=None, date="", peaks=()) -> str:
    """A report of an earlier visit as analyse writes it."""
    from hounsfield.core.finding import Measurement
    from hounsfield.core.quantities import MILLIMETRE, Unit
    from hounsfield.report.json import _measurement

    measured = [] if total is None else [_measurement(Measurement(words.SUM, total, MILLIMETRE))]
    measured += [_measurement(Measurement(words.SUV_PEAK, peak, Unit(unit, "SUV"))) for peak, unit in peaks]
    path = folder / f"{total}-{date}-{len(peaks)}.json"
    path.write_text(json.dumps({"study_date": date, "findings": [{"measurements": measured}]}), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("sums", "non_target", "is_new", "result"),
    [
        ((70.0,), "none", False, "PR"), ((60.0,), "none", False, "SD"), ((50.0, 30.0), "none", False, "PD"),
        ((70.0,), "PD", False, "PD"), ((70.0,), "non-CR/non-PD", True, "PD"), ((70.0, 40.0), "NE", False, "PR"),
    ],
)  # fmt: skip
def test_the_response_is_that_of_the_sums(sums, non_target, is_new, result, tmp_path):
    targets = [lesion(0, role="target"), lesion(1, role="target")]  # 25 + 19 mm
    priors = [report(tmp_path, total, f"2025010{place + 1}") for place, total in enumerate(sums)]
    told = {"lesion": targets, "prior": priors, "non_target": non_target, "has_new_lesion": is_new}
    conclusion = read(drawn(), told).conclusions[0]
    assert (conclusion.result, conclusion.rule.name) == (result, "recist-1.1")
    facts = {fact.name: fact.value for fact in conclusion.inputs}
    assert facts["nadir_mm"] == min(sums)
    assert facts[f"sum_{len(sums)}_mm"] == pytest.approx(44, abs=1.5)


def test_targets_that_are_gone_or_too_small_count_as_recist_says(tmp_path):
    gone = [{"state": "gone", "role": "target"}, lesion(3, role="non-target")]
    told = {"lesion": gone, "prior": [report(tmp_path, 30.0)], "non_target": "CR", "has_new_lesion": False}
    reading = read(drawn(), told)
    assert reading.conclusions[0].result == "CR"
    assert reading.findings[0].presence is Presence.ABSENT
    small = told | {"lesion": [{"state": "too-small", "role": "target"}, {"state": "gone", "role": "target"}]}
    reading = read(drawn(), small)
    assert reading.conclusions[0].result == "PR"
    assert reading.findings[0].presence is Presence.NOT_ASSESSED
    assert value(reading.findings[-1], words.SUM) == 5.0


def test_mrecist_answers_for_the_targets_alone(tmp_path):
    told = {"lesion": [lesion(0, role="target")], "prior": [report(tmp_path, 50.0)], "rule": "mrecist"}
    conclusion = read(drawn(), told).conclusions[0]
    assert (conclusion.rule.name, conclusion.result) == ("mrecist", "PR")
    first = read(drawn(), told | {"prior": []}).conclusions[0]
    assert (first.result, first.missing) == ("", ("nadir_mm",))


@pytest.mark.parametrize("content", [None, "{", "[]", '{"findings": [{"measurements": [{}]}]}', '{"findings": []}'])
def test_an_earlier_report_that_says_nothing_is_refused(content, tmp_path):
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match="E249"):
        read(drawn(), {"lesion": [lesion(0, role="target")], "prior": [str(path)]})


def test_earlier_reports_come_in_the_order_of_their_dates(tmp_path):
    priors = [report(tmp_path, 50.0, "20250301"), report(tmp_path, 60.0, "20250101")]
    with pytest.raises(SettingsError, match="E249"):
        read(drawn(), {"lesion": [lesion(0, role="target")], "prior": priors})


def test_what_fails_for_one_lesion_keeps_no_other_and_stops_the_sum():
    reading = read(drawn(), {"lesion": [lesion(0, role="target"), lesion(1, role="target", low=500)]})
    assert [one.presence for one in reading.findings] == [Presence.PRESENT, Presence.NOT_ASSESSED]
    assert [(issue.code, issue.severity) for issue in reading.issues] == [("E242", Severity.WARN)]
    assert reading.conclusions == ()


def test_masks_beside_the_file_are_measured_label_by_label(tmp_path):
    volume = drawn()
    labels = np.zeros(GRID.shape, np.uint8)
    for number in (1, 2):
        labels[ellipsoid(GRID, PLACES[number - 1], HALVES[number - 1])] = number
    path = write_volume(Volume(labels, GRID, Quantity.LABEL), tmp_path / "mask.nrrd", "drawn")[0]
    found = read(volume, {"lesion": [{"mask": str(path)}]}).findings
    assert [round(value(one, concept("long-axis"))) for one in found[:2]] == [25, 19]
    alone = read(volume, {"lesion": [{"mask": str(path), "label": 2}]}).findings
    assert round(value(alone[0], concept("long-axis"))) == 19
    missing = read(volume, {"lesion": [{"mask": str(path), "label": 7}]})
    assert missing.findings[0].presence is Presence.NOT_ASSESSED


def test_nothing_pointed_at_is_refused_and_never_called_absent():
    reading = read(drawn(), None)
    assert reading.is_refused
    assert [issue.code for issue in reading.issues] == ["Q240"]
    assert reading.findings == ()


# ---- PET

LESIONS = {"lesion": [lesion(0, low=4.0), lesion(1, low=4.0)]}
MAN = PatientFacts(weight_kg=80, height_cm=180, sex="M")


def pet(hot=8.0) -> Volume:
    return drawn(quantity=Quantity.SUV_BW, values=(2.0, hot))


def test_pet_gives_uptake_and_metabolic_volumes():
    reading = read(pet(), LESIONS, "PT")
    first = reading.findings[0]
    assert (value(first, words.SUV_MAX), value(first, words.SUV_MEAN)) == (8.0, 8.0)
    millilitres = ellipsoid(GRID, PLACES[0], HALVES[0]).sum() * 0.003
    for name in ("fixed", "above"):
        assert value(first, words.VOLUMES[name][0]) == pytest.approx(millilitres)
        assert value(first, words.VOLUMES[name][1]) == pytest.approx(8 * millilitres)
    assert reading.conclusions == ()
    assert words.VOLUMES["liver"][0] not in [one.concept for one in first.measurements]


def test_percist_compares_the_hottest_lean_peaks(tmp_path):
    unit = "g/ml{SUVlbm(Janma)}"
    told = LESIONS | {"suv": "lbm-janma", "liver": [3, 40, 40], "has_new_lesion": False}
    told["prior"] = [report(tmp_path, peaks=((10.0, unit), (11.0, unit)))]
    reading = read(pet(), told, "PT", facts=MAN)
    factor = 9270 / (6680 + 216 * 80 / 1.8**2)
    conclusion = reading.conclusions[0]
    facts = {fact.name: fact.value for fact in conclusion.inputs}
    assert facts["baseline_sul_peak"] == 11.0
    assert facts["current_sul_peak"] == pytest.approx(8 * factor, rel=1e-3)
    assert conclusion.result == "PMR"
    assert value(reading.findings[0], words.VOLUMES["liver"][0]) > 0
    told["prior"] = [report(tmp_path, peaks=((10.0, "g/ml{SUVbw}"),))]
    with pytest.raises(SettingsError, match="E249"):
        read(pet(), told, "PT", facts=MAN)


def test_uptake_without_what_it_needs_is_not_assessed():
    lean = read(pet(), LESIONS | {"suv": "lbm-james"}, "PT")
    assert [issue.code for issue in lean.issues] == ["E247"]
    assert words.SUV_MAX not in [one.concept for one in lean.findings[0].measurements]
    assert lean.conclusions[0].missing[:2] == ("baseline_sul_peak", "current_sul_peak")
    counts = drawn(quantity=Quantity.ARBITRARY, values=(2.0, 8.0))
    assert [issue.code for issue in read(counts, LESIONS, "PT").issues] == ["Q243"]


# ---- through the main path


def test_a_dicom_study_becomes_a_report_that_a_later_visit_reads(tmp_path, capfd):
    from hounsfield.cli import main
    from hounsfield.image import phantoms

    phantom = phantoms.BodyPhantom(geometry=phantoms.pose_geometry((10, 48, 44), (6.0, 2.8, 3.4)))
    phantoms.write_ct(tmp_path / "ct", phantom)
    insert = max(phantom.inserts.values(), key=lambda one: abs(one.hounsfield))
    click = {"click_mm": [list(insert.center_mm)], "method": "threshold", "role": "target", "reach_mm": 40}
    click |= {"low": insert.hounsfield - 20, "high": insert.hounsfield + 20}
    prompts = tmp_path / "lesions.json"
    prompts.write_text(json.dumps({"lesion": [click]}), encoding="utf-8")
    words_ = ["analyse", str(tmp_path / "ct"), "--task", "tumour", "--prompts", str(prompts), "--json"]
    assert main([*words_, "-o", str(tmp_path / "one")]) == 0
    first = json.loads(capfd.readouterr().out)["studies"][0]
    axis = next(one["value"] for one in first["findings"][0]["measurements"] if one["code"]["value"] == "103339001")
    assert axis == pytest.approx(2 * insert.radius_mm, abs=3.5)
    assert (tmp_path / "one" / "001" / "structured.dcm").stat().st_size > 1000
    later = {"lesion": [click], "prior": ["one/001/report.json"], "non_target": "none", "has_new_lesion": False}
    prompts.write_text(json.dumps(later), encoding="utf-8")
    assert main([*words_, "-o", str(tmp_path / "two")]) == 0
    second = json.loads(capfd.readouterr().out)["studies"][0]
    assert [one["result"] for one in second["conclusions"]] == ["SD"]


def test_a_pet_study_has_the_uptake_of_the_phantom(tmp_path, capfd):
    from hounsfield.cli import main
    from hounsfield.image import phantoms

    phantom = phantoms.PetPhantom()
    phantoms.write_pet(tmp_path / "pet", phantom)
    prompts = tmp_path / "lesions.json"
    prompts.write_text(json.dumps({"lesion": [{"click_mm": [[25, 0, 0]], "method": "threshold"}]}), encoding="utf-8")
    words_ = ["analyse", str(tmp_path / "pet"), "--task", "tumour", "--prompts", str(prompts), "--json"]
    assert main([*words_, "-o", str(tmp_path / "out")]) == 0
    found = json.loads(capfd.readouterr().out)["studies"][0]["findings"][0]
    measured = {one["code"]["value"]: one["value"] for one in found["measurements"]}
    assert measured["SUV_MAX"] == pytest.approx(4 * 2.763, rel=2e-3)
    assert measured["MTV_41"] == pytest.approx(4 / 3 * np.pi * 1.4**3, rel=0.08)
