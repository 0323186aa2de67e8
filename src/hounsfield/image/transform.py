"""From stored values to modality values: LUT, rescale and real world value maps (PS3.3 C.11.1, C.7.6.16.2.9)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from hounsfield.core.quantities import Quantity
from hounsfield.image.attributes import FrameAttributes

Samples = npt.NDArray[Any]

_UNITS = {
    "[hnsf'U]": Quantity.HOUNSFIELD,
    "g/ml{SUVbw}": Quantity.SUV_BW,
    "{SUVbw}g/ml": Quantity.SUV_BW,
    "Bq/ml": Quantity.ACTIVITY,
}
"""Units of a real world value map that the house has a quantity for."""


@dataclass(frozen=True)
class LookupTable:
    """A DICOM LUT: values below ``first`` take the first entry, values beyond the last the last one."""

    first: int
    table: npt.NDArray[np.uint16]
    bits: int

    def apply(self, stored: Samples) -> Samples:
        """Map stored values through the table."""
        index = np.clip(stored.astype(np.int64) - self.first, 0, len(self.table) - 1)
        return np.asarray(self.table[index])


@dataclass(frozen=True)
class ModalityTransform:
    """What turns the stored values of a frame into modality values.

    Attributes:
        slope: factor.
        intercept: what is added after the factor.
        kind: Rescale Type or Modality LUT Type, empty when not given.
        lookup_table: a Modality LUT, used instead of the rescale.
        quantity: known from a real world value map, else None.
    """

    slope: float = 1.0
    intercept: float = 0.0
    kind: str = ""
    lookup_table: LookupTable | None = None
    quantity: Quantity | None = None

    @property
    def is_integral(self) -> bool:
        """Whether integers stay exact integers."""
        return self.lookup_table is None and self.slope == 1.0 and self.intercept.is_integer()

    def apply(self, stored: Samples) -> Samples:
        """Return modality values, float32 unless the stored values are float64."""
        if self.lookup_table is not None:
            return self.lookup_table.apply(stored)
        # In double precision: a slope of 0.99999 and an intercept of -1024 would cancel six digits of a single one.
        out: Samples = stored.astype(np.float64)
        if self.slope != 1.0:
            np.multiply(out, self.slope, out=out)
        if self.intercept != 0.0:
            np.add(out, self.intercept, out=out)
        return out if stored.dtype == np.float64 else out.astype(np.float32, copy=False)


def read_lookup_table(item: Dataset, *, is_signed: bool) -> LookupTable | None:
    """Read LUT Descriptor and LUT Data (PS3.3 C.11.1.1), None where there is no table."""
    if "LUTDescriptor" not in item or "LUTData" not in item:
        return None
    entries, first, bits = (int(value) for value in item.LUTDescriptor)
    data = item.LUTData
    if isinstance(data, bytes):
        # OW is swapped with its data set, and pydicom leaves the bytes as they are.
        word = ">u2" if item.original_encoding[1] is False else "<u2"
        table = np.frombuffer(data, dtype="u1" if bits <= 8 and len(data) <= (entries or 65536) + 1 else word)
    else:
        table = np.atleast_1d(np.asarray(data, dtype=np.int64)).astype(np.uint16)
    table = table[: entries or 65536].astype(np.uint16)
    if is_signed and first > 32767:
        first -= 65536
    return LookupTable(first, table, bits) if len(table) else None


def read_transform(attributes: FrameAttributes, *, is_signed: bool) -> ModalityTransform:
    """Read what the stored values of a frame mean."""
    mapped = _real_world_value(attributes)
    if mapped is not None:
        return mapped
    for item in attributes.sequence("ModalityLUTSequence")[:1]:
        table = read_lookup_table(item, is_signed=is_signed)
        if table is not None:
            return ModalityTransform(kind=str(item.get("ModalityLUTType") or ""), lookup_table=table)
    # RT Dose keeps its factor, to gray, under a name of its own (PS3.3 C.8.8.3.4.2).
    slope = attributes.number("RescaleSlope") or attributes.number("DoseGridScaling")
    intercept = attributes.number("RescaleIntercept")
    return ModalityTransform(
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        kind=attributes.text("RescaleType").upper(),
    )


def _real_world_value(attributes: FrameAttributes) -> ModalityTransform | None:
    """Read a linear map over one range, of a unit that the house knows; any other map is left alone."""
    for item in attributes.sequence("RealWorldValueMappingSequence"):
        units = item.get("MeasurementUnitsCodeSequence") or []
        quantity = _UNITS.get(str(units[0].get("CodeValue"))) if len(units) else None
        slope = item.get("RealWorldValueSlope")
        if quantity is not None and slope is not None:
            return ModalityTransform(float(slope), float(item.get("RealWorldValueIntercept") or 0.0), quantity=quantity)
    return None
