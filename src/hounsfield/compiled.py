"""The one door to the compiler: plain loops over arrays become machine code that runs without the interpreter's lock.

Only functions that need a kernel import the modules named ``kernels``, because loading the compiler takes about a
second. Compiled code is kept on disk beside the source, or in the user's cache folder where
the source cannot be written; a machine where neither can be written compiles anew each time.
"""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
GivenT = TypeVar("GivenT")
AnswerT = TypeVar("AnswerT")

_REORDERED = {"reassoc", "contract", "arcp", "nsz"}
"""Liberties of arithmetic that let sums run in vector registers; NaN and infinity keep their meaning."""


def compiled(function: F) -> F:
    """Compile a function on its first call; arithmetic keeps the order in which it is written."""
    return _compile(function, False)


def compiled_reordered(function: F) -> F:
    """Compile a function whose sums may be taken in another order, so that they use vector registers."""
    return _compile(function, _REORDERED)


def _compile(function: F, fastmath: bool | set[str]) -> F:
    from numba import njit

    try:
        made: F = njit(cache=True, nogil=True, fastmath=fastmath)(function)
    except RuntimeError:  # no folder to keep the code in
        made = njit(nogil=True, fastmath=fastmath)(function)
    return made


def core_count() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spans(count: int, parts: int) -> list[tuple[int, int]]:
    """Split ``range(count)`` into at most ``parts`` runs of about one size, as (start, stop)."""
    parts = max(1, min(parts, count))
    edges = [count * part // parts for part in range(parts + 1)]
    return list(itertools.pairwise(edges))


def in_threads(function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], threads: int = 0) -> list[Any]:
    """Call a function with each tuple of arguments, several at a time, and return the results in order.

    Args:
        function: releases the interpreter's lock while it works, as compiled functions do.
        calls: the arguments of each call.
        threads: calls at a time; 0 takes the cores of this process.

    Raises:
        Exception: the first that a call raised.
    """
    listed = list(calls)
    workers = min(threads or core_count(), len(listed))
    if workers <= 1:
        return [function(*arguments) for arguments in listed]
    with ThreadPoolExecutor(workers) as pool:
        return [future.result() for future in [pool.submit(function, *arguments) for arguments in listed]]


def in_order(
    function: Callable[[GivenT], AnswerT], given: Iterable[GivenT], threads: int = 0, held: int = 0
) -> Iterator[AnswerT]:
    """Call a function with each thing given, several at a time, and yield the answers in order as they are asked for.

    Args:
        function: releases the interpreter's lock while it works.
        given: taken one by one, no more than ``held`` ahead of the answers.
        threads: calls at a time; 0 takes the cores of this process.
        held: things and answers that are held at once; 0 takes twice the threads.

    Raises:
        Exception: what a call raised, when its answer is asked for.
    """
    threads = threads or core_count()
    if threads == 1:
        yield from map(function, given)
        return
    waiting: deque[Future[AnswerT]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for one in given:
            waiting.append(pool.submit(function, one))
            if len(waiting) >= (held or 2 * threads):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
