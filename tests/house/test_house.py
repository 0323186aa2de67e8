"""The house meter: the source under ``src/hounsfield`` keeps to the plan in ``docs/concepts/house.md``."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.house import meter
from tests.house.graph import cycles, import_graph
from tests.house.progress import PACKAGE, accept
from tests.house.source import Source, read

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    found = read(PACKAGE)
    assert found, f"no source under {PACKAGE}"
    return found


@pytest.mark.parametrize(
    "measure",
    [
        meter.file_sizes,
        meter.long_functions,
        meter.many_arguments,
        meter.missing_docstrings,
        meter.empty_names,
        meter.talking,
        meter.rude_endings,
        meter.environment_reads,
        meter.import_effects,
        meter.ways_up,
    ],
    ids=lambda measure: measure.__name__,
)
def test_measure(measure: Callable[[Sequence[Source]], list[str]], sources: list[Source]) -> None:
    complaints = measure(sources)
    assert not complaints, "\n" + "\n".join(complaints)


def test_functions_worth_a_look_are_listed(sources: list[Source]) -> None:
    listed = meter.long_functions(sources, meter.LISTED_CODE_LINES)
    if listed:
        warnings.warn("a function is one thought; these may be two:\n" + "\n".join(listed), stacklevel=1)


def test_no_import_cycles_hidden_ones_included() -> None:
    accept(cycles(import_graph("hounsfield")))


def test_tests_are_at_least_as_long_as_the_code(sources: list[Source]) -> None:
    code = sum(source.line_count for source in sources)
    tests = sum(source.line_count for source in read(REPOSITORY / "tests"))
    accept([f"{tests} lines of tests for {code} lines of code"] if tests < code else [])
