"""Every planted mistake ends in a code, a cause and a next step: no traceback, nothing that looks like a result."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hounsfield.cli import main
from hounsfield.messages import catalogue
from tests.cli.planted import MISTAKES

HEAVY = ["header_declares_8_gb", "zip_bomb", "png_that_declares_ten_gigapixels", "nifti_that_declares_18_gb"]


def reasons(answer: dict) -> list[dict]:
    """What was said against the input, wherever it stands."""
    found = [answer["error"]] if "error" in answer else []
    found += answer.get("refused", [])
    for study in answer.get("studies", []):
        found += [issue for issue in study["issues"] if issue["severity"] == "reject"]
    return found


def test_there_are_sixty_mistakes():
    assert len(MISTAKES) >= 60


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_a_mistake_gets_its_reason(name, tmp_path, capfdbinary):
    arguments = MISTAKES[name](tmp_path)
    before = set(Path("/tmp").glob("evil*"))
    code = main([*arguments, "--json"])
    output, talk = capfdbinary.readouterr()
    assert code in {1, 2, 3}, output[-2000:]
    answer = json.loads(output)
    said = reasons(answer)
    assert said, output[-2000:]
    for reason in said:
        assert reason["code"] in catalogue(), reason
        assert reason["text"], reason
        assert not re.search(r"(?<!\w)\?(?!\w)", reason["text"].replace("'?.", "")), "a fact of the sentence is missing"
        assert reason["next"], reason
    assert b"Traceback" not in talk
    assert b"E799" not in output
    assert b"Planted" not in output + talk, "a patient's name was printed"
    assert set(Path("/tmp").glob("evil*")) == before
    for study in answer.get("studies", []):
        assert study["status"] in {"refused", "failed"}
        assert all(finding["presence"] == "not assessed" for finding in study["findings"])
        assert all(finding["score"] is None for finding in study["findings"])
    assert not list(tmp_path.glob("**/.partial*"))
    assert not (tmp_path / "out.model").exists()


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_a_mistake_is_explained_in_chinese(name, tmp_path, capfdbinary):
    if "--language" in (arguments := MISTAKES[name](tmp_path)):
        arguments = [word for word in arguments if word not in {"--language"}]
    main([*arguments, "--json", "--language", "zh"])
    answer = json.loads(capfdbinary.readouterr().out)
    for reason in reasons(answer):
        assert any("一" <= letter <= "鿿" for letter in reason["text"]), reason
        assert any("一" <= letter <= "鿿" for letter in reason["next"]), reason


@pytest.mark.parametrize("name", HEAVY)
def test_memory_stays_bounded(name, tmp_path):
    """The whole process, interpreter and libraries included, stays under 700 MB resident."""
    arguments = MISTAKES[name](tmp_path)
    program = (
        "import sys; from pathlib import Path; from hounsfield.cli import main; import hounsfield.pipeline; "
        "code = main(sys.argv[1:]); status = Path('/proc/self/status').read_text().splitlines(); "
        "print(next(line.split()[1] for line in status if line.startswith('VmHWM')), file=sys.stderr); sys.exit(code)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments, "--json", "--quiet"], capture_output=True, check=False
    )
    assert run.returncode == 3, run.stderr[-2000:]
    peak_bytes = int(run.stderr.split()[-1]) * 1024
    assert peak_bytes < 700 * 2**20
