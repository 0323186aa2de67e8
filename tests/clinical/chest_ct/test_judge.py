"""The judge of candidates: features by hand, the model by hand, its card, and nodules before vessels."""

import json
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from hounsfield.clinical.chest_ct import judge, reader, search
from hounsfield.clinical.chest_ct.judge import FEATURES, BallDetector, CandidateModel, candidate_model, features_of
from hounsfield.clinical.chest_ct.search import Candidate
from tests.clinical.chest_ct.drawn import ball, lung_of, plate, scan, tube

MIDDLE = (24.0, 24.0, 24.0)
CARD = json.loads(
    files("hounsfield.clinical.chest_ct").joinpath("data/nodule_candidates.json").read_text(encoding="utf-8")
)


def features(parts, radius=4.0, index=MIDDLE, mask=None, response=100.0, **options):
    volume = scan(parts, **options)
    row = features_of(volume, lung_of(volume, mask=mask), Candidate(index, radius, response))
    assert row.shape == (len(FEATURES),)
    return dict(zip(FEATURES, row.tolist(), strict=True))


def flat(hounsfield):
    volume = scan([])
    return volume.with_array(np.full(volume.array.shape, hounsfield, np.int16))


def test_plain_lung_by_hand() -> None:
    """The core holds at least 1 HU; nothing is dense; 4/3 pi 4^3 samples make the ball."""
    truth = {
        "log_response": np.log(100.0),
        "log_radius": np.log(4.0),
        "core_contrast": 1 / 900,
        "middle_over_long": 1.0,
        "least_over_long": 1.0,
        "log_filling": -np.log(4 / 3 * np.pi * 64),
        "log_reach": np.log(0.5 / 4),  # a ray ends at its first step, half a sample from the middle
        "least_reach": 1.0,
        "log_contrast_to_noise": np.log(1 / 5),
    }
    assert features([]) == pytest.approx({name: truth.get(name, 0.0) for name in FEATURES})


@pytest.mark.parametrize("hounsfield", [-400, -601, 50, 100, 900])
def test_dense_tissue_all_over_by_hand(hounsfield) -> None:
    volume = flat(hounsfield)
    row = features_of(volume, lung_of(volume), Candidate(MIDDLE, 4.0, np.e))
    contrast = min(hounsfield, 100) + 850.0
    filling = (4 / 3 * np.pi * 10**3) / (4 / 3 * np.pi * 4**3)
    truth = {
        "log_response": 1.0,
        "log_radius": np.log(4.0),
        "core_contrast": contrast / 900,
        "shell_contrast": min(contrast, 900) / contrast,
        "shell_high": 1.0,
        "shell_dense_share": 1.0,
        "shell_outside_share": 0.0,
        "middle_over_long": 1.0,
        "least_over_long": 1.0,
        "log_filling": np.log(filling),
        "far_dense_share": 1.0,
        "surroundings_dense_share": float(contrast > 250),
        "log_reach": np.log(9.5 / 4),  # the last step of half a millimetre within 2.2 r + 1 mm
        "open_share": 1.0,
        "through_share": 1.0,
        "walled_share": 0.0,
        "reach_spread": 0.0,
        "least_reach": 1.0,
        "border_drop": 0.0,
        "log_contrast_to_noise": np.log(contrast / (5.0 if contrast < 250 else 100.0)),
    }
    assert dict(zip(FEATURES, row, strict=True)) == pytest.approx(truth, abs=0.02)


@pytest.mark.parametrize("radius", [4.0, 6.0, 8.0])
def test_a_ball_in_air_by_hand(radius) -> None:
    found = features([ball(MIDDLE, 2 * radius)], radius)
    reach = 2.5 * radius + 2
    truth = {
        "core_contrast": 890 / 900,
        "shell_contrast": 0.0,
        "shell_high": 0.0,
        "shell_dense_share": 0.0,
        "far_dense_share": 0.0,
        "middle_over_long": 1.0,
        "least_over_long": 1.0,
    }
    assert {name: found[name] for name in truth} == pytest.approx(truth, abs=0.02)
    assert found["log_filling"] == pytest.approx(0.0, abs=0.12)
    assert found["surroundings_dense_share"] == pytest.approx((radius / reach) ** 3, rel=0.3)


def shell_share(radius, distance):
    """The share of a sphere around the axis of an endless tube that lies in the tube."""
    return 1 - np.sqrt(1 - min(radius / distance, 1.0) ** 2)


@pytest.mark.parametrize("along", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)])
def test_a_tube_by_hand(along) -> None:
    found = features([tube(MIDDLE, along, 6.0)], 3.0)
    assert found["shell_dense_share"] == pytest.approx(shell_share(3.0, 5.5), abs=0.05)
    assert found["far_dense_share"] == pytest.approx(shell_share(3.0, 8.6), abs=0.03)
    assert found["core_contrast"] == pytest.approx(890 / 900, abs=0.02)
    length = 16.0  # the part that is looked at reaches 2 r + 2 to each side
    assert found["least_over_long"] == pytest.approx((3.0 / 2) / (length / np.sqrt(12)), abs=0.04)
    assert found["middle_over_long"] == pytest.approx(found["least_over_long"], abs=0.03)
    assert found["log_filling"] == pytest.approx(np.log(np.pi * 9 * length / (4 / 3 * np.pi * 27)), abs=0.15)


@pytest.mark.parametrize("normal", [(1, 0, 0), (0, 0, 1), (1, 1, 0)])
def test_a_plate_by_hand(normal) -> None:
    found = features([plate(MIDDLE, normal, 5.0)], 4.0)
    assert found["far_dense_share"] == pytest.approx(2.5 / 10.8, abs=0.04)  # Archimedes: a zone is 2h / 2R
    assert found["shell_dense_share"] == pytest.approx(2.5 / 7.0, abs=0.05)
    assert found["middle_over_long"] == pytest.approx(1.0, abs=0.03)
    assert found["least_over_long"] == pytest.approx((5 / np.sqrt(12)) / (10 / 2), abs=0.04)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("cut", [0, 20, 24, 28, 48])
def test_the_share_outside_the_lung_is_the_cap_of_a_sphere(axis, cut) -> None:
    mask = np.zeros((48, 48, 48), bool)
    kept = [slice(None)] * 3
    kept[axis] = slice(0, cut)
    mask[tuple(kept)] = True
    found = features([ball(MIDDLE, 8.0)], 4.0, mask=mask)
    share = 0.5 - np.clip((cut - 0.5 - 24) / 7, -1, 1) / 2  # a cap of the sphere of 1.5 r + 1
    assert found["shell_outside_share"] == pytest.approx(share, abs=0.05)
    assert found["shell_contrast"] == pytest.approx(0.0 if cut else 1.0, abs=0.02)


def test_tissue_outside_the_lung_is_no_part_of_the_nodule() -> None:
    wall = plate((24.0, 24.0, 33.0), (0, 0, 1), 12.0)
    mask = np.ones((48, 48, 48), bool)
    mask[:, :, 27:] = False
    joined = features([ball(MIDDLE, 8.0), wall], 4.0)
    parted = features([ball(MIDDLE, 8.0), wall], 4.0, mask=mask)
    assert joined["log_filling"] > 0.5
    assert parted["log_filling"] == pytest.approx(0.0, abs=0.2)
    assert joined["far_dense_share"] == parted["far_dense_share"] > 0.2


@pytest.mark.parametrize(("radius", "counted"), [(0.5, 2.0), (2.0, 2.0), (2.08, 2.08), (10.0, 10.0)])
def test_the_radius_counts_from_two_millimetres(radius, counted) -> None:
    assert features([ball(MIDDLE, 6.0)], radius)["log_radius"] == pytest.approx(np.log(counted))


@pytest.mark.parametrize("shift", [(1, 0, 0), (0, -3, 2), (-5, 4, -6)])
def test_features_move_with_the_nodule(shift) -> None:
    parts = [[ball(c, 7.0), tube(c, (1, 2, 0), 2.0)] for c in (MIDDLE, tuple(np.add(MIDDLE, shift)))]
    there = features(parts[1], index=tuple(np.add(MIDDLE, shift)))
    assert there == pytest.approx(features(parts[0]), abs=1e-4)


def test_features_are_measured_in_millimetres() -> None:
    spacing = (1.5, 0.75, 0.75)
    index = tuple(c / s for c, s in zip(MIDDLE, spacing, strict=True))
    parts = [ball(MIDDLE, 10.0), tube(MIDDLE, (0, 1, 0), 4.0)]
    fine = features(parts, 5.0, index=index, spacing=spacing)
    assert fine == pytest.approx(features(parts, 5.0), abs=0.15)


def test_a_nodule_at_the_corner_of_the_picture_has_features() -> None:
    assert np.isfinite(list(features([ball((0.0, 47.0, 1.0), 8.0)], index=(0.0, 47.0, 1.0)).values())).all()


@pytest.mark.parametrize("shape", [(3, 5, 9), (9, 3, 5), (4, 4, 12), (7, 7, 7)])
def test_axes_of_a_box_by_hand(shape) -> None:
    """The variance of n samples in a row is (n^2 - 1) / 12."""
    inside = np.pad(np.ones(shape, bool), 2)
    least, middle, longest = sorted(np.sqrt((n**2 - 1) / 12) for n in shape)
    assert judge._elongation(inside) == pytest.approx((middle / longest, least / longest))


def test_few_samples_have_no_shape_and_a_sheet_has_no_thickness() -> None:
    assert judge._elongation(np.ones((1, 1, 7), bool)) == (1.0, 1.0)
    middle, least = judge._elongation(np.ones((1, 5, 9), bool))
    assert middle == pytest.approx(np.sqrt(24 / 80))
    assert least < 0.001


def test_the_part_in_the_middle_is_taken_or_else_the_largest() -> None:
    dense = np.zeros((11, 11, 11), bool)
    dense[:3, :3, :3] = True
    assert judge._joined(dense).sum() == 27
    dense[8:, 8:, 8:9] = True
    assert judge._joined(dense)[:3, :3, :3].all()
    assert judge._joined(dense).sum() == 27
    dense[5, 5, 5:7] = True
    assert np.argwhere(judge._joined(dense)).tolist() == [[5, 5, 5], [5, 5, 6]]
    dense[5, 5, 5] = False
    assert np.argwhere(judge._joined(dense)).tolist() == [[5, 5, 6]]
    assert not judge._joined(np.zeros((5, 5, 5), bool)).any()


def test_the_design_by_hand() -> None:
    rows = np.array([[3.0, 10.0], [1.0, -90.0]])
    made = judge.design(rows, np.array([1.0, 10.0]), np.array([2.0, 5.0]))
    assert made.tolist() == [[1.0, 0.0, 1.0, 0.0, 1.0], [0.0, -4.0, 0.0, 16.0, 1.0]]


@pytest.mark.parametrize(
    ("row", "logit"),
    [((0.0, 0.0), -1.0), ((1.0, 0.0), 1.25), ((0.0, 2.0), -1.0 - 6.0 + 2.0), ((100.0, 0.0), 8.0 + 4.0 - 1.0)],
)
def test_a_score_by_hand(row, logit) -> None:
    model = CandidateModel("1", np.zeros(2), np.ones(2), np.array([2.0, -3.0, 0.25, 0.5, -1.0]), 0.5)
    assert model.scores(np.array([row]))[0] == pytest.approx(1 / (1 + np.exp(-logit)))


def test_the_model_is_that_of_its_card() -> None:
    model = candidate_model()
    for name in ("mean", "spread", "weights"):
        assert getattr(model, name).tolist() == CARD[name]
    assert (model.version, model.threshold) == (CARD["version"], CARD["threshold"])
    assert tuple(CARD["features"]) == FEATURES
    assert len(CARD["mean"]) == len(CARD["spread"]) == len(FEATURES)
    assert min(CARD["spread"]) > 0
    at_mean = model.scores(np.array([CARD["mean"]]))[0]
    assert at_mean == pytest.approx(1 / (1 + np.exp(-CARD["weights"][-1])))


def test_the_card_says_that_its_figures_are_optimistic() -> None:
    assert "no patient's image" in CARD["data"]
    assert "figures on that CT flatter it" in CARD["threshold_from"]
    assert 0 < CARD["held_out_cpm"] <= CARD["held_out_sensitivity_at_4"] < 1


RISING = {"log_response", "core_contrast", "middle_over_long", "least_over_long", "least_reach", "border_drop"}
FREE = {"log_radius", "log_reach"}


@pytest.mark.parametrize("name", sorted(set(FEATURES) - FREE))
def test_no_feature_speaks_for_the_other_side(name) -> None:
    low, high = np.array(CARD["mean"]), np.array(CARD["mean"])
    place = FEATURES.index(name)
    low[place] -= CARD["spread"][place]
    high[place] += CARD["spread"][place]
    less, more = candidate_model().scores(np.array([low, high]))
    assert np.sign(np.round(more - less, 9)) in (0, 1 if name in RISING | {"log_contrast_to_noise"} else -1)


def test_rays_and_response_carry_the_model() -> None:
    weights = dict(zip(FEATURES, CARD["weights"], strict=False))
    assert min(weights["log_response"], -weights["open_share"]) > 0.5
    assert not any(CARD["weights"][len(FEATURES) : -1])  # no squares: they did not carry over to a real CT


def logit(parts, radius):
    volume = scan(parts)
    row = features_of(volume, lung_of(volume), Candidate(MIDDLE, radius, 300.0))
    found = candidate_model().scores(row[None])[0]
    return np.log(found / (1 - found))


@pytest.mark.parametrize("diameter", [6.0, 8.0, 12.0, 16.0])
def test_balls_score_above_vessels_and_walls_of_one_response(diameter) -> None:
    nodule = logit([ball(MIDDLE, diameter)], diameter / 2)
    assert nodule > 4.0
    for along in ((1, 0, 0), (0, 1, 1), (1, 2, 3)):
        assert logit([tube(MIDDLE, along, diameter)], diameter / 2) < nodule - 3.0
        assert logit([plate(MIDDLE, along, diameter)], diameter / 2) < nodule - 3.0


def test_the_detector_puts_nodules_before_vessels() -> None:
    centre = (24.0, 12.0, 12.0)
    volume = scan([ball(centre, 8.0), tube((24.0, 34.0, 34.0), (0, 1, -1), 5.0), tube((24, 34, 34), (1, 0, 0), 4.0)])
    lungs = lung_of(volume, (2, 2, 2))
    found = BallDetector().detect(volume, lungs)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert np.linalg.norm(np.subtract(found[0].index, centre)) <= 1.8
    assert scores[0] > 0.95
    assert all(0 <= value <= 1 for value in scores)
    assert BallDetector(1).detect(volume, lungs) == BallDetector(3).detect(volume, lungs) == found
    plain = search.find_candidates(volume, lungs)
    assert {replace(one, score=0.0) for one in found} <= set(plain)
    for one in found:
        row = features_of(volume, lungs, replace(one, score=0.0))
        assert one.score == pytest.approx(candidate_model().scores(row[None])[0])
    places = np.array([one.index for one in found])
    for number, one in enumerate(found):  # of two within the larger of each other, the better is told
        for place, other in zip(places[:number], found[:number], strict=True):
            assert np.linalg.norm(place - one.index) > max(one.radius_mm, other.radius_mm, 2.5)


def test_nothing_found_is_nothing_scored() -> None:
    volume = scan([])
    assert BallDetector().detect(volume, lung_of(volume)) == ()


def test_only_the_strongest_are_looked_at_closely(monkeypatch) -> None:
    volume = scan([ball((12.0, 12.0, c), d) for c, d in ((8.0, 8.0), (24.0, 6.0), (40.0, 4.0))])
    lungs = lung_of(volume)
    strongest = search.find_candidates(volume, lungs)[:2]
    monkeypatch.setattr(judge, "CLOSELY", 2)
    assert {one.index for one in BallDetector().detect(volume, lungs)} == {one.index for one in strongest}


@pytest.mark.parametrize("name", ["mean", "spread", "weights", "threshold"])
def test_each_number_of_the_model_is_in_the_identity(name, monkeypatch) -> None:
    before = reader.identity()
    assert reader.identity() == before
    changed = replace(candidate_model(), **{name: getattr(candidate_model(), name) + 0.01})
    monkeypatch.setattr(reader, "candidate_model", lambda: changed)
    assert reader.identity().weights_digest != before.weights_digest


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCALES_MM", ((1.0, 1.0),)),
        ("LEAST_RESPONSE", 41.0),
        ("DENSEST_HU", 90.0),
        ("MOST", 399),
        ("CLOSELY", 249),
        ("MOST_NODULES", 11),
        ("SMALLEST_MM", 2.0),
        ("LARGEST_MM", 31.0),
        ("FEATURES", FEATURES[::-1]),
        ("RAYS", 160),
        ("SETTINGS", replace(reader.SETTINGS, solid_hu=-310.0)),
        ("search.LUNG_HU", -840.0),
        ("judge.LUNG_HU", -840.0),
    ],
)
def test_each_parameter_of_the_search_is_in_the_identity(name, value, monkeypatch) -> None:
    before = reader.identity().weights_digest
    monkeypatch.setattr(f"hounsfield.clinical.chest_ct.reader.{name}", value)
    assert reader.identity().weights_digest != before
