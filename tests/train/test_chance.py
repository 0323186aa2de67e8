"""Chance: the same place gives the same numbers, other places give others, and the process is left as it was."""

import pytest

torch = pytest.importorskip("torch")

from hounsfield.train.chance import generator_at, settled, stream  # noqa: E402


def test_stream_is_fixed_for_ever() -> None:
    # SHA-256 of "7/order/3", first eight bytes, less the last bit: a resumed run of another version must agree
    import hashlib

    expected = int(hashlib.sha256(b"7/order/3").hexdigest()[:16], 16) // 2
    assert stream(7, "order", 3) == expected


def test_places_do_not_share_streams() -> None:
    places = [
        (seed, name, epoch, batch) for seed in range(3) for name in "ab" for epoch in range(5) for batch in range(5)
    ]
    assert len({stream(*place) for place in places}) == len(places)


def test_generator_draws_the_same_at_the_same_place() -> None:
    first, second, other = (torch.rand(5, generator=generator_at(1, "x", index)) for index in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_settled_puts_everything_back() -> None:
    torch.manual_seed(11)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with settled(1):
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        torch.rand(10)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_settled_puts_everything_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="broken"), settled(1):
        raise ValueError("broken")
    assert not torch.are_deterministic_algorithms_enabled()
