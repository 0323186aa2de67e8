"""Damaged files, seeded: each is read or refused with a code, none crashes, hangs or eats the memory.

``make fuzz`` runs a thousand (``HOUNSFIELD_FUZZ_FILES=1000``); the tests run a hundred.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.archive.mutants import MUTATIONS, SOURCES, mutants

FILES = int(os.environ.get("HOUNSFIELD_FUZZ_FILES", "100"))
MOST_SECONDS, MOST_MB = 10.0, 512
CODE = re.compile(r"E\d{3}")
PROGRAM = Path(__file__).with_name("reading_alone.py")


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Read all mutants in one process that has to live to the end."""
    folder = tmp_path_factory.mktemp("mutants")
    for name, raw in mutants(FILES):
        (folder / name).write_bytes(raw)
    command = [sys.executable, str(PROGRAM), str(folder), str(get_testdata_file("MR_small_jp2klossless.dcm"))]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60 + MOST_SECONDS * FILES / 10, check=False)
    assert run.returncode == 0, f"died at {run.stdout.splitlines()[-1:]}: {run.stderr[-2000:]}"
    return [line.split() for line in run.stdout.splitlines() if line.strip()]


def test_every_file_ends_in_pixels_or_a_code(lines: list[list[str]]) -> None:
    assert len(lines) == FILES
    assert [line for line in lines if line[1] != "read" and not CODE.fullmatch(line[1])] == []


def test_no_file_hangs_or_eats_memory(lines: list[list[str]]) -> None:
    assert [line for line in lines if float(line[2]) > MOST_SECONDS] == []
    assert [line for line in lines if float(line[3]) > MOST_MB] == []


def test_damage_is_noticed_and_does_not_spoil_what_is_whole(lines: list[list[str]]) -> None:
    outcomes = {line[1] for line in lines}
    assert "read" in outcomes
    assert len(outcomes) >= 5


def test_the_same_seed_gives_the_same_files_and_each_mutation_occurs() -> None:
    made = list(mutants(100, seed=3))
    assert made == list(mutants(100, seed=3))
    assert made != list(mutants(100, seed=4))
    assert {name.split("-")[1] for name, _ in made} == {mutation.__name__ for mutation in MUTATIONS}
    originals = {Path(str(get_testdata_file(name))).read_bytes() for name in SOURCES}
    assert sum(raw not in originals for _, raw in made) > 90
