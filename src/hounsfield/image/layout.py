"""How the samples of an object are stored (PS3.3 C.7.6.3, Image Pixel module)."""

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from hounsfield.errors import Undecodable
from hounsfield.image.limits import PixelLimits

FLOAT_KEYWORDS = {32: "FloatPixelData", 64: "DoubleFloatPixelData"}
_WHOLE_CELLS = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
)
_BITS_ALLOCATED = (1, 8, 16, 32, 64)


@dataclass(frozen=True)
class PixelLayout:
    """Shape and sample type of the frames of one object.

    Attributes:
        rows: rows of a frame.
        columns: columns of a frame.
        samples: samples of a pixel as stored: 1, or 3 for true colour.
        frames: number of frames.
        bits_allocated: bits of the cell of a sample.
        bits_stored: bits of the sample itself.
        is_signed: two's complement.
        is_float: Float or Double Float Pixel Data.
        photometric: Photometric Interpretation.
        transfer_syntax_uid: how the pixel data is encoded.
        shift: bits of a cell below the sample, 0 unless High Bit lies above Bits Stored - 1.
    """

    rows: int
    columns: int
    samples: int
    frames: int
    bits_allocated: int
    bits_stored: int
    is_signed: bool
    is_float: bool
    photometric: str
    transfer_syntax_uid: str
    shift: int = 0

    @property
    def is_colour(self) -> bool:
        """Whether a decoded pixel is red, green and blue."""
        return self.samples == 3 or self.photometric == "PALETTE COLOR"

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of a decoded stored value."""
        if self.is_float:
            return np.dtype(np.float32 if self.bits_allocated == 32 else np.float64)
        width = max(self.bits_allocated, 8) // 8
        return np.dtype(f"{'i' if self.is_signed else 'u'}{width}")

    @property
    def frame_bits(self) -> int:
        """Bits of one frame in native encoding; 4:2:2 colour holds two samples a pixel."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * self.bits_allocated

    @property
    def native_bytes(self) -> int:
        """Bytes of all frames in native encoding, without the padding to even length."""
        return (self.frame_bits * self.frames + 7) // 8


def read_layout(dataset: Dataset, transfer_syntax_uid: str, uid: str, limits: PixelLimits) -> PixelLayout:
    """Read the Image Pixel module and refuse what no image can have.

    Raises:
        Undecodable: ``E309`` for an impossible description, ``E303`` beyond the limits.
    """
    bits = int(dataset.get("BitsAllocated") or 0)
    stored = int(dataset.get("BitsStored") or bits)
    is_float = _is_float(dataset, bits)
    layout = PixelLayout(
        rows=int(dataset.get("Rows") or 0),
        columns=int(dataset.get("Columns") or 0),
        samples=int(dataset.get("SamplesPerPixel") or 1),
        frames=int(dataset.get("NumberOfFrames") or 1),
        bits_allocated=bits,
        bits_stored=stored,
        is_signed=int(dataset.get("PixelRepresentation") or 0) == 1,
        is_float=is_float,
        photometric=str(dataset.get("PhotometricInterpretation") or "MONOCHROME2"),
        transfer_syntax_uid=transfer_syntax_uid,
        shift=0 if is_float else _read_shift(dataset, bits, stored, transfer_syntax_uid),
    )
    if bits not in _BITS_ALLOCATED or not 1 <= layout.bits_stored <= bits or layout.samples not in (1, 3):
        found = f"{bits} bits allocated, {layout.bits_stored} stored, {layout.samples} samples per pixel"
        raise Undecodable("E309", uid=uid, found=found, expected="1, 8, 16, 32 or 64 bits and 1 or 3 samples")
    if layout.frames > limits.max_frames or max(layout.rows, layout.columns) > limits.max_edge:
        found = f"{layout.frames} frames of {layout.rows} x {layout.columns}"
        raise Undecodable("E309", uid=uid, found=found, expected=f"at most {limits.max_frames} frames")
    decoded = 3 if layout.is_colour else 1
    shape = (layout.frames, layout.rows, layout.columns, decoded)
    limits.require_samples(shape, layout.dtype.itemsize, uid)
    return layout


def _is_float(dataset: Dataset, bits: int) -> bool:
    """Tell float pixel data from integers; only float pixels may leave Bits Stored out (PS3.3 C.7.6.24)."""
    if any(keyword in dataset for keyword in FLOAT_KEYWORDS.values()):
        return True
    return bits in FLOAT_KEYWORDS and "BitsStored" not in dataset and "PixelData" not in dataset


def _read_shift(dataset: Dataset, bits: int, stored: int, transfer_syntax_uid: str) -> int:
    """Return how far samples lie above the lowest bit; no longer allowed since 2014, but archives are older.

    Codestreams of JPEG hold the sample alone, and a High Bit that is too low is a slip of its writer.
    """
    high = int(dataset.get("HighBit") or 0)
    return high + 1 - stored if transfer_syntax_uid in _WHOLE_CELLS and stored <= high < bits else 0
