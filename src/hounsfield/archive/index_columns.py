"""The columns of a header index: DICOM keywords in snake_case, their tags, and raw bytes made into values.

The patient's name is not among them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hounsfield.archive.charset import decode_text
from hounsfield.archive.header import SPECIFIC_CHARACTER_SET

Value = str | int | float | None


@dataclass(frozen=True)
class Column:
    """A column of the table of files.

    Attributes:
        name: DICOM keyword in snake_case.
        tag: where the value comes from.
        kind: TEXT for text and for several values (joined by a backslash as in DICOM), INTEGER or REAL for one number;
            BINARY for an integer that the file holds in binary.
    """

    name: str
    tag: int
    kind: str = "TEXT"

    @property
    def sql_type(self) -> str:
        """The type of the column in SQLite."""
        return "INTEGER" if self.kind == "BINARY" else self.kind


COLUMNS = (
    Column("sop_class_uid", 0x00080016),
    Column("sop_instance_uid", 0x00080018),
    Column("study_date", 0x00080020),
    Column("accession_number", 0x00080050),
    Column("modality", 0x00080060),
    Column("manufacturer", 0x00080070),
    Column("study_description", 0x00081030),
    Column("series_description", 0x0008103E),
    Column("manufacturer_model_name", 0x00081090),
    Column("patient_id", 0x00100020),
    Column("patient_sex", 0x00100040),
    Column("patient_age", 0x00101010),
    Column("body_part_examined", 0x00180015),
    Column("slice_thickness", 0x00180050, "REAL"),
    Column("study_instance_uid", 0x0020000D),
    Column("series_instance_uid", 0x0020000E),
    Column("series_number", 0x00200011, "INTEGER"),
    Column("instance_number", 0x00200013, "INTEGER"),
    Column("image_position_patient", 0x00200032),
    Column("number_of_frames", 0x00280008, "INTEGER"),
    Column("rows", 0x00280010, "BINARY"),
    Column("columns", 0x00280011, "BINARY"),
    Column("pixel_spacing", 0x00280030),
)
CHARACTER_SET_COLUMN = len(COLUMNS)
TAGS = (*(column.tag for column in COLUMNS), SPECIFIC_CHARACTER_SET)
"""What is read of each file: the columns, and the character set that their text is in."""


def convert(column: Column, raw: bytes, character_set: bytes, is_little_endian: bool = True) -> Value:
    """Return a value of a column; None where the file gives none, or no number where one belongs.

    Example:
        >>> convert(Column("slice_thickness", 0x00180050, "REAL"), b"2.50", b"")
        2.5
    """
    if column.kind == "BINARY":
        return int.from_bytes(raw, "little" if is_little_endian else "big") if len(raw) in (2, 4) else None
    text = decode_text(raw, character_set)
    if not text:
        return None
    if column.kind == "TEXT":
        return text
    return _number(text, int if column.kind == "INTEGER" else float)


def _number(text: str, parse: Callable[[str], int | float]) -> int | float | None:
    """Return the first number of a text; what SQLite cannot hold is none."""
    first = text.split("\\")[0].strip()
    try:
        number = parse(first) if len(first) <= 16 and "_" not in first else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < float("inf") else None


def convert_values(values: Mapping[int, bytes], is_little_endian: bool) -> tuple[Value, ...]:
    """Return the values of all columns from raw values by tag."""
    character_set = values.get(SPECIFIC_CHARACTER_SET, b"")
    return tuple(convert(column, values.get(column.tag, b""), character_set, is_little_endian) for column in COLUMNS)
