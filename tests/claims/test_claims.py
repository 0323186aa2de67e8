"""Every piece of work is claimed once, whoever asks."""

import numpy as np
import numpy.typing as npt

from hounsfield.claims import claim, end_claims, fresh_counter
from hounsfield.compiled import compiled, in_threads

PIECES = 200_000


@compiled
def work(counter: npt.NDArray[np.int64], done: npt.NDArray[np.int64]) -> int:
    """Count each piece that this thread claims."""
    count = 0
    index = claim(counter)
    while index < done.size:
        done[index] += 1
        count += 1
        index = claim(counter)
    return count


def test_each_piece_is_claimed_by_just_one_thread() -> None:
    counter, done = fresh_counter(), np.zeros(PIECES, dtype=np.int64)
    counts = in_threads(work, [(counter, done)] * 4, 4)
    assert sum(counts) == PIECES
    assert (done == 1).all()


def test_nothing_is_claimed_after_the_end() -> None:
    counter, done = fresh_counter(), np.zeros(10, dtype=np.int64)
    end_claims(counter)
    assert work(counter, done) == 0
    assert not done.any()
