"""An evaluation of targets as JSON, CSV and page: blanks, undefined figures, and names that a reader might obey."""

import csv
import io
import json
import math

import numpy as np
import pytest

pytest.importorskip("torch")

from hounsfield.core.prediction import Interval, ModelIdentity
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.evaluate.target_page import target_page
from hounsfield.evaluate.targets import TargetEvaluation

NAN = float("nan")
EVIL = "<img src=x onerror=alert(1)>"


def evaluation(**changes):
    values = {
        "model": ModelIdentity("toy", "1.0.0", "multi-label", "0" * 64),
        "answer": "labels",
        "names": ("mass", "cyst"),
        "unit": "",
        "data_name": "toy data",
        "part": "test",
        "measures": {"auroc": Interval(0.9, 0.8, NAN), "auroc cyst": Interval(NAN, NAN, NAN)},
        "identifiers": ("a.png", "b.png"),
        "reference": np.array([[1, NAN], [0, 1.0]]),
        "said": np.array([[0.1234567, 0.5], [1 / 3, 1]]),
        "refused": (("c.png", "E522"),),
        "issues": (QualityIssue("Q850", Severity.WARN, {}),),
        "provenance": {"seed": 0},
    }
    return TargetEvaluation(**(values | changes))


def page_of(item):
    return target_page(item.as_json(), item.measures, item.issues, [])


def rows_of(item):
    return list(csv.reader(io.StringIO(item.as_csv())))


def test_json_is_strict_and_leaves_out_what_is_not_defined():
    told = json.loads(json.dumps(evaluation().as_json(), allow_nan=False))
    assert told["metrics"] == {"auroc": {"value": 0.9, "low": 0.8, "high": None}}
    assert (told["n"], told["refused"]) == (2, [{"identifier": "c.png", "code": "E522"}])
    assert told["research_use_only"] is True


def test_blank_in_the_table_is_not_assessed():
    assert rows_of(evaluation()) == [
        ["identifier", "reference mass", "reference cyst", "model mass", "model cyst"],
        ["a.png", "1", "", "0.123457", "0.5"],
        ["b.png", "0", "1", "0.333333", "1"],
    ]


def test_ordered_classes_have_one_reference_and_a_probability_each():
    said = np.array([[0.2, 0.3, 0.5]])
    item = evaluation(
        answer="ordered-class", names=("a", "b", "c"), identifiers=("x",), reference=np.array([[2.0]]), said=said
    )
    head, row = rows_of(item)
    assert head == ["identifier", "reference", "model a", "model b", "model c"]
    assert [float(value) for value in row[1:]] == [2, 0.2, 0.3, 0.5]


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@x", '"a", b', "two\nlines", "肺"])
def test_a_file_name_starts_no_formula_and_stays_in_its_cell(name):
    item = evaluation(identifiers=(name, "b.png"))
    rows = rows_of(item)
    assert len(rows) == 3
    assert rows[1][0].removeprefix("'") == name
    assert rows[1][0][0] not in "=+-@"


@pytest.mark.parametrize(
    "changes",
    [
        {"data_name": EVIL},
        {"names": (EVIL, "cyst")},
        {"unit": EVIL},
        {"measures": {EVIL: Interval(0.5, 0.4, 0.6)}},
        {"refused": ((EVIL, "E522"),)},
        {"model": ModelIdentity(EVIL, "1", "t", "0")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_page_takes_a_name_for_text(changes):
    page = page_of(evaluation(**changes))
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_the_page_speaks_both_languages_and_dashes_what_is_not_defined():
    item = evaluation()
    page = page_of(item)
    for issue in item.issues:
        assert all(issue.text(language) in page for language in ("en", "zh"))
    assert "<tr><th>auroc</th><td>0.900" in page
    assert "<tr><th>auroc cyst</th><td>–</td></tr>" in page
    assert "not a medical device" in page.lower()
    assert not math.isfinite(item.measures["auroc cyst"].value)


def test_a_page_without_issues_refusals_and_limits_has_no_empty_lists():
    assert "<ul></ul>" not in page_of(evaluation(issues=(), refused=()))
    assert "<ul>" not in page_of(evaluation(issues=(), refused=()))
