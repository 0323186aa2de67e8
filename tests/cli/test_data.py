"""``hounsfield data`` from the command line: planted faults are found and named, and none in a clean set."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hounsfield.cli import main
from tests.cases.examples import class_folders


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return class_folders(tmp_path / "set", {"ill": 22, "well": 24})


def run(capsysbinary: pytest.CaptureFixture[bytes], *words: str) -> tuple[int, dict]:
    code = main(["data", *words, "--json", "--quiet"])
    return code, json.loads(capsysbinary.readouterr().out)


def test_a_clean_set_passes_strictly(clean: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    code, found = run(capsysbinary, str(clean), "--strict")
    assert code == 0
    assert [issue["code"] for issue in found["issues"]] == ["Q800"]  # a note: class folders do not tell patients
    assert (found["layout"], found["cases"], found["classes"]) == ("class-folders", 46, {"ill": 22, "well": 24})
    assert (found["copies"], found["unreadable"], found["patients_in_several_parts"]) == ([], [], [])


def test_a_conflict_is_named_and_refused_only_when_strict(
    clean: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    shutil.copy(clean / "ill" / "000.png", clean / "well" / "planted.png")
    code, found = run(capsysbinary, str(clean))
    assert code == 0
    assert {issue["code"] for issue in found["issues"]} == {"Q800", "Q801", "Q804"}
    (pair,) = found["copies"]
    assert {pair["first"], pair["second"]} == {"ill/000.png", "well/planted.png"}
    assert set(pair["labels"]) == {"ill", "well"}
    assert run(capsysbinary, str(clean), "--strict")[0] == 3


def test_every_copy_is_in_json_and_few_in_lines(clean: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    for number in range(22):
        shutil.copy(clean / "ill" / f"{number:03d}.png", clean / "ill" / f"copy{number:03d}.png")
    _, found = run(capsysbinary, str(clean))
    assert len(found["copies"]) == 22
    assert main(["data", str(clean), "--quiet"]) == 0
    assert "(+2)" in capsysbinary.readouterr().out.decode()


def test_an_unreadable_file_is_named(clean: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = clean / "ill" / "000.png"
    path.write_bytes(path.read_bytes()[:200])
    code, found = run(capsysbinary, str(clean), "--strict")
    assert code == 3
    assert found["unreadable"] == ["ill/000.png"]


def test_an_image_on_two_sides_is_found(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    class_folders(tmp_path / "train", {"ill": 20, "well": 20})
    for name in ("ill", "well"):
        (tmp_path / "test" / name).mkdir(parents=True)
        shutil.move(tmp_path / "train" / name / "019.png", tmp_path / "test" / name / "a.png")
    shutil.copy(tmp_path / "train" / "ill" / "003.png", tmp_path / "test" / "ill" / "leak.png")
    _, found = run(capsysbinary, str(tmp_path))
    assert "Q803" in {issue["code"] for issue in found["issues"]}
    assert found["parts"]["test"] == {"ill": 2, "well": 1}
    assert set(found["copies"][0]["parts"]) == {"training", "test"}


def test_too_few_cases_are_a_warning(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    code, found = run(capsysbinary, str(class_folders(tmp_path, {"ill": 3, "well": 22})), "--strict")
    assert code == 3
    assert [issue["facts"]["found"] for issue in found["issues"] if issue["code"] == "Q870"] == ["ill 3"]


def test_people_read_it_in_their_language(clean: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["data", str(clean), "--quiet"]) == 0
    english = capsysbinary.readouterr().out.decode()
    assert "Classes: ill 22, well 24" in english
    assert "Sizes: 48 x 48 46" in english
    assert "Patients: unknown" in english
    assert "not a medical device" in english
    assert main(["data", str(clean), "--quiet", "--language", "zh"]) == 0
    assert "类别: ill 22, well 24" in capsysbinary.readouterr().out.decode()


def test_nothing_there_is_refused(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    code, found = run(capsysbinary, str(tmp_path / "none"))
    assert (code, found["error"]["code"]) == (3, "E800")


def test_it_needs_no_torch(clean: Path) -> None:
    program = (
        "import sys; from hounsfield.cli import main; code = main(['data', sys.argv[1], '-q']); "
        "print(code, 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program, str(clean)], capture_output=True, encoding="utf-8", check=True)
    assert run.stdout.splitlines()[-1] == "0 False"
