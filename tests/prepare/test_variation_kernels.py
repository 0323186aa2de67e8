"""Kernels of total variation: divergence and gradient are adjoint, and the flow stays in the unit ball."""

import numpy as np
import pytest

from hounsfield.prepare.variation_kernels import add_divergence, ascend

CHANCE = np.random.default_rng(3)
SHAPE = (4, 9, 11)


def settings(weight=1.0, step=0.1, momentum=0.0, factors=(1.0, 1.0, 1.0)):
    return np.array([weight, step, momentum, *factors], np.float32)


def flow_of(axes, scale=1.0):
    """Return a flow that is 0 across the last face of each axis."""
    flow = (scale * CHANCE.normal(size=(axes, *SHAPE))).astype(np.float32)
    flow[0, :, :, -1] = 0
    flow[1, :, -1] = 0
    if axes == 3:
        flow[2, -1] = 0
    return flow


def gradient_of(image, factors):
    """Return forward differences along columns, rows and slices, 0 at the last face."""
    parts = [np.diff(image.astype(float), axis=axis, append=np.take(image, [-1], axis)) for axis in (2, 1, 0)]
    return np.stack([factor * part for factor, part in zip(factors, parts, strict=True)])


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("factors", [(1.0, 1.0, 1.0), (1.0, 0.6, 0.2)])
def test_divergence_is_the_adjoint_of_the_gradient(axes, factors):
    image, flow = CHANCE.normal(size=SHAPE), flow_of(axes)
    out = np.empty(SHAPE, np.float32)
    add_divergence(np.zeros(SHAPE, np.float32), flow, settings(factors=factors), out, (0, SHAPE[1]))
    inside = (flow * gradient_of(image, factors)[:axes]).sum()
    assert (out * image).sum() == pytest.approx(-inside, rel=1e-4)
    assert out.sum() == pytest.approx(0, abs=1e-3)


def test_the_weight_scales_the_divergence_and_the_data_is_added():
    data, flow = CHANCE.normal(size=SHAPE).astype(np.float32), flow_of(3)
    plain, weighed = np.empty(SHAPE, np.float32), np.empty(SHAPE, np.float32)
    add_divergence(data * 0, flow, settings(), plain, (0, SHAPE[1]))
    add_divergence(data, flow, settings(weight=2.5), weighed, (0, SHAPE[1]))
    np.testing.assert_allclose(weighed, data + 2.5 * plain, atol=1e-5)


@pytest.mark.parametrize("axes", [2, 3])
def test_ascending_follows_the_gradient_and_stays_in_the_ball(axes):
    image, factors = CHANCE.normal(size=SHAPE).astype(np.float32), (1.0, 0.6, 0.2)
    flow, ahead = flow_of(axes, 0.1), flow_of(axes, 0.1)
    moved = ahead + 2.0 * gradient_of(image, factors)[:axes]
    expected = moved / np.maximum(1, np.sqrt((moved**2).sum(axis=0)))
    further = expected + 0.4 * (expected - flow)
    ascend(image, (flow, ahead), settings(step=2.0, momentum=0.4, factors=factors), (0, SHAPE[1]))
    np.testing.assert_allclose(flow, expected, atol=1e-5)
    np.testing.assert_allclose(ahead, further, atol=1e-5)
    assert np.sqrt((flow**2).sum(axis=0)).max() <= 1 + 1e-5
    assert (np.sqrt((flow**2).sum(axis=0)) > 0.999).any()


def test_rows_are_worked_on_alone():
    image, flow, ahead = CHANCE.normal(size=SHAPE).astype(np.float32), flow_of(3), flow_of(3)
    whole = (flow.copy(), ahead.copy())
    ascend(image, whole, settings(momentum=0.5), (0, SHAPE[1]))
    for rows in ((0, 4), (4, SHAPE[1])):
        ascend(image, (flow, ahead), settings(momentum=0.5), rows)
    assert np.array_equal(flow, whole[0])
    assert np.array_equal(ahead, whole[1])
    parts, out = np.empty(SHAPE, np.float32), np.empty(SHAPE, np.float32)
    add_divergence(image, flow, settings(), out, (0, SHAPE[1]))
    for rows in ((0, 4), (4, SHAPE[1])):
        add_divergence(image, flow, settings(), parts, rows)
    assert np.array_equal(parts, out)
