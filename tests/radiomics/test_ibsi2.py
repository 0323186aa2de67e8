"""Every published value of IBSI 2, phase 2: the CT phantom through eight filters, in two and in three dimensions."""

import csv
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from hounsfield.radiomics import FeatureSet, extract, named_settings
from hounsfield.radiomics.settings import NAMED
from tests.radiomics.test_ibsi1 import ct_phantom, within

TABLE = Path(__file__).parents[1] / "reference" / "ibsi2_reference_values.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines(), delimiter=";"))
NUMBERS = range(1, 10)
BLANK = {("8.B", "stat_qcod")}
"""The one value on which the teams did not agree."""


def configuration(number: int, letter: str) -> str:
    return f"ibsi2-{number}{letter}"


@cache
def found(folder: Path, letter: str) -> FeatureSet:
    """All filters at once, so that the image is brought to its grid once."""
    filters = tuple(named_settings(configuration(number, letter)).filters[0] for number in NUMBERS if number > 1)
    return extract(*ct_phantom(folder), replace(named_settings(configuration(1, letter)), filters=filters))


def compare(features: FeatureSet, number: int, letter: str) -> tuple[list[str], list[str]]:
    """Return one line for each published value of a configuration, and those lines that lie outside its tolerance."""
    filters = named_settings(configuration(number, letter)).filters
    start = f"{filters[0].name}_" if filters else ""
    lines, outside = [], []
    identifier = f"{number}.{letter.upper()}"
    for row in (row for row in ROWS if row["filter_id"] == identifier):
        value = features.value(start + row["feature_tag"])
        if (identifier, row["feature_tag"]) in BLANK:
            lines.append(f"{identifier} {row['feature_tag']:12} no published value      {value:.6g}")
            continue
        line = f"{identifier} {row['feature_tag']:12} {row['consensus_value']:>9} ± {row['tolerance']:<9} {value:.6g}"
        lines.append(line)
        if not within(value, row["consensus_value"], float(row["tolerance"])):
            outside.append(line)
    return lines, outside


def test_every_row_belongs_to_a_configuration_and_one_is_blank() -> None:
    assert {row["filter_id"] for row in ROWS} == {f"{number}.{letter}" for number in NUMBERS for letter in "AB"}
    assert len(ROWS) == 324
    blank = {(row["filter_id"], row["feature_tag"]) for row in ROWS if not row["consensus_value"]}
    assert blank == BLANK


def test_each_configuration_has_its_name_and_one_filter() -> None:
    names = [configuration(number, letter) for number in NUMBERS for letter in "ab"]
    assert {name for name in NAMED if name.startswith("ibsi2")} == set(names)
    for name in names:
        settings = named_settings(name)
        assert len(settings.filters) == (0 if name.startswith("ibsi2-1") else 1)
        assert {one.dimensions for one in settings.filters} <= {2 if name.endswith("a") else 3}
        assert settings.range == (-1000, 400)
        assert settings.spacing_mm == (None if name.endswith("a") else (1, 1, 1))


@pytest.mark.parametrize("letter", "ab")
def test_the_ct_phantom_has_every_published_value(
    shared_data: Path, letter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    features = found(shared_data, letter)
    everything, faults = [], []
    for number in NUMBERS:
        lines, outside = compare(features, number, letter)
        everything += lines
        faults += outside
    print("\n".join(everything))
    assert faults == []
    assert len(everything) == len(capsys.readouterr().out.splitlines()) == 162
    assert {feature.is_compliant for feature in features.features} == {True}


def test_the_comparison_finds_a_value_of_another_filter(shared_data: Path) -> None:
    features = found(shared_data, "a")
    shifted = replace(
        features,
        features=tuple(
            replace(one, value=one.value * 1.3) if one.filter.startswith("log") else one for one in features.features
        ),
    )
    assert compare(features, 3, "a")[1] == []
    assert len(compare(shifted, 3, "a")[1]) > 10


@pytest.mark.parametrize("number", [2, 4, 9])
def test_a_configuration_alone_has_the_values_it_has_among_all(shared_data: Path, number: int) -> None:
    alone = extract(*ct_phantom(shared_data), named_settings(configuration(number, "a")))
    together = found(shared_data, "a")
    assert len(alone.features) == 36
    for one in alone.features:
        assert together.value(one.tag) == pytest.approx(one.value, rel=1e-9, abs=1e-9)
