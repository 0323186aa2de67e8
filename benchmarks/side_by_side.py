"""Run subjects interleaved (A B C A B C ...) and tell medians, ratios and memory; values hold in one run alone."""

import math
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

OWNED_BYTES, PAGE_BYTES = 1 << 30, 4096
CLEAR_PEAK = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Subject:
    """One way to do the job.

    Attributes:
        name: who.
        run: does the job once and returns a value that must agree among the subjects.
        warm_up: does a smaller job of the same kind first, where the whole one takes long.
    """

    name: str
    run: Callable[[], object]
    warm_up: Callable[[], object] | None = None


@dataclass(frozen=True)
class Row:
    """What one subject took: median wall time, median processor time, growth of memory in one call."""

    name: str
    wall_ms: float
    cpu_ms: float
    peak_mb: float


def measure(subjects: list[Subject], rounds: int) -> list[Row]:
    """Run every subject once to warm up, once more for its memory, then ``rounds`` times in turn."""
    for subject in subjects:
        (subject.warm_up or subject.run)()
    peaks, results = {}, {}
    for subject in subjects:
        peaks[subject.name], results[subject.name] = _peak_of(subject)
    _require_agreement(results)
    walls: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    cpus: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    for _ in range(rounds):
        for subject in subjects:
            _own_memory()
            wall, cpu = time.perf_counter(), time.process_time()
            subject.run()
            walls[subject.name].append(time.perf_counter() - wall)
            cpus[subject.name].append(time.process_time() - cpu)
    return [
        Row(
            subject.name,
            statistics.median(walls[subject.name]) * 1000,
            statistics.median(cpus[subject.name]) * 1000,
            peaks[subject.name],
        )
        for subject in subjects
    ]


def show(title: str, rows: list[Row]) -> None:
    """Print a table; the first row is ours, and ratios are against it."""
    print(f"\n{title}")
    print(f"  {'subject':<34} {'wall ms':>10} {'cpu ms':>10} {'peak +MB':>10} {'ours is':>10}")
    for row in rows:
        ratio = row.wall_ms / rows[0].wall_ms
        print(f"  {row.name:<34} {row.wall_ms:>10.1f} {row.cpu_ms:>10.1f} {row.peak_mb:>10.0f} {ratio:>9.2f}x")


def _own_memory() -> None:
    """Touch memory and give it back, so that every subject starts from pages that this machine has.

    A virtual machine returns freed pages to its host after a while, and getting them again takes ten times as long as
    a page fault: whoever ran after a subject that had freed much would pay for it.
    """
    np.empty(OWNED_BYTES, dtype=np.uint8)[::PAGE_BYTES] = 1


def _require_agreement(results: dict[str, object]) -> None:
    """Refuse to compare subjects that did not do the same job; where they return numbers, these are within 1 %."""
    numbers = {name: value for name, value in results.items() if isinstance(value, float)}
    first = next(iter(numbers.values()), 0.0)
    if not all(math.isclose(value, first, rel_tol=1e-2, abs_tol=1e-6) for value in numbers.values()):
        raise ValueError(f"the subjects disagree: {numbers}")


def _peak_of(subject: Subject) -> tuple[float, object]:
    """Return the growth of resident memory in megabytes during one call, and what the call returned."""
    if not CLEAR_PEAK.exists():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result = subject.run()
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, result
    CLEAR_PEAK.write_text("5", encoding="utf-8")
    before = _status("VmRSS")
    result = subject.run()
    return max(_status("VmHWM") - before, 0) / 1024, result


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(key + ":")))
