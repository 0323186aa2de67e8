"""Run in a process of its own by ``test_fuzz_folders``: read and index folders with damaged files.

One line a folder: name, outcomes joined by commas, seconds, and the peak of memory in megabytes above the start. The
name is written before the folder is read, so that the one that brought the process down is known.
"""

import shutil
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from hounsfield.archive.index import index_tree
from hounsfield.archive.limits import Limits
from hounsfield.errors import HounsfieldError
from hounsfield.opening import read_volumes
from tests.archive.folder_mutants import SLICES, Folder, folders
from tests.archive.reading_alone import peak_mb


def read(folder: Path, made: Folder, limits: Limits) -> set[str]:
    """Read a folder; whole files that are read must have their samples, and the whole series must be there."""
    opened = read_volumes(folder, limits=limits)
    outcomes = {issue.code for issue in opened.issues if issue.code.startswith("E")}
    outcomes |= {file.error.code for file in opened.refused}
    found = set()
    for volume in opened.volumes:
        for index in range(volume.geometry.shape[0]):
            source = volume.source_of(index)
            name = source[0].path.name if source else ""
            if name in made.whole:
                found.add(name)
                if not np.array_equal(volume.array[index], made.whole[name]):
                    outcomes.add(f"spoilt:{name}")
    outcomes |= {f"lost:2-{index}.dcm" for index in range(SLICES) if f"2-{index}.dcm" not in found}
    return outcomes or {"read"}


def index(folder: Path, database: Path) -> set[str]:
    """Index a folder: each file is a row or refused."""
    made = index_tree(folder, database)
    count = len(list(folder.iterdir()))
    return set() if made.files + made.refused == count else {f"unaccounted:{made.files}+{made.refused}of{count}"}


def outcomes_of(folder: Path, made: Folder, limits: Limits) -> set[str]:
    try:
        return read(folder, made, limits) | index(folder, folder.with_suffix(".sqlite"))
    except HounsfieldError as error:
        return {f"all:{error.code}"}
    except Exception as error:  # noqa: BLE001 -- what escapes is what the test looks for
        return {f"escaped:{type(error).__name__}"}


def main(place: Path, count: int, isolated: bool) -> None:
    warnings.simplefilter("ignore")
    start = 0.0
    for made in folders(count):
        folder = place / made.name.split("-")[0]
        folder.mkdir()
        for name, raw in made.files.items():
            (folder / name).write_bytes(raw)
        # What all folders need, codecs and compiled code, comes with the first.
        start = start or (outcomes_of(folder, made, Limits(isolated=isolated)) and peak_mb())
        sys.stdout.write(made.name + " ")
        sys.stdout.flush()
        begun = time.perf_counter()
        outcomes = outcomes_of(folder, made, Limits(isolated=isolated))
        sys.stdout.write(f"{','.join(sorted(outcomes))} {time.perf_counter() - begun:.3f} {peak_mb() - start:.0f}\n")
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "isolated")
