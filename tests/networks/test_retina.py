"""The detector's network: outputs for each anchor of its interface, levels that count, a quiet start, and ONNX."""

import math

import pytest
import torch
from pydantic import ValidationError

from hounsfield.model.interface import AnchorLevel, BoxInterface
from hounsfield.model.networks.retina import STRIDES, Retina, RetinaSettings
from hounsfield.train.detection.packing import export_detector

SMALL = {"widths": (8, 12, 16, 16), "pyramid_width": 8, "head_depth": 1}


def settings(**more):
    return RetinaSettings(**{"class_count": 2, "rows": 64, "columns": 80, **SMALL, **more})


def interface(form):
    levels = tuple(AnchorLevel(stride=stride, sides=(2.0 * stride,) * form.anchors) for stride in STRIDES)
    channels = 3 if form.channels == 3 else 1
    return BoxInterface(channels=channels, rows=form.rows, columns=form.columns, deltas="deltas", levels=levels)


@pytest.mark.parametrize("more", [{}, {"rows": 72, "columns": 100}, {"anchors": 3}, {"channels": 1}, {"head_depth": 0}])
def test_there_are_outputs_for_each_anchor(more):
    form = settings(**more)
    network = Retina(form).eval()
    logits, deltas = network(torch.zeros(2, form.channels, form.rows, form.columns))
    assert logits.shape == (2, interface(form).anchor_count, 2)
    assert deltas.shape == (2, interface(form).anchor_count, 4)


def test_a_fresh_network_sees_nothing():
    torch.manual_seed(0)
    logits, _ = Retina(settings()).eval()(torch.rand(1, 3, 64, 80))
    logits = logits.detach()
    assert float(logits.sigmoid().mean()) == pytest.approx(0.01, abs=0.01)
    assert float(logits.mean()) == pytest.approx(-math.log(99), abs=1)


def test_the_levels_follow_their_strides():
    maps = Retina(settings()).eval().pyramid(torch.zeros(1, 3, 64, 96))
    assert [tuple(one.shape[-2:]) for one in maps] == [(8, 12), (4, 6), (2, 3)]


def test_every_weight_learns():
    torch.manual_seed(0)
    network = Retina(settings()).train()
    logits, deltas = network(torch.rand(2, 3, 64, 80))
    (logits.square().sum() + deltas.square().sum()).backward()
    without = [name for name, weight in network.named_parameters() if weight.grad is None]
    assert without == []


def test_the_exported_network_is_the_same_and_its_bytes_repeat():
    torch.manual_seed(0)
    form = settings()
    network = Retina(form)
    first = export_detector(network, interface(form), torch.rand(2, 3, 64, 80))
    assert first == export_detector(network, interface(form), torch.rand(2, 3, 64, 80))


@pytest.mark.parametrize("more", [{"class_count": 0}, {"rows": 8}, {"widths": (8, 8)}, {"strange": 1}, {"anchors": 0}])
def test_a_form_that_cannot_be_is_refused(more):
    with pytest.raises(ValidationError):
        settings(**more)
