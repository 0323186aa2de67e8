"""Packed masks: back to the bit, and nothing that is no mask gets through; holes named by a mask are filled."""

import base64
import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from skimage.restoration import inpaint_biharmonic

from hounsfield.core.quantities import Quantity
from hounsfield.errors import PrepareError
from hounsfield.prepare.packed import pack_mask, unpack_mask
from hounsfield.prepare.repair import Inpaint
from hounsfield.prepare.sequence import apply_steps, replay_trace
from tests.prepare.volumes import volume_of


def flags(shape, seed=0, share=0.3):
    return np.random.default_rng(seed).random(shape) < share


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 11)] * 3), st.integers(0, 99))
def test_a_mask_comes_back_to_the_bit(shape, seed):
    mask = volume_of(flags(shape, seed).astype(np.uint8) * 3, Quantity.LABEL)
    record = json.loads(json.dumps(pack_mask(mask, "inpaint")))
    found, geometry = unpack_mask(record)
    np.testing.assert_array_equal(found, mask.array != 0)
    assert geometry == mask.geometry


def test_what_is_no_mask_is_refused():
    good = pack_mask(volume_of(flags((3, 9, 9))), "inpaint")
    bomb = base64.b64encode(zlib.compress(bytes(1 << 26), 9)).decode()
    for bad in (
        {},
        {"grid": good["grid"]},
        {**good, "more": 1},
        {**good, "bits": good["bits"][:-4]},
        {**good, "bits": "not base 64"},
        {**good, "bits": bomb},
        {**good, "bits": 7},
        {**good, "grid": {**good["grid"], "shape": [3, 9, 10]}},
        {**good, "grid": {**good["grid"], "shape": [4096, 4096, 4096]}},
        {**good, "grid": {**good["grid"], "spacing_mm": [0, 1, 1]}},
    ):
        with pytest.raises(ValueError, match=r"mask|bits"):
            unpack_mask(bad)
        with pytest.raises(ValidationError):
            Inpaint(mask=bad)


def test_a_mask_that_no_trace_could_hold_is_refused():
    with pytest.raises(PrepareError, match="E449"):
        pack_mask(volume_of(flags((40, 400, 400), share=0.5)), "inpaint")
    with pytest.raises(PrepareError, match="E448"):
        pack_mask(volume_of(np.zeros((3, 2, 9, 9), np.uint8)), "inpaint")


def smooth_field():
    s, r, c = np.meshgrid(np.arange(2), np.arange(40), np.arange(36), indexing="ij")
    return volume_of((100 + 3.0 * r - 2.0 * c + 8 * s + 0.02 * (r - 20) * (c - 18)).astype(np.float32))


def hole():
    mask = np.zeros((2, 40, 36), np.uint8)
    mask[0, 12:18, 9:20] = 1
    mask[1, 30:33, 3:30] = 2
    return mask


def test_holes_of_a_mask_are_filled_and_nothing_else():
    """A harmonic field is filled exactly: the mean of four neighbours is what it is."""
    clean = smooth_field()
    spoilt = clean.with_array(np.where(hole() > 0, np.float32(-999), clean.array))
    mask = clean.with_array(hole(), quantity=Quantity.LABEL)
    found, trace = apply_steps([Inpaint(mask=pack_mask(mask, "inpaint"))], spoilt)
    np.testing.assert_allclose(found.array, clean.array, atol=1e-3)
    np.testing.assert_array_equal(found.array[hole() == 0], clean.array[hole() == 0])
    assert trace.steps[0].parameters["drawn"]["filled"] == [66, 81]
    assert found.enhanced_by == ("inpaint",)
    assert replay_trace(trace, spoilt).array.tobytes() == found.array.tobytes()


def test_a_textured_hole_is_filled_about_as_well_as_by_skimage():
    chance = np.random.default_rng(1)
    clean = smooth_field().array + chance.normal(0, 1, (2, 40, 36)).astype(np.float32)
    mask = smooth_field().with_array(hole(), quantity=Quantity.LABEL)
    found, _ = apply_steps([Inpaint(mask=pack_mask(mask, "inpaint"))], smooth_field().with_array(clean))
    where = hole()[0] > 0
    theirs = inpaint_biharmonic(clean[0], where)
    truth = smooth_field().array[0]
    ours_error, their_error = (np.abs(filled - truth)[where].mean() for filled in (found.array[0], theirs))
    assert ours_error < 1.2 * their_error


def test_a_mask_joins_the_value_and_what_is_no_number():
    clean = smooth_field()
    array = clean.array.copy()
    array[0, 5, 5], array[0, 25, 25] = np.nan, -999
    mask = clean.with_array(hole(), quantity=Quantity.LABEL)
    step = Inpaint(value=-999.0, mask=pack_mask(mask, "inpaint"))
    found, trace = apply_steps([step], clean.with_array(array))
    assert trace.steps[0].parameters["drawn"]["filled"] == [68, 81]
    np.testing.assert_allclose(found.array, clean.array, atol=1e-3)


def test_a_mask_on_another_grid_is_refused():
    clean = smooth_field()
    for mask in (
        volume_of(hole()[:, :, 1:]),
        volume_of(hole(), spacing_mm=(2.5, 0.7, 0.41)),
        volume_of(hole(), origin_mm=(-11.0, 23.1, 5.0)),
    ):
        with pytest.raises(PrepareError, match="E445"):
            apply_steps([Inpaint(mask=pack_mask(mask, "inpaint"))], clean)


def test_a_slice_that_is_all_hole_is_refused():
    full = hole()
    full[1] = 1
    with pytest.raises(PrepareError, match="E405"):
        apply_steps([Inpaint(mask=pack_mask(volume_of(full), "inpaint"))], smooth_field())
