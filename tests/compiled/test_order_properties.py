"""Threads change nothing but the time: in_order and in_threads against map, and spans against numpy's split."""

import random
import threading
import time

import numpy as np
import pytest

from hounsfield.compiled import core_count, in_order, in_threads, spans


@pytest.mark.parametrize("seed", range(6))
def test_any_number_of_threads_and_places_answers_as_map_does(seed: int) -> None:
    chance = random.Random(seed)
    threads, held, count = chance.randint(0, 6), chance.randint(0, 9), chance.randint(0, 40)

    def answer(number: int) -> tuple[int, str]:
        time.sleep(0.001 * ((number * 7 + seed) % 3))
        return number, str(number)

    assert list(in_order(answer, iter(range(count)), threads, held)) == list(map(answer, range(count)))


def test_one_place_is_one_call_at_a_time() -> None:
    busy, most, lock = [0], [0], threading.Lock()

    def work(number: int) -> int:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.002)
        with lock:
            busy[0] -= 1
        return number

    assert list(in_order(work, range(8), 4, 1)) == list(range(8))
    assert most == [1]


@pytest.mark.parametrize("threads", [2, 3])
def test_no_more_calls_run_than_there_are_threads(threads: int) -> None:
    running, seen, lock = set(), [], threading.Lock()

    def work(number: int) -> int:
        with lock:
            running.add(number)
            seen.append(len(running))
        time.sleep(0.002)
        with lock:
            running.remove(number)
        return number

    assert list(in_order(work, range(15), threads, 12)) == list(range(15))
    assert in_threads(work, [(number,) for number in range(15)], threads) == list(range(15))
    assert max(seen) <= threads


def test_answers_of_nothing_are_answers_too() -> None:
    given = [None, 0, "", [], None]
    assert list(in_order(lambda one: one, given, 2)) == given


@pytest.mark.parametrize("threads", [1, 3])
def test_a_source_that_fails_says_so(threads: int) -> None:
    def torn():
        yield 1
        raise OSError("torn")

    with pytest.raises(OSError, match="torn"):
        list(in_order(abs, torn(), threads))


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_that_is_returned_is_an_answer(threads: int) -> None:
    def answer(number: int) -> int | ValueError:
        return ValueError(number) if number % 2 else number

    found = list(in_order(answer, range(6), threads))
    assert [isinstance(one, ValueError) for one in found] == [False, True] * 3
    assert [one.args[0] for one in found[1::2]] == [1, 3, 5]


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    answers = in_order(abs, range(50), 4)
    next(answers)
    answers.close()
    assert list(in_order(abs, range(5), 4)) == list(range(5))
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda number: 1 // number, range(5), 4))
    assert threading.active_count() <= before


@pytest.mark.parametrize(("count", "parts"), [(17, 4), (100, 7), (3, 3), (5, 1), (2, 9)])
def test_spans_are_as_even_as_numpys_parts(count: int, parts: int) -> None:
    sizes = sorted(stop - start for start, stop in spans(count, parts))
    expected = sorted(len(part) for part in np.array_split(np.arange(count), parts) if len(part))
    assert sizes == expected


def test_each_call_gets_its_own_arguments_and_writes_its_own_part() -> None:
    values = np.arange(1001.0)
    doubled = np.empty_like(values)

    def write(start: int, stop: int) -> int:
        doubled[start:stop] = 2 * values[start:stop]
        return stop - start

    assert sum(in_threads(write, spans(len(values), 5), 3)) == len(values)
    np.testing.assert_array_equal(doubled, 2 * values)
    assert in_threads(write, [], 3) == []
    assert core_count() >= 1
