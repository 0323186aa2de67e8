"""Errors of the operating system and of the database, told as errors of the archive."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from hounsfield.errors import ArchiveError, Timeout

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def told() -> Iterator[None]:
    """Raise what goes wrong inside as an error of the archive.

    Raises:
        ArchiveError: ``E172`` no space left, ``E176`` the store cannot be written, ``E184`` the index does not answer.
        Timeout: ``E175``, another program holds the index.
    """
    try:
        yield
    except OSError as error:
        raise from_system(error) from error
    except DBAPIError as error:
        raise from_database(error) from error


def from_system(error: OSError) -> ArchiveError:
    """Return the error that stands for one of the operating system, by its symbol and without its path."""
    if error.errno in _FULL:
        return ArchiveError("E172")
    return ArchiveError("E176", found=errno.errorcode.get(error.errno or 0, type(error).__name__))


def from_database(error: DBAPIError) -> ArchiveError:
    """Return the error that stands for one of the database; its text, which may quote values, is not kept."""
    name = str(getattr(error.orig, "sqlite_errorname", type(error.orig).__name__))
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_TRUNCATE", "SQLITE_IOERR_SHMSIZE")):
        return ArchiveError("E172")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Timeout("E175")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return ArchiveError("E176", found=name)
    return ArchiveError("E184", found=name)
