"""Judging of a translator: figures with intervals by group, against brute force, and gains whose sign is known."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.metrics.intervals import RESAMPLES, resample_weights  # noqa: E402
from hounsfield.train.translation.judging import intervals_of, judge_translator, train_baseline  # noqa: E402
from hounsfield.train.translation.page import examples, translation_page  # noqa: E402
from tests.train.translation.pairs import SIDE, parts, plan  # noqa: E402


class Answers:
    """A generator whose answers are given: it makes what ``make`` makes of the images."""

    def __init__(self, make) -> None:
        self.make = make

    def run(self, images):
        return self.make(images).astype(np.float32)


def perfect(images):
    return 1 - images


def blurred(images):
    return np.full_like(images, 0.75)


def judged(make=perfect, plain=blurred, **sizes):
    made = parts(**sizes)
    held = made.inputs.test or made.inputs.tuning
    return judge_translator(Answers(make), plain(held.images).astype(np.float32), made, seed=0)


def test_one_who_makes_what_is_wanted_beats_the_baseline_in_every_figure():
    found = judged()
    assert found.part == "test"
    assert found.metrics["mae"].value == pytest.approx(0, abs=1e-6)
    assert found.metrics["ssim"].value == pytest.approx(1, abs=1e-5)
    for name in ("mae", "psnr", "ssim"):
        gain = found.metrics[f"{name}_gain"]
        assert 0 < gain.low <= gain.value <= gain.high


@pytest.mark.parametrize("name", ["mae", "psnr", "ssim"])
def test_exchanged_the_gain_changes_its_sign_alone(name):
    one, other = judged().metrics, judged(blurred, perfect).metrics
    assert one[f"{name}_gain"].value == pytest.approx(-other[f"{name}_gain"].value)
    assert one[name].value == pytest.approx(other[f"{name}_of_l1"].value)


def test_against_itself_nobody_gains():
    found = judged(blurred, blurred).metrics
    for name in ("mae", "psnr", "ssim"):
        assert (found[f"{name}_gain"].low, found[f"{name}_gain"].high) == (0, 0)


def test_the_input_itself_is_judged_too():
    made = parts()
    found = judged().metrics["mae_of_input"]
    apart = np.abs(made.inputs.test.images - made.targets.test.images).mean((1, 2, 3))
    assert found.value == pytest.approx(float(apart.mean()), rel=1e-5)


def test_without_a_test_part_the_tuning_part_counts():
    found = judged(test=None)
    assert (found.part, len(found.made), found.groups) == ("tuning", 6, 6)


def test_intervals_are_drawn_by_group():
    """The same resamples, done here by summing over cases one resample at a time."""
    chance = np.random.default_rng(0)
    values, groups = chance.random(9), np.array([7, 7, 7, 1, 1, 4, 4, 4, 9])
    found = intervals_of({"x": values}, groups, seed=5)["x"]
    numbered = np.unique(groups, return_inverse=True)[1]
    drawn = list(resample_weights(np.zeros(9, dtype=np.int64), numbered, RESAMPLES, 5))
    weights = np.concatenate([np.asarray(block, dtype=np.float64) for block in drawn])
    means = [float((row * values).sum() / row.sum()) for row in weights]
    assert all(len({row[numbered == group].min(), row[numbered == group].max()}) == 1
               for row in weights[:50] for group in range(4))  # fmt: skip
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.01)


def test_fewer_groups_give_wider_intervals():
    wide, narrow = judged(blurred, test=24, groups=3), judged(blurred, test=24)
    assert (wide.groups, narrow.groups) == (3, 24)
    width = [item.metrics["mae"].high - item.metrics["mae"].low for item in (wide, narrow)]
    assert width[0] > 0
    assert wide.metrics["mae"].value == pytest.approx(narrow.metrics["mae"].value)


def test_the_baseline_learns_without_a_game_and_the_same_each_time():
    given = parts()
    one, same = train_baseline(plan(), given, 1), train_baseline(plan(), given, 1)
    longer = train_baseline(plan(), given, 3)
    assert one.shape == given.inputs.test.images.shape
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, longer)


def test_the_baseline_is_the_same_whatever_game_is_played():
    given = parts()
    first = train_baseline(plan(game="minimax"), given, 1)
    np.testing.assert_array_equal(first, train_baseline(plan(game="hinge"), given, 1))


@pytest.mark.parametrize("count", [3, 8, 30])
def test_the_sheet_has_four_rows_of_at_most_ten(count):
    pixels = examples(judged(test=count))
    scale, gap = 2, 2
    tile = SIDE * scale + 2 * gap
    assert pixels.shape == (4 * tile, min(count, 10) * tile)
    first = [pixels[row * tile + gap : row * tile + gap + 64, gap : gap + 64] for row in range(4)]
    np.testing.assert_allclose(first[0].astype(int) + first[1], 255, atol=1)
    np.testing.assert_array_equal(first[1], first[3])
    assert set(np.unique(first[2])) == {191}


def test_the_page_is_in_both_languages_and_names_nothing_elsewhere():
    from hounsfield.train.checkpoint import Progress
    from hounsfield.train.parts import PartSizes
    from hounsfield.train.synthesis.packing import GeneratorFacts
    from hounsfield.train.translation.packing import translator_manifest

    found, own = judged(), plan()
    facts = GeneratorFacts("<b>films", PartSizes(16, 6, 8), "CC0-1.0", "hounsfield synthesise <x>")
    manifest = translator_manifest(own, facts, found.assessment())
    progress = Progress(own.digest(), "0" * 64, epochs_planned=2)
    page = translation_page(own, manifest, found, (), progress)
    for word in ("Difference to the baseline", "与基线之差", "they show no patient", "MAE", "PSNR", "SSIM", "n = 8"):
        assert word in page
    assert "<b>films" not in page
    assert "hounsfield synthesise &lt;x&gt;" in page
    assert "http" not in page
    value = found.metrics["psnr_of_l1"]
    assert f"{value.value:.4f} [{value.low:.4f}, {value.high:.4f}]" in page
