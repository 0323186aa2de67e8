"""Text that was drawn is suspected, and pictures without text are not."""

import numpy as np
import pytest
from skimage import data
from skimage.transform import resize

from hounsfield.image.quality.writing import letters_in
from tests.image.quality.scenes import written


def ground(level: int = 40) -> np.ndarray:
    noise = np.random.default_rng(5).normal(level, 8, (300, 400))
    return np.asarray(np.clip(noise, 0, 120), np.uint8)


@pytest.mark.parametrize("size", [18, 20, 28, 40])
@pytest.mark.parametrize("text", ["SURNAME ABC", "1957-03-14", "HOSPITAL 7"])
def test_drawn_text_is_suspected(size, text):
    found = letters_in(written(ground(), text, size, (10, 200)))
    assert 0.5 * len(text) <= found <= 1.3 * len(text)


def test_more_text_is_a_larger_count():
    image = ground()
    counts = []
    for row in range(3):
        image = written(image, "LINE OF TEXT", 20, (20, 20 + 60 * row)).astype(np.uint8)
        counts.append(letters_in(image.astype(np.float32)))
    assert counts[0] < counts[1] < counts[2]


@pytest.mark.parametrize("name", ["camera", "moon", "coins", "brick", "grass", "gravel"])
def test_photographs_without_text_are_not_suspected(name):
    image = resize(np.asarray(getattr(data, name)(), np.float32), (384, 384), anti_aliasing=True)
    assert letters_in(np.asarray(image, np.float32)) <= 7


def test_noise_is_no_text():
    grain = np.random.default_rng(1).normal(0, 1, (256, 256)).astype(np.float32)
    assert letters_in(grain) <= 7


@pytest.mark.parametrize("image", [np.zeros((128, 128)), np.ones((128, 128)), np.eye(20)])
def test_flat_and_small_images_have_none(image):
    assert letters_in(image.astype(np.float32)) == 0
