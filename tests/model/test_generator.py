"""Generators in packages: what is drawn, what is refused, and that no one takes them for a model that answers."""

import numpy as np
import pytest
from pydantic import ValidationError

from hounsfield.errors import ManifestMismatch, ModelError, OutOfScope
from hounsfield.model.generator import Generator, codes
from hounsfield.model.interface import GeneratorInterface, NetworkInterface
from hounsfield.model.manifest import read_manifest
from hounsfield.model.predictor import Predictor
from tests.model import toys
from tests.model.generators import CLASSES, GREYS, LATENT, LEVERAGE, NETWORK, SIDE, entries, flat_network, generator


def test_draws_the_class_that_is_asked_for(tmp_path):
    made = Generator(generator(tmp_path))
    for label, grey in enumerate(GREYS):
        images = made.draw(label, 50, seed=3)
        assert images.shape == (50, 1, SIDE, SIDE)
        assert images.dtype == np.float32
        noise = codes(label, 2, LATENT, 50, 3)[:, 0]
        np.testing.assert_allclose(images[:, 0, 0, 0], grey + LEVERAGE * noise, atol=1e-6)
        assert images.mean() == pytest.approx(grey, abs=4 * LEVERAGE / np.sqrt(50))


def test_the_same_seed_gives_the_same_images_and_more_begin_with_them(tmp_path):
    made = Generator(generator(tmp_path))
    few, many = made.draw(1, 5, 9), made.draw(1, 12, 9)
    assert np.array_equal(few, many[:5])
    assert np.array_equal(few, Generator(made.package).draw(1, 5, 9))
    assert not np.array_equal(few, made.draw(1, 5, 10))
    assert not np.array_equal(codes(0, 2, LATENT, 5, 9)[:, :LATENT], codes(1, 2, LATENT, 5, 9)[:, :LATENT])


def test_noise_is_standard_normal_and_classes_are_one_of_several():
    drawn = codes(1, 3, 4, 3000, 0)
    noise = drawn[:, :4]
    assert abs(noise.mean()) < 0.03
    assert noise.std() == pytest.approx(1, abs=0.03)
    assert np.abs(np.corrcoef(noise, rowvar=False) - np.eye(4)).max() < 0.06
    assert np.array_equal(drawn[:, 4:], np.tile([0, 1, 0], (3000, 1)))


def test_samples_stay_between_black_and_white(tmp_path):
    made = Generator(generator(tmp_path, flat_network(slope=50.0)))
    images = made.draw(0, 40, 1)
    assert images.min() == 0
    assert images.max() == 1


def test_a_class_it_does_not_know_is_refused_by_name(tmp_path):
    made = Generator(generator(tmp_path))
    assert made.label_of("bright") == 1
    with pytest.raises(OutOfScope, match="E922") as caught:
        made.label_of("purple")
    assert caught.value.facts["expected"] == "dark, bright"


def test_codes_of_another_size_are_refused(tmp_path):
    made = Generator(generator(tmp_path))
    for shape in ((0, LATENT + 2), (2, LATENT), (2, 1, SIDE, SIDE)):
        with pytest.raises(OutOfScope, match="E520"):
            made.run(np.zeros(shape, np.float32))
    with pytest.raises(ModelError, match="E522"):
        made.run(np.full((1, LATENT + 2), np.nan, np.float32))


def test_a_generator_answers_nothing_about_an_image(tmp_path):
    with pytest.raises(ModelError, match="E920"):
        Predictor(generator(tmp_path))


def test_a_classifier_makes_nothing(tmp_path):
    with pytest.raises(ModelError, match="E921"):
        Generator(toys.package(tmp_path))


def test_the_manifest_says_what_it_is_and_so_does_the_card(tmp_path):
    package = generator(tmp_path)
    assert package.manifest.network.kind == "generator"
    assert package.manifest.answer == "image"
    assert isinstance(read_manifest(package.manifest.to_json()).network, GeneratorInterface)
    assert "Kind: generator. Every image it makes is synthetic" in package.card
    assert "合成" in package.card
    assert "Kind: generator" not in toys.package(tmp_path).card


def test_an_ordinary_interface_is_still_read_as_one():
    found = read_manifest(toys.manifest().to_json()).network
    assert type(found) is NetworkInterface


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": "class"},
        {"network": toys.settings()["network"]},
        {"network": {**NETWORK, "latent": 0}},
        {"network": {**NETWORK, "source_channels": 1}},
        {"network": {**NETWORK, "kind": "classifier"}},
        {"network": {**NETWORK, "channels": 4}},
        {"unit": "mm"},
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(changes):
    with pytest.raises(ValidationError):
        toys.manifest(**{**entries(), **changes})


def test_one_kind_of_image_is_enough():
    assert len(toys.manifest(**entries(classes=CLASSES[:1])).classes) == 1


@pytest.mark.parametrize("raw", [flat_network(width=LATENT + 3), flat_network(side=SIDE + 1), toys.mean_network()])
def test_a_network_of_another_form_is_no_part_of_the_package(tmp_path, raw):
    with pytest.raises(ManifestMismatch, match="E513"):
        generator(tmp_path, raw)


def test_an_image_to_image_network_takes_an_image_of_its_own_sides():
    network = GeneratorInterface(rows=6, columns=7, source_channels=3)
    assert network.input_shape(5) == (3, 6, 7)
    assert GeneratorInterface(rows=6, columns=7, latent=4).input_shape(5) == (9,)
