"""The benchmark of the heart: planted chambers give the error that was planted, folds go to their own model."""

import json
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import heart
from benchmarks.heart import Patient, cross_validated, draw, frames_of, measure, summary
from hounsfield.clinical.heart.chambers import LEFT, MUSCLE, Chambers
from hounsfield.errors import DatasetError
from tests.clinical.heart.drawn import DrawnHeart
from tests.clinical.heart.test_short_axis import GreyPredictor, image_of

DRAWN = DrawnHeart(spacing_mm=(12.0, 1.9, 1.9), sides_mm=150.0)


@cache
def frames(fraction=0.5, lost=0):
    """Two frames with the masks of an expert, who drew ``lost`` samples of the systolic cavity as muscle."""
    found = []
    for moment, share in enumerate((0.0, fraction)):
        drawn = DRAWN.ejected(share, 9.0)
        labels = drawn.labels()
        if moment and lost:
            places = np.argwhere(labels == LEFT)[:lost]
            labels[tuple(places.T)] = MUSCLE
        volume = image_of(drawn, moment, noise=0.0)
        found.append((volume, Chambers(labels, volume.geometry)))
    return found


def test_a_perfect_model_has_no_error_and_whole_overlap():
    found = measure("p", GreyPredictor(), frames())
    assert found.found == pytest.approx(found.reference, abs=0.3)
    assert found.reference == pytest.approx(50, abs=3)
    assert found.dice == pytest.approx((1.0, 1.0, 1.0), abs=0.02)


def test_an_expert_who_draws_less_sees_a_larger_fraction():
    lost = 60
    early = frames()[0][1].voxels(LEFT)
    found = measure("p", GreyPredictor(), frames(lost=lost))
    plain = measure("p", GreyPredictor(), frames())
    assert found.reference - plain.reference == pytest.approx(100 * lost / early)
    assert found.found == plain.found
    assert found.dice[2] < plain.dice[2]


def table_of(names, failing=""):
    def read_all(indices):
        for index in indices:
            name = names[index]
            volume, reference = frames()[0 if name.endswith("01") else 1]
            image = SimpleNamespace(volumes=[volume], mask=SimpleNamespace(array=reference.labels))
            yield index, DatasetError("E862", part="test", found=0, expected=1) if name == failing else image

    return SimpleNamespace(cases=[SimpleNamespace(identifier=name) for name in names], read_all=read_all)


NAMES = ["a_frame12", "a_frame01", "b_frame01", "c_frame01", "c_frame09"]


def test_frames_are_put_in_order_and_single_ones_left_out():
    found = frames_of(table_of(NAMES), range(5))
    assert sorted(found) == ["a", "c"]
    first, last = (reference.voxels(LEFT) for _, reference in found["a"])
    assert first > last


def test_an_image_that_cannot_be_read_stops_the_benchmark():
    with pytest.raises(DatasetError):
        frames_of(table_of(NAMES, failing="c_frame09"), range(5))


def test_each_fold_is_read_by_the_model_that_did_not_see_it(tmp_path, monkeypatch):
    rows = ["case,group,fold", "a_frame12,0,2", "a_frame01,0,2", "c_frame01,1,1", "c_frame09,1,1"]
    (tmp_path / "cross-validation.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    opened = []

    def predictor(package, threads):
        opened.append(package.name)
        return GreyPredictor()

    monkeypatch.setattr(heart, "open_package", lambda path: path)
    monkeypatch.setattr(heart, "MaskPredictor", predictor)
    found = list(cross_validated(table_of(NAMES), tmp_path))
    assert opened == ["fold-1.model", "fold-2.model"]
    assert [patient.name for patient in found] == ["c", "a"]


PATIENTS = [
    Patient("a", 60.0, 57.0, (0.8, 0.9, 1.0)),
    Patient("b", 50.0, 51.0, (0.6, 0.7, 0.8)),
    Patient("c", 30.0, 29.0, (0.7, 0.8, 0.9)),
]


def test_the_summary_is_what_one_works_out_by_hand():
    found = summary(PATIENTS, "way")
    differences = np.array([-3.0, 1.0, -1.0])
    assert found["mean_absolute_error_points"] == pytest.approx(5 / 3, abs=0.01)
    assert found["bias_points"] == pytest.approx(-1.0)
    spread = 1.959964 * differences.std(ddof=1)
    assert found["limits_points"] == pytest.approx([-1 - spread, -1 + spread], abs=0.01)
    assert found["mean_dice"] == pytest.approx(0.8)
    assert found["dice"]["right ventricle"] == pytest.approx(0.7)
    assert found["is_reached"] is True
    worse = [*PATIENTS, Patient("d", 70.0, 45.0, (0.5, 0.5, 0.5))]
    assert summary(worse, "way")["is_reached"] is False


def test_the_plot_is_written(tmp_path):
    path = tmp_path / "build" / "plot.svg"
    draw(PATIENTS, path)
    assert "<svg" in path.read_text(encoding="utf-8")


def test_the_run_says_which_way_it_went(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(heart, "read_masked", lambda path: path)
    monkeypatch.setattr(heart, "held_back", lambda table, model: iter(PATIENTS))
    monkeypatch.setattr(heart, "cross_validated", lambda table, folder: iter(PATIENTS))
    heart.main(["data", "--plot", str(tmp_path / "a.svg")])
    text = capsys.readouterr().out
    assert "a: experts 60.0 %, task 57.0 %" in text
    said = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert "internal test part" in said["way"]
    heart.main(["data", "--folds", str(tmp_path), "--plot", str(tmp_path / "b.svg")])
    assert '"way": "cross-validation"' in capsys.readouterr().out
    assert (tmp_path / "b.svg").is_file()
