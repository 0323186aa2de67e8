"""Crop-foreground on phantoms with a known body."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hounsfield.prepare.foreground import CropForeground
from tests.prepare.volumes import volume_of

CHANCE = np.random.default_rng(0)
STEP = CropForeground(threshold=0.1, margin_fraction=0.0)


def ellipse(rows=200, columns=160, centre=(90, 85), radii=(60, 40), seed=0):
    """Return a textured ellipse of 0.4..1 on a background of 0: it fills rows 30..150 and columns 45..125."""
    r, c = np.mgrid[:rows, :columns]
    inside = ((r - centre[0]) / radii[0]) ** 2 + ((c - centre[1]) / radii[1]) ** 2 <= 1
    texture = 0.7 + 0.3 * np.sin(r / 9) * np.cos(c / 7)
    chance = np.random.default_rng(seed)
    return (inside * texture + chance.normal(0, 0.005, inside.shape)).astype(np.float32)


def box_of(image, step=STEP):
    """Return first and last row, first and last column of the box."""
    row, column, rows, columns = step.draw(volume_of(image if image.ndim == 3 else image[None]), CHANCE)["box"]
    return row, row + rows - 1, column, column + columns - 1


BODY = (30, 150, 45, 125)


def near(found, expected, pixels=2):
    return all(abs(a - b) <= pixels for a, b in zip(found, expected, strict=True))


def test_the_box_is_the_body():
    assert near(box_of(ellipse()), BODY)


@pytest.mark.parametrize("scale", [1.0, 255.0, 4095.0, 1e-3])
@pytest.mark.parametrize("offset", [0.0, -1000.0, 50.0])
def test_the_scale_of_the_samples_does_not_matter(scale, offset):
    assert box_of(ellipse() * np.float32(scale) + np.float32(offset * scale)) == box_of(ellipse())


def test_a_white_background_is_a_background():
    assert near(box_of(1 - ellipse()), BODY)


@pytest.mark.parametrize("corner", [(2, 2), (2, 140), (180, 2), (180, 140)])
def test_a_marker_in_a_corner_is_left_out(corner):
    image = ellipse()
    image[corner[0] : corner[0] + 12, corner[1] : corner[1] + 12] = 1
    assert near(box_of(image), BODY, pixels=3)


def test_speckle_is_left_out():
    image = ellipse()
    chance = np.random.default_rng(1)
    image[chance.integers(0, 200, 40), chance.integers(0, 160, 40)] = 1
    assert near(box_of(image), BODY, pixels=3)


@given(st.floats(0, 0.2))
def test_the_margin_is_a_part_of_the_box(fraction):
    plain = box_of(ellipse())
    wide = box_of(ellipse(), CropForeground(threshold=0.1, margin_fraction=fraction))
    rows, columns = plain[1] - plain[0] + 1, plain[3] - plain[2] + 1
    assert plain[0] - wide[0] == pytest.approx(fraction * rows, abs=0.5)
    assert wide[3] - plain[3] == pytest.approx(fraction * columns, abs=0.5)


def test_the_margin_stops_at_the_edge():
    assert box_of(ellipse(), CropForeground(margin_fraction=1.0)) == (0, 199, 0, 159)


def test_a_body_up_to_every_edge_is_kept_whole():
    r, c = np.mgrid[:120, :100]
    image = (0.5 + 0.3 * np.sin(r / 11) + 0.2 * np.cos(c / 9)).astype(np.float32)
    assert box_of(image) == (0, 119, 0, 99)


def test_a_grey_frame_around_both_lighter_and_darker_parts_is_no_background():
    r, c = np.mgrid[:120, :100]
    image = (np.sin(r / 11) * np.cos(c / 9)).astype(np.float32)
    image[:6] = image[-6:] = 0
    image[:, :6] = image[:, -6:] = 0
    assert box_of(image) == (0, 119, 0, 99)


@pytest.mark.parametrize("value", [0.0, 1.0, -1000.0])
def test_a_constant_is_kept_whole(value):
    assert box_of(np.full((40, 30), value, np.float32)) == (0, 39, 0, 29)


def test_a_thin_line_is_no_body():
    image = np.zeros((100, 100), np.float32)
    image[50:52, 10:90] = 1
    assert box_of(image) == (0, 99, 0, 99)


def test_a_stack_has_one_box_around_all_slices():
    stack = np.stack([ellipse(centre=(70, 60)), np.zeros((200, 160), np.float32), ellipse(centre=(110, 100))])
    found = box_of(stack)
    assert near(found, (10, 170, 20, 140))
    after = STEP.apply(volume_of(stack), STEP.draw(volume_of(stack), CHANCE))
    np.testing.assert_array_equal(after.array, stack[:, found[0] : found[1] + 1, found[2] : found[3] + 1])


def test_samples_that_are_not_finite_are_no_body():
    image = ellipse()
    image[5, 5] = np.nan
    image[190, 150] = np.inf
    assert near(box_of(image), BODY)


def test_colour_is_cropped_by_its_mean():
    colour = np.stack([ellipse()] * 3)[:, None]
    assert STEP.draw(volume_of(colour), CHANCE)["box"] == STEP.draw(volume_of(ellipse()[None]), CHANCE)["box"]


def test_going_back_puts_zero_where_nothing_was_seen():
    volume = volume_of(ellipse()[None])
    drawn = STEP.draw(volume, CHANCE)
    back = STEP.invert(STEP.apply(volume, drawn), drawn)
    row, last_row, column, last_column = box_of(ellipse())
    inside = np.zeros((200, 160), bool)
    inside[row : last_row + 1, column : last_column + 1] = True
    np.testing.assert_array_equal(back.array[0], np.where(inside, volume.array[0], 0))


@settings(max_examples=150)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 2), st.integers(1, 20), st.integers(1, 20)),
        elements=st.floats(width=32, min_value=-1e6, max_value=1e6) | st.just(0.0) | st.just(float("nan")),
    )
)
def test_the_box_is_never_empty_and_lies_inside(image):
    row, last_row, column, last_column = box_of(image)
    assert 0 <= row <= last_row < image.shape[1]
    assert 0 <= column <= last_column < image.shape[2]


def test_real_slices_keep_the_head(shared_data):
    from PIL import Image

    paths = sorted((shared_data / "brain_mri").glob("*/*"))[::40]
    kept = []
    for path in paths:
        image = np.asarray(Image.open(path).convert("L"), dtype=np.float32)
        row, last_row, column, last_column = box_of(image, CropForeground())
        bright = image > 0.25 * np.percentile(image, 99.5)
        kept.append(bright[row : last_row + 1, column : last_column + 1].sum() / bright.sum())
    assert len(kept) >= 30
    assert min(kept) > 0.97
