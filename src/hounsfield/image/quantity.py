"""Which quantity a stack carries, and the factor that takes its rescaled values there."""

from dataclasses import dataclass

from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.image.modality.pet import scale_pet
from hounsfield.image.stack import Stack
from hounsfield.image.transform import ModalityTransform

_PICTURE_MODALITIES = frozenset(("SC", "OT", "US", "IVUS", "XC", "ES", "GM", "SM", "OP", "DOC", ""))
_PICTURE_BITS = (8, 16)


@dataclass(frozen=True)
class Meaning:
    """What the samples of a stack mean.

    Attributes:
        quantity: of every sample.
        factors: one factor a frame on its rescaled values, empty when all are 1.
        issues: why it is not the quantity one would wish for.
    """

    quantity: Quantity
    factors: tuple[float, ...] = ()
    issues: tuple[QualityIssue, ...] = ()


def read_meaning(stack: Stack, started_seconds: float | None, series_uid: str) -> Meaning:
    """Return what the samples of a stack mean.

    Args:
        stack: the frames.
        started_seconds: earliest acquisition time of the series.
        series_uid: named by the issues.
    """
    head = stack.frames[0]
    if head.layout.is_colour:
        return Meaning(Quantity.DISPLAY)
    mapped = {frame.transform.quantity for frame in stack.frames}
    if mapped != {None}:
        only = mapped.pop() if len(mapped) == 1 else None
        return Meaning(only or Quantity.ARBITRARY)
    if head.facts.modality == "CT":
        return _read_ct(stack, series_uid)
    if head.facts.pet is not None:
        return _read_pet(stack, started_seconds, series_uid)
    is_plain = head.transform == ModalityTransform(kind=head.transform.kind) and not head.layout.is_signed
    is_picture = head.layout.bits_stored == head.layout.bits_allocated and head.layout.bits_allocated in _PICTURE_BITS
    has_voi = head.presentation.window is not None or head.presentation.lookup_table is not None
    if head.facts.modality in _PICTURE_MODALITIES and is_plain and is_picture and not has_voi:
        return Meaning(Quantity.DISPLAY)
    return Meaning(Quantity.ARBITRARY)


def _read_ct(stack: Stack, series_uid: str) -> Meaning:
    """Rescale Type is required when it is not HU (PS3.3 C.8.2.1), so its absence means HU on axial originals."""
    head = stack.frames[0]
    kinds = {frame.transform.kind for frame in stack.frames}
    if kinds == {"HU"}:
        return Meaning(Quantity.HOUNSFIELD)
    if kinds != {""} or "LOCALIZER" in head.facts.image_type:
        facts: dict[str, object] = {"found": ", ".join(sorted(kinds)) or "LOCALIZER"}
        issue = QualityIssue("Q322", Severity.WARN, facts, series_uid)
        is_localizer = "LOCALIZER" in head.facts.image_type
        return Meaning(Quantity.ARBITRARY, issues=() if is_localizer else (issue,))
    if head.facts.image_type[:1] == ("ORIGINAL",):
        return Meaning(Quantity.HOUNSFIELD)
    issue = QualityIssue("Q321", Severity.NOTE, {"found": "\\".join(head.facts.image_type)}, series_uid)
    return Meaning(Quantity.HOUNSFIELD, issues=(issue,))


def _read_pet(stack: Stack, started_seconds: float | None, series_uid: str) -> Meaning:
    """Scale every frame to body-weight SUV, or all of them to the weaker quantity that all can have."""
    scales = [
        scale_pet(frame.facts.pet, started_seconds, frame.acquired_seconds)
        for frame in stack.frames
        if frame.facts.pet is not None
    ]
    quantities = {scale.quantity for scale in scales}
    if quantities == {Quantity.SUV_BW}:
        return Meaning(Quantity.SUV_BW, tuple(scale.factor for scale in scales))
    reason = next((scale.reason for scale in scales if scale.reason), "")
    issue = QualityIssue("Q318", Severity.WARN, {"reason": reason}, series_uid)
    activities = [scale.activity_factor for scale in scales if scale.activity_factor is not None]
    if len(activities) == len(scales):
        return Meaning(Quantity.ACTIVITY, tuple(activities), (issue,))
    return Meaning(Quantity.ARBITRARY, issues=(issue,))
