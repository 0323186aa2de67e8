"""Pieces of work shared out among threads of compiled code: each takes the next one, until none is left."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba.core import types
from numba.extending import intrinsic

Counter = npt.NDArray[np.int64]


def fresh_counter() -> Counter:
    """Return a counter from which nothing has been claimed yet."""
    return np.zeros(1, dtype=np.int64)


def end_claims(counter: Counter) -> None:
    """Let no thread claim anything more."""
    counter[0] = 1 << 62


@intrinsic  # type: ignore[untyped-decorator]
def claim(typing_context: Any, counter: Any) -> Any:
    """Return the number of the next piece, from 0, which no other thread gets; only compiled code can call it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        one = context.get_constant(types.int64, 1)
        return builder.atomic_rmw("add", array.data, one, "monotonic")

    return types.int64(counter), generate
