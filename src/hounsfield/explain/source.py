"""Source: take a map from the model grid back to the grid of the source image."""

import numpy as np
import numpy.typing as npt

from hounsfield.core.quantities import Quantity
from hounsfield.core.trace import Trace
from hounsfield.core.volume import Volume
from hounsfield.prepare.grid import one_slice
from hounsfield.prepare.sequence import invert_trace


def heat_on_source(heat: npt.NDArray[np.float32], prepared: Volume, trace: Trace, slice_index: int = 0) -> Volume:
    """Return a map of one slice as a volume (1, row, column) on the grid of that slice's source image.

    Only the geometry of the steps is undone. What a step cut off is 0: the network did not see it.

    Args:
        heat: (row, column) in 0..1 on the model grid.
        prepared: the volume the map was made of.
        trace: the steps that led to it.
        slice_index: the slice of ``prepared``.

    Raises:
        NotInvertible: ``E403``, naming the step.
    """
    flat = one_slice(prepared, slice_index)
    on_model = flat.with_array(heat[None].astype(np.float32), quantity=Quantity.ARBITRARY)
    return invert_trace(trace, on_model, geometry_only=True)
