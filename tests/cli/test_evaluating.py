"""The verbs ``evaluate`` and ``compare`` as a person or a script meets them: words, JSON, files, exit codes."""

import json

import numpy as np
import pytest

from hounsfield.cases.guard import examine
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.seen import SEEN_FILE, seen_json
from hounsfield.cli import main
from tests.evaluate.examples import flat, write_model
from tests.evaluate.test_compare import pictures

NAMES = ("normal", "pneumonia")
HEADLINE = ["auroc", "accuracy", "sensitivity", "specificity", "f1", "brier", "ece"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two models, one of them with a run folder, and a data set of forty pictures."""
    folder = tmp_path_factory.mktemp("evaluating")
    images, labels = pictures(40, noise=90, seed=2)
    np.savez(folder / "x.npz", test_images=images, test_labels=labels)
    write_model(folder / "a.model", NAMES, 0.5)
    write_model(folder / "b.model", NAMES, 0.6, seen_rows=2)
    write_model(folder / "other.model", ("normal", "fracture"))
    run = folder / "a.model.run"
    run.mkdir()
    digests = examine(read_cases(folder / "x.npz")).digests
    (run / SEEN_FILE).write_bytes(seen_json({"training": digests[:4], "tuning": [], "test": digests[4:]}))
    return folder


def answered(capfd, *words):
    code = main([*map(str, words), "--json", "--quiet"])
    output, _ = capfd.readouterr()
    return code, json.loads(output)


def said(capfd, *words):
    code = main([*map(str, words), "--quiet"])
    output, talk = capfd.readouterr()
    return code, output, talk


def test_evaluate_answers_with_figures_origin_and_disclaimer(place, capfd):
    code, answer = answered(capfd, "evaluate", place / "a.model", place / "x.npz")
    assert code == 0
    assert list(answer["metrics"]) == HEADLINE
    assert answer["origin"]["test"] == "internal"
    assert answer["origin"]["copies_checked"] is True
    assert len(answer["origin"]["copies_of_training_images"]) == 4
    assert "Q862" in [issue["code"] for issue in answer["issues"]]
    assert "medical device" in answer["disclaimer"]


def test_evaluate_of_a_model_without_a_run_folder_claims_nothing(place, capfd):
    _, answer = answered(capfd, "evaluate", place / "b.model", place / "x.npz")
    assert (answer["origin"]["test"], answer["origin"]["copies_checked"]) == ("unknown", False)
    assert not {"Q861", "Q862"} & {issue["code"] for issue in answer["issues"]}


def test_evaluate_says_where_the_data_come_from_in_both_languages(place, capfd):
    _, english, _ = said(capfd, "evaluate", place / "a.model", place / "x.npz")
    _, chinese, _ = said(capfd, "evaluate", place / "a.model", place / "x.npz", "--language", "zh")
    assert "n = 40 (Internal test)" in english
    assert "n = 40 (内部测试)" in chinese


def test_evaluate_at_a_prevalence(place, capfd):
    code, answer = answered(capfd, "evaluate", place / "a.model", place / "x.npz", "--prevalence", "0.05")
    assert code == 0
    rare = answer["more"]["positive_predictive_value_at_prevalence"]["value"]
    assert rare < answer["more"]["positive_predictive_value"]["value"]
    code, fault = answered(capfd, "evaluate", place / "a.model", place / "x.npz", "--prevalence", "5")
    assert code != 0
    assert fault["error"]["code"] == "E843"


def test_evaluate_writes_its_folder(place, tmp_path, capfd):
    code, output, _ = said(capfd, "evaluate", place / "a.model", place / "x.npz", "-o", tmp_path / "out")
    assert code == 0
    assert str(tmp_path / "out" / "report.html") in output
    stored = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert stored["n"] == 40
    assert (tmp_path / "out" / "plots" / "decision-curve.svg").is_file()
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Surest right cases" in page
    assert "最确信的正确病例" in page


def test_compare_answers_with_differences(place, capfd):
    code, answer = answered(capfd, "compare", place / "a.model", place / "b.model", place / "x.npz")
    assert code == 0
    assert answer["n"] == 40
    for row in answer["measures"].values():
        assert row["difference"]["value"] == pytest.approx(row["a"]["value"] - row["b"]["value"], abs=1e-9)
        assert 0 < row["p_value"] <= row["p_adjusted"] <= 1
    assert answer["models"]["a"]["origin"]["copies_checked"] is True
    assert answer["models"]["b"]["origin"]["copies_checked"] is False
    assert [issue["model"] for issue in answer["issues"] if issue["code"] == "Q862"] == ["a"]
    assert "medical device" in answer["disclaimer"]


def test_compare_is_read_by_people_in_both_languages(place, capfd):
    words = ("compare", place / "a.model", place / "b.model", place / "x.npz")
    _, english, _ = said(capfd, *words)
    _, chinese, _ = said(capfd, *words, "--language", "zh")
    assert "no difference shown" in english
    assert "未显示差异" in chinese
    for output in (english, chinese):
        assert "A: brightness 1.2.3" in output
        assert "Q862" in output


def test_compare_writes_its_folder_and_keeps_the_first(place, tmp_path, capfd):
    words = ("compare", place / "a.model", place / "b.model", place / "x.npz", "-o", tmp_path / "out")
    for _ in range(2):
        code, output, _ = said(capfd, *words)
        assert code == 0
    assert "report.html" in output
    assert json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))["n"] == 40
    assert len([path for path in (tmp_path / "out").iterdir() if path.name.startswith("earlier-")]) == 1


def test_compare_refuses_other_classes(place, capfd):
    code, fault = answered(capfd, "compare", place / "a.model", place / "other.model", place / "x.npz")
    assert code == 3
    assert fault["error"]["code"] == "E844"
    assert "fracture" in fault["error"]["text"]


def test_compare_refuses_a_model_that_is_not_there(place, capfd):
    code, fault = answered(capfd, "compare", place / "a.model", place / "nothing.model", place / "x.npz")
    assert code != 0
    assert fault["error"]["code"] == "E501"


def test_data_of_one_class_cannot_be_compared(place, tmp_path, capfd):
    picture = np.stack([flat(90 + 9 * index, index) for index in range(6)])
    halves = {"train_images": picture, "train_labels": np.arange(6) % 2}
    np.savez(tmp_path / "x.npz", **halves, test_images=picture[::-1], test_labels=np.zeros(6, int))
    code, fault = answered(capfd, "compare", place / "a.model", place / "b.model", tmp_path / "x.npz")
    assert code == 3
    assert fault["error"]["code"] == "E850"
