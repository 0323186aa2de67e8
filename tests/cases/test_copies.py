"""Copies planted in sets of different kinds, look-alikes that are none, and one film as a whole set."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from scipy.ndimage import gaussian_filter, shift

from hounsfield.cases.duplicates import (
    NEAR_THRESHOLD,
    SAME_SHAPE_THRESHOLD,
    SIDE,
    find_near_copies,
    join,
    links_of,
    thumbnail,
)
from hounsfield.cases.guard import examine
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.image.phantoms.chest import ChestPhantom
from tests.cases.examples import codes, picture, table_of

SIZE = 96


def saved(array: np.ndarray, kind: str, **options) -> np.ndarray:
    """Return a picture as it comes back from a file."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return np.asarray(Image.open(io.BytesIO(buffer.getvalue())))


def cropped(array: np.ndarray, margin: int) -> np.ndarray:
    inner = Image.fromarray(array[margin:-margin, margin:-margin])
    return np.asarray(inner.resize(array.shape[::-1], Image.Resampling.BICUBIC))


def brightened(array: np.ndarray, factor: float) -> np.ndarray:
    return np.asarray(ImageEnhance.Brightness(Image.fromarray(array)).enhance(factor))


def gamma(array: np.ndarray, exponent: float) -> np.ndarray:
    return np.rint(255 * (array / 255.0) ** exponent).astype(np.uint8)


COPIES = {
    "JPEG of quality 30": lambda array: saved(array, "JPEG", quality=30),
    "WebP": lambda array: saved(np.stack([array] * 3, -1), "WEBP", quality=40)[..., 0],
    "darker": lambda array: brightened(array, 0.5),
    "gamma": lambda array: gamma(array, 0.7),
    "negative offset": lambda array: np.maximum(array.astype(int) - 15, 0).astype(np.uint8),
    "crop of one in a hundred": lambda array: cropped(array, 1),
    "mirror": lambda array: array[:, ::-1],
    "mirror as JPEG": lambda array: saved(array[:, ::-1], "JPEG", quality=50),
    "a third of the size": lambda array: np.asarray(Image.fromarray(array).resize((32, 32), Image.Resampling.BOX)),
    "twice the size": lambda array: np.asarray(Image.fromarray(array).resize((192, 192), Image.Resampling.BICUBIC)),
    "blurred": lambda array: gaussian_filter(array, 1.0),
    "half a pixel aside": lambda array: np.clip(shift(array.astype(float), 0.5, mode="nearest"), 0, 255).astype("u1"),
    "a burnt-in letter": lambda array: np.where(np.add.outer(np.arange(SIZE), np.arange(SIZE)) < 12, 255, array),
    "shaded": lambda array: (array * np.linspace(0.75, 1.0, SIZE)).astype(np.uint8),
}


@pytest.fixture(scope="module")
def base():
    return {str(seed): picture(seed, SIZE) for seed in range(30)}


@pytest.mark.parametrize("name", COPIES)
def test_a_planted_copy_is_found_alone(base, name):
    """The copy has another label, so that the conflict must be told with the names of both cases."""
    pictures = {**base, "planted": COPIES[name](base["11"])}
    examination = examine(table_of(pictures, [0] * 15 + [1] * 15 + [1]))
    assert examination.near_copies.pairs.tolist() == [[11, 30]]
    assert examination.groups[11] == examination.groups[30]
    assert len(set(examination.groups)) == 30
    found = {issue.code: issue for issue in examination.issues}
    assert set(found) == {"Q802", "Q804"}
    assert found["Q804"].facts["cases"] == "11 = planted"


@pytest.mark.parametrize(
    "other",
    [
        lambda array: array.T,
        lambda array: 255 - array,
        lambda array: np.roll(array, SIZE // 3, axis=0),
        lambda array: cropped(array, 30),
        lambda array: (0.5 * array + 0.5 * picture(999, SIZE)).astype(np.uint8),
    ],
    ids=["transposed", "negative", "moved by a third", "inner third", "half another picture"],
)
def test_what_is_only_related_is_no_copy(base, other):
    examination = examine(table_of({**base, "other": other(base["11"])}, [0] * 15 + [1] * 16))
    assert examination.near_copies.pairs.tolist() == []


def test_different_people_of_one_anatomy_are_no_copies():
    """Twelve chest phantoms of different sizes and noise share a thorax and nothing else."""
    chance = np.random.default_rng(4)
    pixels = ChestPhantom().pixels()[::4, ::4].astype(np.float64)
    pictures = {}
    for index in range(12):
        fine = chance.normal(0, 1, (24, 24))
        coarse = Image.fromarray(fine.astype(np.float32)).resize(pixels.shape[::-1], Image.Resampling.BICUBIC)
        own = pixels / pixels.max() + 0.25 * np.asarray(coarse)
        pictures[str(index)] = np.clip(255 * (own - own.min()) / np.ptp(own), 0, 255).astype(np.uint8)
    examination = examine(table_of(pictures, [0, 1] * 6))
    assert examination.near_copies.pairs.tolist() == []
    pictures["again"] = saved(pictures["3"], "JPEG", quality=60)
    assert examine(table_of(pictures, [0, 1] * 6 + [0])).near_copies.pairs.tolist() == [[3, 12]]


@pytest.mark.parametrize("count", [2, 3, 10])
def test_a_set_of_copies_alone_is_one_group(count):
    """With nothing else in the set, its mean image is the copy itself and taking it away leaves noise."""
    chance = np.random.default_rng(0)
    array = picture(1, SIZE).astype(int)
    pictures = {
        str(index): np.clip(array + chance.integers(-4, 5, array.shape), 0, 255).astype(np.uint8)
        for index in range(count)
    }
    examination = examine(table_of(pictures, [index % 2 for index in range(count)]))
    assert set(examination.groups) == {0}
    assert "Q802" in codes(examination.issues)
    assert "Q804" in codes(examination.issues)


def test_the_frames_of_two_films_are_two_groups():
    """Each film drifts by a tenth of a pixel a frame; a split by frame would put one film on both sides."""
    pictures = {}
    for film in range(2):
        array = picture(100 + film, SIZE).astype(float)
        for frame in range(8):
            moved = shift(array, (0.1 * frame, 0), mode="nearest")
            pictures[f"{film}-{frame}"] = np.clip(moved, 0, 255).astype(np.uint8)
    groups = examine(table_of(pictures, [0] * 8 + [1] * 8)).groups
    assert groups == (0,) * 8 + (1,) * 8


def test_frames_of_different_known_patients_are_only_joined_when_they_are_the_same():
    chance = np.random.default_rng(0)
    array = picture(1, SIZE).astype(int)
    rough = np.clip(array + chance.normal(0, 25, array.shape), 0, 255).astype(np.uint8)
    pictures = {"a": array.astype(np.uint8), "rough": rough, "jpeg": saved(array.astype("u1"), "JPEG", quality=90)}
    pictures |= {str(seed): picture(seed, SIZE) for seed in range(20, 40)}
    patients: list[str | None] = ["p", "q", "r", *("s",) * 20]
    groups = examine(table_of(pictures, [0, 1, 0] + [0, 1] * 10, patients)).groups
    assert groups[0] != groups[1]
    assert groups[0] == groups[2]


def test_the_likeness_is_the_correlation_of_numpy():
    """Above the threshold the first likeness decides; it is Pearson's r of band-passed thumbnails."""
    images = np.stack([picture(seed, SIDE).astype(np.float32) for seed in range(6)])
    images[5] = images[2] + np.random.default_rng(0).normal(0, 3, (SIDE, SIDE))
    copies = find_near_copies(images, np.full(6, -1))
    band = images - gaussian_filter(images, (0, 4, 4))
    expected = np.corrcoef(band[2].ravel(), band[5].ravel())[0, 1]
    assert copies.pairs.tolist() == [[2, 5]]
    assert copies.likeness[0] == pytest.approx(expected, abs=1e-5)
    assert SAME_SHAPE_THRESHOLD <= expected <= 1
    assert NEAR_THRESHOLD < SAME_SHAPE_THRESHOLD


def volume_of(array: np.ndarray) -> Volume:
    return Volume(array, VolumeGeometry(array.shape[-3:]), Quantity.DISPLAY)


def test_thumbnails_of_odd_images():
    """A line, a colour image, a stack and one with NaN each have a thumbnail of finite numbers."""
    stack = np.stack([np.full((40, 40), value, dtype=np.float32) for value in (0.0, 0.5, 1.0)])
    assert np.allclose(thumbnail(volume_of(stack)), 0.5)
    colour = np.stack([np.full((1, 50, 40), value, dtype=np.float32) for value in (0.0, 0.3, 0.9)])
    assert np.allclose(thumbnail(volume_of(colour)), 0.4)
    line = np.linspace(0, 1, 500, dtype=np.float32).reshape(1, 1, 500)
    assert thumbnail(volume_of(line)).shape == (SIDE, SIDE)
    holes = np.full((1, 64, 64), np.nan, dtype=np.float32)
    holes[0, :, 32:] = np.inf
    assert np.isfinite(thumbnail(volume_of(holes))).all()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 25).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=30))
    )
)
def test_groups_are_the_parts_of_the_graph(case):
    """Against a union-find of our own; groups are numbered by first appearance."""
    count, pairs = case
    parent = list(range(count))

    def root(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    for first, second in pairs:
        parent[root(first)] = root(second)
    groups = join(count, np.array(pairs, dtype=np.int64).reshape(-1, 2))
    for first in range(count):
        for second in range(count):
            assert (groups[first] == groups[second]) == (root(first) == root(second))
    assert list(dict.fromkeys(groups.tolist())) == list(range(len(set(groups.tolist()))))


@settings(deadline=None)
@given(st.lists(st.integers(-1, 5), max_size=30))
def test_links_join_equal_keys_and_leave_unknown_ones_alone(keys):
    groups = join(len(keys), links_of(np.array(keys, dtype=np.int64)))
    for first, one in enumerate(keys):
        for second, other in enumerate(keys):
            assert (groups[first] == groups[second]) == (first == second or (one == other and one >= 0))
