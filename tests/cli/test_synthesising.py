"""The verbs synthesise and generate: words, JSON, both languages, and refusals with their exit code."""

import json

import pytest

from hounsfield.cli import main
from tests.model import toys
from tests.model.generators import generator
from tests.train.tiny import write_npz


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    folder.mkdir()
    generator(folder)
    prepare = [{"step": "grey"}, {"step": "resize", "rows": 32, "columns": 32}]
    toys.package(folder, toys.deep_network(), name="judge", network={"rows": 32, "columns": 32}, prepare=prepare)
    monkeypatch.setenv("HOUNSFIELD_MODELS_FOLDER", str(folder))
    return folder


def test_generate_answers_with_what_it_wrote(shelf, tmp_path, capfd):
    out = tmp_path / "out"
    assert (
        main(["generate", str(shelf / "flat.model"), "-o", str(out), "--count", "2", "--class", "dark", "--json"]) == 0
    )
    answer = json.loads(capfd.readouterr().out)
    assert answer["is_synthetic"] is True
    assert answer["counts"] == {"dark": 2}
    assert len(list(out.rglob("*.png"))) == 2


@pytest.mark.parametrize(("language", "word"), [("en", "no patient"), ("zh", "不对应任何患者")])
def test_generate_says_in_words_that_no_patient_is_shown(shelf, tmp_path, capfd, language, word):
    words = ["generate", str(shelf / "flat.model"), "-o", str(tmp_path / "out"), "--count", "1"]
    assert main([*words, "--language", language]) == 0
    assert word in capfd.readouterr().out


def test_generate_refuses_with_its_exit_code(shelf, tmp_path, capfd):
    words = ["generate", str(shelf / "flat.model"), "-o", str(tmp_path / "out"), "--class", "purple", "--json"]
    assert main(words) == 3
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "E922"
    assert main(["generate", str(shelf / "toy.model"), "-o", str(tmp_path / "out"), "--json"]) != 0
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "E921"


def test_synthesise_writes_a_generator_that_generate_takes(shelf, tmp_path, capfd):
    pytest.importorskip("torch")
    data = write_npz(tmp_path / "data", training=32, tuning=20)
    words = ["synthesise", str(data), "-o", str(tmp_path / "g.model"), "--features", "judge", "--epochs", "1"]
    code = main([*words, "--threads", "1", "--licence", "CC0-1.0", "--classes", "normal,blob", "--json"])
    output, talk = capfd.readouterr()
    assert code == 0, talk
    answer = json.loads(output)
    assert {"kernel_distance", "frechet_distance_of_real"} <= set(answer["results"]["tuning"]["metrics"])
    assert main(["generate", str(tmp_path / "g.model"), "-o", str(tmp_path / "out"), "--count", "1", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["counts"] == {"normal": 1, "blob": 1}
    assert main(["models", str(tmp_path / "g.model")]) == 0
    assert "CC0-1.0" in capfd.readouterr().out


def test_analyse_and_evaluate_take_no_generator(shelf, tmp_path, capfd):
    data = write_npz(tmp_path / "data", training=8, tuning=8, test=8)
    assert main(["evaluate", str(shelf / "flat.model"), str(data), "--json"]) != 0
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "E920"
