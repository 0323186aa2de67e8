"""Priors from files to the page: what became of planted balls that moved with the body, and who is refused."""

import builtins
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest

from hounsfield import pipeline
from hounsfield.cli import main
from hounsfield.clinical import tasks
from hounsfield.clinical.change import prior as priors
from hounsfield.clinical.change.measured import lesions_of
from hounsfield.clinical.change.picture import difference, shown_slices
from hounsfield.clinical.change.prior import earlier_series, require_same_patient, with_priors
from hounsfield.clinical.subject import Reading, Subject
from hounsfield.core.codes import concept
from hounsfield.core.conclusion import ConclusionKind
from hounsfield.core.finding import Finding, Measurement, Presence, QualitativeEvaluation, Region
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import CUBIC_MILLIMETRE, MILLILITRE
from hounsfield.core.report import Status
from hounsfield.core.study import InstanceRef, Series, Study
from hounsfield.errors import ImageError, SettingsError
from hounsfield.pipeline import Options, analyse
from tests.clinical.change import moved, toy
from tests.clinical.change.test_registration import QUICK

SHIFT = moved.rigid(4, (1, 2, 3), (5, -4, 6))
GROWING, STAYING, LEAVING, COMING = (-30, 0, 0), (30, 10, 20), (0, -30, -30), (10, 25, -20)


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr(tasks, "BUILT_IN", (toy.TASK,))
    align = priors.align
    monkeypatch.setattr(priors, "align", lambda earlier, later: align(earlier, later, QUICK))


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Three examinations of one patient in one folder: balls in the frame of the first, the body moved in the last."""
    folder = tmp_path_factory.mktemp("patient")
    toy.write(folder / "1", "20240101", (GROWING, 9), (STAYING, 12), (LEAVING, 11))
    toy.write(folder / "2", "20240401", (GROWING, 11), (STAYING, 12), (LEAVING, 11), seed=1)
    toy.write(folder / "3", "20241001", (GROWING, 14), (STAYING, 12), (COMING, 11), motion=SHIFT, seed=2)
    return folder


def told(report):
    """Fates by conclusions of the newest prior and the first, each once."""
    changes = [one for one in report.conclusions if one.kind is ConclusionKind.CHANGE and one.rule.name == "growth-vdt"]
    return [one.result for one in changes if one.result in ("new", "grown", "stable", "shrunk", "gone")]


def test_a_named_prior_is_compared_on_page_in_json_and_in_the_report(known, studies, tmp_path):
    analysis = analyse(studies / "3", tmp_path / "out", Options(task="toy", priors=(studies / "1",)))
    (bundle,) = analysis.bundles
    report = bundle.report
    assert report.status is Status.COMPLETE, report.issues
    assert sorted(told(report)) == ["gone", "grown", "new", "stable"]
    (doubling,) = [one for one in report.conclusions if one.measurement is not None]
    grown = (14 / 9) ** 3
    assert doubling.measurement.value == pytest.approx(274 * np.log(2) / np.log(grown), rel=0.15)
    assert doubling.measurement.interval.low < doubling.measurement.value
    assert "same_kernel" in doubling.missing
    assert len(report.charts) == 2
    page = (tmp_path / "out" / "001" / "report.html").read_text(encoding="utf-8")
    assert "Grown: volume changed by" in page
    assert "20240101" in page
    data = json.loads((tmp_path / "out" / "001" / "report.json").read_text(encoding="utf-8"))
    results = [one["result"] for one in data["conclusions"] if one["kind"] == "change"]
    assert "trusted" in results
    assert "gone" in results
    written = (tmp_path / "out" / "001" / "structured.dcm").read_bytes()
    assert b"Grown: volume" in written
    assert "normal" not in page.replace("Normalised", "")


def test_older_studies_in_the_source_are_found_and_followed(known, studies, tmp_path):
    analysis = analyse(studies, tmp_path / "out", Options(task="toy"))
    by_date = {bundle.report.study.study_date: bundle.report for bundle in analysis.bundles}
    assert told(by_date["20240101"]) == []
    assert by_date["20240101"].charts == ()
    assert sorted(told(by_date["20240401"])) == ["grown", "stable", "stable"]
    assert sorted(told(by_date["20241001"])) == sorted(["gone", "grown", "new", "stable"] * 2)
    last = by_date["20241001"].charts[-1]
    assert "3 examinations" in last.description.en
    assert "4 lesions" in last.description.en


def test_another_patient_is_refused_unless_stated(known, studies, tmp_path):
    other = toy.write(tmp_path / "other", "20230101", (STAYING, 12), patient="P2")
    with pytest.raises(ImageError, match="E234") as refusal:
        analyse(studies / "3", tmp_path / "out", Options(task="toy", priors=(other,)))
    assert "P2" not in str(refusal.value)
    assert not (tmp_path / "out" / "index.html").exists()
    stated = Options(task="toy", priors=(other,), is_same_patient=True)
    (bundle,) = analyse(studies / "3", tmp_path / "out", stated).bundles
    assert "Q231" in [issue.code for issue in bundle.report.issues]
    assert "stable" in told(bundle.report)


def test_a_prior_that_cannot_be_read_is_said_and_the_rest_stays(known, studies, tmp_path):
    flat = toy.write(tmp_path / "air", "20230101")
    for path in flat.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.PixelData = bytes(len(dataset.PixelData))
        dataset.save_as(path)
    (bundle,) = analyse(studies / "3", tmp_path / "out", Options(task="toy", priors=(flat,))).bundles
    report = bundle.report
    assert report.status is Status.COMPLETE
    (issue,) = [issue for issue in report.issues if issue.code == "Q230"]
    assert "E235" in issue.text()
    assert len(report.findings) == 3
    assert told(report) == []


def test_the_verb_compares(known, studies, tmp_path, capsys):
    code = main(
        ["analyse", str(studies / "2"), "-o", str(tmp_path / "o"), "--task", "toy", "--prior", str(studies / "1")]
    )
    printed = capsys.readouterr().out
    assert code == 0
    assert "Grown: volume changed by" in printed
    assert "may be trusted" not in printed
    assert "20240101" in printed


def test_a_later_prior_is_no_prior(known, studies, tmp_path):
    with pytest.raises(ImageError, match="E230"):
        analyse(studies / "1", tmp_path / "out", Options(task="toy", priors=(studies / "3",)))


def test_a_named_prior_without_the_library_stops_before_anything_is_read(monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *rest):
        if name == "SimpleITK":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match="E231"):
        analyse(tmp_path / "nothing", tmp_path / "out", Options(priors=(tmp_path,)))


def ref(uid, frames=1):
    return InstanceRef(uid, "", None, "", "", number_of_frames=frames)


def series(uid, modality="CT", count=10):
    return Series(uid, "s", modality, tuple(ref(f"{uid}.{k}") for k in range(count)))


def study(uid, date, patient="P", *found):
    return Study(uid, found or (series(f"{uid}.1"),), patient, study_date=date)


NOW = study("9", "20240601")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([study("1", "20230101"), study("2", "20220101")], ["2", "1"]),
        ([study("1", "20240601")], []),
        ([study("1", "20250101")], []),
        ([study("1", "")], []),
        ([study("1", "20230101", "Q")], []),
        ([study("1", "20230101", "P", series("x", "MR"))], []),
        ([study("1", "20230101", "P", series("x", "CT", 0))], []),
        ([NOW, study("1", "20230101")], ["1"]),
    ],
)
def test_which_studies_are_priors(found, expected):
    pairs = earlier_series(NOW, NOW.series[0], found)
    assert [one.study_instance_uid for one, _ in pairs] == expected


def test_nobody_without_an_identifier_has_priors_of_his_own_accord():
    nobody = replace(NOW, patient_id="")
    assert earlier_series(nobody, NOW.series[0], [study("1", "20230101", "")]) == ()
    given = study("1", "20230101", "")
    assert len(earlier_series(nobody, NOW.series[0], [], [given])) == 1
    with pytest.raises(ImageError, match="E234"):
        require_same_patient(nobody, [given], is_stated=False)
    assert require_same_patient(nobody, [given], is_stated=True)[0].code == "Q231"
    assert require_same_patient(NOW, [study("1", "20230101")], is_stated=False) == ()


def test_the_series_most_like_the_current_one_is_compared():
    before = study("1", "20230101", "P", series("scout", "CT", 2), series("thin", "CT", 12), series("fine", "CT", 99))
    ((_, chosen),) = earlier_series(NOW, NOW.series[0], [before])
    assert chosen.series_instance_uid == "thin"


PLACE = VolumeGeometry((5, 8, 10), (4.0, 2.0, 3.0), (100.0, 50.0, -20.0))


def finding(*regions, **changes):
    made = Finding("u", concept("lesion"), concept("lung"), Presence.PRESENT, None, toy.WHO)
    return replace(made, region=regions[0] if regions else None, outlines=regions[1:], **changes)


def region(index, *polygons, measured=True):
    return Region("i", 1, polygons, index, is_measured=measured)


def test_a_lesion_lies_where_its_outlines_do():
    one = finding(region(2, toy.square(4, 3)))
    (lesion,) = lesions_of([one], PLACE)
    assert lesion.centre_mm == pytest.approx(tuple(PLACE.to_patient([[2, 3, 4]])[0]))
    assert lesion.volume_mm3 == pytest.approx(4 * 2 * 3)
    two = finding(region(1, toy.square(4, 3)), region(3, 2.0 * toy.square(2, 1.5) + 0.0))
    (lesion,) = lesions_of([two], PLACE)
    z = float(PLACE.to_index([lesion.centre_mm])[0, 0])
    assert z == pytest.approx((1 * 1 + 3 * 4) / 5)
    assert lesion.volume_mm3 == pytest.approx(5 * 24)


@pytest.mark.parametrize(("value", "unit", "expected"), [(70.0, CUBIC_MILLIMETRE, 70.0), (0.07, MILLILITRE, 70.0)])
def test_a_measured_volume_comes_before_the_outlines(value, unit, expected):
    one = finding(region(2, toy.square(4, 3)), measurements=(Measurement(concept("volume"), value, unit),))
    assert lesions_of([one], PLACE)[0].volume_mm3 == pytest.approx(expected)


def test_what_was_not_measured_is_not_compared():
    looked_at = finding(region(2, toy.square(4, 3), measured=False))
    absent = finding(region(2, toy.square(4, 3)), presence=Presence.ABSENT)
    assert lesions_of([looked_at, absent, finding(), finding(region(1))], PLACE) == ()


def test_the_type_of_a_nodule_is_that_of_the_chest_task():
    from hounsfield.clinical.chest_ct import words
    from hounsfield.clinical.chest_ct.conclusions import RULE_TYPES

    for kind, word in words.TYPES.items():
        one = finding(region(2, toy.square(4, 3)), evaluations=(QualitativeEvaluation(words.ATTENUATION, word),))
        assert lesions_of([one], PLACE)[0].nodule_type == RULE_TYPES[kind]


def test_difference_images_show_the_planted_ball_and_nothing_beyond():
    from hounsfield.clinical.change.alignment import IDENTITY, rigid_alignment

    before = moved.drawn(toy.GRID, noise=0)
    now = moved.drawn(toy.GRID, noise=0, drawing=toy.with_balls((GROWING, 12)))
    z, row, column = np.rint(toy.GRID.to_index([GROWING])[0]).astype(int)
    change = difference(before, now, IDENTITY, z)
    assert np.unravel_index(np.argmax(change), change.shape) == pytest.approx((row, column), abs=2)
    assert np.count_nonzero(np.abs(change) > 50) < 25
    away = rigid_alignment(np.eye(3), (1000, 0, 0))
    assert not difference(before, now, away, z).any()
    assert shown_slices([GROWING, GROWING], now) == (z,)
    assert shown_slices([], now) == (13,)
    assert len(shown_slices([(0, 0, 10 * k) for k in range(9)], now)) == 3


def test_a_subject_without_priors_or_volume_is_left_as_it_is():
    reading = Reading((), (), ())
    bare = Subject(NOW, NOW.series[0], None, priors=(Subject(NOW, NOW.series[0], None),))
    assert with_priors(bare, reading, None, None) is reading
    volume = moved.drawn(toy.GRID)
    assert with_priors(Subject(NOW, NOW.series[0], volume), reading, None, None) is reading


def test_prompts_of_the_current_study_are_never_put_to_the_prior(studies):
    with pipeline.open_source(studies / "1") as archive:
        one = archive.studies[0]
        options = SimpleNamespace(limits=Options().limits, facts=Options().facts, lesions="clicks")
        loaded = pipeline._loaded(Subject(one, one.series[0], None), options)
    assert loaded.volume is not None
    assert loaded.lesions is None
