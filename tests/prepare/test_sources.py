"""Sources of slices that were cut, reordered, added or mixed: the right one is named, or none."""

import itertools

import numpy as np
import pytest

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.prepare.sources import axis_of, mixed, with_mixed_slices, with_slices_from

COUNT = 4
SINGLES = tuple(InstanceRef(f"1.2.{n}", "1.2", None, "application/dicom", "") for n in range(COUNT))
MULTI = InstanceRef("1.2.9", "1.2", None, "application/dicom", "", number_of_frames=9)


def stack(count, instances=(), frames=(), axis=SliceAxis.SPACE, times=()):
    """Return a volume whose samples are the number of their slice."""
    array = np.broadcast_to(np.arange(count, dtype=np.float32)[:, None, None], (count, 2, 3))
    geometry = VolumeGeometry((count, 2, 3))
    return Volume(array, geometry, Quantity.ARBITRARY, instances, frames, axis, times)


WAYS = [
    list(way) for length in range(1, COUNT + 2) for way in itertools.product([None, 0, 2, 3], repeat=length) if any(way)
]


@pytest.mark.parametrize("slices", WAYS[:: len(WAYS) // 60], ids=str)
def test_a_slice_names_the_object_it_was_or_none(slices):
    """One object a slice: whatever is named is right, and all are named where no slice was added."""
    made = with_slices_from(stack(len(slices)), stack(COUNT, SINGLES), slices)
    found = [made.source_of(place) for place in range(len(slices))]
    assert set(made.instances) <= set(SINGLES)
    if None in slices:
        assert found == [None] * len(slices)
    else:
        assert found == [(SINGLES[index], 0) for index in slices]


@pytest.mark.parametrize("slices", WAYS[:: len(WAYS) // 60], ids=str)
@pytest.mark.parametrize("frames", [(), (8, 6, 4, 2)], ids=["whole", "part"])
def test_a_frame_of_one_object_is_named(slices, frames):
    """An added slice names a frame beside it, as an interpolated one does."""
    made = with_slices_from(stack(len(slices)), stack(COUNT, (MULTI,), frames), slices)
    numbers = frames or tuple(range(COUNT))
    for place, index in enumerate(slices):
        instance, frame = made.source_of(place)
        assert instance is MULTI
        if index is not None:
            assert frame == numbers[index]
        else:
            assert frame in {numbers[other] for other in slices if other is not None}


def test_frames_of_several_objects_follow_their_slices():
    made = with_slices_from(stack(2), stack(COUNT, SINGLES, (7, 6, 5, 4)), [3, 1])
    assert [made.source_of(place) for place in range(2)] == [(SINGLES[3], 4), (SINGLES[1], 6)]


def test_slices_without_sources_get_none_by_a_number_that_fits():
    """Four objects of six slices name no single source; cut to four slices they still do not."""
    made = with_slices_from(stack(4), stack(6, SINGLES), [0, 1, 2, 3])
    assert [made.source_of(place) for place in range(4)] == [None] * 4
    one = with_slices_from(stack(1), stack(6, SINGLES), [2])
    assert one.source_of(0) is None


@pytest.mark.parametrize("count", range(1, 7))
@pytest.mark.parametrize("named", range(5))
def test_mixed_slices_have_no_single_source(count, named):
    source = stack(COUNT, SINGLES[:named], (0, 1, 2, 3) if named == 1 else ())
    made = with_mixed_slices(stack(count), source)
    assert [made.source_of(place) for place in range(count)] == [None] * count
    assert set(made.instances) == set(SINGLES[:named])
    assert made.frame_indices == ()
    assert len(mixed(SINGLES[:named], count)) >= named


def test_a_volume_of_no_known_source_stays_so():
    assert with_slices_from(stack(2), stack(COUNT), [0, 1]).instances == ()
    assert with_mixed_slices(stack(2), stack(COUNT)).instances == ()


def test_times_follow_frames_where_every_frame_has_one():
    cine = stack(COUNT, (MULTI,), axis=SliceAxis.TIME, times=(0.0, 0.1, 0.25, 0.3))
    made = with_slices_from(stack(2), cine, [1, 2])
    assert made.frame_times_seconds == (0.1, 0.25)
    assert made.slice_axis is SliceAxis.TIME
    timeless = stack(COUNT, (MULTI,), axis=SliceAxis.TIME)
    assert with_slices_from(stack(2), timeless, [1, 2]).frame_times_seconds == ()


@pytest.mark.parametrize(
    ("count", "before", "after"),
    [
        (1, SliceAxis.SPACE, SliceAxis.SINGLE),
        (3, SliceAxis.SPACE, SliceAxis.SPACE),
        (3, SliceAxis.SINGLE, SliceAxis.SPACE),
        (1, SliceAxis.TIME, SliceAxis.TIME),
    ],
)
def test_what_the_first_axis_counts(count, before, after):
    assert axis_of(stack(count), before) is after
