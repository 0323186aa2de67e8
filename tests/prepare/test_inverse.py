"""Sequences of steps on volumes of odd sizes: what goes to the model's grid comes back to the source's."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.core.trace import Trace
from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.prepare.sequence import apply_steps, build_steps, invert_trace
from tests.prepare.volumes import volume_of

SIDE = st.integers(1, 37)


@st.composite
def volumes(draw):
    """Return a volume of any small size with values from a seed."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(2, 37)), draw(st.integers(2, 37)))
    array = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).random(shape, dtype=np.float32)
    return volume_of(array)


LOSSLESS = st.lists(
    st.sampled_from(
        [
            {"step": "flip", "axis": "rows"},
            {"step": "flip", "axis": "columns"},
            {"step": "rotate90", "turns": 1},
            {"step": "rotate90", "turns": 2},
            {"step": "rotate90", "turns": 3},
            {"step": "pad-square", "value": -3.0},
            {"step": "orient", "to": "coronal"},
            {"step": "orient", "to": "RAS"},
            {"step": "pad", "slices": 3, "rows": 29, "value": -3.0},
            {"step": "pad", "margin_mm": 0.9, "value": -3.0},
        ]
    ),
    max_size=6,
)
GEOMETRIC = st.lists(
    st.one_of(
        st.just({"step": "centre-crop-square"}),
        st.just({"step": "pad-square", "value": 0.0}),
        st.just({"step": "crop-foreground"}),
        st.just({"step": "crop", "above": 0.0}),
        st.just({"step": "orient", "to": "sagittal"}),
        st.just({"step": "pad", "margin_mm": 2.0}),
        st.just({"step": "flip", "axis": "columns"}),
        st.just({"step": "rotate90", "turns": 3}),
        st.builds(lambda rows, columns: {"step": "resize", "rows": rows, "columns": columns}, SIDE, SIDE),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=80, deadline=None)
@given(volumes(), LOSSLESS)
def test_what_loses_nothing_is_undone_to_the_bit(volume, specification):
    prepared, trace = apply_steps(build_steps(specification), volume)
    back = invert_trace(trace, prepared)
    assert np.array_equal(back.array, volume.array)
    assert np.allclose(back.geometry.index_to_patient, volume.geometry.index_to_patient, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(volumes(), GEOMETRIC)
def test_any_way_back_ends_on_the_source_grid(volume, specification):
    """Through JSON and back, whatever was cropped, padded, turned and resized; zeros stay zeros."""
    prepared, trace = apply_steps(build_steps(specification), volume)
    again = Trace.from_json(trace.to_json())
    back = invert_trace(again, prepared, geometry_only=True)
    assert back.array.shape == volume.array.shape
    assert back.geometry == volume.geometry
    assert np.isfinite(back.array).all()
    nothing = invert_trace(again, prepared.with_array(np.zeros_like(prepared.array)), geometry_only=True)
    assert not nothing.array.any()


@settings(max_examples=100, deadline=None)
@given(volumes(), LOSSLESS, st.data())
def test_a_bright_voxel_stays_at_its_place_in_the_patient(volume, specification, data):
    """After any turns, flips and padding the one bright voxel lies where the prepared grid says that it lies."""
    point = tuple(data.draw(st.integers(0, size - 1)) for size in volume.geometry.shape)
    array = np.zeros(volume.geometry.shape, dtype=np.float32)
    array[point] = 1.0
    prepared, _ = apply_steps(build_steps(specification), volume.with_array(array))
    (found,) = np.argwhere(prepared.array == 1.0)
    assert np.allclose(prepared.geometry.to_patient([found]), volume.geometry.to_patient([point]), atol=1e-6)


@settings(max_examples=80, deadline=None)
@given(volumes(), st.data())
def test_shrinking_a_ramp_gives_the_ramp_at_the_new_places(volume, data):
    """Samples that are their own place in the patient stay so: by a whole factor the area average is the middle."""
    rows, columns = (
        data.draw(st.sampled_from([part for part in range(1, side + 1) if side % part == 0]))
        for side in volume.geometry.shape[1:]
    )
    indices = np.stack(np.meshgrid(*map(np.arange, volume.geometry.shape), indexing="ij"), axis=-1)
    places = volume.geometry.to_patient(indices.reshape(-1, 3))
    for axis in range(3):
        ramp = places[:, axis].reshape(volume.geometry.shape)
        steps = build_steps([{"step": "resize", "rows": rows, "columns": columns}])
        prepared, _ = apply_steps(steps, volume.with_array(ramp))
        where = np.stack(np.meshgrid(*map(np.arange, prepared.array.shape), indexing="ij"), axis=-1)
        expected = prepared.geometry.to_patient(where.reshape(-1, 3))[:, axis].reshape(prepared.array.shape)
        assert np.allclose(prepared.array, expected, atol=1e-3)


@settings(max_examples=80, deadline=None)
@given(volumes(), st.integers(1, 37), st.integers(1, 37))
def test_shrinking_keeps_the_mean_and_the_range(volume, rows, columns):
    """Area averaging makes no value that was not there, and loses no light."""
    steps = build_steps([{"step": "resize", "rows": rows, "columns": columns}])
    prepared, _ = apply_steps(steps, volume)
    assert prepared.array.shape == (volume.array.shape[0], rows, columns)
    assert prepared.array.min() >= volume.array.min() - 1e-6
    assert prepared.array.max() <= volume.array.max() + 1e-6
    if rows <= volume.array.shape[1] and columns <= volume.array.shape[2]:
        assert prepared.array.mean() == pytest.approx(volume.array.mean(), abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(volumes(), st.floats(-1000, 1000), st.floats(0.01, 1000))
def test_a_linear_scale_is_undone(volume, offset, width):
    """From its own range to any other, and back by the recorded numbers alone."""
    moved = volume.with_array((volume.array * width + offset).astype(np.float32))
    steps = build_steps([{"step": "rescale", "minimum": 0.0, "maximum": 1.0}])
    prepared, trace = apply_steps(steps, moved)
    back = invert_trace(Trace.from_json(trace.to_json()), prepared)
    assert np.allclose(back.array, moved.array, atol=1e-3 * (abs(offset) + width))


@pytest.mark.parametrize(
    "lossy",
    [
        {"step": "percentile-scale", "low_percentile": 1, "high_percentile": 99},
        {"step": "window", "center": 0.5, "width": 0.2},
    ],
)
def test_what_clips_says_so_and_maps_still_go_back(lossy):
    volume = volume_of(np.random.default_rng(0).random((1, 23, 31), dtype=np.float32))
    specification = [{"step": "flip", "axis": "rows"}, lossy, {"step": "resize", "rows": 8, "columns": 8}]
    prepared, trace = apply_steps(build_steps(specification), volume)
    with pytest.raises(NotInvertible) as caught:
        invert_trace(trace, prepared)
    assert lossy["step"] in caught.value.text()
    assert invert_trace(trace, prepared, geometry_only=True).geometry == volume.geometry


@settings(max_examples=60, deadline=None)
@given(volumes(), GEOMETRIC)
def test_preparing_twice_gives_the_same_bytes_and_leaves_the_source_alone(volume, specification):
    before = volume.array.tobytes()
    steps = build_steps(specification)
    first, one = apply_steps(steps, volume)
    second, other = apply_steps(build_steps(json.loads(json.dumps(specification))), volume)
    assert first.array.tobytes() == second.array.tobytes()
    assert one.to_json() == other.to_json()
    assert first.geometry == second.geometry
    assert volume.array.tobytes() == before


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["step", "rows", "columns", "axis", "turns", "value", "threshold", "__class__", ""]),
        st.one_of(st.none(), st.integers(-(2**40), 2**40), st.floats(), st.text(max_size=8), st.just("resize")),
        max_size=4,
    )
)
def test_a_specification_is_built_or_refused_with_a_code(item):
    """Numbers that no memory holds, NaN, texts for numbers: one class of error, before any array is made."""
    found = []
    with contextlib.suppress(PrepareError):
        found = build_steps([item])
    for step in found:
        assert json.dumps(step.settings(), allow_nan=False)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 40), (1, 40, 1), (5, 1, 2), (1, 2, 1)])
def test_images_of_a_point_or_a_line_go_there_and_back(shape):
    """A single pixel, a row and a column: no step divides by nothing."""
    volume = volume_of(np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape))
    specification = [
        {"step": "percentile-scale", "low_percentile": 1, "high_percentile": 99},
        {"step": "crop-foreground"},
        {"step": "pad-square", "value": 0.0},
        {"step": "resize", "rows": 7, "columns": 9},
    ]
    prepared, trace = apply_steps(build_steps(specification), volume)
    assert prepared.array.shape == (shape[0], 7, 9)
    assert np.isfinite(prepared.array).all()
    back = invert_trace(trace, prepared, geometry_only=True)
    assert back.geometry == volume.geometry


@settings(max_examples=50, deadline=None)
@given(volumes(), st.integers(0, 2**32 - 1))
def test_chance_comes_from_the_generator_alone_and_is_recorded(volume, seed):
    """The same seed draws the same; what was drawn is in the trace, so that the way back needs no chance."""
    steps = build_steps([{"step": "flip", "axis": "rows"}, {"step": "rotate90", "turns": 1}])
    first, one = apply_steps(steps, volume, np.random.default_rng(seed))
    second, other = apply_steps(steps, volume, np.random.default_rng(seed))
    assert first.array.tobytes() == second.array.tobytes()
    assert one.to_json() == other.to_json()
    assert np.array_equal(invert_trace(Trace.from_json(one.to_json()), first).array, volume.array)


def test_an_empty_sequence_changes_nothing():
    volume = volume_of(np.random.default_rng(0).random((2, 5, 7), dtype=np.float32))
    prepared, trace = apply_steps(build_steps([]), volume)
    assert trace.steps == ()
    assert prepared.array.tobytes() == volume.array.tobytes()
    assert invert_trace(trace, prepared).geometry == volume.geometry
