"""Admission: every refusal and warning of the chest CT task, its evidence in two languages, and its near-miss."""

import re
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from hounsfield.clinical.chest_ct import reader
from hounsfield.clinical.chest_ct.admission import (
    LEAST_HEIGHT_MM,
    LEAST_LUNG_ML,
    LEAST_SLICES,
    THICK_MM,
    THICKEST_MM,
    lung_issues,
    scan_issues,
)
from hounsfield.clinical.chest_ct.airways import Airways
from hounsfield.clinical.chest_ct.lungs import Lung, Lungs
from hounsfield.clinical.chest_ct.reader import TASK, read_chest_ct
from hounsfield.clinical.chest_ct.search import Candidate
from hounsfield.clinical.subject import Reading, Subject
from hounsfield.core.finding import Laterality, Presence
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import Volume
from hounsfield.messages import LANGUAGES
from tests.clinical.chest_ct.torso import TRACHEA, Ellipsoid, Torso, large

UID = "1.2.826.0.1"


def scan(slices=40, spacing=1.0, tilt=0.0, quantity=Quantity.HOUNSFIELD, colours=0) -> Volume:
    """Return an empty scan whose slices are tilted by degrees about the axis from side to side."""
    shape = (slices, 4, 4)
    sine, cosine = np.sin(np.radians(tilt)), np.cos(np.radians(tilt))
    direction = ((0.0, 0.0, 1.0), (-sine, cosine, 0.0), (cosine, sine, 0.0))
    array = np.zeros((colours, *shape) if colours else shape, np.int16)
    return Volume(array, VolumeGeometry(shape, (spacing, 1.0, 1.0), direction=direction), quantity)


def lungs(sides="rl", end=(), pixels=60, slices=60, *, has_airways=True) -> Lungs:
    """Return lungs of flat slices on blocks of 2 mm; each slice of a lung has so many blocks, each end so many."""
    made = []
    for side in sides:
        mask = np.zeros((slices + 2, 2, 1000), bool)
        mask[1:-1, 0, :pixels] = True
        for last in end:
            mask[last, 1, : end[last]] = True
        made.append(Lung(Laterality.RIGHT if side == "r" else Laterality.LEFT, mask, mask))
    airways = Airways(np.zeros((slices + 2, 2, 1000), bool), is_assessed=has_airways)
    return Lungs(tuple(made), airways, (1, 1, 1), (2.0, 2.0, 2.0))


ENOUGH = 600
"""Blocks of 8 mm3 in each of 60 slices: 288 ml a lung."""


def codes(issues) -> list[str]:
    return [issue.code for issue in issues]


# before the lungs: what is refused, with the words that the evidence must hold, and what is as close and is not

SCANS = [
    (scan(quantity=Quantity.ARBITRARY), "Q210", Severity.REJECT, ("ARBITRARY",), "HOUNSFIELD"),
    (scan(colours=3), "Q210", Severity.REJECT, ("HOUNSFIELD",), "HOUNSFIELD"),
    (scan(slices=1), "Q211", Severity.REJECT, ("1",), "16"),
    (scan(slices=15), "Q211", Severity.REJECT, ("15",), "16"),
    (scan(tilt=27.0), "Q212", Severity.REJECT, ("27",), "26"),
    (scan(tilt=-45.0), "Q212", Severity.REJECT, ("45",), "26"),
    (scan(tilt=90.0), "Q212", Severity.REJECT, ("90",), "26"),
    (scan(tilt=153.0), "Q212", Severity.REJECT, ("27",), "26"),
    (scan(spacing=5.01), "Q213", Severity.REJECT, ("5.01",), "5.0"),
    (scan(spacing=10.0), "Q213", Severity.REJECT, ("10.0",), "5.0"),
    (scan(spacing=3.01), "Q214", Severity.WARN, ("3.01",), "3.0"),
    (scan(spacing=5.0), "Q214", Severity.WARN, ("5.0",), "3.0"),
]


@pytest.mark.parametrize(("volume", "code", "severity", "found", "limit"), SCANS)
def test_a_scan_with_a_planted_fault_has_its_code_and_its_evidence(volume, code, severity, found, limit) -> None:
    (issue,) = scan_issues(volume, UID)
    assert (issue.code, issue.severity, issue.uid) == (code, severity, UID)
    must_speak(issue, found, limit)


@pytest.mark.parametrize(
    "volume",
    [
        scan(),
        scan(slices=LEAST_SLICES),
        scan(tilt=25.5),
        scan(tilt=-25.5),
        scan(tilt=180.0),
        scan(tilt=155.0),
        scan(spacing=0.5),
        scan(spacing=THICK_MM),
        scan(spacing=THICK_MM + 1e-9),
        scan(spacing=2.9999),
    ],
)
def test_a_near_miss_is_neither_refused_nor_warned_of(volume) -> None:
    assert scan_issues(volume) == ()


@pytest.mark.parametrize("spacing", [3.5, THICKEST_MM, THICKEST_MM + 1e-9])
def test_thick_slices_are_warned_of_and_read(spacing) -> None:
    assert [(issue.code, issue.severity) for issue in scan_issues(scan(spacing=spacing))] == [("Q214", Severity.WARN)]


@pytest.mark.parametrize(
    ("volume", "code"),
    [
        (scan(slices=2, spacing=9.0, tilt=60, quantity=Quantity.ARBITRARY), "Q210"),
        (scan(slices=2, spacing=9.0, tilt=60), "Q211"),
        (scan(spacing=9.0, tilt=60), "Q212"),
        (scan(spacing=9.0), "Q213"),
    ],
)
def test_of_many_faults_the_first_is_told(volume, code) -> None:
    assert codes(scan_issues(volume)) == [code]


# after the lungs


def ends(first=0, last=0):
    return {0: first, -1: last}


FOUND = [
    (lungs("", pixels=0), "Q215", Severity.REJECT, ("0",), "500"),
    (lungs(pixels=500), "Q215", Severity.REJECT, ("480", "120"), "500"),
    (lungs(pixels=950, slices=49), "Q215", Severity.REJECT, ("745", "98"), "100"),
    (lungs(pixels=ENOUGH, end=ends(first=26)), "Q216", Severity.WARN, (), ""),
    (lungs(pixels=ENOUGH, end=ends(last=26)), "Q216", Severity.WARN, (), ""),
    (lungs("r", pixels=1000, slices=64), "Q217", Severity.WARN, ("right",), ""),
    (lungs("l", pixels=1000, slices=64), "Q217", Severity.WARN, ("left",), ""),
    (lungs(pixels=ENOUGH, has_airways=False), "Q218", Severity.NOTE, (), ""),
]


@pytest.mark.parametrize(("found_lungs", "code", "severity", "found", "limit"), FOUND)
def test_lungs_with_a_planted_fault_have_their_code_and_evidence(found_lungs, code, severity, found, limit) -> None:
    (issue,) = lung_issues(found_lungs, UID)
    assert (issue.code, issue.severity, issue.uid) == (code, severity, UID)
    must_speak(issue, found, limit)
    for word in found:
        assert word in issue.text("en")


@pytest.mark.parametrize(
    "near",
    [
        lungs(pixels=ENOUGH),
        lungs(pixels=521),  # 500.16 ml
        lungs(pixels=650, slices=50),  # 100 mm and 520 ml
        lungs(pixels=ENOUGH, end=ends(25, 25)),  # 100 mm2 at each end
    ],
)
def test_lungs_at_the_limit_are_taken_as_they_are(near) -> None:
    assert sum(map(near.volume_ml, near.lungs)) >= LEAST_LUNG_ML
    assert near.height_mm() >= LEAST_HEIGHT_MM
    assert lung_issues(near) == ()


def test_one_lung_that_is_large_enough_is_not_refused() -> None:
    assert codes(lung_issues(lungs("r", pixels=1000, slices=64))) == ["Q217"]
    assert codes(lung_issues(lungs("r", pixels=1000, slices=62))) == ["Q215"]


def test_faults_of_the_lungs_are_all_told_and_a_refusal_alone() -> None:
    many = lungs("l", pixels=1000, slices=64, end=ends(30, 30), has_airways=False)
    assert codes(lung_issues(many)) == ["Q216", "Q217", "Q218"]
    few = lungs("l", pixels=100, end=ends(30, 30), has_airways=False)
    assert codes(lung_issues(few)) == ["Q215"]


# what people read


def must_speak(issue: QualityIssue, found=(), limit="") -> None:
    """Hold an issue to its sentences: facts in, no field left open, Chinese in Chinese, a next step, a source."""
    for language in LANGUAGES:
        told = [issue.text(language), issue.next_step(language), issue.value(language), issue.threshold(language)]
        told.append(issue.source(language))
        for words in told:
            assert words.strip()
            assert not re.search(r"[{}?]|ui\.|Q21\d", words), words
        for number in found:
            assert re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", issue.value(language)), issue.value(language)
        assert limit in issue.threshold(language)
        chinese = [bool(re.search(r"[\u4e00-\u9fff]", words)) for words in (*told[:2], told[4])]
        assert chinese == [language == "zh"] * 3


@pytest.mark.parametrize(("volume", "found"), [(row[0], row[3]) for row in SCANS[2:]])
def test_the_sentence_names_what_was_found(volume, found) -> None:
    (issue,) = scan_issues(volume)
    for language in LANGUAGES:
        assert found[0] in issue.text(language)


def test_an_issue_without_a_series_has_no_uid() -> None:
    for issue in (*scan_issues(scan(slices=2)), *lung_issues(lungs(""))):
        assert issue.uid is None


# the whole task


def read(volume: Volume | None) -> Reading:
    series = Series(UID, "1.2", "CT", ())
    return read_chest_ct(TASK, cast(Any, None), Subject(Study("1.2", (series,)), series, volume))


class Finds:
    """A detector that knows its answer."""

    candidates: tuple[Candidate, ...] = ()

    def detect(self, volume: Volume, lungs: Lungs) -> tuple[Candidate, ...]:
        return self.candidates


NODULE = Ellipsoid((-46, 0, 0), (9, 9, 9), 40)
CHEST = large(TRACHEA, NODULE, spacing_mm=(3.0, 2.0, 2.0))


@pytest.mark.parametrize("is_found", [True, False])
def test_a_search_without_a_nodule_says_so_and_does_not_say_that_there_is_none(monkeypatch, is_found) -> None:
    centre = tuple(float(i) for i in CHEST.geometry.to_index([NODULE.centre])[0])
    answer = (Candidate(centre, 9.0, 100.0, score=1.0),) if is_found else ()
    monkeypatch.setattr(Finds, "candidates", answer)
    monkeypatch.setattr(reader, "BallDetector", Finds)
    reading = read(CHEST.volume())
    assert codes(reading.issues) == ([] if is_found else ["Q219"])
    nodule = reading.findings[0]
    assert nodule.presence is (Presence.PRESENT if is_found else Presence.NOT_ASSESSED)
    assert len(reading.findings) == 3  # and the two lungs
    for issue in reading.issues:
        assert (issue.severity, issue.uid) == (Severity.NOTE, UID)
        must_speak(issue, ("0",), "0")


@pytest.mark.parametrize(
    ("volume", "code"),
    [(row[0], row[1]) for row in SCANS if row[2] is Severity.REJECT]
    + [(Torso((), spacing_mm=(3.0, 3.0, 3.0)).volume(), "Q215"), (replace(scan(), array=scan().array - 1000), "Q215")],
)
def test_a_refused_volume_is_not_assessed_and_nothing_is_measured(volume, code) -> None:
    reading = read(volume)
    assert codes(reading.issues) == [code]
    (finding,) = reading.findings
    assert finding.presence is Presence.NOT_ASSESSED
    assert finding.measurements == ()
    assert reading.conclusions == ()


def test_a_series_without_a_volume_is_not_assessed() -> None:
    (finding,) = read(None).findings
    assert finding.presence is Presence.NOT_ASSESSED
