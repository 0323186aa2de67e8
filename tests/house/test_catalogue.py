"""The catalogue of sentences: two languages, the same facts, no code without words and no words without a code."""

import json
from pathlib import Path

import pytest

from tests.house.catalogue import (
    CODE,
    Entries,
    entry_faults,
    facts_of,
    missing_facts,
    placeholders,
    read_entries,
    used_codes,
    used_labels,
)
from tests.house.progress import PACKAGE, accept
from tests.house.source import Source, read

LOCALE = PACKAGE / "locale"


@pytest.fixture(scope="module")
def entries() -> Entries:
    found, _ = read_entries(LOCALE)
    assert found, f"no catalogue under {LOCALE}"
    return found


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return read(PACKAGE)


@pytest.fixture(scope="module")
def used(sources: list[Source]) -> dict[str, str]:
    return used_codes(sources, (path for path in PACKAGE.rglob("*.json") if path.parent != LOCALE))


def test_no_key_is_defined_twice() -> None:
    _, complaints = read_entries(LOCALE)
    assert not complaints, "\n" + "\n".join(complaints)


def test_every_entry_speaks_both_languages_with_the_same_facts(entries: Entries) -> None:
    faults = entry_faults(entries)
    assert not faults, "\n" + "\n".join(faults)


def test_every_code_in_use_has_its_sentence(entries: Entries, used: dict[str, str]) -> None:
    unknown = [f"{place}: {code} is in no catalogue" for code, place in used.items() if code not in entries]
    accept(unknown)


def test_every_sentence_is_in_use(entries: Entries, used: dict[str, str]) -> None:
    accept([f"nothing raises {code}" for code in sorted(entries) if CODE.match(code) and code not in used])


def test_every_raise_supplies_the_facts_of_its_sentence(entries: Entries, sources: list[Source]) -> None:
    missing = missing_facts(sources, entries)
    assert not missing, "\n" + "\n".join(missing)


def test_every_label_in_use_exists(entries: Entries, sources: list[Source]) -> None:
    unknown = [
        f"{place}: {key} is in no catalogue" for key, place in used_labels(sources).items() if key not in entries
    ]
    assert not unknown, "\n" + "\n".join(unknown)


# ---- the measure itself, with faults planted

GOOD: Entries = {
    "en": {"text": "Found {found}.", "next": "Look at {path}."},
    "zh": {"text": "发现 {found}。", "next": "请查看 {path}。"},
}


def with_part(language: str, **part: str) -> Entries:
    return {**GOOD, language: {**GOOD[language], **part}}


def test_a_good_entry_has_no_fault() -> None:
    assert entry_faults({"E100": GOOD, "ui.title": {"en": "Report", "zh": "报告"}}) == []
    assert entry_faults({"Q100": {"en": {"text": "Grey."}, "zh": {"text": "灰。"}}}) == []
    assert facts_of(GOOD) == {"found", "path"}


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("E100", {"en": GOOD["en"]}),
        ("E100", {**GOOD, "fr": GOOD["en"]}),
        ("E100", with_part("zh", text="发现 {other}。")),
        ("E100", with_part("zh", next="请查看。")),
        ("E100", with_part("zh", text="Found {found}.")),
        ("E100", with_part("en", text=" ")),
        ("E100", {"en": {"text": "Found."}, "zh": {"text": "发现。"}}),
        ("E100", {"en": "Found.", "zh": "发现。"}),
        ("E1", GOOD),
        ("X100", GOOD),
        ("ui.title", {"en": "Report", "zh": ""}),
        ("ui.title", {"en": {"text": "Report"}, "zh": {"text": "报告"}}),
    ],
)
def test_a_bad_entry_is_found(key: str, entry: dict[str, object]) -> None:
    assert entry_faults({key: entry})


def test_a_key_defined_twice_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"E100": GOOD})[:-1] + ', "E100": {}}', encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps({"E101": GOOD, "E100": GOOD}), encoding="utf-8")
    found, complaints = read_entries(tmp_path)
    assert set(found) == {"E100", "E101"}
    assert len(complaints) == 2


def test_placeholders_see_through_formats() -> None:
    assert placeholders("{a} {b:.2f} {{c}}") == {"a", "b"}


def test_codes_are_found_in_code_and_in_rules_but_not_in_prose(tmp_path: Path) -> None:
    source = Source("image/a.py", '"""Raises E101."""\nCODES = {"tilt": "E102"}\nraise Refused("E103", found=1)\n')
    (tmp_path / "rules.json").write_text('{"issue": "Q104"}', encoding="utf-8")
    assert set(used_codes([source], tmp_path.glob("*.json"))) == {"E102", "E103", "Q104"}


@pytest.mark.parametrize(
    ("call", "is_missing"),
    [
        ('Refused("E100", found=1, path="x")', False),
        ('errors.Refused("E100", uid="1.2", found=1, path="x", more=2)', False),
        ('Refused("E100", **facts)', False),
        ('Refused("E100", found=1)', True),
        ('QualityIssue("E100", WARN, {"found": 1, "path": 2})', False),
        ('QualityIssue("E100", WARN, facts={"found": 1})', True),
        ('QualityIssue("E100", WARN)', True),
        ('QualityIssue("E100", WARN, facts)', False),
        ('sentence("E100", facts)', False),
    ],
)
def test_a_fact_that_is_not_supplied_is_found(call: str, is_missing: bool) -> None:
    assert bool(missing_facts([Source("image/a.py", f"x = {call}\n")], {"E100": GOOD})) is is_missing


def test_labels_in_use_are_found() -> None:
    source = Source("report/a.py", 'x = label("title", language)\ny = talk.label("written")\nz = label(name)\n')
    assert set(used_labels([source])) == {"ui.title", "ui.written"}
