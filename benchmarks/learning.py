"""``make bench-learning``: learning beside its peers, one table a job, the ratios, and what runs hold at their peak.

Values hold within one run on one machine; the ratios of the medians are what is kept in
``benchmarks/results/learning.json``: ``JOB_vs_PEER``, higher is faster. Parts: ``augmenting``, ``article``, ``dense``,
``starting`` and ``peaks``.
"""

import json
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.images import write
from benchmarks.side_by_side import Row, show

RESULTS = Path(__file__).with_name("results") / "learning.json"
ROUNDS = 5
PARTS = {"augmenting": "measure_augmenting", "article": "measure_article", "dense": "measure_dense"}
FIRST_STEP_SECONDS = 6.0
"""Aim: from the command to the first step."""


def main(names: list[str], results: Path = RESULTS) -> None:
    """Measure the parts that are named, all of them without a name; what was measured before is kept."""
    warnings.simplefilter("ignore")
    tables: dict[str, list[Row]] = {}
    told: dict[str, Any] = {}
    for module, function in PARTS.items():
        if names and module not in names:
            continue
        found = getattr(import_module(f"benchmarks.{module}"), function)(ROUNDS)
        for title, rows in found.items():
            show(title, rows)
        tables.update(found)
    for module, key in (("starting", "first_step_seconds"), ("peaks", "peaks_mb")):
        if names and module not in names:
            continue
        measure: Callable[[], dict[str, Any]] = getattr(import_module(f"benchmarks.{module}"), f"measure_{module}")
        told[key] = measure()
        print(f"\n{module}")
        for name, value in told[key].items():
            print(f"  {name:<34} {json.dumps(value)}")
    add(tables, told, results)
    print(f"\nWritten: {results}")


def add(tables: dict[str, list[Row]], told: dict[str, Any], path: Path) -> None:
    """Write what was measured over what an earlier run measured of other parts."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    data = write(tables, path) if tables or not before else {}
    merged = {**before, **data, **told}
    for key in ("tables", "peak_mb"):
        merged[key] = {**before.get(key, {}), **data.get(key, {})}  # type: ignore[dict-item]
    path.write_text(json.dumps(merged, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
