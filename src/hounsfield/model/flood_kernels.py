"""Compiled flooding of hills from their tops: what watershed cuts objects with."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled


@compiled
def flood(order: npt.NDArray[np.int64], steps: npt.NDArray[np.int64], markers: npt.NDArray[np.int32]) -> None:
    """Give each place the marker of the first neighbour that has one, from the highest place to the lowest.

    A hill without a marker is passed over, and reached from lower ground in the next round.

    Args:
        order: places to fill, the highest first.
        steps: distances in memory to the neighbours, those that count first in front.
        markers: (place,) of a framed array, 0 without one; written.
    """
    is_changed = True
    while is_changed:
        is_changed = False
        for place in order:
            if markers[place] != 0:
                continue
            for step in steps:
                if markers[place + step] > 0:
                    markers[place] = markers[place + step]
                    is_changed = True
                    break
