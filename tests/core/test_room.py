"""Rooms that are verbs: the public name works whichever module was imported first."""

import subprocess
import sys

import pytest

FIRST = [
    "import hounsfield",
    "import hounsfield.evaluate.run, hounsfield",
    "from hounsfield import evaluate; import hounsfield",
]


@pytest.mark.parametrize("first", FIRST)
def test_the_public_name_can_be_called_whatever_came_first(first):
    program = f"{first}\ntry:\n    hounsfield.evaluate()\nexcept TypeError as error:\n    print(error)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False)
    assert "missing 2 required positional arguments: 'package' and 'table'" in run.stdout, run.stderr


def test_a_room_stays_a_package():
    program = (
        "import hounsfield.evaluate as room, hounsfield.evaluate.run; print(bool(room.__path__) and callable(room))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False)
    assert run.stdout.strip() == "True", run.stderr
