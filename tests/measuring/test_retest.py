"""Test-retest of tables: agreement of planted repetitions, and rows that do not belong together."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from hounsfield.cli import main
from hounsfield.errors import DatasetError
from hounsfield.measuring.feature_table import FeatureTable, read_features
from hounsfield.measuring.retest import Retest, retest_json, retest_repeats, retest_tables
from hounsfield.measuring.retest_page import tag_facts, write_retest_page
from hounsfield.metrics.agreement import Correlation, intraclass_correlation
from tests.measuring.tables import TAGS, scan, write_table


def table(folder: Path, seed: int, shift: float = 0.0, count: int = 20) -> FeatureTable:
    return read_features(write_table(folder / f"scan{seed}.csv", scan(seed, count, shift)))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[FeatureTable, FeatureTable]:
    return table(tmp_path, 1), table(tmp_path, 2, shift=30.0)


def by_tag(found: Retest) -> dict:
    return {one.repeatability.tag: one for one in found.features}


def test_what_comes_out_again_is_told_from_a_shift_and_from_noise(pair: tuple[FeatureTable, FeatureTable]) -> None:
    (found,) = retest_tables(*pair)
    features = by_tag(found)
    assert (len(found.cases), found.repetitions, found.left_out, found.label) == (20, 2, 0, "1")
    assert {tag: one.rating.value for tag, one in features.items()} == dict(
        zip(TAGS, ("excellent", *("moderate or poor",) * 4), strict=True)
    )
    shifted = features["stat_var"]
    assert shifted.repeatability.consistency.value == pytest.approx(1)
    assert shifted.repeatability.agreement.value < 0.6
    assert (shifted.limits.bias.value, shifted.limits.deviation) == pytest.approx((30, 0), abs=1e-9)
    assert shifted.coefficient.value == pytest.approx(1.96 * np.sqrt(2) * np.sqrt(450), rel=1e-3)


def test_numbers_are_those_of_the_columns(pair: tuple[FeatureTable, FeatureTable]) -> None:
    first, second = (one.values[:, 0] for one in pair)
    one = by_tag(retest_tables(*pair)[0])["stat_mean"]
    expected = intraclass_correlation(np.stack([first, second], axis=1), Correlation.AGREEMENT)
    assert one.repeatability.agreement == expected
    assert one.limits.lower.value == pytest.approx(
        (second - first).mean() - 1.96 * (second - first).std(ddof=1), abs=1e-3
    )
    covariance = 2 * np.cov(first, second, bias=True)[0, 1]
    assert one.concordance.value == pytest.approx(
        covariance / (first.var() + second.var() + (first.mean() - second.mean()) ** 2)
    )


def test_rows_are_matched_by_case_whatever_their_order(tmp_path: Path, pair: tuple[FeatureTable, FeatureTable]) -> None:
    plain = retest_tables(*pair)
    rows = [*scan(2, 20, 30.0)[::-1][:15], scan(9)[0] | {"id": "another"}]
    (found,) = retest_tables(pair[0], read_features(write_table(tmp_path / "mixed.csv", rows)))
    assert (len(found.cases), found.left_out) == (15, 6)
    whole = by_tag(plain[0])["stat_var"].limits.bias.value
    assert by_tag(found)["stat_var"].limits.bias.value == pytest.approx(whole)


def test_one_table_with_a_column_repeat_is_the_same(tmp_path: Path, pair: tuple[FeatureTable, FeatureTable]) -> None:
    rows = [
        {"subject": row["id"], "repeat": time, **row}
        for time, seed in ((1, 1), (2, 2))
        for row in scan(seed, 20, 30.0 * (seed - 1))
    ]
    for row in rows:
        row["id"] = f"{row['id']} {row['repeat']}"
    (found,) = retest_repeats(read_features(write_table(tmp_path / "all.csv", rows)))
    (expected,) = retest_tables(*pair)
    assert found.features == expected.features
    assert found.cases == expected.cases


def test_more_than_two_measurements_have_correlations_and_no_pairs(tmp_path: Path) -> None:
    rows = [{"repeat": time, **row} for time in (2, 10, 1) for row in scan(time)]
    (found,) = retest_repeats(read_features(write_table(tmp_path / "all.csv", rows)))
    one = by_tag(found)["stat_mean"]
    assert found.repetitions == 3
    assert one.rating.value == "excellent"
    assert one.limits is None
    assert math.isnan(one.concordance.value)
    assert one.coefficient.value == pytest.approx(1.96 * np.sqrt(2), rel=0.3)
    told = retest_json([found])
    assert told[0]["features"][0]["limits_of_agreement"] is None
    json.dumps(told, allow_nan=False)


def test_labels_stand_apart(tmp_path: Path) -> None:
    def both(seed: int) -> list[dict[str, object]]:
        return scan(seed) + [row | {"label": 2, "stat_mean": 0.0} for row in scan(seed, 2)]

    tables = [read_features(write_table(tmp_path / f"{seed}.csv", both(seed))) for seed in (1, 2)]
    assert [one.label for one in retest_tables(*tables)] == ["1"]  # two cases of label 2 say nothing


@pytest.mark.parametrize("fault", ["twice", "others", "few", "features"])
def test_measurements_that_do_not_belong_together_are_refused(tmp_path: Path, fault: str) -> None:
    first, rows = table(tmp_path, 1), scan(2)
    if fault == "twice":
        rows.append(rows[0])
    elif fault == "others":
        rows = [row | {"id": f"other {row['id']}"} for row in rows]
    elif fault == "few":
        rows = rows[:2]
    elif fault == "features":
        rows = [{name if name not in TAGS else f"x{name}": value for name, value in row.items()} for row in rows]
    second = read_features(write_table(tmp_path / "second.csv", rows), ("repeat",))
    with pytest.raises(DatasetError) as caught:
        retest_tables(first, second)
    assert caught.value.code == "E712"
    assert caught.value.text("zh") != caught.value.text("en")


def test_one_measurement_is_no_test_retest(tmp_path: Path) -> None:
    once = read_features(write_table(tmp_path / "once.csv", [{"repeat": 1} | row for row in scan(2)]))
    with pytest.raises(DatasetError, match="E712"):
        retest_repeats(once)


@pytest.mark.parametrize(
    ("tag", "family"),
    [
        ("stat_mean", "intensity-statistics"),
        ("cm_contrast_2_5D_comb", "glcm"),
        ("mean_5_3D_stat_skew", "intensity-statistics"),
        ("morph_volume", "morphology"),
        ("deep_001", None),
        ("original_glcm_Contrast", None),
    ],
)
def test_tags_are_found_in_the_manual(tag: str, family: str | None) -> None:
    found = tag_facts(tag)
    assert (found.family if found else None) == family


def test_the_page_shows_every_feature_in_its_family_and_both_languages(
    tmp_path: Path, pair: tuple[FeatureTable, FeatureTable]
) -> None:
    path = write_retest_page(retest_tables(*pair), pair, tmp_path / "a.html", "zh")
    page = path.read_text(encoding="utf-8")
    assert all(page.count(f">{tag}<") >= 1 for tag in TAGS)
    assert all(one.sha256 in page for one in pair)
    assert "Other features" in page
    assert "重测信度" in page
    assert page.index(">stat_mean<") < page.index(">stat_var<")


def answered(capfd: pytest.CaptureFixture, *words: object) -> tuple[int, dict]:
    code = main(["features", *map(str, words), "--json", "--quiet"])
    return code, json.loads(capfd.readouterr().out)


def test_the_verb_compares_two_tables(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    files = [write_table(tmp_path / f"{seed}.csv", scan(seed)) for seed in (1, 2)]
    code, found = answered(capfd, *files, "--page", tmp_path / "a.html")
    assert code == 0
    assert found["retest"][0]["cases"] == 20
    assert found["retest"][0]["features"][0]["rating"] == "excellent"
    assert (tmp_path / "a.html").is_file()
    assert main(["features", *map(str, files)]) == 0
    assert "2 excellent" in capfd.readouterr().out
    assert answered(capfd, *files, "--page", tmp_path / "a.html")[1]["error"]["code"] == "E340"


@pytest.mark.parametrize(
    "words",
    [[], ["b.csv", "--harmonise", "x"], ["--retest", "-o", "x.csv"], ["--harmonise", "x"], ["--retest", "--keep", "a"],
     ["--apply", "x", "--harmonise", "y", "-o", "z.csv"], ["--harmonise", "x", "-o", "z.csv", "--page", "p.html"],
     ["--apply", "x", "-o", "z.csv", "--split", "s"]],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(words: list[str], capfd: pytest.CaptureFixture) -> None:
    code, found = answered(capfd, "a.csv", *words)
    assert (code, found["error"]["code"]) == (2, "E714")
