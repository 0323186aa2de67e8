import subprocess
import sys

import numpy as np
import pytest

from hounsfield.compiled import compiled, compiled_reordered, core_count, in_threads, spans


@compiled
def total(values: np.ndarray) -> float:
    found = 0.0
    for index in range(values.size):
        found += values[index]
    return found


@compiled_reordered
def total_in_any_order(values: np.ndarray) -> float:
    found = 0.0
    for index in range(values.size):
        found += values[index]
    return found


def test_a_compiled_function_gives_what_python_gives():
    values = np.random.default_rng(1).random(1001)
    assert total(values) == sum(values.tolist())
    assert total_in_any_order(values) == pytest.approx(values.sum(), rel=1e-12)


def test_infinity_and_nan_keep_their_meaning():
    assert np.isnan(total_in_any_order(np.array([1.0, np.nan])))
    assert np.isinf(total_in_any_order(np.array([1.0, np.inf])))


@pytest.mark.parametrize(("count", "parts"), [(10, 3), (2, 8), (1, 1), (7, 7), (0, 4)])
def test_spans_cover_a_range_once(count: int, parts: int):
    found = [index for start, stop in spans(count, parts) for index in range(start, stop)]
    assert found == list(range(count))


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_results_come_in_the_order_of_the_calls(threads: int):
    assert in_threads(lambda number: number * number, [(number,) for number in range(20)], threads) == [
        number * number for number in range(20)
    ]


def test_the_first_failure_is_raised():
    def fail(number: int) -> None:
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        in_threads(fail, [(0,), (1,)], 2)


def test_at_least_one_core():
    assert core_count() >= 1


def test_a_machine_without_a_writable_cache_still_compiles(tmp_path):
    program = (
        "import numba.core.caching as caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "from hounsfield.compiled import compiled\n"
        "exec(compile('def twice(x):\\n    return 2 * x\\n', '/nowhere/x.py', 'exec'))\n"
        "print(compiled(twice)(21))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.strip() == "42", done.stderr
