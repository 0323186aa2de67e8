"""Regions measured again under changes: tables, classes and pages against values that are planted."""

import csv
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hounsfield.cli import main
from hounsfield.core.prediction import Interval
from hounsfield.measuring.repeat_page import interval_text, percent_text, write_robustness_page
from hounsfield.measuring.robustness import robustness_json, robustness_of, robustness_path, write_robustness
from hounsfield.measuring.run import MeasuredRegion, MeasuringOptions, measure
from hounsfield.measuring.sources import find_sources
from hounsfield.radiomics import settings_from
from hounsfield.report.repeats import BAR_WIDTH, RepeatLine, RepeatView
from hounsfield.report.text import Text
from tests.measuring.cases import write_case, write_folders

FAST = settings_from({"families": ["intensity-statistics"], "name": "fast"}, "fast")
QUICK = 'name = "quick"\nfamilies = ["intensity-statistics"]\n'
OPTIONS = MeasuringOptions(FAST, perturbations=3, seed=1)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[MeasuredRegion, ...]:
    return measure(find_sources(write_folders(tmp_path_factory.mktemp("data"), 3)), OPTIONS)


def planted(measured: tuple[MeasuredRegion, ...]) -> tuple[MeasuredRegion, ...]:
    """Return label 2 of each case with a mean that comes out again and a variance that does not."""
    chance, found = np.random.default_rng(0), []
    for place, one in enumerate(one for one in measured if one.region.label == 2):
        tags = [feature.tag for feature in one.found.features]
        rows = np.array([[5.0] * len(tags)] * 3)
        rows[:, tags.index("stat_mean")] = [100 * place + 1, 100 * place, 100 * place - 1]
        rows[:, tags.index("stat_var")] = chance.normal(10, 1, 3)
        rows[:, tags.index("stat_skew")] = [1.0, math.nan, 1.0] if place == 0 else [place, place + 0.1, place]
        found.append(replace(one, perturbed=tuple(map(tuple, rows.tolist()))))
    return tuple(found)


def test_every_region_is_measured_again_alike_for_the_same_seed(measured: tuple[MeasuredRegion, ...]) -> None:
    assert [len(one.perturbed) for one in measured] == [3] * 6
    assert len({one.perturbed for one in measured}) == 6
    again = measure((measured[0].source,), OPTIONS)
    assert again[0].perturbed == measured[0].perturbed
    other = measure((measured[0].source,), replace(OPTIONS, seed=2))
    assert other[0].perturbed != measured[0].perturbed
    assert measure((measured[0].source,), MeasuringOptions(FAST))[0].perturbed == ()


def test_perturbed_values_lie_about_those_of_the_region(measured: tuple[MeasuredRegion, ...]) -> None:
    place = [feature.tag for feature in measured[0].found.features].index("stat_mean")
    for one in measured:
        values = [row[place] for row in one.perturbed]
        assert np.mean(values) == pytest.approx(one.found.value("stat_mean"), rel=0.35)
        assert len(set(values)) == 3


def test_labels_are_not_taken_together(measured: tuple[MeasuredRegion, ...]) -> None:
    found = robustness_of(measured)
    assert [(one.label, one.case_count, one.perturbations) for one in found] == [(2, 3, 3), (7, 3, 3)]
    assert all(not one.issues for one in found)


def test_what_is_planted_is_rated(measured: tuple[MeasuredRegion, ...]) -> None:
    (found,) = robustness_of(planted(measured))
    ratings = {one.feature.tag: one.rating.value for one in found.features}
    assert ratings["stat_mean"] == "excellent"
    assert ratings["stat_var"] == "moderate or poor"
    assert ratings["stat_skew"] == ratings["stat_min"] == "not assessed"
    counts = {one.feature.tag: one.repeatability.case_count for one in found.features}
    assert (counts["stat_mean"], counts["stat_skew"]) == (3, 2)


def test_two_cases_have_a_variation_and_a_note_in_both_languages(measured: tuple[MeasuredRegion, ...]) -> None:
    (found,) = robustness_of(planted(measured)[1:])
    assert [issue.code for issue in found.issues] == ["Q710"]
    assert found.issues[0].text("zh") != found.issues[0].text("en")
    told = robustness_json([found], 4, "zh")[0]
    values = {one["tag"]: one for one in told["features"]}
    assert values["stat_mean"]["icc"]["value"] is None
    assert values["stat_mean"]["variation"] == pytest.approx(np.sqrt((1e-4 + 0.25e-4) / 2))
    assert (told["seed"], told["cases"]) == (4, 2)
    json.dumps(told, allow_nan=False)


def test_the_table_has_a_row_a_feature_and_is_never_overwritten(
    tmp_path: Path, measured: tuple[MeasuredRegion, ...]
) -> None:
    found = robustness_of(planted(measured))
    path = write_robustness(found, robustness_path(tmp_path / "a.b.csv"))
    assert path.name == "a.b.robustness.csv"
    rows = {row["tag"]: row for row in csv.DictReader(path.open(encoding="utf-8"))}
    assert len(rows) == len(found[0].features)
    assert float(rows["stat_mean"]["icc_1_1_low"]) > 0.9
    assert rows["stat_skew"]["icc_1_1"] == ""
    assert rows["stat_min"]["variation"] == "0.0"
    with pytest.raises(Exception, match="E340"):
        write_robustness(found, path)


def test_the_page_lists_the_most_robust_first(tmp_path: Path, measured: tuple[MeasuredRegion, ...]) -> None:
    page = write_robustness_page(robustness_of(planted(measured)), 1, tmp_path / "a.html").read_text(encoding="utf-8")
    places = [page.index(f">{tag}<") for tag in ("stat_mean", "stat_var", "stat_skew")]
    assert places == sorted(places)
    assert "2016" in page
    assert "组内相关系数" in page
    assert not re.search(r"""(?:src|href)=["']https?:""", page)


def line(tag: str, value: float, rating: str = "good", low: float = math.nan) -> RepeatLine:
    return RepeatLine(tag, Text(tag, tag), Interval(value, low, 2.0), rating, ())


def test_bars_are_as_long_as_their_values_and_stay_in_the_picture() -> None:
    assert line("a", 0.5, low=-0.2).places == (BAR_WIDTH / 2, 0.0, BAR_WIDTH)
    assert line("a", math.nan).places == (0.0, 0.0, BAR_WIDTH)
    assert line("a", 7.0).places[0] == BAR_WIDTH
    assert line("a", 0.25).places[1] == BAR_WIDTH / 4


def test_features_are_sorted_within_their_family_and_counted_by_class() -> None:
    lines = (line("low", 0.1), line("none", math.nan, "not assessed"), line("high", 0.9, "excellent"))
    view = RepeatView("x", (), (), ((Text("f", "f"), lines), (Text("g", "g"), (line("own", 0.95),))), ())
    assert [[one.tag for one in own] for _, own in view.sorted_families] == [["high", "low", "none"], ["own"]]
    assert [(rating, count) for rating, _, count, _ in view.counts] == [
        ("excellent", 1),
        ("good", 2),
        ("not assessed", 1),
    ]
    assert sum(wide for *_, wide in view.counts) == pytest.approx(2 * BAR_WIDTH)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (interval_text(Interval(0.5, 0.25, 0.75)), "0.500 (0.250 – 0.750)"),
        (interval_text(Interval(0.5, math.nan, math.nan)), "0.500"),
        (interval_text(Interval(math.nan, 0, 1)), "–"),
        (percent_text(0.1234), "12.3 %"),
        (percent_text(math.nan), "–"),
    ],
)
def test_numbers_as_people_read_them(text: str, expected: str) -> None:
    assert text == expected


def answered(capfd: pytest.CaptureFixture, folder: Path, *words: object) -> tuple[int, dict]:
    (folder / "quick.toml").write_text(QUICK, encoding="utf-8")
    code = main(["radiomics", *map(str, words), "--settings", str(folder / "quick.toml"), "--json", "--quiet"])
    return code, json.loads(capfd.readouterr().out)


def test_the_verb_answers_and_writes_robustness(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    data = write_folders(tmp_path / "data", 3)
    words = data, "--label", 2, "--robustness", 2, "-o", tmp_path / "a.csv", "--page", tmp_path / "a.html"
    code, found = answered(capfd, tmp_path, *words)
    assert code == 0
    assert len(found["regions"]) == 3
    assert [(one["cases"], one["perturbations"]) for one in found["robustness"]] == [(3, 2)]
    assert (tmp_path / "a.html").read_text(encoding="utf-8").count("stat_mean") == 1
    rows = list(csv.DictReader((tmp_path / "a.robustness.csv").open(encoding="utf-8")))
    by_tag = {one["tag"]: one for one in found["robustness"][0]["features"]}
    assert float(rows[0]["icc_1_1"]) == by_tag[rows[0]["tag"]]["icc"]["value"]
    (tmp_path / "a.csv").unlink()
    (tmp_path / "a.html").unlink()
    code, found = answered(capfd, tmp_path, *words)
    assert (code, found["error"]["code"]) == (2, "E340")


def test_one_case_has_its_variation_on_the_page_of_its_regions(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    words = *write_case(tmp_path), "--label", 2, "--robustness", 2
    code, found = answered(capfd, tmp_path, *words, "-o", tmp_path / "a.json", "--page", tmp_path / "a.html")
    assert code == 0
    assert found["robustness"][0]["issues"][0]["code"] == "Q710"
    written = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert written["robustness"] == found["robustness"]
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 3
    assert "病例内变异系数" in page
    plain = answered(capfd, tmp_path, *words[:2])[1]
    assert "robustness" not in plain


def test_further_columns_of_a_manifest_stand_in_the_table(tmp_path: Path) -> None:
    write_case(tmp_path)
    lines = "image,mask,id,repeat,batch,error\nimage.nii.gz,mask.nii.gz,a,1,x,y\nimage.nii.gz,mask.nii.gz,a,2,x,y\n"
    (tmp_path / "list.csv").write_text(lines, encoding="utf-8")
    sources = find_sources(tmp_path / "list.csv", None, 2)
    from hounsfield.measuring.table import rows_of

    rows = list(rows_of(measure(sources, MeasuringOptions(FAST))))
    assert [(row["id"], row["subject"], row["repeat"], row["batch"]) for row in rows] == [
        ("a", "a", "1", "x"),
        ("a 2", "a", "2", "x"),
    ]
    assert rows[0]["error"] == ""
    names = list(rows[0])
    assert names.index("batch") < names.index("grey_levels") < names.index("stat_mean")
