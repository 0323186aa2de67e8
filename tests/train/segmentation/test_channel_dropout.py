"""Missing channels of masks: 0 in training as in prediction, some left out by chance, plans of before unchanged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.segmentation.patches import PreparedParts  # noqa: E402
from hounsfield.train.segmentation.planner import _lacks_channels  # noqa: E402
from hounsfield.train.segmentation.way import Segmentation  # noqa: E402
from hounsfield.train.series_dropout import USUAL  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.segmentation.discs import plan, prepared, table  # noqa: E402


def two_channels(dropout=0.0):
    """Return a way whose cases have two channels, each third case only the first of them."""
    cases = [
        replace(case, images=np.concatenate([case.images, 0 * case.images if index % 3 == 0 else 1 - case.images]))
        for index, case in enumerate(prepared(6))
    ]
    one = plan(channel_names=("t1", "t2"), channel_dropout=dropout)
    settings = replace(one.network, channels=2)
    one = one.model_copy(update={"network": settings})
    return Segmentation(one, PreparedParts(tuple(cases), tuple(cases[:2]), ()))


def channels_shown(way):
    images = torch.cat([batch.images for batch in way.batches(0)])
    return images.flatten(2).any(2), images


def test_a_missing_channel_stays_blank_whatever_augmentation_does():
    way = two_channels()
    shown, images = channels_shown(way)
    assert shown[:, 0].all()
    assert 0 < (~shown[:, 1]).sum() < len(shown)
    # noise would have filled it
    assert (images[~shown] == 0).all()
    given = torch.stack(way.is_given)
    assert given[:, 1].tolist() == [False, True, True, False, True, True]


def test_dropout_leaves_channels_out_and_never_all_of_them():
    often, _ = channels_shown(two_channels(0.6))
    never, _ = channels_shown(two_channels())
    assert often.any(1).all()
    assert often.sum() < never.sum()
    assert (~often[:, 0]).any()
    assert not (often & ~never).any()


@pytest.mark.parametrize("promise", ways.PROMISES)
def test_promises_of_a_way_with_channels_left_out(promise):
    promise(lambda: two_channels(0.4))


def test_a_single_channel_is_never_left_out():
    way = Segmentation(plan(channel_dropout=0.9), PreparedParts(prepared(4), prepared(2, 100), ()))
    shown, _ = channels_shown(way)
    assert shown.all()


def test_plans_without_dropout_decide_as_they_did_before():
    assert "channel_dropout" not in plan().deciding()
    assert plan().digest() != plan(channel_dropout=0.25).digest()
    assert plan(channel_dropout=0.25).deciding()["channel_dropout"] == 0.25


def test_dropout_is_planned_where_a_case_lacks_a_channel():
    from hounsfield.train.segmentation.fingerprint import take_mask_fingerprint
    from hounsfield.train.segmentation.planner import make_mask_plan

    whole = table(12)
    assert not _lacks_channels(whole)
    pairs = tuple(replace(case, images=(*case.images, Path("other.png"))) for case in whole.cases)
    two = replace(whole, cases=pairs, channel_names=("t1", "t2"))
    assert not _lacks_channels(two)
    bare = replace(two, cases=(replace(pairs[0], images=(None, Path("other.png"))), *pairs[1:]))
    assert _lacks_channels(bare)
    found = take_mask_fingerprint(whole, whole.with_mask)
    told = make_mask_plan(TrainOptions(), Recipe(), found, bare, 1)
    assert told.channel_dropout == USUAL
    assert any(reason.choice == "channel_dropout" and "{" not in reason.text("zh") for reason in told.reasons)
    assert make_mask_plan(TrainOptions(), Recipe(), found, two, 1).channel_dropout == 0
