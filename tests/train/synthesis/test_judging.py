"""Judging with planted generators: a perfect one, a useless one, and one that gives the training images back."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.train.parts import Parts  # noqa: E402
from hounsfield.train.synthesis.drawing import GAP, LEAST_SIDE, by_class, closest_pairs, sheet  # noqa: E402
from hounsfield.train.synthesis.judging import draw_like, judge, like, samples, spread  # noqa: E402
from tests.train.synthesis.games import GREYS, Blocks, part, parts  # noqa: E402


class Planted:
    """A generator (as ``model.generator.Generator``) that gives images of a fixed stock, class by class."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.stock = {label: images[labels == label] for label in np.unique(labels)}

    def draw(self, label: int, count: int, seed: int) -> np.ndarray:
        own = self.stock[label]
        return own[np.arange(count) % len(own)]


def judged(data: Parts, images: np.ndarray, labels: np.ndarray):
    return judge(Planted(images, labels), data, Blocks(), 0)


@pytest.fixture(scope="module")
def data() -> Parts:
    return parts(160, 24, 60)


def test_a_perfect_generator_is_as_good_as_real_images(data):
    other = part(80, 99)
    found = judged(data, other.images, other.labels)
    assert (found.part, found.count) == ("test", 60)
    assert found.metrics["kernel_distance"].low <= 0 <= found.metrics["kernel_distance"].high
    real = found.metrics["frechet_distance_of_real"]
    assert found.metrics["frechet_distance"].value < 2 * real.high
    assert found.metrics["precision"].value > 0.8
    assert found.metrics["recall"].value > 0.8
    assert not found.is_copying
    assert found.issues == ()


def test_a_useless_one_is_told_from_real_images(data):
    white = np.random.default_rng(0).random((60, 1, 32, 32), dtype=np.float32) * 0.1 + 0.9
    found = judged(data, white, np.arange(60) % 2)
    assert found.metrics["kernel_distance"].low > found.metrics["kernel_distance_of_real"].high
    assert found.metrics["frechet_distance"].low > found.metrics["frechet_distance_of_real"].high
    assert found.metrics["coverage"].value < 0.1
    assert not found.copying_samples.is_copying


def test_a_planted_memoriser_is_caught_and_its_pairs_are_drawn(data):
    chance = np.random.default_rng(1)
    copies = (data.training.images + chance.normal(0, 0.001, data.training.images.shape)).astype(np.float32)
    found = judged(data, copies, data.training.labels)
    assert found.copying_samples.is_copying
    assert found.is_copying
    (issue,) = found.issues
    assert issue.code == "Q920"
    assert all("p = " in issue.text(language) for language in ("en", "zh"))
    above, below = closest_pairs(found.synthetic, data.training, found.copying_samples)
    assert np.abs(above - below).max() < 0.01
    assert found.metrics["frechet_distance"].value < 2 * found.metrics["frechet_distance_of_real"].high


def test_indices_of_the_nearest_by_features_are_those_of_the_whole_part(data, monkeypatch):
    from hounsfield.train.synthesis import judging

    monkeypatch.setattr(judging, "MOST_KNOWN", 10)
    found = judged(data, data.training.images, data.training.labels)
    space = Blocks()
    made, known = space.of(found.synthetic), space.of(data.training.images)
    nearest = found.copying_features.nearest
    distances = np.linalg.norm(made - known[nearest], axis=1)
    assert distances == pytest.approx(found.copying_features.distances, abs=1e-5)


def test_without_a_test_part_the_tuning_part_stands_in(data):
    found = judged(Parts(data.training, data.tuning, None), part(80, 98).images, part(80, 98).labels)
    assert (found.part, found.count) == ("tuning", 24)
    assert found.assessment().metrics == found.metrics


def test_classes_of_synthetic_images_are_those_of_the_real_ones():
    labels = np.array([1, 0, 1, 1, 0])
    stock = part(20, 5)
    made = draw_like(Planted(stock.images, stock.labels), labels, 0)
    assert (made.mean((1, 2, 3)) > np.mean(GREYS)).tolist() == [True, False, True, True, False]


def test_real_images_to_compare_with_have_the_same_classes():
    labels = np.array([0, 0, 1])
    picked = like(part(30, 6), labels, 3)
    assert sorted(part(30, 6).labels[picked].tolist()) == [0, 0, 1]
    assert len(np.unique(picked)) == 3
    assert np.array_equal(picked, like(part(30, 6), labels, 3))
    assert len(like(part(2, 6), np.zeros(9, np.int64), 3)) == 1


def test_spread_reaches_from_the_first_to_the_last():
    assert spread(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert spread(101, 3).tolist() == [0, 50, 100]


def test_samples_of_large_images_are_means_of_blocks():
    image = np.kron(np.arange(32 * 32).reshape(32, 32), np.ones((2, 2)))[None, None]
    assert samples(image)[0].tolist() == list(range(32 * 32))
    small = np.random.default_rng(0).random((3, 2, 28, 28))
    assert samples(small).tolist() == small.reshape(3, -1).tolist()


def test_a_sheet_holds_each_image_enlarged_with_gaps_and_white_where_there_is_none():
    images = np.stack([np.full((1, 8, 8), grey, np.float32) for grey in (0.0, 0.5, 1.0)])
    found = sheet([images, images[:1]])
    step = LEAST_SIDE + 2 * GAP
    assert found.shape == (2 * step, 3 * step)
    assert found.dtype == np.uint8
    assert found[step // 2, step // 2] == 0
    assert found[step // 2, step + step // 2] == 128
    assert found[step + step // 2, step + step // 2] == 255
    assert (found[:GAP] == 255).all()


def test_rows_of_a_sheet_are_classes_that_have_images():
    images, labels = np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1), np.array([2, 0, 2, 2])
    rows = by_class(images, labels, 4)
    assert [row.ravel().tolist() for row in rows] == [[1.0], [0.0, 2.0, 3.0]]
