"""What a store says about an object that it took in."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of an object; in each case its bytes are safe when this is said."""

    STORED = "stored"
    HELD = "held"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Receipt:
    """The answer to a received object.

    Attributes:
        outcome: stored; held already with the same bytes; in conflict with other bytes of the same UID, both kept;
            or quarantined.
        sha256: digest of the bytes, hexadecimal.
        size_bytes: how many.
        sop_class_uid: of the object, empty where its header could not be read.
        sop_instance_uid: the same.
        series_instance_uid: the same.
        study_instance_uid: the same.
        code: why it is in conflict or quarantined, empty otherwise.
        remarks: codes of what is doubtful about an object that was taken, such as text in an unsure character set.
    """

    outcome: Outcome
    sha256: str
    size_bytes: int
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    series_instance_uid: str = ""
    study_instance_uid: str = ""
    code: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether the object can be retrieved by its UID: stored or held."""
        return self.outcome in (Outcome.STORED, Outcome.HELD)
