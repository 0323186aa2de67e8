"""The memory estimate: against counts by hand and what a process really takes; refusal with numbers."""

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from benchmarks.peaks import measure_apart  # noqa: E402
from hounsfield.errors import HounsfieldError  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.train.held import Saved  # noqa: E402
from hounsfield.train.memory import (  # noqa: E402
    ALWAYS_BYTES,
    COPIES_OF_WEIGHTS,
    GAPS,
    MEASURING,
    WORKED_ON,
    MemoryEstimate,
    check_memory,
    estimate_memory,
    estimate_step,
)


def test_images_and_weights_are_counted() -> None:
    estimate = estimate_memory(NetworkSettings("lenet", 10, 1, 32, 32), 1000, 10)
    assert estimate.images_bytes == 1000 * 32 * 32 * 4
    assert estimate.weights_bytes == COPIES_OF_WEIGHTS * 61_706 * 4
    assert estimate.total_bytes == estimate.images_bytes + estimate.weights_bytes + estimate.batch_bytes


def test_a_batch_is_what_lenet_saves_of_its_images() -> None:
    one, two = (estimate_memory(NetworkSettings("lenet", 10, 1, 32, 32), 1, size).batch_bytes for size in (400, 800))
    # the image as it is normalised, 6x28x28 as the tangent gives it, pooled 6x14x14, 16x10x10, 16x5x5, 120, 84, log 10
    saved = 1024 + 4704 + 1176 + 1600 + 400 + 120 + 84 + 10
    largest = 4704
    assert one - ALWAYS_BYTES == pytest.approx(GAPS * 400 * 4 * (saved + WORKED_ON * largest), rel=0.01)
    assert two - ALWAYS_BYTES == pytest.approx(2 * (one - ALWAYS_BYTES), rel=1e-6)


def test_measuring_counts_where_it_takes_more_than_learning() -> None:
    saved = Saved(total_bytes=10, largest_bytes=4, weight_bytes=0)
    assert estimate_step(saved, 0, 100, 1).batch_bytes == ALWAYS_BYTES + int(GAPS * 100 * (10 + WORKED_ON * 4))
    assert estimate_step(saved, 0, 1, 100).batch_bytes == ALWAYS_BYTES + int(GAPS * 100 * MEASURING * 4)
    assert estimate_step(saved, 0, 1, 1, 10**6).batch_bytes > ALWAYS_BYTES + 10**6


# the whole catalogue is measured by ``make bench-learning``
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of a process is read as Linux has it")
@pytest.mark.timeout(900)
def test_the_estimate_is_near_what_a_process_takes() -> None:
    found = measure_apart("classes article 64 32")
    assert found["measured"] > 60
    # what the allocator gives back, and when, differs from run to run: from 0.93 to 1.27 were seen
    assert 0.7 <= found["ratio"] <= 1.4
    assert found["estimated"] == pytest.approx(found["ratio"] * found["measured"], rel=0.01)


def test_an_estimate_does_without_symbolic_mathematics() -> None:
    code = """
import sys
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.train.memory import estimate_memory
for name in ("article", "vgg11", "small-residual"):
    estimate_memory(NetworkSettings(name, 2, 1, 64, 64), 10, 4)
print("sympy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


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
