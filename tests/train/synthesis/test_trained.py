"""Train on synthetic, test on real: a perfect stock teaches as much as real images, a mixed-up one teaches nothing."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.train.chance import settled  # noqa: E402
from hounsfield.train.parts import Parts  # noqa: E402
from hounsfield.train.synthesis.trained import trained_on_each  # noqa: E402
from tests.train import tiny  # noqa: E402
from tests.train.synthesis.test_judging import Planted  # noqa: E402
from tests.train.test_loop import plan  # noqa: E402


@pytest.fixture(scope="module")
def data() -> Parts:
    return tiny.parts(96, 48, 60, strength=0.6)


def compared(data: Parts, images: np.ndarray, labels: np.ndarray):
    with settled(1):
        return trained_on_each(data, Planted(images, labels), plan(4), 0)


def test_images_of_the_same_kind_teach_as_much_as_real_ones(data):
    other = tiny.part(96, 9, strength=0.6)
    found = compared(data, other.images, other.labels)
    assert set(found) == {"synthetic", "real"}
    assert found["real"]["auroc"].value > 0.9
    assert found["synthetic"]["auroc"].value > 0.9
    assert found["synthetic"]["auroc"].low <= found["real"]["auroc"].high


def test_images_with_their_classes_exchanged_teach_the_opposite(data):
    other = tiny.part(96, 9, strength=0.6)
    found = compared(data, other.images, 1 - other.labels)
    assert found["synthetic"]["auroc"].high < found["real"]["auroc"].low
    assert found["synthetic"]["auroc"].value < 0.5
