"""The verbs as a person or a script meets them: words, JSON, exit codes, both languages."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from hounsfield import __version__
from hounsfield.cli import info, main
from hounsfield.cli.options import exit_code
from hounsfield.cli.talk import Talk, printable, write_json
from hounsfield.errors import HounsfieldError, OutOfScope
from hounsfield.image import phantoms
from tests.clinical import models

VERBS = (
    "analyse",
    "check",
    "convert",
    "prepare",
    "radiomics",
    "segment",
    "similar",
    "maps",
    "data",
    "plan",
    "train",
    "crossvalidate",
    "pretrain",
    "tune",
    "synthesise",
    "generate",
    "features",
    "evaluate",
    "compare",
    "models",
    "serve",
    "verify",
    "backup",
    "restore",
    "quarantine",
    "user",
    "audit",
    "info",
    "demo",
)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder of toy models that settings point to."""
    folder = tmp_path / "models"
    folder.mkdir()
    models.finding_model(folder, models.CHEST, "chest-xray")
    models.finding_model(folder, models.BRAIN, "brain-mri")
    monkeypatch.setenv("HOUNSFIELD_MODELS_FOLDER", str(folder))
    return folder


@pytest.fixture
def film(tmp_path):
    return phantoms.write_chest(tmp_path / "film", phantoms.ChestPhantom(opacity_mm=40.0)).parent


def answered(capfd, *words: str) -> tuple[int, dict, str]:
    code = main([*words, "--json"])
    output, talk = capfd.readouterr()
    return code, json.loads(output), talk


def said(capfd, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    output, talk = capfd.readouterr()
    return code, output, talk


# ---- help and version


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_verb_explains_itself(verb, flag, capfd):
    code, output, _ = said(capfd, verb, flag)
    assert code == 0
    assert output.startswith(f"Usage: hounsfield {verb}")
    assert "--json" in output
    assert "--language" in output


def test_the_command_alone_lists_its_verbs(capfd):
    code, output, _ = said(capfd)
    assert code == 0
    for verb in VERBS:
        assert re.search(rf"^  {verb}\b", output, re.MULTILINE)
    assert "not a medical device" in output


def test_the_version_is_that_of_the_package(capfd):
    assert said(capfd, "--version") == (0, f"{__version__}\n", "")


def test_the_module_is_the_command():
    run = subprocess.run(
        [sys.executable, "-m", "hounsfield", "--version"], capture_output=True, encoding="utf-8", check=True
    )
    assert run.stdout.strip() == __version__


def test_help_loads_nothing_heavy():
    program = (
        "import sys; from hounsfield.cli import main; main(['analyse', '--help']); "
        "print([name for name in ('numpy', 'pydicom', 'onnxruntime', 'torch', 'matplotlib') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert run.stdout.strip().endswith("[]")


# ---- usage


@pytest.mark.parametrize(
    "words",
    [
        ("analyse",),
        ("analyse", "x"),
        ("fly",),
        ("info", "--nope"),
        ("train", "data", "-o", "m.model", "--time", "soon"),
        ("train", "data", "-o", "m.model", "--time", "-5m"),
        ("train", "data", "-o", "m.model", "--epochs", "0"),
        ("crossvalidate", "data", "-o", "folds", "--folds", "1"),
        ("plan", "data", "--time", "soon"),
        ("tune", "data", "-o", "best.toml", "--trials", "0"),
        ("check", "x", "--threads", "-1"),
        ("info", "--language", "fr"),
    ],
)
def test_wrong_words_are_usage_errors(words, capfd):
    code, answer, talk = answered(capfd, *words)
    assert code == 2
    assert answer["error"]["code"] in {"E701", "E703"}
    assert answer["error"]["next"]
    assert "Traceback" not in talk


def test_a_usage_error_names_the_help_of_its_verb(capfd):
    _, answer, _ = answered(capfd, "analyse", "x")
    assert "hounsfield analyse --help" in answer["error"]["next"]


def test_a_usage_error_speaks_chinese(capfd):
    code, output, talk = said(capfd, "info", "--nope", "--language", "zh")
    assert code == 2
    assert output == ""
    assert talk.startswith("错误 E703")
    assert "下一步" in talk


def test_the_language_comes_from_the_settings_too(capfd, monkeypatch):
    monkeypatch.setenv("HOUNSFIELD_LANGUAGE", "zh")
    assert said(capfd, "fly")[2].startswith("错误")
    assert said(capfd, "fly", "--language", "en")[2].startswith("Error")
    assert said(capfd, "fly", "--language=en")[2].startswith("Error")


# ---- info and models


def test_info_tells_what_is_installed(shelf, capfd):
    code, answer, talk = answered(capfd, "info")
    assert code == 0
    assert talk == ""
    assert answer["version"] == __version__
    by_name = {model["name"]: model for model in answer["models"]}
    assert by_name[models.CHEST]["task"] == "chest-xray"
    assert {"name", "task", "licence", "digest", "version"} <= set(by_name[models.CHEST])
    assert {task["name"] for task in answer["tasks"]} >= {"chest-xray", "brain-mri"}
    assert all(task["takes"] for task in answer["tasks"])
    assert answer["runtimes"]["onnxruntime"]
    assert answer["machine"]["cores"] >= 1
    assert answer["machine"]["memory_bytes"] > 2**20
    assert len(answer["settings"]["digest"]) == 64


def test_info_is_readable_in_both_languages(shelf, capfd):
    english, chinese = said(capfd, "info")[1], said(capfd, "info", "--language", "zh")[1]
    assert "frontal chest radiograph" in english
    assert "正位胸部X线片" in chinese
    assert "not a medical device" in english
    assert "非医疗器械" in chinese


def test_models_lists_and_shows_a_card(shelf, capfd):
    _, answer, _ = answered(capfd, "models")
    assert models.CHEST in [row["name"] for row in answer["models"]]
    code, card, _ = said(capfd, "models", models.CHEST)
    assert code == 0
    assert card.startswith("# ")
    assert "Knows only" in card
    code, answer, _ = answered(capfd, "models", models.CHEST)
    assert answer["manifest"]["name"] == models.CHEST
    assert card.startswith(answer["card"].strip())
    assert "not a medical device" in card.splitlines()[-1]
    assert "not a medical device" in answer["disclaimer"]


def test_models_says_how_to_get_a_model_for_fractures(shelf, capfd):
    for language, word in (("en", "no model is shipped"), ("zh", "不随附模型")):
        _, listed, _ = said(capfd, "models", "--language", language)
        assert word in listed
        assert "--task fracture --model" in listed


def test_a_batch_tells_its_throughput(shelf, tmp_path, capfd):
    (tmp_path / "films").mkdir()
    for name, turn in (("a.png", 0), ("b.png", 90)):
        Image.linear_gradient("L").rotate(turn).save(tmp_path / "films" / name)
    _, _, talk = said(capfd, "analyse", str(tmp_path / "films"), "-o", str(tmp_path / "two"), "--task", "fracture")
    assert "images answered, a second: 2," in talk
    _, _, talk = said(
        capfd, "analyse", str(tmp_path / "films" / "a.png"), "-o", str(tmp_path / "one"), "--task", "fracture"
    )
    assert "a second" not in talk


def test_a_broken_model_is_listed_with_its_error(shelf, capfd):
    (shelf / "broken.model").write_bytes(b"no zip")
    _, answer, _ = answered(capfd, "models")
    row = next(row for row in answer["models"] if row["name"] == "broken")
    assert row["error"]["code"].startswith("E5")
    assert row["error"]["next"]
    assert "broken" in said(capfd, "models")[1]


# ---- analyse


def test_analyse_answers_in_json_alone(shelf, film, tmp_path, capfd):
    code, answer, talk = answered(capfd, "analyse", str(film), "-o", str(tmp_path / "out"), "--quiet")
    assert code == 0
    assert talk == ""
    (study,) = answer["studies"]
    assert (study["task"], study["status"]) == ("chest-xray", "complete")
    assert study["findings"][0]["presence"] == "present"
    assert all(Path(name).is_file() for name in study["files"])


def test_analyse_tells_people_what_matters(shelf, film, tmp_path, capfd):
    code, output, _ = said(capfd, "analyse", str(film), "-o", str(tmp_path / "out"), "-q")
    assert code == 0
    assert "Pneumonia (Lung): present" in output
    assert str(tmp_path / "out" / "index.html") in output
    assert "not a medical device" in output
    assert "非医疗器械" in said(capfd, "analyse", str(film), "-o", str(tmp_path / "zh"), "-q", "--language", "zh")[1]


def test_analyse_is_partial_when_something_was_refused(shelf, film, tmp_path, capfd):
    (film / "broken.dcm").write_bytes(next(film.glob("*.dcm")).read_bytes()[:4000])
    code, answer, _ = answered(capfd, "analyse", str(film), "-o", str(tmp_path / "out"))
    assert code == 4
    assert answer["refused"][0]["code"].startswith("E1")
    assert answer["studies"][0]["status"] == "complete"


def test_analyse_refuses_what_no_task_takes(shelf, tmp_path, capfd):
    phantoms.write_ct(tmp_path / "ct")
    code, answer, _ = answered(capfd, "analyse", str(tmp_path / "ct"), "-o", str(tmp_path / "out"))
    assert code == 3
    assert answer["studies"][0]["status"] == "refused"


def test_a_missing_model_is_our_fault_not_the_users(tmp_path, film, capfd, monkeypatch):
    import hounsfield.model.registry as registry

    monkeypatch.setattr(registry, "starters_folder", lambda: tmp_path / "none")
    code, answer, _ = answered(capfd, "analyse", str(film), "-o", str(tmp_path / "out"))
    assert code == 1
    assert answer["studies"][0]["status"] == "failed"
    assert [issue["code"] for issue in answer["studies"][0]["issues"] if issue["severity"] == "reject"] == ["E501"]


def test_analyse_takes_a_model_by_path(shelf, film, tmp_path, capfd):
    models.finding_model(tmp_path, "mine", "foot-films")
    words = ("analyse", str(film), "-o", str(tmp_path / "out"), "--model", str(tmp_path / "mine.model"))
    _, answer, _ = answered(capfd, *words)
    assert answer["studies"][0]["task"] == "foot-films"
    assert answer["studies"][0]["provenance"]["models"][0]["name"] == "mine"


# ---- check


def test_check_gives_a_verdict_for_each_volume(film, capfd):
    phantoms.write_ct(film / "ct")
    code, answer, _ = answered(capfd, "check", str(film))
    assert code == 0
    rows = {row["modality"]: row for study in answer["studies"] for row in study["series"]}
    assert rows["CT"]["verdict"] == "pass"
    assert rows["CT"]["quantity"] == "hounsfield"
    assert rows["CT"]["unit"] == "[hnsf'U]"
    assert rows["CT"]["shape"] == [24, 96, 88]


def test_check_rejects_with_the_exit_code_of_a_refusal(tmp_path, capfd):
    paths = phantoms.write_ct(tmp_path / "ct")
    for path in paths[8:12]:
        path.unlink()
    code, answer, _ = answered(capfd, "check", str(tmp_path / "ct"))
    (row,) = answer["studies"][0]["series"]
    assert row["verdict"] == "reject"
    assert code == 3
    assert any(issue["severity"] == "reject" and issue["next"] for issue in row["issues"])


def test_check_is_readable(film, capfd):
    code, output, _ = said(capfd, "check", str(film), "-q")
    assert code == 0
    assert re.search(r"(pass|warn)\s+DX\s+1 x 560 x 600", output)


# ---- faults


@pytest.mark.parametrize(
    ("failure", "code", "exit_code"),
    [
        (MemoryError(), "E704", 1),
        (KeyboardInterrupt(), "E705", 1),
        (OSError(28, "No space left on device"), "E706", 1),
        (ModuleNotFoundError("no torch", name="torch"), "E707", 1),
        (ModuleNotFoundError("no torch", name="torch.nn"), "E707", 1),
        (RuntimeError("boom"), "E799", 1),
        (OutOfScope("E520", found=1, expected=2), "E520", 3),
        (HounsfieldError("E310", shape=(1,), spacing_mm=(1,)), "E310", 1),
    ],
)
def test_every_failure_gets_a_code(failure, code, exit_code, monkeypatch, capfd):
    def broken(*words, **flags):
        raise failure

    monkeypatch.setattr(info, "_facts", broken)
    found, answer, talk = answered(capfd, "info")
    assert (found, answer["error"]["code"]) == (exit_code, code)
    assert "Traceback" not in talk
    assert "boom" not in talk


def test_debug_shows_the_trace(monkeypatch):
    def broken(*words, **flags):
        raise RuntimeError("boom")

    monkeypatch.setattr(info, "_facts", broken)
    with pytest.raises(RuntimeError, match="boom"):
        main(["info", "--debug"])


# ---- talk


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("王小明", "王小明"),
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("a\tb\rc\x07", "a\ufffdb\ufffdc\ufffd"),
        ("two\nlines", "two\nlines"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
    ],
)
def test_nothing_steers_the_terminal(text, shown):
    assert printable(text) == shown


def test_json_is_strict_and_utf_8(capfdbinary):
    write_json({"name": "王小明", "half": "\udcff"})
    assert json.loads(capfdbinary.readouterr().out)["name"] == "王小明"
    with pytest.raises(ValueError, match="Out of range"):
        write_json({"score": float("nan")})


def test_quiet_talk_says_nothing(capfd):
    Talk(is_quiet=True).say("hello")
    Talk().say("aloud")
    assert capfd.readouterr() == ("", "aloud\n")


def test_progress_can_be_told_without_a_terminal(capfd):
    with Talk().progress("Working") as progress:
        progress(1, 2)
        progress(2, 2)
    with Talk(is_quiet=True).progress("Working") as progress:
        progress(1, 2)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("is_good", "statuses", "refused", "expected"),
    [
        ([True], ["complete"], [], 0),
        ([True, True], ["complete", "complete"], [], 0),
        ([True], ["complete"], [{}], 4),
        ([True, False], ["complete", "refused"], [], 4),
        ([False], ["refused"], [], 3),
        ([False, False], ["refused", "failed"], [], 1),
        ([], [], [{}], 3),
    ],
)
def test_exit_codes_follow_what_happened(is_good, statuses, refused, expected):
    data = {"studies": [{"status": status} for status in statuses], "refused": refused}
    assert exit_code(is_good, data) == expected
