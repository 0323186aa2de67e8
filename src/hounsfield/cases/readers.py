"""How the pixels of a case are read: a row of an array, or a file through the archive and image rooms."""

from functools import cache

import numpy as np
import numpy.typing as npt

from hounsfield.archive.local import open_source
from hounsfield.cases.table import Case, CaseImage
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef, Series, Study
from hounsfield.core.volume import Samples, SliceAxis, Volume
from hounsfield.errors import DatasetError
from hounsfield.image.assemble import assemble

_NO_STUDY = Study("", ())


@cache
def _geometry(shape: tuple[int, int, int]) -> VolumeGeometry:
    return VolumeGeometry(shape, calibration=Calibration.NONE)


class ArrayReader:
    """Rows of arrays held in memory: (n, row, column), (n, row, column, 3) or (n, slice, row, column).

    A row becomes a Volume only when it is asked for. Rows of 8 bits are display pictures and are scaled to 0..1; so are
    floating-point rows that lie within 0..1 or 0..255 as a whole array. Others keep their values, as arbitrary units.
    """

    def __init__(self, arrays: tuple[npt.NDArray[np.generic], ...], *, may_be_display: bool = True) -> None:
        """Hold the arrays; an index counts through them one after another.

        Args:
            arrays: the images.
            may_be_display: whether the range of values may tell that they are display pictures.
        """
        self.arrays = arrays
        self._starts = np.cumsum([0, *(len(array) for array in arrays)])
        self._scale = display_scale(arrays) if may_be_display else None

    def row(self, index: int) -> Samples:
        """Return the stored samples of a row."""
        block = int(np.searchsorted(self._starts, index, side="right")) - 1
        return np.asarray(self.arrays[block][index - int(self._starts[block])])

    def read(self, case: Case) -> CaseImage:
        """Return the row of a case as a Volume."""
        row = self.row(case.source.row)
        if row.ndim == 3 and row.shape[-1] in (1, 3):
            row = np.moveaxis(row, -1, 0)[:, np.newaxis]
            row = row[0] if row.shape[0] == 1 else row
        elif row.ndim == 2:
            row = row[np.newaxis]
        axis = SliceAxis.SPACE if row.shape[-3] > 1 else SliceAxis.SINGLE
        array = row.astype(np.float32)
        if self._scale is not None:
            array *= np.float32(1.0 / self._scale)
        quantity = Quantity.ARBITRARY if self._scale is None else Quantity.DISPLAY
        shape = (array.shape[-3], array.shape[-2], array.shape[-1])
        instance = InstanceRef("", "", case.source.path, "application/x-npz", "")
        volume = Volume(array, _geometry(shape), quantity, (instance,), slice_axis=axis)
        return CaseImage(volume, _NO_STUDY, Series("", "", "", (instance,)))


def display_scale(arrays: tuple[npt.NDArray[np.generic], ...]) -> float | None:
    """Return the largest value of display pictures: 255 for 8 bits, by the range for floats; None for other samples."""
    if all(array.dtype == np.uint8 for array in arrays):
        return 255.0
    if any(not np.issubdtype(array.dtype, np.floating) for array in arrays):
        return None
    low = min(float(np.min(array)) for array in arrays if array.size)
    high = max(float(np.max(array)) for array in arrays if array.size)
    if low < 0 or high > 255:
        return None
    return 1.0 if high <= 1 else 255.0


class FileReader:
    """Files, or folders of one series, read as every other source: archive, then image."""

    def read(self, case: Case) -> CaseImage:
        """Return the first image of the file or folder of a case.

        Raises:
            HounsfieldError: the archive or the image room refuses it; ``E818`` when it holds no image.
        """
        with open_source(case.source.path) as archive:
            for study in archive.studies:
                for series in study.series:
                    if not any(instance.number_of_frames for instance in series.instances):
                        continue
                    assembly = assemble(series)
                    if assembly.volumes:
                        return CaseImage(assembly.volumes[0], study, series, assembly.issues)
        raise DatasetError("E818", case=case.identifier, reason="no pixels")
