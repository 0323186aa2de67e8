"""Limits: how much a source may ask of the machine before it is refused."""

from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """Upper bounds of what is read; every one ends in a refusal that names it.

    Attributes:
        max_files: files of a folder, archives unpacked.
        max_file_bytes: size of one file.
        max_pixel_bytes: decoded pixels of one object, and of one series.
        max_sequence_depth: sequences inside each other in a DICOM object.
        max_elements: data elements, items and fragments of one DICOM object.
        max_archive_members: entries of one zip archive.
        max_archive_bytes: all that a source's archives unpack to, together.
        max_archive_depth: archives inside each other; 1 refuses an archive in an archive.
        max_inflation_ratio: unpacked bytes for one packed byte, asked above ``inflation_floor_bytes`` alone, because
            black images pack better than any bound.
        inflation_floor_bytes: unpacked size from which the ratio counts.
        isolated: decode compressed pixels in a process of their own, which may crash or hang without harm; for sources
            that cannot be trusted.
    """

    max_files: int = 50_000
    max_file_bytes: int = 4 * GIB
    max_pixel_bytes: int = 2 * GIB
    max_sequence_depth: int = 32
    max_elements: int = 2_000_000
    max_archive_members: int = 50_000
    max_archive_bytes: int = 8 * GIB
    max_archive_depth: int = 2
    max_inflation_ratio: int = 100
    inflation_floor_bytes: int = 64 * MIB
    isolated: bool = False


DEFAULT_LIMITS = Limits()
