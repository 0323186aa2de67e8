"""Rule files: every one keeps to the form, and what was written from memory is marked so, row by row."""

import importlib.util
import json
import math

import pytest

import hounsfield.clinical.rules as rules
from hounsfield.clinical.rules.source import Row, Rule, read_rule, rule, rule_names, rule_source
from hounsfield.core.conclusion import Certainty
from hounsfield.errors import SettingsError
from tests.docs.pages import REPOSITORY

MEMORY, SECONDARY = Certainty.MEMORY, Certainty.SECONDARY

FROM_MEMORY = {
    "ase-eacvi-2015-chambers": {
        *(f"{name}.F.grades" for name in ("lv_diastolic_diameter", "lv_systolic_diameter", "lv_end_diastolic_volume")),
        *(f"{name}.{sex}.grades" for name in ("lv_end_diastolic_volume_index", "lv_ejection_fraction") for sex in "MF"),
        *(
            f"lv_end_systolic_volume{index}.{sex}{part}"
            for index in ("", "_index")
            for sex in "MF"
            for part in ("", ".grades")
        ),
        "fractional_shortening.M",
        "fractional_shortening.F",
        "rv_s_prime_cm_s",
        "long-axes",
    },
    "aortic-stenosis-2017": {
        "valve_area_index_cm2_m2.moderate",
        "valve_area_index_cm2_m2.mild",
        "velocity_index.mild",
    },
    "mitral-stenosis-2020": None,
    "tricuspid-regurgitation-2017": None,
    "aortic-valve-calcium": None,
    "diastology-2016": None,
    "heart-failure-2021": {"device", "cardiotoxicity"},
    "agatston-1990": {"smallest-area", "kvp.100"},
    "brock-2b": {"intercept"},
    "va": {"years-since-quitting"},
    "brock-1b": None,
    "mrecist": None,
    "percist-1.0": None,
    "acr-actionable": None,
    "recist-1.1": {"measurable-thick-slices", "too-small", "overall-NE"},
    "li-rads-2018": {
        *(f"features-{end}" for end in ("0", "1", "1-capsule-alone", "2")),
        *(f"share-lr-{end}" for end in "2345m"),
        "not-at-risk",
        "said",
    },
    "pi-rads-2.1": {"transition-2", "transition-3", "five"},
    "bi-rads-2025": {"3", "4A", "4B", "4C", "5"},
    "who-cns5": {f"word-{number}" for number in range(1, 11)},
    "genant": {"below", "grade-1", "grade-2", "grade-3"},
    "fleischner-2017": {"rounding"},
    "lung-rads-2022": {
        "resolved",
        "slow-non-solid-stays",
        *(f"management-{category}" for category in ("0", "1", "2", "3", "4a", "4b", "4x", "s")),
    },
    "herder": None,
    "nodule-mass": None,
    "bts-nodule": {
        "surveil-after-brock",
        "pet-ct",
        "surveil-after-herder",
        *(f"growth-{band}" for band in ("suspicious", "indeterminate", "likely-benign")),
        "biopsy-or-resect",
        "resect",
        "would-change",
    },
}
"""What the fact sheet tags [M]: rows of a rule, or None for the whole of it."""


@pytest.mark.parametrize("name", rule_names())
def test_every_rule_says_where_it_comes_from(name):
    one = rule(name)
    for text in (one.title, one.title_zh, one.edition, one.citation):
        assert text.strip()
    assert one.title_zh != one.title or one.title.isascii() is False
    assert bool(one.limits_en) == bool(one.limits_zh)
    assert isinstance(one.certainty, Certainty)
    for row in one.rows:
        assert bool(row.en) == bool(row.zh), row.key
        assert row.en != row.zh or not row.en
        assert any("\u4e00" <= letter <= "\u9fff" for letter in row.zh) or not row.zh, row.key


@pytest.mark.parametrize("name", rule_names())
def test_functions_that_a_rule_names_are_public_and_have_a_docstring(name):
    for function in rule(name).functions:
        assert function in rules.__all__
        assert getattr(rules, function).__doc__


def test_public_names_are_sorted_and_there():
    from tests.house.test_exports import isort_key

    assert rules.__all__ == sorted(set(rules.__all__), key=isort_key)
    assert all(hasattr(rules, name) for name in rules.__all__)


@pytest.mark.parametrize(("name", "keys"), FROM_MEMORY.items())
def test_what_is_from_memory_is_marked(name, keys):
    one = rule(name)
    for row in one.rows:
        expected = keys is None or row.key in keys
        assert (one.certainty_of(row.key) is MEMORY) is expected, row.key
    assert keys is not None or one.certainty is MEMORY


VECTORS = [(name, vector) for name in rule_names() for vector in rule(name).vectors]


@pytest.mark.parametrize(("name", "vector"), VECTORS, ids=lambda value: value if isinstance(value, str) else None)
def test_every_known_answer_comes_out(name, vector):
    found = getattr(rules, vector.function)(**vector.inputs)
    assert vector.function in rule(name).functions
    if isinstance(vector.result, float) and not isinstance(vector.result, bool):
        assert found == pytest.approx(vector.result, abs=vector.tolerance or 1e-12)
    else:
        assert found == vector.result


def test_a_source_is_as_sure_as_its_least_sure_row():
    assert rule_source("va").certainty is SECONDARY
    assert rule_source("va", "age", "smoked").certainty is SECONDARY
    assert rule_source("va", "age", "years-since-quitting").certainty is MEMORY
    assert rule_source("mayo").edition == "1997"
    assert "Swensen" in rule_source("mayo").citation


def test_an_unknown_rule_names_those_there_are():
    with pytest.raises(SettingsError, match=r"E200.*brock-3.*brock-2b"):
        rule_source("brock-3")
    with pytest.raises(KeyError, match="mayo: intercepted"):
        rule_source("mayo", "intercepted")


GOOD = {"name": "a-1", "title": "A", "title_zh": "甲", "edition": "1", "citation": "B", "certainty": "verified",
        "rows": [{"key": "a", "values": {"x": 1}}]}  # fmt: skip


def written(folder, content, name="a-1.json"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_good_file_is_read(tmp_path):
    found = read_rule(written(tmp_path, GOOD))
    assert isinstance(found, Rule)
    assert found.number("a", "x") == 1.0
    assert found.row("a").text("y") == ""


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({**GOOD, "colour": "red"}, "a-1.json"),
        ({**GOOD, "edition": ""}, "a-1.json"),
        ({**GOOD, "certainty": "sure"}, "a-1.json"),
        ({**GOOD, "rows": []}, "a-1.json"),
        ({**GOOD, "rows": [{"key": "a"}, {"key": "a"}]}, "a-1.json"),
        ({**GOOD, "rows": [{"key": "a", "value": 1}]}, "a-1.json"),
        ({**GOOD, "vectors": [{"function": "f", "inputs": {}, "result": 1, "near": 1}]}, "a-1.json"),
        ({key: value for key, value in GOOD.items() if key != "citation"}, "a-1.json"),
        ({**GOOD, "name": "A 1"}, "A 1.json"),
        (GOOD, "b.json"),
        ("{", "a-1.json"),
        ('{"name": NaN}', "a-1.json"),
    ],
)
def test_a_file_out_of_form_is_refused(tmp_path, content, name):
    with pytest.raises(SettingsError, match="E201"):
        read_rule(written(tmp_path, content, name))


def test_words_are_no_numbers():
    row = Row(key="a", values={"b": "4A", "c": True, "d": 2, "e": None}, en="{x} mm", zh="{x} 毫米")
    assert row.number("d") == 2.0
    assert (row.text("b"), row.text("e")) == ("4A", "")
    assert row.wording(x=3).text("zh") == "3 毫米"
    for column in "bce":
        with pytest.raises(TypeError):
            row.number(column)


def test_the_page_of_rules_is_up_to_date():
    place = REPOSITORY / "docs" / "reference" / "rules.py"
    spec = importlib.util.spec_from_file_location("rules_page", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert place.with_suffix(".md").read_text(encoding="utf-8") == module.page(), "run: python docs/reference/rules.py"
    assert module.page().count("\n## ") == len(rule_names())
    assert module.written(math.pi) == "3.141592654"
