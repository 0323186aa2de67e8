"""Files and folders that are whole or not there, and never in the place of others."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from hounsfield.errors import SettingsError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to, in a hidden folder beside the final one; it takes its name when the block ends well.

    The name given has the ending of the final one, as writers choose their format by it.

    Raises:
        SettingsError: ``E340`` when something stands in its place already.
    """
    _require_free(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(mkdtemp(prefix=".partial-", dir=path.parent))
    try:
        yield partial / path.name
        _require_free(path)
        (partial / path.name).replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a hidden folder to write into; it becomes ``folder``, which may exist empty, when the block ends well.

    Raises:
        SettingsError: ``E340`` when a file or a folder that holds something stands in its place.
    """
    _require_empty(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(mkdtemp(prefix=".partial-", dir=folder.parent))
    # mkdtemp is private to the user; what is handed over has the rights of an ordinary folder.
    contents = partial / "contents"
    contents.mkdir()
    try:
        yield contents
        _require_empty(folder)
        contents.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _require_free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise SettingsError("E340", found=path.name)


def require_free(target: Path) -> None:
    """Refuse a target whose place is taken, before any work is done for it; an empty folder is free.

    Raises:
        SettingsError: ``E340``.
    """
    _require_empty(target)


def _require_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        return
    _require_free(folder)
