"""The folder of a store: its parts, who holds it, and whether the disk under it can be trusted."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from hounsfield.archive.store.faults import told
from hounsfield.errors import ArchiveError

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "ncpfs"})
"""File systems whose locks and syncs SQLite cannot build on (https://www.sqlite.org/wal.html, "same host")."""
_MOUNTS = Path("/proc/self/mounts")


@dataclass
class StoreFolder:
    """A folder that one or more processes hold; the first of them recovers it.

    Attributes:
        path: the folder.
        is_first: whether no other process held it.
        was_clean: whether its last holder left it in order.
    """

    path: Path
    is_first: bool = False
    was_clean: bool = False
    _descriptor: int = -1

    @property
    def intents(self) -> Path:
        """Where the intent logs are."""
        return self.path / "intents"

    def hold(self) -> None:
        """Make the folder where it is not there, and hold it against the recovery of others.

        Raises:
            ArchiveError: ``E170`` for a network file system, ``E172``, ``E176``.
        """
        with told():
            self.path.mkdir(0o700, parents=True, exist_ok=True)
            require_local(self.path)
            self.intents.mkdir(0o700, exist_ok=True)
            self._descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.is_first = True
            except BlockingIOError:
                fcntl.flock(self._descriptor, fcntl.LOCK_SH)
                return
            mark = self.path / "clean"
            self.was_clean = mark.exists()
            mark.unlink(missing_ok=True)

    def share(self) -> None:
        """Let other processes in, once the recovery is done."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def release(self, is_clean: bool) -> None:
        """Leave the folder; the last one in order says so."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_clean:
                (self.path / "clean").touch(0o600)
        except OSError:
            pass  # another process holds it and will leave its own mark, or the disk is full and the next one recovers
        finally:
            os.close(self._descriptor)


def require_local(folder: Path, mounts: Path = _MOUNTS) -> None:
    """Refuse a folder on a network file system.

    Raises:
        ArchiveError: ``E170``.
    """
    try:
        table = mounts.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    place, best, kind = os.path.realpath(folder), "", ""
    for line in table.splitlines():
        fields = line.split(" ")
        point = fields[1].replace("\\040", " ") if len(fields) > 2 else ""
        if point and len(point) >= len(best) and (place + "/").startswith(point.rstrip("/") + "/"):
            best, kind = point, fields[2]
    if kind in _NETWORK:
        raise ArchiveError("E170", found=kind)
