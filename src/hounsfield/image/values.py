"""Numbers in the raw bytes of many text values at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def numbers_in(raws: Sequence[bytes], count: int) -> npt.NDArray[np.float64] | None:
    r"""Return the numbers of Decimal Strings (PS3.5 6.2).

    Args:
        raws: n values as they lie in their files.
        count: numbers that each must hold.

    Returns:
        (n, count), None unless there are values and each holds just that many finite numbers.

    Example:
        >>> numbers_in([b"1\\-2.5 ", b"3\\4e1"], 2)
        array([[ 1. , -2.5],
               [ 3. , 40. ]])
    """
    if not raws or any(raw.count(b"\\") != count - 1 for raw in raws):
        return None
    try:
        text = b"\\".join(raws).replace(b"\0", b" ").decode("ascii")
        numbers = np.array(list(map(float, text.split("\\"))), dtype=np.float64)
    except ValueError:
        return None
    return numbers.reshape(-1, count) if np.isfinite(numbers).all() else None
