"""Many cases: order, faults that stay alone, processes that agree with each other and may die."""

from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Self

import pytest

from hounsfield.measuring import run
from hounsfield.measuring.run import MeasuringOptions, measure, measure_case
from hounsfield.measuring.sources import find_sources
from hounsfield.radiomics import settings_from
from tests.measuring.cases import write_folders

FAST = settings_from({"families": ["intensity-statistics"]}, "fast")


def broken(data: Path) -> Path:
    """Three cases, of which the middle one has a mask that is no image."""
    write_folders(data, 3)
    (data / "labels" / "case1.nii.gz").write_bytes(b"no image at all")
    return data


def test_one_failing_case_keeps_none_of_the_others(tmp_path: Path) -> None:
    told = []
    found = measure(
        find_sources(broken(tmp_path)), MeasuringOptions(FAST), lambda done, total: told.append((done, total))
    )
    assert [(one.source.identifier, one.found is None) for one in found] == [
        ("case0", False), ("case0", False), ("case1", True), ("case2", False), ("case2", False),
    ]  # fmt: skip
    assert found[2].fault is not None
    assert found[2].region is None
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_case_that_no_longer_exists_is_a_fault(tmp_path: Path) -> None:
    sources = find_sources(write_folders(tmp_path, 1))
    sources[0].image.unlink()
    found = measure(sources, MeasuringOptions(FAST))
    assert [one.fault.code for one in found] == ["E100"]


def test_an_image_without_a_mask_is_told_and_not_passed_over(tmp_path: Path) -> None:
    write_folders(tmp_path, 2)
    (tmp_path / "labels" / "case0.nii.gz").unlink()
    found = measure(find_sources(tmp_path), MeasuringOptions(FAST))
    assert [(one.source.identifier, one.fault.code if one.fault else "") for one in found] == [
        ("case0", "E977"), ("case1", ""), ("case1", ""),
    ]  # fmt: skip


def test_a_region_too_small_for_its_settings_does_not_keep_the_other(tmp_path: Path) -> None:
    sources = find_sources(write_folders(tmp_path, 1))
    # no intensity of the image is below 0
    narrow = settings_from({"families": ["intensity-statistics"], "range": [None, -1.0]}, "narrow")
    found = measure(sources, MeasuringOptions(narrow))
    assert [(one.region.label, one.fault.code) for one in found] == [(2, "E968"), (7, "E968")]


def test_processes_give_what_one_process_gives(tmp_path: Path) -> None:
    sources = find_sources(broken(tmp_path))
    told = []
    one = measure(sources, MeasuringOptions(FAST))
    two = measure(sources, MeasuringOptions(FAST, workers=2), lambda done, total: told.append(done))
    assert [region.found for region in one] == [region.found for region in two]
    assert [region.fault for region in one] == [region.fault for region in two]
    assert told == [1, 2, 3]


class DyingPool:
    """Stands for a pool whose process is killed by a case: it and what waits are lost."""

    kills = frozenset({"case1"})

    def __init__(self, workers: int, context: object) -> None:
        self.is_dead = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        return None

    def submit(self, function, source, options):
        from concurrent.futures import Future

        future = Future()
        self.is_dead = self.is_dead or source.identifier in self.kills
        if self.is_dead:
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result(function(source, options))
        return future


def test_a_process_that_dies_takes_its_own_case_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ProcessPoolExecutor", DyingPool)
    found = measure(find_sources(write_folders(tmp_path, 4)), MeasuringOptions(FAST, workers=2))
    by_case = {one.source.identifier: one for one in found}
    assert by_case["case1"].fault.code == "E973"
    assert all(by_case[f"case{index}"].found is not None for index in (0, 2, 3))
    assert len(found) == 7


def test_faults_of_the_system_become_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = find_sources(write_folders(tmp_path, 1))
    for error in (OSError("disc"), MemoryError(), ValueError("odd")):

        def fails(*arguments: object, raised: Exception = error) -> None:
            raise raised

        monkeypatch.setattr(run, "open_regions", fails)
        assert [one.fault.code for one in measure_case(sources[0])] == ["E818"]
