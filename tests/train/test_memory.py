"""The memory estimate: against counts by hand and what a process really takes; refusal with numbers."""

import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import HounsfieldError  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.train.memory import (  # noqa: E402
    COPIES_OF_WEIGHTS,
    MemoryEstimate,
    check_memory,
    estimate_memory,
)


def test_images_and_weights_are_counted() -> None:
    estimate = estimate_memory(NetworkSettings("lenet", 10, 1, 32, 32), 1000, 10)
    assert estimate.images_bytes == 1000 * 32 * 32 * 4
    assert estimate.weights_bytes == COPIES_OF_WEIGHTS * 61_706 * 4
    assert estimate.total_bytes == estimate.images_bytes + estimate.weights_bytes + estimate.batch_bytes


def test_activations_of_lenet_are_counted_by_hand() -> None:
    one, two = (estimate_memory(NetworkSettings("lenet", 10, 1, 32, 32), 1, size).batch_bytes for size in (1, 2))
    # 6x28x28 twice (convolution, tanh), 6x14x14, 16x10x10 twice, 16x5x5, 120 twice, 84 twice, dropout 84, 10
    activations = 2 * 6 * 784 + 6 * 196 + 2 * 16 * 100 + 16 * 25 + 2 * 120 + 3 * 84 + 10
    assert one == 4 * (2 * activations + 4 * 1024)
    assert two == 2 * one


def test_a_large_network_is_estimated_without_being_built() -> None:
    estimate = estimate_memory(NetworkSettings("vgg16", 1000, 3, 224, 224), 10, 1)
    assert estimate.weights_bytes > 3e9


def test_what_does_not_fit_is_refused_with_numbers_and_a_way_out() -> None:
    for parts, flag in (((900, 1, 1), "--size"), ((1, 900, 1), "--network"), ((1, 1, 900), "--batch-size")):
        with pytest.raises(HounsfieldError) as caught:
            check_memory(MemoryEstimate(*(value * 2**20 for value in parts)), 500 * 2**20)
        assert caught.value.code == "E835"
        assert caught.value.facts["needed_mb"] == 902
        assert "902 MB" in caught.value.text()
        assert flag in caught.value.next_step()
        assert flag in caught.value.next_step("zh")


def test_what_fits_or_cannot_be_known_is_let_through() -> None:
    estimate = MemoryEstimate(1, 1, 1)
    check_memory(estimate, 3)
    check_memory(estimate, None)
