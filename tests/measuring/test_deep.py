"""Deep features: the crop that a network sees, its contract, and values against the network run by onnxruntime."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from hounsfield.cli import main
from hounsfield.core.quantities import Quantity
from hounsfield.errors import ModelError
from hounsfield.measuring.deep import deep_features, largest_slice, open_network
from hounsfield.measuring.deep_settings import DeepSettings
from hounsfield.measuring.regions import open_regions
from hounsfield.measuring.run import MeasuringOptions, measure
from hounsfield.measuring.sources import RegionSource, find_sources
from hounsfield.model.registry import find_model
from hounsfield.radiomics import settings_from
from tests.cases import test_masked_dicom as dicom
from tests.measuring.cases import labels, samples, write_case, write_nifti
from tests.radiomics.phantoms import volume_and_mask

MODEL = "lung-nodule-malignancy"
FAST = settings_from({"families": ["intensity-statistics"], "name": "fast"}, "fast")
SHAPE = (4, 60, 80)


def lesion(rows: slice = slice(20, 30), columns: slice = slice(30, 50)) -> tuple[np.ndarray, np.ndarray]:
    """A box that is largest in slice 2."""
    inside = np.zeros(SHAPE, bool)
    inside[1, 22:26, 34:40] = True
    inside[2, rows, columns] = True
    return np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE), inside


@pytest.mark.parametrize("spacing", [(5.0, 1.0, 1.0), (5.0, 1.0, 0.5)])
def test_the_cut_is_a_square_about_the_largest_slice(spacing: tuple[float, float, float]) -> None:
    array, inside = lesion()
    volume, _ = volume_and_mask(array, inside, spacing)
    cut = largest_slice(volume, inside, (1, 1))
    long_mm = max(10 * spacing[1], 20 * spacing[2]) * 1.5
    assert cut.array.shape == (1, round(long_mm / spacing[1]), round(long_mm / spacing[2]))
    first = np.argwhere(array == cut.array[0, 0, 0])[0]
    assert first[0] == 2
    rows, columns = cut.array.shape[1:]
    assert (first[1] + rows / 2, first[2] + columns / 2) == pytest.approx((25, 40), abs=0.5)
    assert cut.geometry.to_patient([[0, 0, 0]])[0] == pytest.approx(volume.geometry.to_patient([first])[0])


@pytest.mark.parametrize(
    ("rows", "columns", "shape"),
    [
        (slice(0, 10), slice(0, 20), (32, 32)),
        (slice(50, 60), slice(70, 80), (32, 32)),
        (slice(0, 60), slice(0, 80), (60, 80)),
    ],
)
def test_the_cut_is_as_large_as_the_contract_asks_and_stays_in_the_image(
    rows: slice, columns: slice, shape: tuple[int, int]
) -> None:
    array, inside = lesion(rows, columns)
    cut = largest_slice(volume_and_mask(array, inside)[0], inside, (32, 32))
    assert cut.array.shape[1:] == shape
    assert np.isin(array[2][inside[2]], cut.array).all()


def test_outside_the_region_it_is_dark_where_that_is_asked() -> None:
    array, inside = lesion()
    volume, _ = volume_and_mask(array, inside)
    plain, masked = (largest_slice(volume, inside, (1, 1), is_masked=flag) for flag in (False, True))
    kept = np.isin(plain.array, array[2][inside[2]])
    assert np.array_equal(masked.array[kept], plain.array[kept])
    assert (masked.array[~kept] == plain.array.min()).all()
    assert volume.array[2, 0, 0] == array[2, 0, 0]


def opened_case(folder: Path) -> tuple[RegionSource, np.ndarray]:
    image = write_nifti(folder / "i.nii.gz", np.random.default_rng(0).integers(0, 200, (3, 64, 64)).astype(np.int16))
    inside = np.zeros((3, 64, 64), np.uint8)
    inside[1, 10:40, 12:50] = 1
    return RegionSource("case", image, write_nifti(folder / "m.nii.gz", inside)), inside > 0


def test_values_are_what_the_last_layer_of_the_starter_takes(tmp_path: Path) -> None:
    """Weights times these features, and the bias, are the logits that the whole network gives."""
    source, inside = opened_case(tmp_path)
    opened = open_regions(source)
    found, (name, digest) = deep_features((opened.study, opened.series, opened.volume), inside, DeepSettings(MODEL))
    package = find_model(MODEL)
    assert name == f"{MODEL} {package.manifest.version}"
    assert digest == package.identity.weights_digest
    assert [one.tag for one in found[:2]] == ["deep_000", "deep_001"]
    graph = onnx.load_model_from_string(package.network).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    (last,) = (node for node in graph.node if node.op_type == "Gemm")
    weights, bias = (stored[one] for one in last.input[1:])
    values = np.array([one.value for one in found])
    logits = (weights @ values if weights.shape[1] == len(values) else values @ weights) + bias
    seen: list[np.ndarray] = []
    network = open_network(MODEL, ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "of", lambda images: seen.append(images) or np.zeros((1, 1), np.float32))
        deep_features((opened.study, opened.series, opened.volume), inside, DeepSettings(MODEL))
    session = onnxruntime.InferenceSession(package.network)
    expected = session.run(["logits"], {"images": seen[0].astype(np.float32)})[0]
    assert logits == pytest.approx(expected[0], abs=1e-4)


def test_features_follow_the_image_and_come_again(tmp_path: Path) -> None:
    source, inside = opened_case(tmp_path)
    opened = open_regions(source)
    case = opened.study, opened.series, opened.volume
    first, again = (deep_features(case, inside, DeepSettings(MODEL))[0] for _ in range(2))
    assert first == again
    masked = deep_features(case, inside, DeepSettings(MODEL, is_masked=True))[0]
    assert [one.value for one in masked] != [one.value for one in first]
    shifted = opened.volume.with_array(opened.volume.array + np.int16(7))
    moved = deep_features((opened.study, opened.series, shifted), inside, DeepSettings(MODEL))[0]
    assert [one.value for one in moved] == pytest.approx([one.value for one in first], abs=0.05)


def test_an_image_of_another_modality_is_refused(tmp_path: Path) -> None:
    slices = dicom.ct(tmp_path / "ct")
    mask = dicom.seg(slices, tmp_path / "seg.dcm", dicom.two_boxes())
    found = measure(find_sources(tmp_path / "ct", mask), MeasuringOptions(FAST, deep=DeepSettings(MODEL)))
    assert {one.fault.code for one in found} == {"E715"}
    assert "Q500" in found[0].fault.text("en")
    assert found[0].fault.text("zh") != found[0].fault.text("en")


def test_a_label_volume_is_no_image_for_a_network(tmp_path: Path) -> None:
    source, inside = opened_case(tmp_path)
    opened = open_regions(source)
    case = opened.study, opened.series, replace(opened.volume, quantity=Quantity.LABEL)
    with pytest.raises(ModelError) as caught:
        deep_features(case, inside, DeepSettings(MODEL))
    assert (caught.value.code, caught.value.facts["found"][:4]) == ("E715", "Q513")


def test_the_verb_puts_them_behind_the_others_with_the_digest_of_the_model(
    tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    big = tmp_path / "big"
    image = write_nifti(big / "image.nii.gz", np.kron(samples(), np.ones((1, 4, 4), np.int16)))
    mask = write_nifti(big / "mask.nii.gz", np.kron(labels(), np.ones((1, 4, 4), np.uint8)))
    (tmp_path / "quick.toml").write_text('name = "q"\nfamilies = ["intensity-statistics"]\n', encoding="utf-8")
    words = ["radiomics", str(image), str(mask), "--label", "2", "--settings", str(tmp_path / "quick.toml"), "--deep"]
    more = ["--robustness", "2", "-o", str(tmp_path / "a.csv"), "--page", str(tmp_path / "a.html"), "--json", "-q"]
    assert main([*words, MODEL, *more]) == 0
    found = json.loads(capfd.readouterr().out)
    tags = [one["tag"] for one in found["features"]]
    assert tags[-1].startswith("deep_")
    assert not any(one["is_compliant"] for one in found["features"] if one["family"] == "deep")
    digest = find_model(MODEL).identity.weights_digest
    assert found["inputs"][-1]["sha256"] == digest
    (row,) = csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8"))
    assert row["model_sha256"] == digest
    assert float(row["deep_000"]) == pytest.approx(found["features"][tags.index("deep_000")]["value"])
    assert not any(one["tag"].startswith("deep") for one in found["robustness"][0]["features"])
    assert digest in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert main([*words, "no-such-model", "--json", "-q"]) == 3
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "E501"
    small = [str(path) for path in write_case(tmp_path / "small")]
    assert main(["radiomics", *small, "--deep", MODEL, "--label", "2", "--json", "-q"]) == 3
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "E715"  # 12 rows, where 32 are asked for
