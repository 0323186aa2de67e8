"""Damaged files in folders, seeded: nothing crashes, hangs or eats the memory, and whole files keep their samples.

``make fuzz`` damages a thousand (``HOUNSFIELD_FUZZ_FILES=1000``); the tests sixty.
"""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hounsfield.archive.limits import Limits
from hounsfield.header_walk import FEWEST
from tests.archive.folder_mutants import FOLDER_MUTATIONS, SLICES, SYNTAXES, Folder, blank, change_moving, folders
from tests.archive.reading_folders import outcomes_of

FILES = int(os.environ.get("HOUNSFIELD_FUZZ_FILES", "60"))
MOST_SECONDS, MOST_MB = 10.0, 512
OUTCOME = re.compile(r"read|E\d{3}|all:E\d{3}")
pytestmark = pytest.mark.timeout(300 + 2 * FILES)
REPOSITORY = Path(__file__).resolve().parents[2]


def run(place: Path, count: int, way: str) -> list[list[str]]:
    """Read folders in one process that has to live to the end; return name, outcomes, seconds, megabytes."""
    command = [sys.executable, "-m", "tests.archive.reading_folders", str(place), str(count), way]
    limit = 120 + MOST_SECONDS * count / 10
    paths = os.pathsep.join([str(REPOSITORY), *(path for path in sys.path if path)])
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=limit, check=False, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, f"died at {done.stdout.splitlines()[-1:]}: {done.stderr[-2000:]}"
    return [line.split() for line in done.stdout.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    return run(tmp_path_factory.mktemp("folders"), FILES, "here")


def test_every_folder_ends_in_whole_samples_and_codes(lines: list[list[str]]) -> None:
    assert len(lines) >= FILES // 3
    odd = [line for line in lines if not all(OUTCOME.fullmatch(outcome) for outcome in line[1].split(","))]
    assert odd == []


def test_no_folder_hangs_or_eats_memory(lines: list[list[str]]) -> None:
    assert [line for line in lines if float(line[2]) > MOST_SECONDS] == []
    assert [line for line in lines if float(line[3]) > MOST_MB] == []


def test_the_whole_series_is_never_refused_with_the_damaged_one(lines: list[list[str]]) -> None:
    assert [line for line in lines if "all:" in line[1]] == []


def test_damage_is_noticed(lines: list[list[str]]) -> None:
    outcomes = {outcome for line in lines for outcome in line[1].split(",")}
    assert "read" in outcomes
    assert len(outcomes) >= 6


def test_isolated_decoding_ends_the_same_way(tmp_path: Path, lines: list[list[str]]) -> None:
    count = min(FILES, 200) // 3
    isolated = run(tmp_path, count, "isolated")
    known = {line[0]: line[1] for line in lines}
    assert [(line[0], line[1]) for line in isolated[:-1]] == [(line[0], known[line[0]]) for line in isolated[:-1]]


# ---- the folders themselves


def test_folders_are_the_same_for_the_same_seed_and_damage_so_many_files() -> None:
    made = list(folders(40, seed=3))
    assert [folder.files for folder in made] == [folder.files for folder in folders(40, seed=3)]
    assert [folder.files for folder in made] != [folder.files for folder in folders(40, seed=4)]
    assert sum(len(folder.files) - len(folder.whole) for folder in made) == 40
    assert all(len(folder.files) == 2 * SLICES >= 2 * FEWEST for folder in made)


def test_each_syntax_and_mutation_occurs_among_a_thousand() -> None:
    names = [folder.name.split("-") for folder in folders(400)]
    assert {name[1] for name in names} == {str(syntax).split(".")[-1] for syntax in SYNTAXES}
    kinds = {kind for name in names for kind in name[2].split("+")}
    assert kinds == {mutation.__name__ for mutation in FOLDER_MUTATIONS}


@pytest.mark.parametrize("number", range(len(SYNTAXES)), ids=lambda number: SYNTAXES[number].name[:24])
def test_a_folder_without_damage_is_read_to_its_samples(tmp_path: Path, number: int) -> None:
    made = list(folders(60))[number]
    whole = {name: made.files[name] for name in made.whole}
    folder = write(tmp_path / "folder", Folder("whole", whole, made.whole))
    assert outcomes_of(folder, made, Limits()) == {"read"}


def test_a_sample_that_is_not_what_it_was_is_found(tmp_path: Path) -> None:
    made = next(folders(1))
    folder = write(tmp_path / "folder", made)
    wrong = {**made.whole, "2-3.dcm": made.whole["2-3.dcm"] + np.eye(64, dtype=int)}
    assert "spoilt:2-3.dcm" in outcomes_of(folder, Folder(made.name, made.files, wrong), Limits())
    (folder / "2-5.dcm").unlink()
    assert "lost:2-5.dcm" in outcomes_of(folder, made, Limits())


def test_mutations_of_folders_change_the_header_alone() -> None:
    raw = next(folders(1)).files["2-0.dcm"]
    pixels = raw.rfind(b"\xe0\x7f\x10\x00")
    changed = 0
    for seed in range(20):
        for mutate in (change_moving, blank):
            damaged = mutate(bytearray(raw), random.Random(seed))
            assert len(damaged) == len(raw)
            assert damaged[:132] == raw[:132]
            assert damaged[pixels + 400 :] == raw[pixels + 400 :]
            changed += damaged != raw
    assert changed > 30


def write(folder: Path, made: Folder) -> Path:
    folder.mkdir()
    for name, raw in made.files.items():
        (folder / name).write_bytes(raw)
    return folder
