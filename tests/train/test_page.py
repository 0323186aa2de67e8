"""The training report: figures, tables and sentences of a run, in two languages, safe against any name."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.core.prediction import Interval  # noqa: E402
from hounsfield.core.quality import QualityIssue, Severity  # noqa: E402
from hounsfield.train.assess import Assessment  # noqa: E402
from hounsfield.train.checkpoint import Progress  # noqa: E402
from hounsfield.train.history import EpochRecord  # noqa: E402
from hounsfield.train.page import Story, figures_of, training_page  # noqa: E402
from hounsfield.train.plan import Reason  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.statement import make_manifest  # noqa: E402
from tests.train.test_statement import PLAN, made  # noqa: E402
from tests.train.tiny import parts  # noqa: E402


def story(epochs: int = 3, name: str = "tiny", issues: tuple[QualityIssue, ...] = ()) -> Story:
    history = tuple(
        EpochRecord(
            index + 1,
            1e-3,
            0.9 - 0.1 * index,
            {"accuracy": 0.6},
            0.8 - 0.1 * index,
            {"accuracy": 0.7, "auroc": 0.8},
            (0.8,),
            2.0,
        )
        for index in range(epochs)
    )
    progress = Progress("p", "d", epochs, epochs, epochs, "schedule", 6.0, history)
    confusion = np.array([[20, 4], [3, 21]])
    metrics = {"auroc": Interval(0.9123, 0.8, 0.99), "loss": Interval(0.3456, 0.2, 0.5)}
    assessments = (Assessment("tuning", 48, metrics, confusion), Assessment("test", 48, metrics, confusion))
    reason = Reason(choice="network", key="ui.train.reason.size", facts={"side": 28, "size": 28, "network": "article"})
    plan = PLAN.model_copy(update={"reasons": (reason,)})
    manifest = make_manifest(plan, Recipe(), parts(test=20), name, made())
    return Story(plan, manifest, progress, assessments, issues, "ab" * 32)


class Structure(HTMLParser):
    """Notes tags, links and text of a page, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "br", "path", "use", "rect", "image", "link"):
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.opened:
            while self.opened and self.opened.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Structure:
    found = Structure()
    found.feed(page)
    return found


def test_figures_are_curves_and_a_matrix_of_each_part() -> None:
    figures = figures_of(story())
    assert list(figures) == [
        "learning-curve-loss",
        "learning-curve-accuracy",
        "learning-curve-auroc",
        "confusion-tuning",
        "confusion-test",
    ]
    assert all("<svg" in text for text in figures.values())
    assert figures == figures_of(story())


def test_a_run_without_an_epoch_has_no_curves() -> None:
    assert list(figures_of(story(0))) == ["confusion-tuning", "confusion-test"]


def test_page_holds_figures_numbers_and_both_languages() -> None:
    told = story()
    page = training_page(told, figures_of(told))
    text = " ".join(read(page).text)
    for expected in (
        "0.9123",
        "0.3456",
        "Internal test part",
        "内部测试部分",
        "训练报告",
        "Command",
        "schedule",
        "ab" * 32,
    ):
        assert expected in text
    assert "ui." not in text
    assert page.count("<svg") == 5
    assert page.startswith("<!doctype html>")


def test_page_loads_nothing_from_elsewhere() -> None:
    told = story()
    page = training_page(told, figures_of(told))
    assert all(link.startswith("#") for link in read(page).links)
    assert "<script" not in page
    assert "@import" not in page
    assert "url(http" not in page


def test_issues_reasons_and_limits_are_told() -> None:
    issue = QualityIssue("Q830", Severity.WARN, {"count": 7})
    told = story(issues=(issue,))
    text = " ".join(read(training_page(told, {})).text)
    assert issue.text("en") in text
    assert issue.text("zh") in text
    assert told.plan.reasons[0].text("zh") in text
    assert all(limit.en in text for limit in told.manifest.limits)


def test_a_clean_data_set_is_said_to_be_clean() -> None:
    assert "Nothing was found." in training_page(story(), {})


def test_the_tuning_part_is_marked_as_flattering() -> None:
    page = training_page(story(), {})
    assert page.count("flatter") >= 1
    assert page.index("Tuning part") < page.index("flatter") < page.index("Internal test part")


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'x" onload="y', "a&b"])
def test_names_cannot_become_markup(name: str) -> None:
    told = story(name=name, issues=(QualityIssue("Q999", Severity.WARN, {}),))
    page = training_page(replace(told, data_digest=name), {})
    assert "<script" not in page
    assert 'onload="y' not in page.replace("&quot;", "'")
    assert name in " ".join(read(page).text)
