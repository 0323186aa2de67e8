"""Sequences from the command line: looked over, and wrong tasks refused."""

import json

from hounsfield.cli import main
from tests.cases.sequenced_examples import film, save_frames


def looked_over(capsysbinary, *words):
    code = main(["data", *map(str, words), "--json", "--quiet"])
    return code, json.loads(capsysbinary.readouterr().out)


def planted(root):
    for index in range(10):
        save_frames(root / "ab"[index % 2] / f"p{index}" / "film", film(index, 3 + index % 3))
    shared = film(40)
    shared[1] = film(0, 3)[0]
    save_frames(root / "a" / "cut" / "film", shared)
    return root


def test_sequences_are_looked_over_when_that_is_asked_for(tmp_path, capsysbinary):
    code, found = looked_over(capsysbinary, planted(tmp_path), "--task", "sequence")
    assert (code, found["layout"], found["cases"]) == (0, "sequence-folders", 11)
    assert found["frames"] == {"least": 3, "median": 4, "most": 5}
    codes = [issue["code"] for issue in found["issues"]]
    assert "Q900" in codes
    code, found = looked_over(capsysbinary, tmp_path, "--task", "sequence", "--strict")
    assert code == 3


def test_without_asking_each_picture_is_a_case(tmp_path, capsysbinary):
    _, found = looked_over(capsysbinary, planted(tmp_path))
    assert found["layout"] == "class-folders"
    assert found["cases"] > 40
    assert "frames" not in found


def test_lines_tell_the_frames_in_both_languages(tmp_path, capsysbinary):
    for language, label in (("en", "Frames of a sequence: least 3"), ("zh", "每个序列的帧数")):
        assert main(["data", str(planted(tmp_path)), "--task", "sequence", "--language", language, "--quiet"]) == 0
        assert label in capsysbinary.readouterr().out.decode()


def test_pictures_right_in_class_folders_are_no_sequences(tmp_path, capsysbinary):
    for name in ("a", "b"):
        save_frames(tmp_path / name, film(1))
    code = main(["data", str(tmp_path), "--task", "sequence", "--json", "--quiet"])
    assert code != 0
    assert b"E907" in capsysbinary.readouterr().out
