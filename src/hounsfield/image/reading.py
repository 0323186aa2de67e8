"""Opening one DICOM file within bounds: the header alone, or with its pixels."""

import zlib

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from hounsfield.core.study import InstanceRef
from hounsfield.errors import Undecodable
from hounsfield.image.guard import refusing
from hounsfield.image.limits import PixelLimits

_CHUNK_BYTES = 1 << 20
_PREAMBLE_BYTES = 132
_GROUP_LENGTH_BYTES = 12


def read_header(instance: InstanceRef, limits: PixelLimits) -> Dataset:
    """Read the data set up to its pixels.

    Raises:
        Undecodable: ``E300`` for what is not a readable data set, ``E303`` beyond the limits.
    """
    return _read(instance, limits, header_only=True)


def read_whole(instance: InstanceRef, limits: PixelLimits) -> Dataset:
    """Read the data set with its pixels, still encoded.

    Raises:
        Undecodable: ``E300`` for what is not a readable data set, ``E303`` beyond the limits.
    """
    return _read(instance, limits, header_only=False)


def read_instance_number(instance: InstanceRef) -> float | None:
    """Return Instance Number (0020,0013) of an object whose header has been read before, None where it has none."""
    with refusing("E300", instance.sop_instance_uid):
        dataset = pydicom.dcmread(instance.path, stop_before_pixels=True, force=True, specific_tags=["InstanceNumber"])
        value = dataset.get("InstanceNumber")
        return None if value is None else float(value)


def transfer_syntax_of(dataset: Dataset, instance: InstanceRef) -> str:
    """Return the transfer syntax from the file, from the archive, or what the bare data set was read as."""
    meta = getattr(dataset, "file_meta", None)
    found = str(meta.get("TransferSyntaxUID") or "") if meta is not None else ""
    return found or instance.transfer_syntax_uid or _guessed_syntax(dataset)


def _guessed_syntax(dataset: Dataset) -> str:
    """Return the native syntax that pydicom found a data set without a file header to be in."""
    is_implicit, is_little_endian = dataset.original_encoding
    if is_little_endian is False:
        return str(ExplicitVRBigEndian)
    return str(ExplicitVRLittleEndian if is_implicit is False else ImplicitVRLittleEndian)


def _read(instance: InstanceRef, limits: PixelLimits, *, header_only: bool) -> Dataset:
    uid = instance.sop_instance_uid
    with refusing("E300", uid):
        limits.require_file(instance.path.stat().st_size, uid)
        if instance.transfer_syntax_uid in ("", DeflatedExplicitVRLittleEndian):
            _require_bounded_inflation(instance, limits)
        return pydicom.dcmread(instance.path, stop_before_pixels=header_only, force=True)


def _require_bounded_inflation(instance: InstanceRef, limits: PixelLimits) -> None:
    """Inflate once without keeping the result: pydicom inflates into memory without a bound."""
    uid = instance.sop_instance_uid
    with instance.path.open("rb") as stream:
        if stream.read(_PREAMBLE_BYTES)[-4:] != b"DICM":
            return
        meta = pydicom.filereader.read_file_meta_info(instance.path)
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            return
        stream.seek(_PREAMBLE_BYTES + _GROUP_LENGTH_BYTES + int(meta.FileMetaInformationGroupLength))
        inflater, total, chunk = zlib.decompressobj(-zlib.MAX_WBITS), 0, stream.read(_CHUNK_BYTES)
        while chunk and not inflater.eof:
            total += len(inflater.decompress(chunk, _CHUNK_BYTES))
            limits.require_file(total, uid)
            chunk = inflater.unconsumed_tail or stream.read(_CHUNK_BYTES)
    if not inflater.eof:
        raise Undecodable("E302", uid=uid, found=total, expected="a complete deflated data set")
