"""The door to other people's parsers: whatever they raise becomes one of our refusals."""

from collections.abc import Iterator
from contextlib import contextmanager

from hounsfield.errors import HounsfieldError, Undecodable


@contextmanager
def refusing(code: str, uid: str | None = None, **facts: object) -> Iterator[None]:
    """Turn any exception of a parser or codec into ``Undecodable`` with a code.

    Only the class of the foreign exception is kept: its text may hold values of the header.

    Raises:
        Undecodable: with the code given, when the body raised anything but an error of our own.
    """
    try:
        yield
    except HounsfieldError:
        raise
    except Exception as error:
        raise Undecodable(code, uid=uid, **{"found": type(error).__name__, **facts}) from error
