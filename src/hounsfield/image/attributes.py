"""One way to ask for an attribute of a frame, wherever classic and enhanced objects keep it."""

from collections.abc import Iterable
from typing import Any

from pydicom.dataset import Dataset

_MACROS: dict[str, tuple[str, ...]] = {
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PlanePositionVolumeSequence": ("ImagePositionVolume",),
    "PlaneOrientationVolumeSequence": ("ImageOrientationVolume",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction"),
    "FrameContentSequence": (
        "StackID",
        "DimensionIndexValues",
        "TemporalPositionIndex",
        "FrameAcquisitionDateTime",
        "FrameReferenceDateTime",
        "FrameAcquisitionNumber",
        "FrameAcquisitionDuration",
    ),
    "MREchoSequence": ("EffectiveEchoTime",),
    "MRTimingAndRelatedParametersSequence": ("FlipAngle",),
    "MRDiffusionSequence": ("DiffusionBValue",),
    "CardiacSynchronizationSequence": ("NominalCardiacTriggerDelayTime",),
    "MRImageFrameTypeSequence": ("FrameType", "ComplexImageComponent"),
    "CTImageFrameTypeSequence": ("FrameType",),
    "PETFrameTypeSequence": ("FrameType",),
    "PixelIntensityRelationshipLUTSequence": ("LUTFunction",),
}
"""Functional group macro of each keyword (PS3.3 C.7.6.16.2 and the macros of the CT, MR and PET modules)."""

_NESTED: dict[str, tuple[str, str]] = {
    "DiffusionGradientOrientation": ("MRDiffusionSequence", "DiffusionGradientDirectionSequence"),
}
"""Sequences of what lies in an item of a macro (PS3.3 C.8.13.5.9)."""

_SPELT: dict[str, tuple[str, str]] = {"InversionTime": ("MRModifierSequence", "InversionTimes")}
"""Macro and name of attributes that enhanced objects name otherwise (PS3.3 C.8.13.5.5)."""

_MACRO_OF: dict[str, tuple[str, ...]] = {}
for _macro, _keywords in _MACROS.items():
    for _keyword in _keywords:
        _MACRO_OF[_keyword] = (*_MACRO_OF.get(_keyword, ()), _macro)


class FrameAttributes:
    """The attributes of one frame: its own functional groups, then the shared ones, then the object's.

    Args:
        dataset: the object.
        frame_index: the frame, from 0.
    """

    def __init__(self, dataset: Dataset, frame_index: int = 0) -> None:
        self.dataset = dataset
        own = _items(dataset, "PerFrameFunctionalGroupsSequence")
        shared = _items(dataset, "SharedFunctionalGroupsSequence")
        self._groups = [*own[frame_index : frame_index + 1], *shared[:1]]

    def first(self, keyword: str) -> object:
        """Return the value of a keyword, or None where it is absent or empty everywhere."""
        for group in self._groups:
            for macro in _MACRO_OF.get(keyword, ()):
                for item in _items(group, macro)[:1]:
                    value = item.get(keyword)
                    if value is not None and value != "":
                        return value
            value = _other_place(group, keyword)
            if value is not None and value != "":
                return value
        value = self.dataset.get(keyword)
        return None if value is None or value == "" else value

    def sequence(self, keyword: str) -> list[Dataset]:
        """Return the items of a sequence of the frame: a macro such as Frame VOI LUT, or one at the top level."""
        for group in self._groups:
            found = _items(group, keyword)
            if found:
                return found
        return _items(self.dataset, keyword)

    def number(self, keyword: str) -> float | None:
        """Return the first number of a keyword, or None."""
        values = self.numbers(keyword)
        return values[0] if values else None

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """Return all numbers of a keyword, empty where it is absent."""
        return numbers_of(self.first(keyword))

    def text(self, keyword: str) -> str:
        """Return a keyword as text, the values of a list joined by backslashes as DICOM writes them."""
        value = self.first(keyword)
        if value is None:
            return ""
        return value if isinstance(value, str) else "\\".join(map(str, _as_list(value)))


def _other_place(group: Dataset, keyword: str) -> object:
    """Return the value of a keyword that a functional group keeps deeper, or under another name."""
    if keyword in _NESTED:
        macro, inner = _NESTED[keyword]
        return next((found.get(keyword) for item in _items(group, macro) for found in _items(item, inner)), None)
    if keyword in _SPELT:
        macro, name = _SPELT[keyword]
        return next((item.get(name) for item in _items(group, macro)), None)
    return None


def numbers_of(value: object) -> tuple[float, ...]:
    """Return a DICOM value as numbers, empty for None."""
    return tuple(float(item) for item in _as_list(value) if item is not None and item != "")


def _as_list(value: object) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return list(value)
    return [value]


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    value = dataset.get(keyword)
    return list(value) if value else []
