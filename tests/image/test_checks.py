"""Planted faults of the samples; each yields exactly its issue (M2 of the test catalogue)."""

import numpy as np
import pytest

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Volume
from hounsfield.image.checks import check_volume
from hounsfield.image.phantoms import BodyPhantom, ChestPhantom, HeadPhantom, HeartPhantom, PetPhantom
from tests.image.helpers import codes

REJECT, WARN = Severity.REJECT, Severity.WARN


def volume_of(array: np.ndarray, quantity: Quantity = Quantity.ARBITRARY, **presentation: object) -> Volume:
    shape = (int(array.shape[-3]), int(array.shape[-2]), int(array.shape[-1]))
    return Volume(array, VolumeGeometry(shape), quantity, presentation=Presentation(**presentation))  # type: ignore[arg-type]


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(3).normal(1000, 100, (1, 128, 128)).astype(np.float32)


def test_sound_images_have_no_issue(noise: np.ndarray) -> None:
    assert check_volume(volume_of(noise)) == ()
    assert check_volume(volume_of(ChestPhantom().pixels()[np.newaxis])) == ()
    assert check_volume(volume_of(HeadPhantom().samples())) == ()
    assert check_volume(volume_of(BodyPhantom().hounsfield(), Quantity.HOUNSFIELD)) == ()
    assert check_volume(volume_of(PetPhantom().activity(), Quantity.ACTIVITY)) == ()
    assert check_volume(volume_of(HeartPhantom(frames=2).pixels())) == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(noise: np.ndarray, value: float) -> None:
    noise[0, 3, 4] = value
    issues = check_volume(volume_of(noise))
    assert codes(issues) == {"Q314": REJECT}
    assert issues[0].facts == {"count": 1}


def test_all_zero() -> None:
    assert codes(check_volume(volume_of(np.zeros((2, 128, 128), np.int16)))) == {"Q312": REJECT}


def test_constant() -> None:
    issues = check_volume(volume_of(np.full((2, 128, 128), 7, np.int16)))
    assert codes(issues) == {"Q311": REJECT}
    assert issues[0].facts == {"value": 7.0}


def test_only_padding_differs() -> None:
    array = np.full((1, 128, 128), 7, np.int16)
    array[0, :10] = -2000
    assert codes(check_volume(volume_of(array, padding=(-2000.0, -2000.0)))) == {"Q311": REJECT}
    assert codes(check_volume(volume_of(np.full_like(array, -2000), padding=(-2000.0, -2000.0)))) == {"Q311": REJECT}


def test_mask_instead_of_an_image() -> None:
    array = np.zeros((1, 128, 128), np.uint8)
    array[0, 30:60, 30:60] = 1
    assert codes(check_volume(volume_of(array))) == {"Q326": REJECT}


@pytest.mark.parametrize(("share", "expected"), [(0.01, {}), (0.05, {"Q313": WARN}), (0.7, {"Q313": REJECT})])
def test_clipped(noise: np.ndarray, share: float, expected: dict[str, Severity]) -> None:
    clipped = np.minimum(noise, np.quantile(noise, 1 - share))
    assert codes(check_volume(volume_of(clipped))) == expected


def test_a_picture_was_windowed_before_it_was_stored(noise: np.ndarray) -> None:
    """Eleven per cent of white are no fault of a picture, and one where samples come from a detector."""
    clipped = np.minimum(noise, np.quantile(noise, 0.89))
    assert check_volume(volume_of(clipped, Quantity.DISPLAY)) == ()
    assert codes(check_volume(volume_of(clipped))) == {"Q313": WARN}
    whiter = np.minimum(noise, np.quantile(noise, 0.85))
    (issue,) = check_volume(volume_of(whiter, Quantity.DISPLAY))
    assert issue.facts["limit"] == "12"
    assert "12 %" in issue.threshold()


def test_clipped_at_the_bright_end_of_an_inverted_image(noise: np.ndarray) -> None:
    clipped = np.maximum(noise, np.quantile(noise, 0.1))
    assert codes(check_volume(volume_of(clipped, is_inverted=True))) == {"Q313": WARN}
    assert check_volume(volume_of(clipped)) == ()


def test_black_background_is_no_fault(noise: np.ndarray) -> None:
    noise[0, :60] = 0
    assert check_volume(volume_of(noise)) == ()


@pytest.mark.parametrize(("edge", "expected"), [(64, {}), (40, {"Q315": WARN}), (12, {"Q315": REJECT})])
def test_tiny(noise: np.ndarray, edge: int, expected: dict[str, Severity]) -> None:
    assert codes(check_volume(volume_of(noise[:, :edge]))) == expected


def test_wrong_rescale_of_a_ct() -> None:
    body = BodyPhantom().hounsfield()
    assert codes(check_volume(volume_of(body + np.int16(1024), Quantity.HOUNSFIELD))) == {"Q325": WARN}
    assert check_volume(volume_of(body + np.int16(1024), Quantity.ARBITRARY)) == ()


def test_graver_issues_come_first(noise: np.ndarray) -> None:
    clipped = np.minimum(noise, np.quantile(noise, 0.3))[:, :40]
    assert [issue.severity for issue in check_volume(volume_of(clipped))] == [REJECT, WARN]


def test_every_issue_has_words(noise: np.ndarray) -> None:
    clipped = np.minimum(noise, np.quantile(noise, 0.3))[:, :12]
    for issue in check_volume(volume_of(clipped)):
        for language in ("en", "zh"):
            assert issue.text(language) not in ("", issue.code)
            assert "?" not in issue.text(language)
            assert issue.next_step(language)
