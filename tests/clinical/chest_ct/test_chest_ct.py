"""Chest CT: drawn chests with known answers, planted faults, and rules against their published numbers."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hounsfield.clinical.chest_ct.admission import lung_issues, scan_issues
from hounsfield.clinical.chest_ct.airways import Airways
from hounsfield.clinical.chest_ct.blob_kernels import ball_response, peaks
from hounsfield.clinical.chest_ct.conclusions import brock_range, fleischner, lung_rads, mayo_range
from hounsfield.clinical.chest_ct.findings import emphysema_percent, height_third, nodule_regions
from hounsfield.clinical.chest_ct.grid import around, block_means
from hounsfield.clinical.chest_ct.judge import FEATURES, CandidateModel, candidate_model, features_of
from hounsfield.clinical.chest_ct.lungs import Lungs, find_lungs
from hounsfield.clinical.chest_ct.measure import NoduleMeasures, NoduleType, measure_nodule
from hounsfield.clinical.chest_ct.nodule import Nodule, segment_nodule
from hounsfield.clinical.chest_ct.phantom import Ball, ChestCt, add_ball
from hounsfield.clinical.chest_ct.reader import TASK, find_nodules, identity
from hounsfield.clinical.chest_ct.search import Candidate, find_candidates
from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.tasks import all_tasks, find_task
from hounsfield.core.finding import Laterality
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

SOLID = Ball((-66.0, 10.0, 0.0), (12.0, 12.0, 12.0))
GLASS = Ball((66.0, 20.0, -30.0), (15.0, 15.0, 15.0), -600.0)
PART = Ball((66.0, -20.0, 20.0), (16.0, 16.0, 16.0), -600.0, 8.0)
LONG = Ball((-60.0, -30.0, 30.0), (14.0, 10.0, 10.0))
BALLS = {"solid": SOLID, "glass": GLASS, "part": PART, "long": LONG}


@cache
def chest() -> tuple[Volume, Lungs]:
    drawn = ChestCt((2.0, 1.0, 1.0), (150.0, 200.0, 280.0), tuple(BALLS.values())).volume()
    return drawn, find_lungs(drawn)


def at(volume: Volume, ball: Ball) -> Candidate:
    z, y, x = volume.geometry.to_index([ball.centre_mm])[0]
    return Candidate((float(z), float(y), float(x)), max(ball.diameters_mm) / 2, 100.0)


@cache
def measured(name: str) -> tuple[Nodule, NoduleMeasures]:
    volume, lungs = chest()
    nodule = segment_nodule(volume, lungs, at(volume, BALLS[name]))
    assert nodule is not None
    return nodule, measure_nodule(nodule)


def test_both_lungs_are_found_on_their_sides_with_their_volume() -> None:
    _, lungs = chest()
    assert {lung.side for lung in lungs.lungs} == {Laterality.LEFT, Laterality.RIGHT}
    x, y, z = (np.linspace(-1, 1, n) for n in (56, 80, 75))
    inside = (z[:, None, None] * 75 + 8) ** 2 / 95**2 + (y[:, None] * 74) ** 2 / 74**2 + (x * 52) ** 2 / 52**2 <= 1
    truth = inside.mean() * 104 * 148 * 150 / 1000
    for lung in lungs.lungs:
        assert lungs.volume_ml(lung) == pytest.approx(truth, rel=0.06)


def test_the_trachea_is_told_from_the_lungs() -> None:
    _, lungs = chest()
    assert lungs.airways.is_assessed
    assert lungs.airways.volume_ml == pytest.approx(np.pi * 8**2 * 150 / 1000, rel=0.25)
    assert not (lungs.airways.mask & lungs.closed).any()


def test_a_mirrored_direction_swaps_the_sides() -> None:
    volume, _ = chest()
    turned = replace(volume.geometry, direction=((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    first = {lung.side: lung.mask.sum(axis=(0, 1)).argmax() for lung in chest()[1].lungs}
    second = {
        lung.side: lung.mask.sum(axis=(0, 1)).argmax() for lung in find_lungs(replace(volume, geometry=turned)).lungs
    }
    assert first[Laterality.LEFT] == second[Laterality.RIGHT]


def test_a_nodule_at_the_pleura_stays_in_the_closed_lung() -> None:
    ball = Ball((-112.0, 0.0, -8.0), (12.0, 12.0, 12.0))
    volume = ChestCt((2.0, 1.0, 1.0), (120.0, 200.0, 280.0), (ball,), noise_hu=0.0).volume()
    lungs = find_lungs(volume)
    z, y, x = volume.geometry.to_index([ball.centre_mm])[0]
    assert lungs.side_at((z, y, x)) is not None
    assert not lungs.lungs[0].mask[lungs.block_of((z, y, x))]


@pytest.mark.parametrize("name", sorted(BALLS))
def test_diameters_and_volume_are_those_drawn(name: str) -> None:
    ball, (_, found) = BALLS[name], measured(name)
    assert found.long_axis_mm == pytest.approx(max(ball.diameters_mm), abs=2.6 if name == "part" else 0.6)
    assert found.volume_mm3 == pytest.approx(ball.volume_mm3, rel=0.12 if name == "part" else 0.05)


def test_short_axis_is_at_a_right_angle() -> None:
    assert measured("long")[1].short_axis_mm == pytest.approx(10.0, abs=0.5)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("solid", NoduleType.SOLID), ("glass", NoduleType.GROUND_GLASS), ("part", NoduleType.PART_SOLID)],
)
def test_types(name: str, kind: NoduleType) -> None:
    assert measured(name)[1].type is kind


def test_density_and_mass() -> None:
    assert measured("solid")[1].mean_hu == pytest.approx(40.0, abs=5)
    glass = measured("glass")[1]
    assert glass.mean_hu == pytest.approx(-600.0, abs=10)
    assert glass.mass_mg == pytest.approx(glass.volume_mm3 * (1000 + glass.mean_hu) / 1000)


def test_the_solid_part_is_measured_alone() -> None:
    found = measured("part")[1]
    assert found.solid_long_axis_mm == pytest.approx(8.0, abs=0.7)
    assert measured("glass")[1].solid_long_axis_mm == 0.0


def test_calcium_is_seen_and_nowhere_else() -> None:
    ball = Ball((-66.0, 10.0, 0.0), (12.0, 12.0, 12.0), 400.0)
    volume = ChestCt((2.0, 1.0, 1.0), (110.0, 200.0, 280.0), (ball,)).volume()
    nodule = segment_nodule(volume, find_lungs(volume), at(volume, ball))
    assert nodule is not None
    assert measure_nodule(nodule).calcified_share > 0.9
    assert measured("solid")[1].calcified_share == 0.0


def test_plain_lung_is_no_nodule() -> None:
    volume, lungs = chest()
    assert segment_nodule(volume, lungs, at(volume, Ball((-66.0, -30.0, -20.0), (8.0, 8.0, 8.0)))) is None


def test_the_search_finds_what_was_drawn() -> None:
    volume, lungs = chest()
    found = find_candidates(volume, lungs)
    for ball in BALLS.values():
        distances = [np.linalg.norm(volume.geometry.to_patient([one.index])[0] - ball.centre_mm) for one in found]
        assert min(distances) <= 3.0


def test_each_nodule_is_told_with_outlines_on_its_slices() -> None:
    volume, lungs = chest()

    class Told:
        def detect(self, volume: Volume, lungs: Lungs) -> tuple[Candidate, ...]:
            return tuple(replace(at(volume, ball), score=1.0) for ball in BALLS.values())

    found = find_nodules(volume, lungs, identity(), Told())
    assert len(found) == len(BALLS)
    assert [one.finding.number for one in found] == [1, 2, 3, 4]
    sides = {one.finding.laterality for one in found}
    assert sides == {Laterality.LEFT, Laterality.RIGHT}
    slices = [region.slice_index for region in nodule_regions(volume, *measured("solid"))]
    assert 5 <= len(slices) <= 7
    assert len({one.finding.tracking_uid for one in found}) == 4


def test_emphysema_is_the_share_below_its_limit() -> None:
    volume, lungs = chest()
    array = np.where(volume.array < -700, -900, volume.array).astype(np.int16)
    array[:, :100][array[:, :100] == -900] = -980
    changed = volume.with_array(array)
    lung = lungs.lungs[0]
    assert 40 < emphysema_percent(changed, lungs, lung) < 60
    assert emphysema_percent(volume, lungs, lung) < 1.0


def test_thirds_follow_the_head() -> None:
    _, lungs = chest()
    top = lungs.lungs[0].mask.shape[0] - 1
    assert height_third(lungs.lungs[0], top, is_head_last=True).value == "UPPER_THIRD"
    assert height_third(lungs.lungs[0], top, is_head_last=False).value == "LOWER_THIRD"


def blank(shape: tuple[int, int, int], spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Volume:
    return Volume(np.full(shape, -1000, np.int16), VolumeGeometry(shape, spacing), Quantity.HOUNSFIELD)


SIDEWAYS = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))


@pytest.mark.parametrize(
    ("volume", "code", "severity"),
    [
        (replace(blank((20, 8, 8)), quantity=Quantity.ARBITRARY), "Q210", Severity.REJECT),
        (blank((2, 64, 64)), "Q211", Severity.REJECT),
        (replace(blank((20, 8, 8)), geometry=VolumeGeometry((20, 8, 8), direction=SIDEWAYS)), "Q212", Severity.REJECT),
        (blank((20, 8, 8), (5.5, 1.0, 1.0)), "Q213", Severity.REJECT),
        (blank((20, 8, 8), (4.0, 1.0, 1.0)), "Q214", Severity.WARN),
    ],
)
def test_what_is_no_chest_ct_is_refused(volume: Volume, code: str, severity: Severity) -> None:
    (issue,) = scan_issues(volume)
    assert (issue.code, issue.severity) == (code, severity)


@pytest.mark.parametrize("spacing", [0.6, 3.0, 5.0])
def test_what_is_a_chest_ct_is_not_refused(spacing: float) -> None:
    assert not [issue for issue in scan_issues(blank((40, 8, 8), (spacing, 1.0, 1.0))) if issue.severity == "reject"]


def test_no_lungs_is_refused_and_a_cut_is_warned_of() -> None:
    none = Lungs((), Airways(np.zeros((4, 4, 4), bool), is_assessed=False), (1, 1, 1), (1.0, 1.0, 1.0))
    assert [issue.code for issue in lung_issues(none)] == ["Q215"]
    assert [issue.code for issue in lung_issues(chest()[1])] == ["Q216"]
    one = replace(chest()[1], lungs=chest()[1].lungs[:1])
    assert "Q217" in [issue.code for issue in lung_issues(one)]


def test_the_ball_filter_is_that_of_numpy() -> None:
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(9, 10, 11)), 1.5).astype(np.float32) * 1000
    out = np.zeros_like(smooth)
    ball_response(smooth, np.ones(smooth.shape, np.uint8), 2.0, out, 0, 9)
    places = np.argwhere(out > 0)
    assert len(places) > 5
    for z, y, x in places:
        part = smooth[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2].astype(float)
        h = np.empty((3, 3))
        for i in range(3):
            for j in range(3):
                up, right = np.eye(3, dtype=int)[[i, j]]
                if i == j:
                    h[i, i] = part[tuple(1 + up)] + part[tuple(1 - up)] - 2 * part[1, 1, 1]
                else:
                    h[i, j] = (
                        part[tuple(1 + up + right)]
                        + part[tuple(1 - up - right)]
                        - part[tuple(1 + up - right)]
                        - part[tuple(1 - up + right)]
                    ) / 4
        low, _, high = np.linalg.eigvalsh(h)
        assert out[z, y, x] == pytest.approx(2.0 * high**2 / -low, rel=1e-3, abs=1e-3)


def test_peaks_are_strict_and_bounded() -> None:
    field = np.zeros((5, 5, 7), np.float32)
    field[2, 2, 2], field[2, 2, 4], field[2, 3, 4] = 5.0, 7.0, 7.0
    found = np.zeros((9, 3), np.int64)
    assert peaks(field, 1.0, found) == 2
    assert found[:2].tolist()[0] == [2, 2, 2]


def test_blocks_and_cubes_against_numpy() -> None:
    array = np.arange(6 * 4 * 4, dtype=np.int16).reshape(6, 4, 4)
    means = block_means(array, (2, 2, 2))
    assert means[1, 0, 1] == array[2:4, :2, 2:].mean()
    volume = Volume(array, VolumeGeometry((6, 4, 4)), Quantity.HOUNSFIELD)
    cube, _ = around(volume, (2.5, 1.0, 1.0), 1.0, 1.0)
    assert cube[1, 1, 1] == pytest.approx((array[2, 1, 1] + array[3, 1, 1]) / 2)


def test_a_drawn_ball_has_its_volume() -> None:
    array = np.zeros((30, 40, 40), np.float32)
    ball = Ball((20.3, 19.6, 15.2), (12.0, 10.0, 9.0), 1.0)
    add_ball(array, VolumeGeometry((30, 40, 40)), ball)
    assert array.sum() == pytest.approx(ball.volume_mm3, rel=0.01)


def test_the_model_of_candidates_has_one_weight_a_feature() -> None:
    model = candidate_model()
    assert len(model.weights) == 2 * len(FEATURES) + 1
    plain = CandidateModel("1", np.zeros(1), np.ones(1), np.array([2.0, 0.0, -1.0]), 0.5)
    assert plain.scores(np.array([[0.5], [2.0]])) == pytest.approx([0.5, 1 / (1 + np.exp(-3))])
    volume, lungs = chest()
    assert np.isfinite(features_of(volume, lungs, at(volume, SOLID))).all()
    assert json.dumps(identity().weights_digest)


def facts(**known: object) -> PatientFacts:
    return PatientFacts.model_validate(known)


def sized(long_axis: float, kind: NoduleType = NoduleType.SOLID) -> NoduleMeasures:
    return replace(measured("solid")[1], long_axis_mm=long_axis, short_axis_mm=long_axis, type=kind)


@pytest.mark.parametrize(
    ("size", "category"), [(5.9, "2"), (5.96, "3"), (7.9, "3"), (8.0, "4A"), (14.9, "4A"), (15.0, "4B")]
)
def test_lung_rads_by_size(size: float, category: str) -> None:
    assert lung_rads(sized(size), facts(is_screening=True), "1.2").result == category


def test_lung_rads_is_not_guessed() -> None:
    unknown = lung_rads(sized(9.0), facts(), "1.2")
    assert (unknown.result, unknown.missing) == ("", ("is_screening",))
    assert lung_rads(sized(9.0), facts(is_screening=False), "1.2").missing == ()


def test_fleischner_needs_the_facts_and_names_them() -> None:
    assert fleischner(sized(9.0), 1, facts(), "1.2").result == ""
    known = facts(age_years=60, smoking_status="never", is_screening=False)
    assert fleischner(sized(9.0), 1, known, "1.2").result == "solid-single-low-large"
    assert "smoking_status" in fleischner(sized(9.0), 1, facts(age_years=60), "1.2").missing
    assert fleischner(sized(9.0), 1, facts(age_years=20, smoking_status="never"), "1.2").result == ""


def test_brock_range_holds_the_published_vectors() -> None:
    known = facts(age_years=62, sex="F", has_family_history_of_lung_cancer=False, has_emphysema=False)
    found = brock_range(sized(10.0), 1, known, "1.2")
    low, high = (float(word) for word in found.result.removesuffix(" %").split("-"))
    assert low < 10.40 < high
    assert found.missing == ("is_upper_lobe", "has_spiculation")
    assert brock_range(sized(10.0), 1, facts(), "1.2").result == ""


def test_mayo_range_begins_at_the_published_vector() -> None:
    known = facts(age_years=62, smoking_status="never", has_extrathoracic_cancer=False)
    assert mayo_range(sized(10.0), known, "1.2").result.startswith("4.2-")


def test_the_task_is_asked_by_name_alone() -> None:
    assert find_task("chest-ct") is TASK
    assert "chest-ct" not in [task.name for task in all_tasks()]
