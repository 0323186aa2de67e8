"""A measure of the whole waits for the whole, no longer."""

from pathlib import Path

import pytest

from tests.house.progress import MAIN_PATH, MODULES, VERBS, accept, still_to_come


def build(package: Path) -> None:
    for room in MAIN_PATH.split():
        (package / room).mkdir(parents=True)
        (package / room / "__init__.py").write_text("", encoding="utf-8")
    for verb in VERBS:
        (package / "cli" / f"{MODULES.get(verb, verb)}.py").write_text("", encoding="utf-8")


def test_an_empty_package_lacks_everything(tmp_path: Path) -> None:
    assert len(still_to_come(tmp_path)) == len(MAIN_PATH.split()) + len(VERBS)


def test_a_whole_package_lacks_nothing(tmp_path: Path) -> None:
    build(tmp_path)
    assert still_to_come(tmp_path) == []


def test_a_missing_verb_is_named(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "cli" / "check.py").unlink()
    assert still_to_come(tmp_path) == ["verb check"]


def test_complaints_about_a_whole_package_fail(tmp_path: Path) -> None:
    build(tmp_path)
    accept([], tmp_path)
    with pytest.raises(AssertionError, match="E100"):
        accept(["E100"], tmp_path)


def test_complaints_about_half_a_package_wait_and_are_shown(tmp_path: Path) -> None:
    accept([], tmp_path)
    with pytest.raises(pytest.skip.Exception, match=r"still to come: cases.*E100"):
        accept(["E100"], tmp_path)
