"""Cases read by threads and given in order, whatever a table holds; what kept one is its answer."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from hounsfield.errors import DatasetError, HounsfieldError


class Named(Protocol):
    """A case with its name in the data set."""

    @property
    def identifier(self) -> str:
        """The name."""


CaseT = TypeVar("CaseT", bound=Named)
ImageT = TypeVar("ImageT")


def read_in_order(
    read: Callable[[CaseT], ImageT], cases: Sequence[CaseT], indices: Sequence[int], workers: int, held: int
) -> Iterator[tuple[int, ImageT | HounsfieldError]]:
    """Yield (index, image or the error that kept it) in the order of the indices.

    Args:
        read: reads one case.
        cases: all of them.
        indices: which.
        workers: threads.
        held: images that are held at once.
    """

    def attempt(case: CaseT) -> ImageT | HounsfieldError:
        try:
            return read(case)
        except HounsfieldError as error:
            return error
        except (OSError, ValueError, MemoryError) as error:
            return DatasetError("E818", case=case.identifier, reason=type(error).__name__)

    waiting: deque[tuple[int, Future[ImageT | HounsfieldError]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for index in indices:
            waiting.append((index, pool.submit(attempt, cases[index])))
            if len(waiting) >= held:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
