"""What holds of the answer of every verb: one JSON object, one exit code, two languages, and silence when asked."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from hounsfield.cli import main
from hounsfield.cli.data_words import counted
from hounsfield.cli.training_flags import duration, words
from hounsfield.image.phantoms import BodyPhantom, pose_geometry, write_ct
from hounsfield.messages import label
from tests.cases.examples import class_folders
from tests.clinical import models

GOOD, NONE, SOME = 0, 3, 4
"""Exit codes: all went well, all was refused, some was."""
NOTICE = {language: label("research-only", language) for language in ("en", "zh")}
REPORT = {language: label("report-disclaimer", language) for language in ("en", "zh")}


@dataclass(frozen=True)
class Said:
    """What came of one call."""

    code: int
    output: bytes
    talk: str

    @property
    def answer(self) -> dict[str, Any]:
        """The one JSON object; more or less than one fails."""
        found = json.loads(self.output)
        assert isinstance(found, dict)
        return found


Call = Callable[..., Said]


@pytest.fixture
def call(capfdbinary: pytest.CaptureFixture[bytes]) -> Call:
    def run(*arguments: object) -> Said:
        code = main([str(argument) for argument in arguments])
        output, talk = capfdbinary.readouterr()
        return Said(code, output, talk.decode())

    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A sound series, one with a broken file, a broken file alone, pictures in folders, and a model."""
    root = tmp_path_factory.mktemp("place")
    samples = np.random.default_rng(1).integers(-1000, 2000, (5, 40, 44)).astype(np.int16)
    write_ct(root / "sound", BodyPhantom(pose_geometry((5, 40, 44), (3.0, 1.0, 1.2))), samples=samples)
    shutil.copytree(root / "sound", root / "mixed")
    raw = next((root / "sound").iterdir()).read_bytes()
    (root / "mixed" / "torn.dcm").write_bytes(raw[:900])
    (root / "broken").mkdir()
    (root / "broken" / "torn.dcm").write_bytes(raw[:900])
    class_folders(root / "pictures", {"ill": 12, "well": 12})
    (root / "models").mkdir()
    models.finding_model(root / "models", models.CHEST, "chest-xray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOUNSFIELD_MODELS_FOLDER", str(root / "models"))
        yield root


def words_of(verb: str, source: Path, new: Path) -> list[object]:
    """Return the words of a call of a verb that writes, where it writes, under a folder that is new."""
    return {
        "check": ["check", source],
        "convert": ["convert", source, new / "out.nii.gz"],
        "index": ["index", source, "-o", new / "index.sqlite"],
        "prepare": ["prepare", source, new / "out.nrrd", "--steps", "unsharp:amount=0.5"],
        "data": ["data", source],
        "info": ["info"],
        "models": ["models"],
        "card": ["models", models.CHEST],
    }[verb]


CALLS = {
    "check": ("sound", GOOD),
    "convert": ("sound", GOOD),
    "index": ("sound", GOOD),
    "prepare": ("sound", GOOD),
    "data": ("pictures", GOOD),
    "info": ("", GOOD),
    "models": ("", GOOD),
    "card": ("", GOOD),
}
TALKING = ("check", "convert", "index", "prepare", "data")


def fresh(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def shape_of(value: object) -> object:
    """Return the keys and kinds of a JSON value, without its texts."""
    if isinstance(value, dict):
        return {key: shape_of(inner) for key, inner in value.items()}
    return [shape_of(inner) for inner in value] if isinstance(value, list) else type(value).__name__


@pytest.mark.parametrize("verb", CALLS)
def test_json_is_one_object_alike_in_both_languages_with_the_disclaimer(
    verb: str, place: Path, tmp_path: Path, call: Call
):
    name, expected = CALLS[verb]
    found = {}
    for language in ("en", "zh"):
        target = fresh(tmp_path, language)
        found[language] = call(*words_of(verb, place / name, target), "--json", "--language", language)
        assert found[language].code == expected
        assert found[language].output.endswith(b"}\n")
        disclaimer = REPORT[language] if verb == "check" else NOTICE["en"]  # a check is a report, which people read
        assert found[language].answer["disclaimer"] == disclaimer
    assert shape_of(found["en"].answer) == shape_of(found["zh"].answer)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("verb", [*TALKING, "models"])
def test_people_read_lines_in_their_language_that_say_what_this_is_not(
    verb: str, language: str, place: Path, tmp_path: Path, call: Call
):
    said = call(*words_of(verb, place / CALLS[verb][0], tmp_path), "--language", language)
    lines = said.output.decode().splitlines()
    assert said.code == GOOD
    assert lines.count(NOTICE[language]) == 1
    assert len(lines) > 1
    assert NOTICE["zh" if language == "en" else "en"] not in lines


@pytest.mark.parametrize("verb", TALKING)
def test_quiet_takes_the_talk_away_and_leaves_the_answer(verb: str, place: Path, tmp_path: Path, call: Call):
    source = place / CALLS[verb][0]
    loud_place, quiet_place = fresh(tmp_path, "1"), fresh(tmp_path, "2")
    loud = call(*words_of(verb, source, loud_place))
    quiet = call(*words_of(verb, source, quiet_place), "--quiet")
    assert quiet.talk == ""
    assert quiet.code == loud.code == GOOD
    written = loud.output.replace(str(loud_place).encode(), str(quiet_place).encode())
    assert quiet.output == written


@pytest.mark.parametrize("verb", TALKING)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_error_is_told_to_people_even_when_they_want_quiet(
    verb: str, language: str, place: Path, tmp_path: Path, call: Call
):
    arguments = words_of(verb, place / "nowhere", tmp_path)
    said = call(*arguments, "--quiet", "--language", language)
    machine = call(*arguments, "--json", "--language", language)
    assert said.code == machine.code == NONE
    assert said.output == b""
    error = machine.answer["error"]
    assert set(machine.answer) == {"error"}
    assert said.talk.splitlines() == [
        f"{label('error', language)} {error['code']}: {error['text']}",  # type: ignore[arg-type]
        f"{label('next', language)}: {error['next']}",  # type: ignore[arg-type]
    ]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in error["text"]) is (language == "zh")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "a refusal leaves nothing behind"


@pytest.mark.parametrize(
    ("verb", "source", "expected"),
    [
        ("check", "mixed", SOME),
        ("convert", "mixed", SOME),
        ("index", "mixed", SOME),
        ("check", "broken", NONE),
        ("convert", "broken", NONE),
        ("index", "broken", NONE),
        ("prepare", "broken", NONE),
        ("index", "pictures", NONE),
    ],
)
def test_the_exit_code_tells_all_some_and_none_apart(
    verb: str, source: str, expected: int, place: Path, tmp_path: Path, call: Call
):
    arguments = words_of(verb, place / source, tmp_path)
    said = call(*arguments, "--json")
    assert said.code == expected
    assert "Traceback" not in said.talk
    if expected == SOME:
        refused = said.answer["refused"]
        assert refused == 1 or [Path(item["name"]).name for item in refused] == ["torn.dcm"]
        assert "not a medical device" in said.answer["disclaimer"]


@pytest.mark.parametrize("verb", ["convert", "prepare"])
def test_what_is_there_is_never_written_over(verb: str, place: Path, tmp_path: Path, call: Call):
    arguments = words_of(verb, place / "sound", tmp_path)
    assert call(*arguments, "--json").code == GOOD
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert before
    again = call(*arguments, "--json")
    assert again.code != GOOD
    assert again.answer["error"]["code"].startswith("E")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_flags_may_stand_anywhere(place: Path, call: Call):
    orders = (
        ("check", "--json", "--language", "zh", place / "sound"),
        ("check", place / "sound", "--language=zh", "--json"),
        ("check", "--language", "zh", place / "sound", "--quiet", "--json"),
    )
    answers = [call(*order).answer for order in orders]
    assert answers[0] == answers[1] == answers[2]


# ---- words of flags


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("0.5h", 1800), ("1e2s", 100)]
)
def test_durations(text: str, seconds: float):
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "m", "0", "0h", "-1m", "nan", "nanh", "inf", "infs", "1d", "2 hours", "1h30m"]
)
def test_what_is_no_duration_is_named(text: str):
    with pytest.raises(typer.BadParameter) as caught:
        duration(text)
    assert repr(text) in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"), [(None, ()), ("", ()), ("a", ("a",)), ("well, ill ,worse", ("well", "ill", "worse"))]
)
def test_lists_of_words(text: str | None, expected: tuple[str, ...]):
    assert words(text) == expected


@pytest.mark.parametrize("count", [0, 1, 8, 9, 30])
def test_counts_name_the_first_and_number_the_rest(count: int):
    text = counted({f"class{number}": number for number in range(count)})
    shown = [part for part in text.partition(" ... ")[0].split(", ") if part]
    assert shown == [f"class{number} {number}" for number in range(min(count, 8))]
    assert text.endswith(f" ... +{count - 8}") is (count > 8)
