"""What the machine has left, asked before a step that takes much of it."""

from pathlib import Path


def available_memory(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the bytes a process may still take: free memory, or what its control group leaves; None if unknown."""
    found = [value for value in (_free_bytes(proc), _group_bytes(cgroup)) if value is not None]
    return min(found) if found else None


def _free_bytes(proc: Path) -> int | None:
    try:
        lines = (proc / "meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
    return sizes["MemAvailable"] * 1024 if "MemAvailable" in sizes else None


def _group_bytes(cgroup: Path) -> int | None:
    try:
        limit = (cgroup / "memory.max").read_text(encoding="utf-8").strip()
        used = int((cgroup / "memory.current").read_text(encoding="utf-8")) - _file_bytes(cgroup)
    except (OSError, ValueError):
        return None
    return max(0, int(limit) - used) if limit.isdigit() else None


def _file_bytes(cgroup: Path) -> int:
    """Return what the group holds of files: the system gives it back before it ends a process."""
    try:
        lines = (cgroup / "memory.stat").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "active_file ")))
