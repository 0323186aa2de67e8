"""Options, events and the catalogue: every field is explained, every sentence is in both languages."""

import dataclasses
import json
import re
import string
import subprocess
import sys
from pathlib import Path

import pytest

import hounsfield
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.messages import catalogue
from hounsfield.train.events import TrainEvent, issue_event, silent
from hounsfield.train.options import TrainOptions

SOURCE = Path(hounsfield.__file__).parent
CATALOGUE = json.loads((SOURCE / "locale" / "train.json").read_text(encoding="utf-8"))


def test_every_option_has_a_sentence() -> None:
    for field in dataclasses.fields(TrainOptions):
        sentence = field.metadata["help"]
        assert sentence.endswith(".")
        assert sentence[0].isupper()


def test_options_default_to_leaving_it_to_the_plan() -> None:
    options = TrainOptions()
    assert options.network is None
    assert options.seed is None
    assert not options.resume
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.seed = 3  # type: ignore[misc]


def test_options_and_events_are_read_without_torch() -> None:
    code = "import sys, hounsfield.train.options, hounsfield.train.events; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(CATALOGUE))
def test_sentences_name_the_same_facts_in_both_languages(key: str) -> None:
    english, chinese = CATALOGUE[key]["en"], CATALOGUE[key]["zh"]
    if isinstance(english, str):
        english, chinese = {"text": english}, {"text": chinese}
    assert set(english) == set(chinese)
    for part in english:
        assert fields_of(english[part]) == fields_of(chinese[part])
        assert re.search(r"[\u4e00-\u9fff]", chinese[part]) or (part == "text" and "{" in chinese[part])
    if key[0] in "EQ":
        assert english["next"]


def test_every_code_and_label_that_is_used_is_in_the_catalogue() -> None:
    used: set[str] = set()
    for folder in (SOURCE / "train", SOURCE / "model" / "networks"):
        for path in folder.glob("*.py"):
            text = path.read_text(encoding="utf-8")
            used |= set(re.findall(r'"([EQ]83\d|E84\d)"', text))
            used |= set(re.findall(r'"(ui\.train\.[a-z.-]+)"', text))
            used |= {f"ui.{key}" for key in re.findall(r'"(train\.page\.[a-z-]+)"', text)}
    assert used <= set(catalogue())
    assert {key for key in CATALOGUE if key[0] in "EQ"} <= used


def test_an_event_says_its_sentence_or_its_issue() -> None:
    event = TrainEvent("ui.train.resumed", {"epoch": 4})
    assert event.text() == "Going on after epoch 4."
    assert "4" in event.text("zh")
    issue = QualityIssue("Q830", Severity.WARN, {"count": 3})
    assert issue_event(issue).text() == issue.text()
    assert issue_event(issue).key == "Q830"
    silent(event)
