"""Work shared among threads is answered in order, taken no faster than it is used, and ended when nobody asks."""

import itertools
import threading

import pytest

from hounsfield.compiled import in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_answers_come_in_the_order_of_what_was_given(threads: int) -> None:
    first = threading.Event()

    def slow_at_first(number: int) -> int:
        if number == 0 and threads > 1:
            first.wait(5)  # the others are done before the first
        elif number == 1:
            first.set()
        return number**2

    assert list(in_order(slow_at_first, range(20), threads)) == [number**2 for number in range(20)]


@pytest.mark.parametrize(("threads", "held"), [(2, 2), (2, 4), (3, 0)])
def test_no_more_is_taken_than_may_be_held(threads: int, held: int) -> None:
    taken = []

    def given():
        for number in itertools.count():
            taken.append(number)
            yield number

    answers = in_order(abs, given(), threads, held)
    for used in range(1, 6):
        next(answers)
        assert len(taken) <= used + (held or 2 * threads)
    answers.close()


def test_one_thread_takes_one_thing_at_a_time() -> None:
    taken = []
    answers = in_order(abs, (taken.append(number) or number for number in range(5)), 1)
    next(answers)
    assert taken == [0]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_is_raised_where_its_answer_is_asked_for(threads: int) -> None:
    def refuse(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    answers = in_order(refuse, range(5), threads)
    assert [next(answers), next(answers)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(answers)


def test_what_nobody_asks_for_any_more_is_not_begun() -> None:
    begun, go_on = [], threading.Event()

    def wait(number: int) -> int:
        begun.append(number)
        if number:
            go_on.wait(5)
        return number

    answers = in_order(wait, range(100), 2, 50)
    threading.Timer(0.2, go_on.set).start()
    assert next(answers) == 0
    answers.close()
    assert len(begun) < 50


def test_calls_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert len(set(in_order(lambda _: meeting.wait(), range(3), 3, 3))) == 3
    assert list(in_order(abs, [], 3)) == []
