"""The folder of an evaluation: whole or not there, one page without any request, both languages, nothing unescaped."""

import csv
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from hounsfield.cases.layouts import read_cases
from hounsfield.core.prediction import Interval
from hounsfield.evaluate.gallery import worst_cases
from hounsfield.evaluate.page import interval_text
from hounsfield.evaluate.plots import draw_all
from hounsfield.evaluate.run import EvaluateOptions, evaluate
from hounsfield.messages import catalogue
from tests.evaluate.examples import flat, save, write_model

QUICK = EvaluateOptions(resamples=100)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "set & <i>more</i>"
    for index in range(20):
        save(root / "normal" / f"<b>{index}.png", flat(90 + 2 * index, index))
        save(root / "pneumonia" / f"={index}.png", flat(120 + 3 * index, 100 + index))
    return root


@pytest.fixture(scope="module")
def written(tmp_path_factory, source):
    folder = tmp_path_factory.mktemp("out") / "eval"
    model = write_model(tmp_path_factory.mktemp("model") / "m.model", ("normal", "pneumonia"))
    return folder, evaluate(model, read_cases(source), folder, QUICK)


def test_every_file_is_there(written):
    folder, _ = written
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    plots = ("confusion", "decision-curve", "precision-recall", "reliability", "roc", "scores", "thresholds")
    expected = {f"plots/{name}.{suffix}" for name in plots for suffix in ("svg", "png")}
    assert names == expected | {"metrics.json", "predictions.csv", "report.html", "hounsfield-run.json"}


def test_the_json_file_is_the_answer(written):
    folder, evaluation = written
    stored = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(evaluation.as_json()))


def test_the_table_has_one_row_a_case(written):
    folder, evaluation = written
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 40
    scores = [float(row["probability_pneumonia"]) for row in rows]
    np.testing.assert_allclose(scores, evaluation.scored.scores, atol=1e-6)
    right = np.mean([row["is_right"] == "yes" for row in rows])
    assert right == pytest.approx(evaluation.measures["accuracy"].value)


def test_a_name_that_could_be_a_formula_is_disarmed(tmp_path):
    for index in range(4):
        save(tmp_path / "normal" / f"{index}.png", flat(60 + index, index))
        save(tmp_path / "pneumonia" / f"{index}.png", flat(200 + index, 50 + index))
    rows = ["path,label", *(f"normal/{index}.png,normal" for index in range(4))]
    save(tmp_path / "=cmd.png", flat(210, 77))
    (tmp_path / "manifest.csv").write_text(
        "\n".join([*rows, "=cmd.png,pneumonia", "pneumonia/1.png,pneumonia"]), encoding="utf-8"
    )
    model = write_model(tmp_path / "m.model", ("normal", "pneumonia"))
    text = evaluate(model, read_cases(tmp_path / "manifest.csv"), options=QUICK).as_csv()
    assert "'=cmd.png" in text
    assert "\n=cmd.png" not in text


class Page(HTMLParser):
    """Collects what a page would ask for, and the text in each language."""

    def __init__(self):
        super().__init__()
        self.requests, self.tags, self.open = [], [], []
        self.texts = {"en": [], "zh": []}

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        self.requests += [values[name] for name in ("src", "href", "action", "data") if values.get(name)]
        if tag == "span":
            self.open.append(values.get("data-lang"))

    def handle_endtag(self, tag):
        if tag == "span":
            self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] in self.texts:
            self.texts[self.open[-1]].append(data)


@pytest.fixture(scope="module")
def page(written):
    parser = Page()
    parser.feed((written[0] / "report.html").read_text(encoding="utf-8"))
    return parser


def test_the_page_asks_for_nothing(written, page):
    assert page.requests
    assert all(request.startswith("data:image/") for request in page.requests)
    assert "link" not in page.tags
    text = (written[0] / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|https?://", re.sub(r"data:[^\"]*", "", text))


def test_the_page_speaks_both_languages(page):
    english, chinese = "".join(page.texts["en"]), "".join(page.texts["zh"])
    assert len(page.texts["en"]) == len(page.texts["zh"])
    for words in ("research use only", "Not a medical device", "Sensitivity", "Worst cases"):
        assert words in english
    for words in ("仅供研究使用", "不是医疗器械", "灵敏度", "最差病例"):
        assert words in chinese
    assert "ui.evaluate" not in english + chinese
    assert not re.search(r"[\u4e00-\u9fff]", english)


def test_the_page_names_the_model_and_its_digests(written):
    text = (written[0] / "report.html").read_text(encoding="utf-8")
    subject = written[1].subject
    for value in (subject.model.weights_digest, subject.package_digest, "brightness", "1.2.3", "n = 40"):
        assert value in text
    assert f"{written[1].measures['auroc'].value:.3f}" in text


def test_nothing_from_data_or_manifest_is_taken_for_markup(written, page):
    text = (written[0] / "report.html").read_text(encoding="utf-8")
    assert "<i>more" not in text
    assert "<b>brightness" not in text
    assert "&lt;b&gt;brightness" in text
    assert not re.search(r"<b>\d+\.png", text)
    assert page.tags.count("script") == 1


def test_a_second_run_keeps_the_first(written, source, tmp_path):
    model = write_model(tmp_path / "m.model", ("normal", "pneumonia"))
    for _ in range(2):
        evaluate(model, read_cases(source), tmp_path / "out", QUICK)
    earlier = [path for path in (tmp_path / "out").iterdir() if path.name.startswith("earlier-")]
    assert len(earlier) == 1
    assert (earlier[0] / "report.html").is_file()
    assert (tmp_path / "out" / "report.html").is_file()


def test_nothing_is_left_when_writing_fails(tmp_path, source, monkeypatch):
    model = write_model(tmp_path / "m.model", ("normal", "pneumonia"))

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("hounsfield.report.figures.Drawing.png", fail)
    with pytest.raises(OSError, match="disk full"):
        evaluate(model, read_cases(source), tmp_path / "out", QUICK)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_worst_cases_come_first_with_their_picture(written, source):
    _, evaluation = written
    gallery = worst_cases(evaluation, read_cases(source))
    own = [case.reference_score for case in gallery]
    assert own == sorted(own)
    assert all(case.reference != case.called for case in gallery)
    assert all(case.picture.startswith("data:image/png;base64,") for case in gallery)
    wrong = int((evaluation.scored.called != evaluation.scored.labels).sum())
    assert len(gallery) == min(wrong, 12)


def test_figures_of_two_and_of_more_classes(written, tmp_path):
    assert set(draw_all(written[1])) == {
        "roc", "precision-recall", "confusion", "reliability", "scores", "thresholds", "decision-curve",
    }  # fmt: skip
    with Image.open(written[0] / "plots" / "roc.png") as picture:
        assert min(picture.size) > 400


def test_every_label_of_the_page_is_in_the_catalogue():
    keys = [key for key in catalogue() if key.startswith("ui.evaluate-")]
    assert len(keys) > 60
    assert all(catalogue()[key]["zh"]["text"] for key in keys)


def test_intervals_in_words():
    assert interval_text(Interval(0.9501, 0.9312, 0.9678)) == "0.950 (0.931 – 0.968)"
    assert interval_text(Interval(float("nan"), 0, 1)) == "–"
    assert interval_text(Interval(0.5, float("nan"), float("nan"))) == "0.500"
