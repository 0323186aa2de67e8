"""Tracks over several examinations, and their plot."""

import io

import numpy as np
import pytest
from PIL import Image

from hounsfield.clinical.change.trend import tracks, trend_chart
from tests.clinical.change.test_match import lesion
from tests.clinical.change.test_verdict import examination


def volumes(track):
    return [(index, volume) for index, _, volume in track.points]


def test_a_lesion_is_followed_through_every_examination():
    dates = ("20260101", "20260701", "20270101")
    found = tracks(
        [
            examination(dates[0], lesion("a0", (50, 50, 50), 100.0), lesion("b0", (20, 20, 20), 60.0)),
            examination(dates[1], lesion("b1", (21, 20, 20), 61.0), lesion("a1", (51, 50, 50), 150.0)),
            examination(dates[2], lesion("a2", (52, 50, 50), 225.0), lesion("c2", (80, 80, 120), 30.0)),
        ]
    )
    assert [volumes(track) for track in found] == [
        [(0, 100.0), (1, 150.0), (2, 225.0)],
        [(0, 60.0), (1, 61.0)],
        [(2, 30.0)],
    ]
    assert [uid for _, uid, _ in found[0].points] == ["a0", "a1", "a2"]


def test_a_lesion_that_is_missed_once_begins_anew():
    place = (50, 50, 50)
    found = tracks(
        [
            examination("20260101", lesion("a", place)),
            examination("20260201"),
            examination("20260301", lesion("b", place)),
        ]
    )
    assert [volumes(track) for track in found] == [[(0, 113.1)], [(2, 113.1)]]


def test_frames_are_chained_by_their_transforms():
    shifts = [np.array([0, 0, 100.0]), np.array([0, 0, -300.0])]
    found = tracks(
        [
            examination("20260101", lesion("a", (50, 50, 50))),
            examination("20260201", lesion("b", (50, 50, 150))),
            examination("20260301", lesion("c", (50, 50, -150))),
        ],
        [lambda points, shift=shift: points + shift for shift in shifts],
    )
    assert len(found) == 1
    assert [index for index, _, _ in found[0].points] == [0, 1, 2]


def test_no_examinations_and_no_lesions():
    assert tracks([]) == ()
    assert tracks([examination("20260101"), examination("20260201")]) == ()


@pytest.mark.parametrize("count", [1, 3])
def test_the_plot_is_a_picture_with_words(count):
    places = [(20 + 25 * number, 50, 50) for number in range(count)]
    seen = [
        examination(date, *(lesion(f"{date}-{n}", place, 100.0 * 1.5**step) for n, place in enumerate(places)))
        for step, date in enumerate(("20260101", "20260701"))
    ]
    chart = trend_chart(seen, tracks(seen))
    picture = Image.open(io.BytesIO(chart.png))
    assert min(picture.size) > 300
    assert f"{count} lesions in 2 examinations" in chart.description.en
    assert f"{count}个病灶" in chart.description.zh
    assert chart.png == trend_chart(seen, tracks(seen)).png, "the same data give the same bytes"
