"""``make bench-images``: reading, preparing and measuring images beside the peers, one table a job, and the ratios.

Values hold within one run on one machine; the ratios of the medians are what is kept in
``benchmarks/results/images.json``: ``JOB_vs_PEER``, higher is faster, with versions, peak memory and every median.
"""

import json
import os
import platform
import re
import sys
import warnings
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.side_by_side import Row, show

RESULTS = Path(__file__).with_name("results") / "images.json"
ROUNDS = 5
PARTS = (
    ("reading", "measure_reading"),
    ("indexing", "measure_indexing"),
    ("reducing", "measure_reducing"),
    ("resampling", "measure_resampling"),
    ("enhancing", "measure_enhancing"),
    ("restoring", "measure_restoring"),
    ("measuring", "measure_measuring"),
)
PACKAGES = (
    *("hounsfield", "numpy", "numba", "pydicom", "monai", "torch", "SimpleITK", "dicomsdl", "scikit-image", "scipy"),
    *("opencv-python-headless", "connected-components-3d", "imagecodecs", "pylibjpeg-openjpeg", "pyjpegls"),
)


def slug(text: str) -> str:
    """Return a text as a key: lower-case words joined by underscores."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def ratios(tables: dict[str, list[Row]]) -> dict[str, float]:
    """Return how many times as long as ours each peer took; a title says its key in brackets at its end."""
    found = {}
    for title, rows in tables.items():
        named = re.search(r"\[([a-z0-9_]+)\]$", title)
        job = named[1] if named else slug(title)
        for row in rows[1:]:
            found[f"{job}_vs_{slug(row.name)}"] = round(row.wall_ms / rows[0].wall_ms, 3)
    return found


def versions() -> dict[str, str | None]:
    """Return the version of every package that took part."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def write(tables: dict[str, list[Row]], path: Path = RESULTS) -> dict[str, object]:
    """Write the results, whole or not at all."""
    ours_peak = {title: round(rows[0].peak_mb, 1) for title, rows in tables.items()}
    data: dict[str, object] = {
        **ratios(tables),
        "peak_mb": ours_peak,
        "tables": {title: [vars(row) for row in rows] for title, rows in tables.items()},
        "versions": versions(),
        "machine": {"processor": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0))},
        "rounds": ROUNDS,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
    return data


def main(names: list[str]) -> None:
    """Measure the parts that are named, all of them without a name."""
    warnings.simplefilter("ignore")
    tables: dict[str, list[Row]] = {}
    for module, function in PARTS:
        if names and module not in names:
            continue
        found = getattr(import_module(f"benchmarks.{module}"), function)(ROUNDS)
        for title, rows in found.items():
            show(title, rows)
        tables.update(found)
    write(tables)
    print(f"\nWritten: {RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS}")


if __name__ == "__main__":
    main(sys.argv[1:])
