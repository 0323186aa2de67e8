"""Chance as a pure function of the seed and the place it is used at: a resumed run draws what the first would have."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def stream(seed: int, *place: str | int) -> int:
    """Return the seed of the stream at a place, such as ``stream(7, "augment", epoch, batch)``: 63 bits of SHA-256."""
    text = "/".join(str(part) for part in (seed, *place))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator_at(seed: int, *place: str | int) -> torch.Generator:
    """Return a generator for one place."""
    return torch.Generator().manual_seed(stream(seed, *place))


@contextmanager
def settled(threads: int) -> Iterator[None]:
    """Compute with a fixed number of threads and deterministic kernels, and put everything back afterwards.

    The sum of a convolution's gradient depends on how the work is cut between threads, so their number is part of what
    makes two runs equal.
    """
    threads_before = torch.get_num_threads()
    deterministic_before = torch.get_deterministic_debug_mode()
    state_before = torch.get_rng_state()
    torch.set_num_threads(threads)
    # the same switch as use_deterministic_algorithms, which imports torch's compiler first: 1.3 s and sympy
    torch.set_deterministic_debug_mode("error")
    try:
        yield
    finally:
        torch.set_num_threads(threads_before)
        torch.set_deterministic_debug_mode(deterministic_before)
        torch.set_rng_state(state_before)
