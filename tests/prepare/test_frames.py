"""Sample-frames: evenly spread, in order, with their times and sources; undone onto the source grid."""

from dataclasses import replace

import numpy as np
import pytest

from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis
from hounsfield.errors import PrepareError
from hounsfield.prepare.frames import SampleFrames, even_frames
from hounsfield.prepare.sequence import apply_steps, build_steps, invert_trace
from tests.prepare.volumes import volume_of


def film(count, **changes):
    """Return a film whose frame number is its grey."""
    volume = volume_of(np.arange(count, dtype=np.float32)[:, None, None] * np.ones((1, 3, 4), np.float32))
    return replace(volume, slice_axis=SliceAxis.TIME, **changes)


def sampled(volume, most):
    return apply_steps(build_steps([{"step": "sample-frames", "most": most}]), volume)


@pytest.mark.parametrize("count", [1, 2, 5, 16, 17, 100])
@pytest.mark.parametrize("most", [1, 2, 7, 16])
def test_frames_are_spread_evenly(count, most):
    kept = even_frames(count, most)
    assert len(kept) == min(count, most)
    assert list(kept) == sorted(set(kept))
    if len(kept) > 1:
        assert (kept[0], kept[-1]) == (0, count - 1)
        ideal = np.linspace(0, count - 1, len(kept))
        assert np.abs(np.array(kept) - ideal).max() <= 0.5
    elif count > 1:
        assert kept == (count // 2,)


def test_a_short_film_is_left_as_it_is():
    volume = film(5)
    prepared, _ = sampled(volume, 5)
    assert prepared.array.tobytes() == volume.array.tobytes()
    assert prepared.geometry == volume.geometry


def test_frames_keep_their_place_times_and_sources():
    one = InstanceRef("1.2", "1.2.3", None, "application/dicom", "")
    volume = film(9, instances=(one,), frame_times_seconds=tuple(0.1 * index for index in range(9)))
    prepared, _ = sampled(volume, 3)
    assert prepared.array[:, 0, 0].tolist() == [0, 4, 8]
    assert prepared.frame_times_seconds == (0.0, 0.4, 0.8)
    assert [prepared.source_of(index) for index in range(3)] == [(one, 0), (one, 4), (one, 8)]
    for index, frame in enumerate((0, 4, 8)):
        found = prepared.geometry.to_patient([[index, 1, 2]])
        np.testing.assert_allclose(found, volume.geometry.to_patient([[frame, 1, 2]]), atol=1e-9)


def test_one_frame_of_many_is_the_middle_one_in_its_place():
    volume = film(8)
    prepared, _ = sampled(volume, 1)
    assert prepared.array[:, 0, 0].tolist() == [4]
    np.testing.assert_allclose(prepared.geometry.to_patient([[0, 0, 0]]), volume.geometry.to_patient([[4, 0, 0]]))


def test_colour_is_sampled_along_the_frames():
    grey = np.arange(7, dtype=np.float32)[None, :, None, None] * np.ones((3, 1, 3, 4), np.float32)
    prepared, _ = sampled(volume_of(grey), 4)
    assert prepared.array.shape == (3, 4, 3, 4)
    assert prepared.array[1, :, 0, 0].tolist() == [0, 2, 4, 6]


def test_undone_a_frame_left_out_shows_its_nearest_kept_one():
    volume = film(7)
    prepared, trace = sampled(volume, 3)
    back = invert_trace(trace, prepared)
    assert back.geometry == volume.geometry
    assert back.array[:, 0, 0].tolist() == [0, 0, 3, 3, 3, 6, 6]
    whole, trace = sampled(volume, 7)
    np.testing.assert_array_equal(invert_trace(trace, whole).array, volume.array)


def test_a_record_of_another_film_is_refused():
    step = SampleFrames(3)
    drawn = step.draw(film(9), np.random.default_rng(0))
    with pytest.raises(PrepareError, match="E404"):
        step.apply(film(5), drawn)
    with pytest.raises(PrepareError, match="E404"):
        step.invert(film(9), drawn)


@pytest.mark.parametrize("most", [0, -1, 5000, 2.5, True])
def test_counts_that_are_none_are_refused(most):
    with pytest.raises(PrepareError, match="E402"):
        build_steps([{"step": "sample-frames", "most": most}])
