"""Cases read by threads and given in order, whatever a table holds; what kept one is its answer."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from hounsfield.compiled import in_order
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
    """Return (index, image or the error that kept it) in the order of the indices.

    Args:
        read: reads one case.
        cases: all of them.
        indices: which.
        workers: threads.
        held: images that are held at once.
    """

    def attempt(index: int) -> tuple[int, ImageT | HounsfieldError]:
        case = cases[index]
        try:
            return index, read(case)
        except HounsfieldError as error:
            return index, error
        except (OSError, ValueError, MemoryError) as error:
            return index, DatasetError("E818", case=case.identifier, reason=type(error).__name__)

    return in_order(attempt, indices, workers, held)
