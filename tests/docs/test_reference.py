"""The reference says what the program has: every verb, option, setting and code, and nothing it has not."""

import re
import subprocess
import sys
from dataclasses import fields

import pytest

from hounsfield.errors import NotInvertible
from hounsfield.messages import catalogue
from hounsfield.prepare.registry import BUILT_IN
from hounsfield.prepare.sequence import apply_steps, invert_trace
from hounsfield.settings import PREFIX, Settings
from tests.conformance.test_step import SETTINGS, blurred, body
from tests.docs.pages import REPOSITORY

VERBS = (REPOSITORY / "docs" / "reference" / "verbs.md").read_text(encoding="utf-8")
CODES = (REPOSITORY / "docs" / "reference" / "codes.md").read_text(encoding="utf-8")
STEPS = (REPOSITORY / "docs" / "reference" / "steps.md").read_text(encoding="utf-8")
SHARED = {"--json", "--language", "--quiet", "--debug", "--help"}


def helped(*words: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "hounsfield", *words, "--help"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return run.stdout


def verbs() -> list[str]:
    _, _, commands = helped().partition("Commands:")
    return re.findall(r"^  (\w+)", commands, re.MULTILINE)


def section(verb: str) -> str:
    found = re.search(rf"^## {verb}\n(.*?)(?=^## |\Z)", VERBS, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference/verbs.md has no section {verb}"
    return found[1]


@pytest.mark.parametrize("verb", verbs())
def test_every_option_of_a_verb_is_described(verb):
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", helped(verb)))
    described = set(re.findall(r"--[a-z][a-z-]+", section(verb)))
    assert options - SHARED == described - SHARED


def test_no_verb_is_described_that_is_not_there():
    headings = set(re.findall(r"^## ([a-z]+)$", VERBS, re.MULTILINE))
    assert headings == set(verbs())


def test_every_setting_is_described():
    for name in Settings.model_fields:
        assert f"`{name}`" in VERBS
        assert f"`{PREFIX}{name.upper()}`" in VERBS


def test_every_code_is_listed_with_its_sentence():
    listed = dict(re.findall(r"^\| ([EQ]\d{3}) \| (.*?) \|", CODES, re.MULTILINE))
    known = {
        code: languages["en"]["text"] for code, languages in catalogue().items() if re.fullmatch(r"[EQ]\d{3}", code)
    }
    assert listed == {code: text.replace("|", "\\|") for code, text in known.items()}, (
        "run: python docs/reference/codes.py"
    )


def test_every_preparing_step_is_listed_as_it_is():
    listed = set(re.findall(r"^\| `([a-z0-9-]+)` \|", STEPS, re.MULTILINE))
    assert listed == set(BUILT_IN), "run: python docs/reference/steps.py"
    for name, kind in BUILT_IN.items():
        (line,) = re.findall(rf"^\| `{name}` \|.*$", STEPS, re.MULTILINE)
        assert line.endswith("| yes |" if kind.changes_appearance else "| no |")
        missing = [item.name for item in fields(kind) if f"`{item.name}" not in line]
        assert not missing, f"{name} has {missing}; run: python docs/reference/steps.py"


def test_every_setting_of_a_step_has_a_meaning():
    sections = dict(re.findall(r"^## ([a-z0-9-]+)\n(.*?)(?=^## |\Z)", STEPS, re.MULTILINE | re.DOTALL))
    listed = {name: dict(re.findall(r"^\* `(\w+)`: ?(.*)$", text, re.MULTILINE)) for name, text in sections.items()}
    assert {name: set(meanings) for name, meanings in listed.items()} == {
        name: {item.name for item in fields(kind)} for name, kind in BUILT_IN.items()
    }, "run: python docs/reference/steps.py"
    assert [name for name, meanings in listed.items() if not all(meanings.values())] == []


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_step_is_undone_where_the_page_says_so(name):
    """By doing it: what is said to be undone does not refuse, and what is not does."""
    (line,) = re.findall(rf"^\| `{name}` \|.*$", STEPS, re.MULTILINE)
    undone = line.rsplit("|", 3)[1].strip()
    volume = blurred(4) if name == "blind-deblur" else body()
    prepared, trace = apply_steps([BUILT_IN[name](**SETTINGS.get(name, {}))], volume)
    if undone == "no":
        with pytest.raises(NotInvertible):
            invert_trace(trace, prepared)
        return
    assert invert_trace(trace, prepared).geometry == volume.geometry
    assert undone == ("the grid" if BUILT_IN[name].is_geometric else "yes")
