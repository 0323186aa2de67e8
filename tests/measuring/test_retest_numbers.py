"""Test-retest of tables against published data, and against the functions of metrics for each feature."""

from pathlib import Path

import numpy as np
import pytest

from hounsfield.measuring.feature_table import FeatureTable, read_features
from hounsfield.measuring.retest import retest_json, retest_repeats, retest_tables
from hounsfield.metrics.agreement import Correlation, intraclass_correlation, limits_of_agreement
from hounsfield.metrics.repeatability import concordance_correlation, repeatability_coefficient, variation_within
from tests.measuring.tables import TAGS, scan, write_table

SHROUT = ((9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7))
"""Six targets by four judges of Shrout and Fleiss 1979, table 2."""
WRIGHT = (
    (494, 490), (395, 397), (516, 512), (434, 401), (476, 470), (557, 611), (413, 415), (442, 431), (650, 638),
    (433, 429), (417, 420), (656, 633), (267, 275), (478, 492), (178, 165), (423, 372), (427, 421),
)  # fmt: skip
"""Peak expiratory flow of 17 people, twice, of Bland and Altman 1986."""


def repeated(folder: Path, values: tuple[tuple[int, ...], ...]) -> FeatureTable:
    rows = [
        {"subject": f"s{case}", "repeat": time, "flow": value}
        for case, own in enumerate(values)
        for time, value in enumerate(own, start=1)
    ]
    return read_features(write_table(folder / "all.csv", rows))


def test_four_judges_have_the_correlations_that_shrout_and_fleiss_print(tmp_path: Path) -> None:
    (found,) = retest_repeats(repeated(tmp_path, SHROUT))
    (one,) = found.features
    again = one.repeatability
    values = again.one_way.value, again.agreement.value, again.consistency.value
    assert values == pytest.approx((0.17, 0.29, 0.71), abs=0.005)
    assert (found.repetitions, len(found.cases), one.limits) == (4, 6, None)
    assert one.rating.value == "moderate or poor"


def test_the_flow_meter_has_the_repeatability_that_bland_and_altman_print(tmp_path: Path) -> None:
    """Deviation within people 15.3 l/min (BMJ 1996 313:744)."""
    (found,) = retest_repeats(repeated(tmp_path, WRIGHT))
    (one,) = found.features
    assert one.coefficient.value / (1.96 * np.sqrt(2)) == pytest.approx(15.3, abs=0.05)
    differences = np.array([second - first for first, second in WRIGHT])
    assert one.limits.bias.value == pytest.approx(differences.mean())
    assert one.rating.value == "excellent"


@pytest.mark.parametrize("place", range(len(TAGS)))
def test_each_feature_has_the_numbers_of_its_own_column(tmp_path: Path, place: int) -> None:
    rows = [scan(seed, 12) for seed in (3, 4)]
    for case, row in enumerate(rows[1]):
        row["stat_var"] = float(row["stat_var"]) + case % 3
    tables = [read_features(write_table(tmp_path / f"{place}.csv", own)) for place, own in enumerate(rows)]
    (found,) = retest_tables(*tables)
    one, (first, second) = found.features[place], (table.values[:, place] for table in tables)
    both = np.stack([first, second], axis=1)
    assert one.repeatability.tag == TAGS[place]
    assert one.repeatability.one_way == intraclass_correlation(both, Correlation.ONE_WAY)
    assert one.repeatability.consistency == intraclass_correlation(both, Correlation.CONSISTENCY)
    assert one.concordance == concordance_correlation(first, second)
    assert one.coefficient == repeatability_coefficient(both)
    assert one.repeatability.variation == variation_within(both)
    expected = limits_of_agreement(first, second)
    assert (one.limits.lower, one.limits.upper) == (expected.lower, expected.upper)


def test_the_order_of_the_tables_turns_the_bias_and_nothing_else(tmp_path: Path) -> None:
    first, second = (read_features(write_table(tmp_path / f"{seed}.csv", scan(seed, 12, seed))) for seed in (1, 2))
    (there,), (back,) = retest_tables(first, second), retest_tables(second, first)
    for one, other in zip(there.features, back.features, strict=True):
        assert one.limits.bias.value == pytest.approx(-other.limits.bias.value)
        assert one.repeatability.agreement.value == pytest.approx(other.repeatability.agreement.value)
        assert one.concordance.value == pytest.approx(other.concordance.value)


def test_cases_without_a_value_are_left_out_of_that_feature_alone(tmp_path: Path) -> None:
    rows = scan(1, 12)
    rows[3]["stat_mean"] = ""
    tables = [
        read_features(write_table(tmp_path / name, own)) for name, own in (("a.csv", rows), ("b.csv", scan(2, 12)))
    ]
    told = retest_json(retest_tables(*tables))[0]
    assert [one["cases"] for one in told["features"]] == [11, 12, 12, 12, 12]
    kept = [place for place in range(12) if place != 3]
    expected = concordance_correlation(tables[0].values[kept, 0], tables[1].values[kept, 0])
    assert told["features"][0]["ccc"]["value"] == expected.value


def test_a_feature_of_too_few_cases_says_nothing_of_itself(tmp_path: Path) -> None:
    rows = scan(1, 12)
    for row in rows[2:]:
        row["stat_var"] = ""
    tables = [
        read_features(write_table(tmp_path / name, own)) for name, own in (("a.csv", rows), ("b.csv", scan(2, 12)))
    ]
    one = retest_json(retest_tables(*tables))[0]["features"][1]
    assert (one["rating"], one["icc_2_1"]["value"], one["bias"]) == ("not assessed", None, None)
