"""Short-axis reading from drawn images to report: a stand-in for the network tells drawn greys apart."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.heart import short_axis, words
from hounsfield.clinical.heart.chambers import LEFT
from hounsfield.clinical.heart.cycle import cycle_of
from hounsfield.clinical.heart.findings import Beat, outlines, stated_error
from hounsfield.clinical.heart.reader import TASK, read_heart
from hounsfield.clinical.heart.segment import segment_phases, values_of
from hounsfield.clinical.heart.short_axis import key_images, read_short_axis, stack_issues
from hounsfield.clinical.subject import Subject
from hounsfield.clinical.tasks import all_tasks, find_task
from hounsfield.core.conclusion import ConclusionKind
from hounsfield.core.finding import Presence
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.identifiers import derived_uid
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef, Series, Study
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import EnhancedPixels, ModelError, OutOfScope
from hounsfield.finding.measure import polygon_area
from tests.clinical.heart.drawn import DrawnHeart

GREYS = np.array([20, 110, 60, 160])
"""Of background, right ventricle, muscle and cavity."""

BOUNDS = (40, 85, 135)
DRAWN = DrawnHeart(spacing_mm=(10.0, 2.0, 2.0), sides_mm=160.0)
FACTS = PatientFacts(sex="F", height_cm=165, weight_kg=60, heart_rate_per_minute=70)


class GreyPredictor:
    """Answers like a mask predictor: by the grey of each sample."""

    names = ("background", "right ventricle", "myocardium", "left ventricle")

    def __init__(self, names=names, sides=(64, 64)):
        metrics = [
            SimpleNamespace(name=f"ejection fraction, {side} limit of agreement (points)", value=value)
            for side, value in (("lower", -6.0), ("upper", 4.0))
        ]
        manifest = SimpleNamespace(
            prepare=[],
            network=SimpleNamespace(channels=1, rows=sides[0], columns=sides[1]),
            classes=[SimpleNamespace(name=name) for name in names],
            metrics=metrics,
            limits=[SimpleNamespace(en="A drawn limit.", zh="模拟限制。")],
        )
        self.package = SimpleNamespace(manifest=manifest, identity=ModelIdentity("greys", "1", "cardiac-mri", "0" * 64))
        self.seen = []

    def labels(self, images):
        self.seen.append(images.shape[1:])
        order = np.array([0, 2, 1, 3])  # the greys rise from background over muscle and right ventricle to cavity
        return order[np.digitize(images[0], BOUNDS)].astype(np.int32)


class GreyDesk:
    def __init__(self, predictor=None):
        self.predictor = predictor or GreyPredictor()

    def mask_predictor(self, name):
        assert name == "cardiac-mri"
        return self.predictor


def image_of(drawn, moment=0, noise=6.0, **changes):
    """Return a drawn image with noise, one instance a slice."""
    labels = drawn.labels()
    generator = np.random.default_rng(moment)
    pixels = np.clip(GREYS[labels] + noise * generator.standard_normal(labels.shape), 0, 255)
    geometry = VolumeGeometry(labels.shape, drawn.spacing_mm)
    instances = tuple(
        InstanceRef(derived_uid("drawn", str(moment), str(index)), "", None, "application/dicom", "")
        for index in range(labels.shape[0])
    )
    volume = Volume(pixels.astype(np.uint8), geometry, Quantity.ARBITRARY, instances, slice_axis=SliceAxis.SPACE)
    return replace(volume, **changes)


def subject_of(volumes, facts=FACTS):
    series = Series("1.2.3", "1.2", "MR", ())
    return Subject(Study("1.2", (series,)), series, volumes[0], volumes=tuple(volumes), facts=facts)


@pytest.fixture(scope="module")
def volumes():
    """Eight phases of a beat of 55 %, the fifth end-systole."""
    shares = [0.55 * (1 - np.cos(2 * np.pi * k / 8)) / 2 for k in range(8)]
    return tuple(image_of(DRAWN.ejected(share, 9 + 8 * share), k) for k, share in enumerate(shares))


@pytest.fixture(scope="module")
def reading(volumes):
    return read_short_axis(GreyDesk(), subject_of(volumes))


def numbers(finding):
    return {item.concept.value: item.value for item in finding.measurements}


def test_the_reading_measures_what_was_drawn(reading):
    assert not reading.is_refused
    left, muscle, right = (numbers(finding) for finding in reading.findings[:3])
    assert left[words.LV_EDV.value] == pytest.approx(DRAWN.cavity_ml, rel=0.05)
    assert left[words.LV_ESV.value] == pytest.approx(0.45 * DRAWN.cavity_ml, rel=0.05)
    assert left[words.LV_EF_MR.value] == pytest.approx(55, abs=3)
    assert left[words.CARDIAC_OUTPUT.value] == pytest.approx(0.55 * DRAWN.cavity_ml * 70 / 1000, rel=0.07)
    assert muscle[words.LV_MASS.value] == pytest.approx(1.05 * DRAWN.muscle_ml, rel=0.05)
    assert right[words.RV_EDV.value] > 0


def test_the_fraction_carries_the_error_that_the_model_states(reading):
    found = next(item for item in reading.findings[0].measurements if item.concept == words.LV_EF_MR)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(found.value - 4)
    assert found.interval.high == pytest.approx(found.value + 6)
    assert stated_error(SimpleNamespace(metrics=[])) is None


def test_sixteen_segments_thicken(reading):
    segments = reading.findings[3:]
    assert [finding.number for finding in segments] == list(range(1, 17))
    assert [finding.site for finding in segments] == list(words.SEGMENTS)
    for finding in segments[:6]:
        found = numbers(finding)
        assert found[words.WALL_THICKNESS.value] == pytest.approx(9, abs=1)
        first, last = found[words.WALL_THICKNESS.value], found[words.END_SYSTOLIC_THICKNESS.value]
        assert found[words.THICKENING.value] == pytest.approx(100 * (last - first) / first)
        assert 20 < found[words.THICKENING.value] < 80


def test_outlines_lie_on_both_ends_of_the_beat_and_hold_the_area_that_was_measured(reading, volumes):
    left = reading.findings[0]
    ends = {uid.sop_instance_uid for index in (0, 4) for uid in volumes[index].instances}
    assert {region.sop_instance_uid for region in left.regions} <= ends
    assert all(region.is_measured for region in left.regions)
    early = {uid.sop_instance_uid for uid in volumes[0].instances}
    area = sum(polygon_area(line) for r in left.regions if r.sop_instance_uid in early for line in r.polygons)
    edv = numbers(left)[words.LV_EDV.value]
    assert area * 4.0 * 10.0 / 1000 == pytest.approx(edv, rel=0.03)
    assert left.region.sop_instance_uid in early


def test_images_show_both_ends_with_outlines(reading):
    outlined = {(region.sop_instance_uid, region.frame_number) for region in reading.findings[0].regions}
    shown = [(image.sop_instance_uid, image.frame_number) for image in reading.key_images]
    assert len(shown) == len(set(shown)) == 6
    assert set(shown[:2]) <= outlined


def test_charts_say_what_they_show(reading):
    assert len(reading.charts) == 3
    assert "end-diastole is phase 1, end-systole 5" in reading.charts[0].description.en
    assert all(chart.png.startswith(b"\x89PNG") for chart in reading.charts)


def test_conclusions_name_rule_inputs_and_confirmation(reading):
    found = {(item.rule.name, next(iter(item.inputs)).name): item for item in reading.conclusions}
    failure = found["heart-failure-2021", "lv_ejection_fraction"]
    assert (failure.result, failure.kind) == ("preserved", ConclusionKind.CATEGORY)
    grade = found["ase-eacvi-2015-chambers", "lv_ejection_fraction"]
    assert grade.result == "within"
    assert "54-74 %" in grade.wording.en
    index = found["ase-eacvi-2015-chambers", "lv_end_diastolic_volume_index"]
    surface = 0.007184 * 60**0.425 * 165**0.725
    assert index.inputs[0].value == pytest.approx(DRAWN.cavity_ml / surface, abs=4)
    assert {fact.name for fact in index.inputs} >= {"sex", "height_cm", "weight_kg", "body_surface_m2"}
    assert all(item.confirmed_by.en for item in reading.conclusions)
    texts = " ".join(item.wording.en for item in reading.conclusions)
    assert "normal" not in texts.replace("abnormal", "")


def test_missing_facts_are_named(volumes):
    found = read_short_axis(GreyDesk(), subject_of(volumes[:5:4], PatientFacts()))
    missing = {name for item in found.conclusions for name in item.missing}
    assert missing == {"sex", "height_cm", "weight_kg"}
    assert [item.result for item in found.conclusions if item.is_applied] == ["preserved"]
    assert words.CARDIAC_OUTPUT.value not in numbers(found.findings[0])
    assert len(found.charts) == 2


def test_without_spacing_the_fraction_stands_alone(volumes):
    bare = [replace(one, geometry=replace(one.geometry, calibration=Calibration.NONE)) for one in volumes[:5:4]]
    found = read_short_axis(GreyDesk(), subject_of(bare))
    assert list(numbers(found.findings[0])) == [words.LV_EF_MR.value]
    assert not found.findings[1].measurements
    assert {issue.code for issue in found.issues} == {"Q222", "Q225"}
    assert all(finding.presence is Presence.NOT_ASSESSED for finding in found.findings[3:])


def test_one_phase_gives_no_fraction(volumes):
    found = read_short_axis(GreyDesk(), subject_of(volumes[:1]))
    assert set(numbers(found.findings[0])) == {words.LV_EDV.value}
    assert [issue.code for issue in found.issues] == ["Q223"]
    assert "lv_ejection_fraction" in {name for item in found.conclusions for name in item.missing}
    assert words.THICKENING.value not in numbers(found.findings[3])


def test_a_stack_that_cuts_the_ventricle_is_flagged(volumes):
    cut = [
        replace(
            one,
            array=one.array[2:6],
            instances=one.instances[2:6],
            geometry=one.geometry.cropped((2, 0, 0), (4, *one.geometry.shape[1:])),
        )
        for one in volumes[:5:4]
    ]
    found = read_short_axis(GreyDesk(), subject_of(cut))
    assert "Q224" in {issue.code for issue in found.issues}
    assert not found.is_refused


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda one: replace(one, slice_axis=SliceAxis.TIME), "Q220"),
        (lambda one: image_of(replace(DRAWN, height_mm=8.0, wall_mm=2.0, spacing_mm=(30.0, 2.0, 2.0))), "Q220"),
        (lambda one: one.with_array(np.full_like(one.array, 20)), "Q221"),
        (lambda one: one.with_array(np.full_like(one.array, 60)), "Q221"),
    ],
)
def test_what_is_no_short_axis_stack_is_refused(change, code, volumes):
    found = read_short_axis(GreyDesk(), subject_of([change(volumes[0])]))
    assert [(issue.code, issue.severity) for issue in found.issues] == [(code, Severity.REJECT)]
    assert [finding.presence for finding in found.findings] == [Presence.NOT_ASSESSED]
    assert found.is_refused
    assert not found.conclusions


def test_pixels_that_were_changed_are_not_measured(volumes):
    with pytest.raises(EnhancedPixels):
        read_short_axis(GreyDesk(), subject_of([replace(volumes[0], enhanced_by=("denoise",))]))


def test_phases_after_the_first_are_seen_in_one_patch(volumes):
    predictor = GreyPredictor()
    found = tuple(segment_phases(predictor, volumes[:3]))
    slices, rows, columns = volumes[0].geometry.shape
    assert predictor.seen == [(slices, rows, columns), *[(slices, 64, 64)] * 3]
    for phase, volume in zip(found, volumes, strict=False):
        assert phase.labels.shape == volume.geometry.shape
    assert cycle_of(found).diastole == 0


def test_a_heart_that_left_the_patch_is_looked_for_again(volumes):
    moved = volumes[1].with_array(np.roll(volumes[1].array, 40, axis=2))
    predictor = GreyPredictor(sides=(32, 32))
    found = tuple(segment_phases(predictor, [volumes[0], moved]))
    assert found[1].voxels(LEFT) > 0
    assert predictor.seen[-1] == volumes[0].geometry.shape


def test_classes_are_found_by_name_and_others_refused():
    shuffled = GreyPredictor(("background", "left ventricle", "fat", "myocardium", "right ventricle"))
    assert values_of(shuffled).tolist() == [0, 3, 0, 2, 1]
    with pytest.raises(ModelError) as caught:
        values_of(GreyPredictor(("background", "liver")))
    assert caught.value.code == "E221"


def test_other_grids_of_the_series_are_no_phases(volumes):
    scout = image_of(DrawnHeart(spacing_mm=(10.0, 4.0, 4.0)))
    assert short_axis.phases_of(subject_of([volumes[0], scout, volumes[4]])) == (volumes[0], volumes[4])
    assert short_axis.phases_of(replace(subject_of(volumes), volumes=())) == (volumes[0],)


def test_outlines_of_the_muscle_run_along_its_outer_border(volumes):
    phase = DRAWN.chambers()
    outer = outlines(volumes[0], phase, 2)[0]
    inner = outlines(volumes[0], phase, LEFT)[0]
    assert polygon_area(outer.polygons[0]) * 4.0 == pytest.approx(np.pi * 34**2, rel=0.05)
    assert polygon_area(inner.polygons[0]) * 4.0 == pytest.approx(np.pi * 25**2, rel=0.05)


def test_a_beat_without_instances_still_has_names(volumes):
    bare = replace(volumes[0], instances=())
    beat = Beat(cycle_of([DRAWN.chambers()]), (bare,), GreyPredictor().package.identity)
    assert beat.uid("a") != beat.uid("b")
    assert key_images(beat)[0].sop_instance_uid == ""
    assert not stack_issues([bare])


def test_the_task_is_asked_by_name_and_needs_a_volume(volumes):
    assert find_task("heart") is TASK
    assert TASK not in all_tasks()
    with pytest.raises(OutOfScope):
        read_heart(TASK, GreyDesk(), replace(subject_of(volumes), volume=None))
    found = TASK.reader(TASK, GreyDesk(), subject_of(volumes[:5:4]))
    assert not found.is_refused
