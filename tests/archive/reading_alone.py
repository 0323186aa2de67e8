"""Run in a process of its own by ``test_fuzz``: open and assemble each file of a folder and tell how it went.

One line a file: name, outcome, seconds, and the peak of memory in megabytes above the start. The name is written
before the file is opened, so that the one that brought the process down is known.
"""

import resource
import sys
import time
import warnings
from pathlib import Path

from hounsfield.archive.local import open_source
from hounsfield.errors import HounsfieldError
from hounsfield.image.assemble import assemble


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(path: Path) -> str:
    try:
        with open_source(path) as archive:
            for study in archive.studies:
                for series in study.series:
                    for volume in assemble(series).volumes:
                        volume.array.sum()
    except HounsfieldError as error:
        return error.code
    except Exception as error:  # noqa: BLE001 -- what escapes is what the test looks for
        return type(error).__name__
    return "read"


def main(folder: Path, known: Path) -> None:
    warnings.simplefilter("ignore")
    read(known)
    start = peak_mb()
    for path in sorted(folder.iterdir()):
        sys.stdout.write(path.name + " ")
        sys.stdout.flush()
        begun = time.perf_counter()
        outcome = read(path)
        sys.stdout.write(f"{outcome} {time.perf_counter() - begun:.3f} {peak_mb() - start:.0f}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
