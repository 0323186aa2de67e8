"""Filling rare classes with synthetic images: how many, where they stand, and that nothing held back leaks in."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.cases.guard import examine  # noqa: E402
from hounsfield.cases.layouts import read_cases  # noqa: E402
from hounsfield.cases.seen import SEEN_FILE, SeenImages, seen_json  # noqa: E402
from hounsfield.errors import DatasetError, ModelError, SettingsError  # noqa: E402
from hounsfield.model.generator import Generator, picture_of  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.train.filling import MOST_TIMES, Filler, fill, open_filler  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.parts import Parts  # noqa: E402
from hounsfield.train.plan import SyntheticPlan  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from tests.model import toys  # noqa: E402
from tests.model.generators import GREYS, SIDE, generator  # noqa: E402
from tests.train.discs import save_discs  # noqa: E402
from tests.train.test_loop import plan as classifier_plan  # noqa: E402
from tests.train.tiny import blobs, part  # noqa: E402

NAMES = ("bright", "dark")
NOTHING: dict[str, frozenset[str]] = {}


@pytest.fixture
def filler(tmp_path):
    return Filler(Generator(generator(tmp_path), 1), SeenImages(NOTHING))


def prepare(volume):
    return volume.array.astype(np.float32)


def parts():
    """Return parts of two classes with 20 and 4 training images of the side that the toy generator makes."""
    training = part(24, 1, SIDE)
    labels = np.array([0] * 20 + [1] * 4)
    return Parts(replace(training, labels=labels), part(8, 2, SIDE), part(10, 3, SIDE))


# ---- how many


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [((10, 10), (0, 0)), ((20, 12), (0, 8)), ((12, 20), (8, 0)), ((100, 4), (0, MOST_TIMES * 4)), ((5, 0), (0, 0))],
)
def test_classes_are_filled_to_the_largest_within_a_limit(filler, counts, wanted):
    found = filler.plan(NAMES, counts, 7)
    assert found.counts == wanted
    assert found.seed == 7
    assert found.weights_digest == filler.generator.package.identity.weights_digest


def test_a_class_to_be_filled_must_be_one_of_the_generators(filler):
    with pytest.raises(DatasetError, match="E927") as caught:
        filler.plan(("bright", "purple"), (9, 3), 0)
    assert caught.value.facts["found"] == "purple"
    assert filler.plan(("purple", "bright"), (9, 3), 0).counts == (0, 6)
    assert filler.plan(("BRIGHT", "Dark"), (9, 3), 0).counts == (0, 6)


# ---- where they stand


def test_synthetic_images_stand_behind_the_real_ones_of_training_alone(filler):
    real = parts()
    filled = fill(real, filler, SyntheticPlan(generator="flat", weights_digest="a" * 64, counts=(0, 6)), NAMES, prepare)
    assert filled.tuning is real.tuning
    assert filled.test is real.test
    assert len(filled.training) == 30
    assert np.array_equal(filled.training.images[:24], real.training.images)
    assert filled.training.class_counts(2) == (20, 10)
    assert filled.training.identifiers[:24] == real.training.identifiers
    assert filled.training.identifiers[24] == "synthetic/aaaaaaaaaaaa/dark/1"
    assert len(set(filled.training.identifiers)) == 30


def test_each_class_gets_images_of_its_own_name_whatever_the_order(filler):
    wanted = SyntheticPlan(generator="flat", weights_digest="b" * 64, counts=(3, 5))
    filled = fill(parts(), filler, wanted, NAMES, prepare).training
    made, labels = filled.images[24:], filled.labels[24:]
    assert made[labels == 0].mean() == pytest.approx(GREYS[1], abs=0.06)
    assert made[labels == 1].mean() == pytest.approx(GREYS[0], abs=0.06)


def test_each_synthetic_image_is_a_group_of_its_own(filler):
    wanted = SyntheticPlan(generator="flat", weights_digest="b" * 64, counts=(0, 7))
    filled = fill(parts(), filler, wanted, NAMES, prepare).training
    assert len(np.unique(filled.groups)) == 31
    assert set(filled.groups[24:]).isdisjoint(filled.groups[:24])


def test_the_seed_decides_and_the_digest_tells(filler):
    def digest(**changes):
        wanted = SyntheticPlan(generator="flat", weights_digest="b" * 64, counts=(0, 4), **changes)
        return fill(parts(), filler, wanted, NAMES, prepare).digest

    assert digest(seed=1) == digest(seed=1)
    assert digest(seed=1) != digest(seed=2)
    assert digest(seed=1) != parts().digest


def test_nothing_wanted_changes_nothing(filler):
    real = parts()
    assert fill(real, filler, SyntheticPlan(generator="f", weights_digest="b", counts=(0, 0)), NAMES, prepare) is real


def test_a_picture_is_shown_as_it_is():
    grey, colour = np.random.default_rng(0).random((2, 3, 5, 6), dtype=np.float32)
    assert np.array_equal(picture_of(grey[:1]).array, grey[:1])
    assert picture_of(grey[:1]).geometry.shape == (1, 5, 6)
    assert picture_of(colour).is_colour
    assert np.array_equal(picture_of(colour).array[:, 0], colour)


# ---- leaks


DIGESTS = {"training": ["1" * 64, "2" * 64], "tuning": ["3" * 64], "test": ["4" * 64, "5" * 64]}


def seen(**parts):
    return SeenImages({name: frozenset(values) for name, values in parts.items()})


def test_a_generator_of_the_same_parts_may_fill(filler):
    own = replace(filler, seen=seen(**DIGESTS))
    assert own.check(DIGESTS) == ()


@pytest.mark.parametrize(
    ("planted", "tuning", "test"),
    [
        ({"training": ["4" * 64]}, 0, 1),
        ({"training": ["3" * 64, "1" * 64]}, 1, 0),
        ({"tuning": ["5" * 64]}, 0, 1),
        ({"training": ["3" * 64, "4" * 64], "tuning": ["5" * 64]}, 1, 2),
    ],
)
def test_a_planted_leak_is_refused_with_its_number(filler, planted, tuning, test):
    with pytest.raises(DatasetError, match="E928") as caught:
        replace(filler, seen=seen(**planted)).check(DIGESTS)
    assert (caught.value.facts["tuning"], caught.value.facts["test"]) == (tuning, test)


def test_images_that_were_only_tested_on_are_no_leak(filler):
    assert replace(filler, seen=seen(test=["4" * 64, "3" * 64])).check(DIGESTS) == ()


def test_a_generator_that_does_not_say_is_told_of(filler):
    (issue,) = replace(filler, seen=None).check(DIGESTS)
    assert issue.code == "Q921"


def test_what_a_generator_has_seen_is_read_beside_it(tmp_path):
    generator(tmp_path)
    assert open_filler(str(tmp_path / "flat.model"), 1).seen is None
    folder = tmp_path / "flat.model.run"
    folder.mkdir()
    (folder / SEEN_FILE).write_bytes(seen_json({"training": ["1" * 64]}))
    assert open_filler(str(tmp_path / "flat.model"), 1).seen.of("training") == {"1" * 64}
    toys.package(tmp_path)
    with pytest.raises(ModelError, match="E921"):
        open_filler(str(tmp_path / "toy.model"), 1)


# ---- the plan


def test_a_plan_without_synthetic_images_has_the_digest_it_had():
    plain = classifier_plan(1)
    assert "synthetic" not in plain.deciding()
    filled = plain.model_copy(update={"synthetic": SyntheticPlan(generator="f", weights_digest="b", counts=(0, 3))})
    assert filled.deciding()["synthetic"]["counts"] == [0, 3]
    assert filled.digest() != plain.digest()


# ---- a whole run


@pytest.fixture
def place(tmp_path):
    """A data set of 28 × 28 pictures with few images of the class dark, and the generator beside it."""
    images, _ = blobs(76, 1)
    labels = (np.arange(76) % 10 == 0).astype(np.uint8)
    arrays = {}
    for name, start, stop in (("train", 0, 40), ("val", 40, 60), ("test", 60, 76)):
        own = labels[start:stop].copy()
        own[:2] = 1
        arrays[f"{name}_images"] = (images[start:stop, 0] * 255).astype(np.uint8)
        arrays[f"{name}_labels"] = own[:, None]
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "rare.npz", **arrays)
    generator(tmp_path)
    return tmp_path


def options(place, **changes):
    values = {"epochs": 1, "threads": 1, "class_names": NAMES, "generator": str(place / "flat.model")}
    return TrainOptions(**{**values, **changes})


def seen_of(place, part):
    """Write that the generator has learned from a part of the data set."""
    table = read_cases(place / "data", NAMES)
    digests = examine(table).digests
    own = [digest for case, digest in zip(table.cases, digests, strict=True) if case.split == part]
    folder = place / "flat.model.run"
    folder.mkdir(exist_ok=True)
    (folder / SEEN_FILE).write_bytes(seen_json({"training": own}))
    return own


def test_a_filled_run_counts_the_images_everywhere_and_tests_on_real_ones(place):
    seen_of(place, "training")
    said = []
    result = train(place / "data", place / "c.model", options(place), said.append)
    document = json.loads((result.run_folder / "plan.json").read_text(encoding="utf-8"))["plan"]
    real = {"bright": 40 - 5, "dark": 5}
    assert document["synthetic"]["counts"] == [0, min(real["bright"] - 5, MOST_TIMES * 5)]
    manifest = open_package(result.model).manifest
    assert (manifest.data.training, manifest.data.tuning, manifest.data.test) == (40 + 15, 20, 16)
    sources = {source.name: source.images for source in manifest.data.sources}
    assert sources == {"rare": 76, "synthetic images of toy": 15}
    card = open_package(result.model).card
    assert "15 of the training images are synthetic" in card
    assert "15 幅" in card
    assert {part.part: part.case_count for part in result.results} == {"tuning": 20, "test": 16}
    assert "ui.train.reason.synthetic" in [event.key for event in said]
    assert "Q921" not in [event.key for event in said]


def test_a_generator_that_saw_the_test_part_ends_the_run_before_it_learns(place):
    leaked = seen_of(place, "test")
    with pytest.raises(DatasetError, match="E928") as caught:
        train(place / "data", place / "c.model", options(place))
    assert caught.value.facts["test"] == len(set(leaked)) > 0
    assert not (place / "c.model").exists()


def test_what_has_no_classes_cannot_be_filled(place):
    data = save_discs(place / "boxes", 4)
    with pytest.raises(SettingsError, match="E929") as caught:
        train(data, place / "c.model", options(place))
    assert caught.value.facts["found"] == "detection"
