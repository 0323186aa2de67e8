"""Files that lie about in folders of scans and do not claim to be one: READMEs, viewers, traces of other systems."""

from pathlib import PurePosixPath

_NAMES = frozenset(
    {
        "thumbs.db",
        "desktop.ini",
        "dicomdir",
        "readme",
        "license",
        "licence",
        "copying",
        "notice",
        "changelog",
        "lockfile",
    }
)
_DOCUMENTS = {".txt", ".md", ".rst", ".rtf", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".url", ".html"}
_TABLES = {".csv", ".tsv", ".json", ".jsonl", ".xml", ".htm", ".yaml", ".yml", ".toml", ".ini", ".inf", ".cfg", ".log"}
_PROGRAMS = {
    ".exe",
    ".dll",
    ".so",
    ".dylib",
    ".jar",
    ".bat",
    ".cmd",
    ".sh",
    ".py",
    ".js",
    ".css",
    ".msi",
    ".lnk",
    ".class",
}
_OTHERS = {".ico", ".gif", ".bmp", ".webp", ".svg", ".db", ".cer", ".dump", ".icc", ".md5", ".sha256", ".bval", ".bvec"}
_SUFFIXES = frozenset(_DOCUMENTS | _TABLES | _PROGRAMS | _OTHERS)


def is_litter(name: str) -> bool:
    """Tell by its name that a file, found to be no scan by its bytes, does not claim to be one either."""
    parts = [part.lower() for part in name.split("/")]
    if "__macosx" in parts or any(part.startswith(".") for part in parts):
        return True
    last = PurePosixPath(parts[-1])
    return last.name in _NAMES or last.suffix in _SUFFIXES
