"""Cine of an apical view: a beating ventricle of known volume, planted faults, and pictures without one."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from hounsfield.clinical.facts import LaboratoryValue, PatientFacts
from hounsfield.clinical.heart import words
from hounsfield.clinical.heart.cine import CineTrack, track_cavity
from hounsfield.clinical.heart.cine_reading import LIMITS, read_cine
from hounsfield.clinical.heart.reader import TASK
from hounsfield.clinical.subject import Subject
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.report import Status
from hounsfield.core.study import InstanceRef, Series, Study
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.finding.measure import polygon_area
from hounsfield.image.phantoms.heart import HeartPhantom, write_heart
from hounsfield.pipeline import Options, analyse

CINE = InstanceRef("1.2.3.4.5", "", None, "application/dicom", "", number_of_frames=32)


@cache
def cine(fraction=0.6, pixel_mm=1.0, beats=2.0, turned=False):
    phantom = HeartPhantom(ejection_fraction=fraction, pixel_mm=pixel_mm, rows=round(128 / pixel_mm), beats=beats)
    pixels = phantom.pixels()
    if turned:
        pixels = np.ascontiguousarray(pixels[:, ::-1, ::-1])
    geometry = VolumeGeometry(pixels.shape, (1.0, pixel_mm, pixel_mm))
    return Volume(pixels, geometry, Quantity.DISPLAY, (CINE,), slice_axis=SliceAxis.TIME)


def subject_of(volume, facts=None):
    series = Series("1.2.3", "1.2", "US", ())
    return Subject(Study("1.2", (series,)), series, volume, facts=facts or PatientFacts())


@pytest.mark.parametrize("fraction", [0.2, 0.45, 0.7])
@pytest.mark.parametrize("pixel_mm", [0.7, 1.0])
def test_fraction_and_volumes_are_those_of_the_phantom(fraction, pixel_mm):
    track = track_cavity(cine(fraction, pixel_mm))
    assert track is not None
    assert len(track.beats) == 2
    for value in track.ejections_percent():
        assert value == pytest.approx(100 * fraction, abs=3)
    full = np.pi / 6 * 80 * 44**2 / 1000
    assert track.volume(track.diastoles[0]) == pytest.approx(full, rel=0.05)


def test_ends_of_the_beat_are_where_they_were_drawn():
    track = track_cavity(cine())
    assert track is not None
    for found, exact in zip(track.beats, ((0, 8), (16, 24)), strict=True):
        assert np.abs(np.subtract(found, exact)).max() <= 1


@pytest.mark.parametrize("beats", [1.0, 3.0])
def test_every_whole_beat_counts(beats):
    track = track_cavity(cine(beats=beats))
    assert track is not None
    assert len(track.beats) == beats


def test_a_turned_picture_gives_the_same_fraction():
    straight, turned = track_cavity(cine()), track_cavity(cine(turned=True))
    assert straight is not None
    assert turned is not None
    assert np.mean(turned.ejections_percent()) == pytest.approx(np.mean(straight.ejections_percent()), abs=1.5)


def test_one_frame_that_lost_its_cavity_does_not_end_the_track():
    volume = cine()
    spoilt = volume.array.copy()
    spoilt[12] = 160
    track = track_cavity(volume.with_array(spoilt))
    assert track is not None
    assert track.masks[12].any()
    assert np.mean(track.ejections_percent()) == pytest.approx(60, abs=5)


def test_without_calibration_the_fraction_stays():
    volume = cine(pixel_mm=1.0)
    bare = replace(volume, geometry=replace(volume.geometry, calibration=Calibration.NONE))
    found = read_cine(subject_of(bare))
    assert found is not None
    values = {item.concept: item.value for item in found.findings[0].measurements}
    assert values[words.LV_EF_US] == pytest.approx(60, abs=4)
    assert words.LV_EDV not in values


def grey(frames=20, **changes):
    pixels = np.full((frames, 60, 60), 90, np.uint8)
    volume = Volume(pixels, VolumeGeometry(pixels.shape), Quantity.DISPLAY, slice_axis=SliceAxis.TIME)
    return replace(volume, **changes)


def still(frames=20):
    return replace(
        cine(), array=np.repeat(cine().array[:1], frames, axis=0), geometry=VolumeGeometry((frames, 128, 128))
    )


@pytest.mark.parametrize(
    "volume",
    [
        grey(),
        still(),
        grey(slice_axis=SliceAxis.SPACE),
        grey(frames=3),
        Volume(
            np.zeros((3, 8, 9, 9), np.uint8), VolumeGeometry((8, 9, 9)), Quantity.DISPLAY, slice_axis=SliceAxis.TIME
        ),
    ],
    ids=["grey", "still", "space", "short", "colour"],
)
def test_what_holds_no_beating_cavity_gives_nothing(volume):
    assert track_cavity(volume) is None
    assert read_cine(subject_of(volume)) is None


def test_a_beat_is_an_end_diastole_and_the_systole_before_the_next():
    areas = np.array([9.0, 5, 3, 6, 9, 4, 8])
    track = CineTrack(np.zeros((7, 1, 1), bool), areas, np.ones(7), (0, 4), (2, 5))
    assert track.beats == ((0, 2), (4, 5))
    assert track.ejections_percent() == pytest.approx((100 * (1 - 9 / 81), 100 * (1 - 16 / 81)))
    assert replace(track, systoles=(2,)).beats == ((0, 2),)


def test_the_reading_outlines_both_ends_and_applies_no_rule():
    volume = cine()
    found = TASK.reader(TASK, None, subject_of(volume))
    (finding,) = found.findings
    assert finding.type == words.CINE
    assert not found.conclusions
    assert found.limits == LIMITS
    track = track_cavity(volume)
    assert track is not None
    frames = [frame + 1 for beat in track.beats for frame in beat]
    assert [region.frame_number for region in finding.regions] == frames
    for region, frame in zip(finding.regions, frames, strict=True):
        assert region.sop_instance_uid == CINE.sop_instance_uid
        assert polygon_area(region.polygons[0]) == pytest.approx(track.areas[frame - 1], rel=0.05)
    assert [image.frame_number for image in found.key_images] == frames[:2]
    (chart,) = found.charts
    assert "2 whole beats in 32 frames" in chart.description.en


def test_the_mean_of_the_beats_has_their_span():
    found = read_cine(subject_of(cine()))
    assert found is not None
    fraction, beats = found.findings[0].measurements[:2]
    each = track_cavity(cine()).ejections_percent()
    assert beats.value == 2
    assert fraction.value == pytest.approx(np.mean(each))
    assert (fraction.interval.low, fraction.interval.high) == (min(each), max(each))


def test_measures_of_a_file_stand_beside_the_cine():
    facts = PatientFacts(sex="M", measurements={"lv_ejection_fraction": LaboratoryValue(value=38, unit="%")})
    found = TASK.reader(TASK, None, subject_of(cine(), facts))
    assert [finding.type for finding in found.findings] == [words.ECHO, words.CINE]
    assert [item.result for item in found.conclusions] == ["reduced", "moderate"]
    assert len(found.models) == 2


def test_a_file_is_analysed_to_a_report(tmp_path):
    path = write_heart(tmp_path / "in", HeartPhantom(rows=128, pixel_mm=1.0))
    (bundle,) = analyse(path, tmp_path / "out", Options(task="heart")).bundles
    report = bundle.report
    assert report.status is Status.COMPLETE
    values = {item.concept: item.value for item in report.findings[0].measurements}
    assert values[words.LV_EF_US] == pytest.approx(60, abs=3)
    assert values[words.LV_EDV] == pytest.approx(np.pi / 6 * 80 * 44**2 / 1000, rel=0.05)
    page = next((tmp_path / "out").rglob("report.html")).read_text(encoding="utf-8")
    assert "Dark cavity of an apical cine" in page
