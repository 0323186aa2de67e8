"""Volume, Mask, Trace, quantities, issues and errors keep their promises."""

import dataclasses
import inspect
from pathlib import Path

import numpy as np
import pytest

from hounsfield import errors
from hounsfield.core.codes import concept
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity, ml_to_mm3, mm3_to_ml
from hounsfield.core.study import InstanceRef, Series
from hounsfield.core.trace import Trace
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import HounsfieldError, ImageError
from hounsfield.messages import catalogue, label, next_step, sentence


def reference(uid: str, frames: int = 1, media_type: str = "application/dicom") -> InstanceRef:
    return InstanceRef(uid, "1.2", Path("x"), media_type, "00", number_of_frames=frames)


def test_a_volume_needs_an_array_on_its_grid():
    geometry = VolumeGeometry((2, 3, 4))
    assert not Volume(np.zeros((2, 3, 4)), geometry, Quantity.ARBITRARY).is_colour
    assert Volume(np.zeros((3, 2, 3, 4)), geometry, Quantity.DISPLAY).is_colour
    for shape in [(4, 3, 2), (2, 3), (2, 3, 4, 1), (1, 2, 3, 4, 1)]:
        with pytest.raises(ImageError) as caught:
            Volume(np.zeros(shape), geometry, Quantity.ARBITRARY)
        assert caught.value.code == "E312"


def test_nouns_are_frozen():
    volume = Volume(np.zeros((1, 2, 2)), VolumeGeometry((1, 2, 2)), Quantity.ARBITRARY)
    with pytest.raises(dataclasses.FrozenInstanceError):
        volume.quantity = Quantity.HOUNSFIELD
    with pytest.raises(dataclasses.FrozenInstanceError):
        volume.geometry.shape = (1, 1, 1)


def test_a_slice_knows_its_instance_and_frame():
    geometry = VolumeGeometry((3, 2, 2))
    many = Volume(
        np.zeros((3, 2, 2)), geometry, Quantity.HOUNSFIELD, tuple(reference(uid) for uid in ("1.1", "1.2", "1.3"))
    )
    assert many.source_of(2) == (many.instances[2], 0)
    one = many.with_array(many.array, instances=(reference("1.9", 3),))
    assert one.source_of(2) == (one.instances[0], 2)
    shuffled = one.with_array(one.array, frame_indices=(2, 0, 1))
    assert shuffled.source_of(0) == (one.instances[0], 2)
    assert many.with_array(many.array, instances=()).source_of(0) is None


def test_a_mask_holds_coded_integers():
    geometry = VolumeGeometry((1, 2, 2))
    mask = Mask(np.ones((1, 2, 2), np.uint8), geometry, {1: concept("lung")})
    assert mask.labels[1].value == "39607008"
    with pytest.raises(ImageError):
        Mask(np.ones((1, 2, 2), np.float32), geometry, {})  # type: ignore[arg-type]
    with pytest.raises(ImageError):
        Mask(np.ones((2, 2, 1), np.uint8), geometry, {})


def test_trace_round_trips_through_json():
    trace = Trace().followed_by("resize", {"rows": 28, "columns": 28}).followed_by("grey", {})
    again = Trace.from_json(trace.to_json())
    assert again == trace
    assert [step.name for step in again.steps] == ["resize", "grey"]


def test_units_are_the_codes_of_ucum():
    """As pydicom's UCUM dictionary (PS3.16 CID 82 and others) and CID 84 write them."""
    from pydicom.sr._concepts_dict import concepts

    codes = {code for entry in concepts["UCUM"].values() for code in entry}
    for quantity in (Quantity.HOUNSFIELD, Quantity.SUV_BW, Quantity.ACTIVITY, Quantity.DISPLAY):
        assert quantity.unit.code in codes, quantity
    assert Quantity.named("hounsfield") is Quantity.HOUNSFIELD
    with pytest.raises(KeyError):
        Quantity.named("furlong")


def test_volumes_convert():
    assert mm3_to_ml(4188.79) == pytest.approx(4.18879)
    assert ml_to_mm3(mm3_to_ml(123.0)) == pytest.approx(123.0)


def test_series_of_pictures_is_not_dicom():
    assert Series("1.1", "1", "CT", (reference("1"),)).is_dicom
    assert not Series("1.1", "1", "", (reference("1", media_type="image/png"),)).is_dicom


def test_issue_speaks_both_languages():
    issue = QualityIssue("E311", Severity.REJECT, {"angle_degrees": 12.5}, "1.2.3")
    assert "12.5 degrees" in issue.text()
    assert "12.5" in issue.text("zh")
    assert issue.text("zh") != issue.text("en")
    assert issue.next_step("zh")


def test_every_error_class_is_under_the_root_and_drawn_in_the_tree():
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, Exception)]
    assert len(classes) > 20
    for cls in classes:
        assert issubclass(cls, HounsfieldError)
        assert cls.__name__ in (errors.__doc__ or "")
        assert cls.exit_code in {1, 2, 3}


def test_an_error_carries_code_cause_and_next_step():
    error = errors.InconsistentSeries("E311", uid="1.2.3", angle_degrees=7)
    assert error.code == "E311"
    assert error.uid == "1.2.3"
    assert str(error).startswith("E311: The slices are shifted")
    assert "7" in error.text()
    assert error.next_step("en")
    assert error.next_step("zh")


def test_hostile_facts_stay_text():
    error = HounsfieldError("E310", shape="{0.__class__}", spacing_mm="{shape}")
    assert "{0.__class__}" in error.text()
    assert "{shape}" in error.text()


def test_missing_facts_and_codes_never_break_a_message():
    assert "?" in sentence("E310", {})
    assert sentence("E000", {}) == "E000"
    assert next_step("E000") == ""
    assert label("next", "zh") == "下一步"
    assert "E311" in catalogue()
